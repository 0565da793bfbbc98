"""What a connection remembers of its newest turn."""

from collections.abc import Sequence
from typing import Any

import pytest

from grokgate.errors import ObjectNotFound, Overloaded
from grokgate.upstream import Blob
from grokgate_responses.answer.objects import ResponseObject
from grokgate_responses.kept.keeper import previous_not_found
from grokgate_responses.kept.memory import ConnectionKeeper
from grokgate_responses.request.translate import History
from plugins.responses_world import response

pytestmark = pytest.mark.anyio

HI = {"id": "msg_1", "type": "message", "role": "user", "content": []}
PNG = Blob.of_bytes(b"png", mime="image/png", name="a.png")


class Room:
    """Room for a hundred thousand bytes."""

    left = 100_000

    def take(self, size: int) -> None:
        if size > self.left:
            raise Overloaded
        self.left -= size

    def give_back(self, size: int) -> None:
        self.left += size


class Nothing:
    """A store that keeps nothing."""

    async def reserve(self, response_id: str, *, owner: str) -> None: ...

    async def forget(self, response_id: str, *, owner: str) -> None: ...

    async def keep(self, response: ResponseObject, **_: Any) -> bool:
        return False

    async def history(self, previous_response_id: str, *, owner: str) -> History:
        raise previous_not_found()

    async def items(self, item_ids: Sequence[str], *, owner: str) -> History:
        return History(items=tuple({"type": "message", "id": item_id} for item_id in item_ids))


async def keep(
    keeper: ConnectionKeeper, kept: ResponseObject, history: History | None = None
) -> None:
    await keeper.keep(
        kept, history=history, items=(HI,), blobs={"a": PNG}, affinity="talk", owner="k1"
    )


async def test_newest_turn_is_remembered_with_its_attachments() -> None:
    keeper = ConnectionKeeper(Nothing(), Room())
    await keep(keeper, response())
    history = await keeper.history("resp_1", owner="k1")

    assert (history.items, history.blobs, history.affinity) == ((HI,), {"a": PNG}, "talk")


async def test_items_are_found_in_memory_or_in_the_store() -> None:
    keeper = ConnectionKeeper(Nothing(), Room())
    await keep(keeper, response())
    found = await keeper.items(["msg_1", "msg_2"], owner="k1")

    assert [item["id"] for item in found.items] == ["msg_2", "msg_1"]
    assert found.blobs == {"a": PNG}


async def test_context_grows_with_the_chain() -> None:
    keeper = ConnectionKeeper(Nothing(), Room())
    await keep(keeper, response())
    await keep(keeper, response("resp_2"), await keeper.history("resp_1", owner="k1"))

    assert (await keeper.history("resp_2", owner="k1")).items == (HI, HI)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
async def test_turn_without_an_answer_leaves_the_one_before(status: str) -> None:
    keeper = ConnectionKeeper(Nothing(), Room())
    await keep(keeper, response())
    await keep(keeper, response("resp_2", status=status))

    assert (await keeper.history("resp_1", owner="k1")).items == (HI,)


async def test_older_turns_are_forgotten() -> None:
    keeper = ConnectionKeeper(Nothing(), Room())
    await keep(keeper, response())
    await keep(keeper, response("resp_2"))

    with pytest.raises(ObjectNotFound):
        await keeper.history("resp_1", owner="k1")


async def test_large_turns_are_not_remembered() -> None:
    keeper = ConnectionKeeper(Nothing(), Room(), most_bytes=32)
    await keep(keeper, response())

    with pytest.raises(ObjectNotFound):
        await keeper.history("resp_1", owner="k1")


async def test_what_is_remembered_takes_room_until_it_is_forgotten() -> None:
    room = Room()
    keeper = ConnectionKeeper(Nothing(), room)
    await keep(keeper, response())
    await keep(keeper, response("resp_2"))
    taken = 100_000 - room.left
    keeper.forget_all()
    keeper.forget_all()

    assert taken > 0
    assert room.left == 100_000


async def test_nothing_is_remembered_without_room() -> None:
    room = Room()
    room.left = 10
    keeper = ConnectionKeeper(Nothing(), room)
    await keep(keeper, response())

    with pytest.raises(ObjectNotFound):
        await keeper.history("resp_1", owner="k1")


async def test_dropped_turn_is_forgotten() -> None:
    keeper = ConnectionKeeper(Nothing(), Room())
    await keep(keeper, response())
    keeper.drop("resp_1")

    with pytest.raises(ObjectNotFound):
        await keeper.history("resp_1", owner="k1")
