"""Stored turns: chains, attachments, owners, time and room."""

import random
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio
import pytest

import grokgate_responses
from grokgate.errors import InvalidRequest, ObjectNotFound, StoreUnavailable
from grokgate.openai import MAX_ATTACHMENTS
from grokgate.testing import FakeClock, FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Blob, Kind
from grokgate_responses.answer.objects import ResponseObject
from grokgate_responses.kept.keeper import KeptBlob, StoredTurns
from grokgate_responses.kept.records import Record
from grokgate_responses.request.translate import History
from plugins.responses_world import PATH, PIXEL, ask, heard, response, says

pytestmark = pytest.mark.anyio

SHA = "a" * 64
RESPONSE = "resp_" + "b" * 32
ITEM = "msg_" + "b" * 32 + "000001"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def running(anyio_backend: str, clock: FakeClock) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    async with running_gateway(
        grokgate_responses,
        upstream=FakeUpstream(),
        clock=clock,
        settings={"responses.store_ttl_hours": 2, "responses.store_max_mb": 1},
    ) as gateway:
        yield gateway


@pytest.fixture
def turns(running: RunningGateway) -> StoredTurns:
    context: Any = running.gateway.context("responses")
    return StoredTurns(context)


def said(item_id: str, text: str = "Hi", *more: Any) -> dict[str, Any]:
    parts = [{"type": "input_text", "text": text}, *more]
    return {"id": item_id, "type": "message", "role": "user", "content": parts}


def picture(sha: str = SHA) -> dict[str, str]:
    return {"type": "input_image", "stored": sha, "mime": "image/png", "name": "a.png"}


def png(content: bytes = b"png") -> Blob:
    return Blob.of_bytes(content, mime="image/png", name="a.png")


async def keep(
    turns: StoredTurns,
    kept: ResponseObject,
    *items: Any,
    history: History | None = None,
    blobs: Mapping[str, Blob] | None = None,
) -> bool:
    return await turns.keep(
        kept, history=history, items=items, blobs=blobs or {}, affinity="talk", owner="k1"
    )


async def test_chain_holds_inputs_and_outputs_of_all_turns(running: RunningGateway) -> None:
    first = await ask(running, says("One."), input="A", instructions="Be brief.")
    second = await ask(running, says("Two."), input="B", previous_response_id=first["id"])
    await ask(running, says("Three."), input="C", previous_response_id=second["id"])

    assert heard(running) == [
        ("user", "A"), ("assistant", "One."), ("user", "B"), ("assistant", "Two."), ("user", "C"),
    ]  # fmt: skip


async def test_branches_do_not_see_each_other(running: RunningGateway) -> None:
    first = await ask(running, says("One."), input="A")
    await ask(running, says("Two."), input="B", previous_response_id=first["id"])
    await ask(running, says("Three."), input="C", previous_response_id=first["id"])

    assert heard(running) == [("user", "A"), ("assistant", "One."), ("user", "C")]


async def test_chain_outlives_its_deleted_beginning(running: RunningGateway) -> None:
    first = await ask(running, says("One."), input="A")
    second = await ask(running, says("Two."), input="B", previous_response_id=first["id"])
    await running.client.delete(f"{PATH}/{first['id']}")
    await ask(running, says("Three."), input="C", previous_response_id=second["id"])

    assert len(heard(running)) == 5


