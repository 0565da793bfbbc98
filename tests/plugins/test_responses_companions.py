"""What can be done with a stored response, and by whom."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

import grokgate_responses
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate_responses.companions import page
from plugins.responses_world import MODEL, PATH, PIXEL, ask, says

pytestmark = pytest.mark.anyio

NOBODY = "resp_00000000000000000000000000000000"
REQUESTS = [
    ("GET", ""),
    ("GET", "?stream=true"),
    ("DELETE", ""),
    ("POST", "/cancel"),
    ("GET", "/input_items"),
]


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with running_gateway(grokgate_responses, upstream=FakeUpstream()) as gateway:
        yield gateway


@pytest.fixture
async def stranger(running: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    """A client with another key."""
    _, key = await running.gateway.keys.create("second")
    app: Any = running.app
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://gateway.test",
        headers={"authorization": f"Bearer {key}"},
    ) as client:
        yield client


async def test_response_is_retrieved_as_it_was_answered(running: RunningGateway) -> None:
    answered = await ask(running, says("Hello."), metadata={"a": "b"}, instructions="Be brief.")
    retrieved = (await running.client.get(f"{PATH}/{answered['id']}")).json()

    assert retrieved == {name: answered[name] for name in retrieved}
    assert (retrieved["metadata"], retrieved["instructions"]) == ({"a": "b"}, "Be brief.")


async def test_include_is_accepted(running: RunningGateway) -> None:
    answered = await ask(running, says("Hello."))
    asked = {"include[]": "reasoning.encrypted_content"}

    assert (await running.client.get(f"{PATH}/{answered['id']}", params=asked)).is_success


async def test_deleted_response_is_gone(running: RunningGateway) -> None:
    answered = await ask(running, says("Hello."))
    reply = await running.client.delete(f"{PATH}/{answered['id']}")

    assert reply.json() == {"id": answered["id"], "object": "response", "deleted": True}
    assert (await running.client.get(f"{PATH}/{answered['id']}")).status_code == 404


@pytest.mark.parametrize(("method", "rest"), REQUESTS)
async def test_foreign_response_reads_like_an_unknown_one(
    running: RunningGateway, stranger: httpx.AsyncClient, method: str, rest: str
) -> None:
    answered = await ask(running, says("Hello."), background=True)
    foreign = await stranger.request(method, f"{PATH}/{answered['id']}{rest}")
    unknown = await stranger.request(method, f"{PATH}/{NOBODY}{rest}")

    assert foreign.status_code == unknown.status_code == 404
    assert foreign.json() == unknown.json()
    assert foreign.json()["error"]["code"] == "response_not_found"
    assert (await running.client.get(f"{PATH}/{answered['id']}")).is_success


async def test_foreign_response_is_not_continued(
    running: RunningGateway, stranger: httpx.AsyncClient
) -> None:
    answered = await ask(running, says("Hello."))
    replies = [
        await stranger.post(PATH, json={"model": MODEL, "input": "B", "previous_response_id": name})
        for name in (answered["id"], NOBODY)
    ]

    assert replies[0].json() == replies[1].json()
    assert replies[0].json()["error"]["code"] == "previous_response_not_found"


async def test_foreign_item_is_not_referred_to(
    running: RunningGateway, stranger: httpx.AsyncClient
) -> None:
    answered = await ask(running, says("Hello."))
    reference = {"type": "item_reference", "id": answered["output"][0]["id"]}
    reply = await stranger.post(PATH, json={"model": MODEL, "input": [reference]})

    assert reply.json()["error"]["code"] == "item_not_found"


async def test_only_background_responses_are_cancelled(running: RunningGateway) -> None:
    answered = await ask(running, says("Hello."))
    reply = await running.client.post(f"{PATH}/{answered['id']}/cancel")

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_value")


async def test_only_background_responses_are_streamed(running: RunningGateway) -> None:
    answered = await ask(running, says("Hello."))
    reply = await running.client.get(f"{PATH}/{answered['id']}?stream=true")

    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (
        400, "unsupported_value", "stream",
    )  # fmt: skip


async def test_text_is_listed_as_a_message(running: RunningGateway) -> None:
    answered = await ask(running, says("Hello."), input="Hi")
    listed = (await running.client.get(f"{PATH}/{answered['id']}/input_items")).json()

    (item,) = listed["data"]
    assert item["id"] == listed["first_id"] == listed["last_id"]
    assert {**item, "id": "msg"} == {
        "id": "msg",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_text", "text": "Hi"}],
    }


async def test_attachments_are_listed_without_their_contents(running: RunningGateway) -> None:
    shown = [{"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]}]
    answered = await ask(running, says("A dot."), input=shown)
    listed = (await running.client.get(f"{PATH}/{answered['id']}/input_items")).json()

    assert listed["data"][0]["content"] == [{"type": "input_image", "detail": "auto"}]


@pytest.mark.parametrize(
    ("asked", "texts"),
    [
        ({}, "cba"),
        ({"order": "asc"}, "abc"),
        ({"limit": "2"}, "cb"),
        ({"limit": "1", "order": "asc"}, "a"),
    ],
)
async def test_input_items_come_in_order_and_number(
    running: RunningGateway, asked: dict[str, str], texts: str
) -> None:
    answered = await ask(running, says("Hello."), input=["a", "b", "c"])
    reply = await running.client.get(f"{PATH}/{answered['id']}/input_items", params=asked)

    listed = reply.json()
    assert "".join(item["content"][0]["text"] for item in listed["data"]) == texts
    assert listed["has_more"] is (len(texts) < 3)


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"limit": "0"}, "integer_below_min_value"),
        ({"limit": "101"}, "integer_above_max_value"),
        ({"limit": "many"}, "invalid_type"),
        ({"order": "up"}, "invalid_value"),
        ({"after": "msg_none"}, "invalid_value"),
    ],
)
async def test_wrong_page_is_refused(
    running: RunningGateway, asked: dict[str, str], code: str
) -> None:
    answered = await ask(running, says("Hello."))
    reply = await running.client.get(f"{PATH}/{answered['id']}/input_items", params=asked)

    error = reply.json()["error"]
    assert (reply.status_code, error["code"], error["param"]) == (400, code, next(iter(asked)))


def test_pages_follow_one_another() -> None:
    items = [{"id": str(number), "type": "message"} for number in range(5)]
    first = page(items, after=None, limit=3)
    second = page(items, after=first.last_id, limit=3)

    assert [item["id"] for item in second.data] == ["3", "4"]
    assert (first.has_more, second.has_more) == (True, False)


def test_page_behind_the_last_item_is_empty() -> None:
    last = page([{"id": "1", "type": "message"}], after="1", limit=3)

    assert (last.data, last.first_id, last.last_id, last.has_more) == ([], None, None, False)


async def test_input_is_counted_as_the_answer_counts_it(running: RunningGateway) -> None:
    answered = await ask(running, says("Hello."), input="What is the capital of Portugal?")
    body = {"model": MODEL, "input": "What is the capital of Portugal?"}
    counted = (await running.client.post(f"{PATH}/input_tokens", json=body)).json()

    assert counted == {
        "object": "response.input_tokens",
        "input_tokens": answered["usage"]["input_tokens"],
    }


async def test_chain_and_attachments_are_counted_without_being_read(
    running: RunningGateway,
) -> None:
    answered = await ask(running, says("Hello."))
    picture = {"type": "input_image", "image_url": "https://nowhere.invalid/a.png"}
    body = {"input": [{"role": "user", "content": [picture]}]}
    alone = (await running.client.post(f"{PATH}/input_tokens", json=body)).json()
    chained = await running.client.post(
        f"{PATH}/input_tokens", json={**body, "previous_response_id": answered["id"]}
    )

    assert alone["input_tokens"] == 516
    assert chained.json()["input_tokens"] > 516


async def test_unknown_model_is_not_counted_for(running: RunningGateway) -> None:
    body = {"model": "grok-none", "input": "Hi"}
    reply = await running.client.post(f"{PATH}/input_tokens", json=body)

    assert reply.json()["error"]["code"] == "model_not_found"