async def test_attachment_comes_back_with_the_chain(running: RunningGateway) -> None:
    shown = [{"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]}]
    first = await ask(running, says("A dot."), input=shown)
    await ask(running, says("Red."), input="Its color?", previous_response_id=first["id"])

    (attached,) = running.fake.asked[-1].request.messages[0].parts  # type: ignore[union-attr]
    content = b"".join([piece async for piece in attached.blob.open()])  # type: ignore[union-attr]
    assert content.startswith(b"\x89PNG")


async def test_item_reference_names_a_stored_item(running: RunningGateway) -> None:
    first = await ask(running, says("One."))
    reference = {"type": "item_reference", "id": first["output"][0]["id"]}
    await ask(running, says("Two."), input=[reference, {"role": "user", "content": "B"}])

    assert heard(running) == [("assistant", "One."), ("user", "B")]


async def test_unknown_item_reference_is_not_found(running: RunningGateway) -> None:
    refused = await ask(running, input=[{"type": "item_reference", "id": "msg_none"}])

    assert refused["error"]["code"] == "item_not_found"


async def test_what_is_not_stored_cannot_be_continued(running: RunningGateway) -> None:
    first = await ask(running, says("One."), store=False)
    refused = await ask(running, previous_response_id=first["id"])

    assert (first["store"], refused["error"]["code"]) == (False, "previous_response_not_found")
    assert refused["error"]["param"] == "previous_response_id"


async def test_broken_turn_leaves_nothing_behind(
    running: RunningGateway, turns: StoredTurns
) -> None:
    await ask(running, Kind.BAD_REQUEST)
    await turns.reserve("resp_1", owner="k1")

    assert await turns.find("resp_1", owner="k1") is None


async def test_failed_turn_cannot_be_continued(turns: StoredTurns) -> None:
    await keep(turns, response(status="failed"), said("msg_1"))

    with pytest.raises(InvalidRequest) as refused:
        await turns.history("resp_1", owner="k1")
    assert (refused.value.status, refused.value.param) == (400, "previous_response_id")


async def test_incomplete_turn_can_be_continued(turns: StoredTurns) -> None:
    await keep(turns, response(status="incomplete"), said("msg_1"))

    assert (await turns.history("resp_1", owner="k1")).items == (said("msg_1"),)


async def test_other_owners_find_nothing(turns: StoredTurns) -> None:
    await keep(turns, response(RESPONSE), said(ITEM))

    assert await turns.find(RESPONSE, owner="k2") is None
    with pytest.raises(ObjectNotFound):
        await turns.history(RESPONSE, owner="k2")
    assert await turns.items([ITEM], owner="k2") == History()
    assert not await turns.delete(RESPONSE, owner="k2")
    assert (await turns.items([ITEM], owner="k1")).items == (said(ITEM),)


async def test_turn_expires(turns: StoredTurns, clock: FakeClock) -> None:
    await keep(turns, response(), said("msg_1"))
    clock.advance(2 * 3600 + 1)

    assert await turns.find("resp_1", owner="k1") is None


async def test_oldest_turns_give_way(turns: StoredTurns) -> None:
    for number in range(4):
        noise = random.Random(number).randbytes(300_000).hex()
        await keep(turns, response(f"resp_{number}"), said(f"msg_{number}", noise))

    assert await turns.find("resp_0", owner="k1") is None
    assert await turns.find("resp_3", owner="k1") is not None


async def test_attachment_lies_once_and_lives_as_long_as_its_newest_turn(
    turns: StoredTurns, clock: FakeClock
) -> None:
    await keep(turns, response(), said("msg_1", "Hi", picture()), blobs={SHA: png()})
    clock.advance(3600)
    history = await turns.history("resp_1", owner="k1")
    await keep(turns, response("resp_2"), said("msg_2"), history=history)
    clock.advance(3601)
    later = await turns.history("resp_2", owner="k1")

    assert isinstance(later.blobs[SHA], KeptBlob)
    assert len(later.items) == 2


async def test_turn_whose_attachment_is_gone_cannot_be_continued(turns: StoredTurns) -> None:
    await keep(turns, response(), said("msg_1", "Hi", picture()))

    with pytest.raises(ObjectNotFound) as refused:
        await turns.history("resp_1", owner="k1")
    assert refused.value.code == "previous_response_not_found"


async def test_only_what_a_prompt_may_have_is_got_of_many_attachments(turns: StoredTurns) -> None:
    shas = [f"{number:064x}" for number in range(MAX_ATTACHMENTS + 5)]
    kept = said("msg_1", "Hi", *map(picture, shas))
    await keep(turns, response(), kept, blobs={sha: png() for sha in shas})

    assert set((await turns.history("resp_1", owner="k1")).blobs) == set(shas[-MAX_ATTACHMENTS:])


async def test_picture_of_an_answer_lies_apart_from_what_continues_it(turns: StoredTurns) -> None:
    drawn = {"type": "image_generation_call", "id": "ig_1", "status": "completed"}
    answer = response(output=[{**drawn, "result": PIXEL.partition(",")[2]}])
    await keep(turns, answer)
    history = await turns.history("resp_1", owner="k1")
    await keep(turns, response("resp_2"), history=history)
    later = await turns.find("resp_2", owner="k1")

    assert later is not None
    assert "result" not in later.context[0]
    assert set((await turns.history("resp_2", owner="k1")).blobs) == {later.context[0]["stored"]}


async def test_conversation_without_end_is_not_stored(turns: StoredTurns) -> None:
    assert not await keep(turns, response(), said("msg_1", "a" * (65 << 20)))


async def test_listed_input_item_can_be_referred_to(running: RunningGateway) -> None:
    first = await ask(running, says("One."), input="A")
    listed = (await running.client.get(f"{PATH}/{first['id']}/input_items")).json()
    await ask(running, says("Two."), input=[{"id": listed["data"][0]["id"]}, "B"])

    assert heard(running) == [("user", "A"), ("user", "B")]


async def test_item_brings_its_attachments(turns: StoredTurns) -> None:
    await keep(turns, response(RESPONSE), said(ITEM, "Hi", picture()), blobs={SHA: png()})
    found = await turns.items([ITEM, "msg_2"], owner="k1")

    assert [item["id"] for item in found.items] == [ITEM]
    assert set(found.blobs) == {SHA}


async def test_events_go_with_their_turn(turns: StoredTurns, running: RunningGateway) -> None:
    done = await ask(running, says("One."), background=True)
    with anyio.fail_after(5):
        while await turns.events(done["id"], owner=_owner(running)) is None:
            await anyio.lowlevel.checkpoint()
    await running.client.delete(f"{PATH}/{done['id']}")

    assert await turns.events(done["id"], owner=_owner(running)) is None


async def test_store_that_cannot_be_written_refuses_the_turn_at_its_start(
    running: RunningGateway,
) -> None:
    unwritable = StoredTurns(_Unwritable(running.gateway.context("responses")))

    with pytest.raises(StoreUnavailable):
        await unwritable.reserve("resp_1", owner="k1")
    assert not await keep(unwritable, response(), said("msg_1"))
    await unwritable.forget("resp_1", owner="k1")


async def test_large_record_comes_back_whole(turns: StoredTurns) -> None:
    text = "word " * 100_000
    await turns.put(Record(response=response(), items=(said("msg_1", text),)), owner="k1")
    found = await turns.find("resp_1", owner="k1")

    assert found is not None
    assert found.items == (said("msg_1", text),)


class _Unwritable:
    """A context whose objects cannot be written."""

    def __init__(self, context: Any) -> None:
        self.settings = context.settings
        self.clock = context.clock
        self.log = context.log
        self.objects: Any = self

    async def put(self, *_: Any, **__: Any) -> None:
        raise StoreUnavailable

    async def delete(self, *_: Any, **__: Any) -> bool:
        raise StoreUnavailable


def _owner(running: RunningGateway) -> str:
    return running.gateway.keys.listing()[0].id
