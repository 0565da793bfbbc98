import csv
import io
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec import structs

import grokgate_chat
from grokgate.openai.tally import Tally
from grokgate.plugin import Caller
from grokgate.statistics import Ended
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Kind, TextDelta

pytestmark = pytest.mark.anyio

QUESTION = {"model": "grok-4", "messages": [{"role": "user", "content": "Hello"}]}
ENDED = Ended(
    endpoint="POST /v1/chat/completions",
    status=200,
    seconds=0.5,
    caller=Caller(key_id="k1", name="first"),
)


def note(gw: RunningGateway, number: int, *, model: str = "grok-4", **more: Any) -> None:
    """Have a request ended."""
    tally = Tally(request_id=f"req_{number}", model=model, token=f"tok_{number}")
    gw.gateway.note_request(structs.replace(ENDED, **more), tally)


async def read(gw: RunningGateway, **query: Any) -> dict[str, Any]:
    async with gw.operator() as admin:
        reply = await admin.get("/requests", params=query)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway that was asked four times, for what only looks."""
    del anyio_backend
    async with running_gateway(grokgate_chat) as gw:
        note(gw, 1, endpoint="GET /v1/models")
        note(gw, 2, model="grok-3", caller=Caller(key_id="k2", name="second"))
        note(gw, 3, status=429)
        note(gw, 4, error="upstream_error", caller=None)
        yield gw


async def test_request_is_listed_once_it_is_answered() -> None:
    upstream = FakeUpstream([TextDelta(text="Hi")])
    async with running_gateway(grokgate_chat, upstream=upstream) as gw:
        answer = await gw.client.post("/v1/chat/completions", json=QUESTION)
        (item,) = (await read(gw))["items"]

    assert item["request_id"] == answer.headers["x-request-id"]
    assert (item["model"], item["status"], item["attempts"], item["units"]) == ("grok-4", 200, 1, 1)
    assert item["token"].startswith("tok_")
    assert item["usage"]["output"] > 0


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ({"model": "grok-3"}, [2]),
        ({"status": 429}, [3]),
        ({"failed": True}, [3, 4]),
        ({"failed": False}, [1, 2]),
        ({"key": "second"}, [2]),
        ({"key": "k2"}, [2]),
        ({"error": "upstream_error"}, [4]),
        ({"request_id": "req_1"}, [1]),
        ({"endpoint": "GET /v1/models"}, [1]),
        ({"token": "tok_2"}, [2]),
        ({"known": True}, [1, 2, 3]),
        ({"known": False, "failed": True}, [4]),
        ({"since": 1 << 52}, []),
        ({"until": 1}, []),
        ({"model": "%"}, []),
    ],
)
async def test_rows_are_filtered(
    shared: RunningGateway, query: dict[str, Any], numbers: list[int]
) -> None:
    found = await read(shared, **query)

    assert sorted(item["request_id"] for item in found["items"]) == [f"req_{n}" for n in numbers]


async def test_pages_follow_one_another_without_gap_or_overlap() -> None:
    async with running_gateway(grokgate_chat) as gw:
        for number in range(7):
            note(gw, number)
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 3}
        while True:
            page = await read(gw, **query)
            seen += [item["request_id"] for item in page["items"]]
            if page["next"] is None:
                break
            query["before"] = page["next"]

    assert sorted(seen) == [f"req_{number}" for number in range(7)]


async def test_csv_holds_all_rows_and_no_formula() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        for number in range(600):
            note(gw, number, caller=Caller(key_id="k1", name="=1+1"))
        reply = await admin.get("/requests", params={"format": "csv"})

    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert len(rows) == 600
    assert {row["key_name"] for row in rows} == {"'=1+1"}


async def test_csv_holds_no_more_rows_than_asked_for() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        for number in range(5):
            note(gw, number)
        reply = await admin.get("/requests", params={"format": "csv", "limit": 2})

    assert len(list(csv.DictReader(io.StringIO(reply.text)))) == 2


async def test_failure_is_told_with_its_attempts_and_decisions() -> None:
    upstream = FakeUpstream(Kind.BAD_REQUEST)
    async with running_gateway(grokgate_chat, upstream=upstream) as gw, gw.operator() as admin:
        failed = await gw.client.post("/v1/chat/completions", json=QUESTION)
        request_id = failed.headers["x-request-id"]
        reply = (await admin.get(f"/requests/{request_id}")).json()

    assert [row["status"] for row in reply["rows"]] == [failed.status_code]
    (story,) = reply["story"]["calls"]
    assert story["call"]["tries"][0]["observation"]["kind"] == "bad_request"
    assert reply["story"]["decisions"][0]["chosen"].startswith("tok_")


async def test_unknown_request_is_not_found(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = await admin.get("/requests/req_absent")

    assert reply.status_code == 404


async def test_operators_own_requests_are_not_listed() -> None:
    async with running_gateway(grokgate_chat) as gw:
        await read(gw)
        await gw.client.get("/health")

        assert (await read(gw))["items"] == []


@pytest.mark.parametrize(
    "query", [{"limit": 501}, {"limit": 0}, {"status": 99}, {"since": -1}, {"format": "xml"}]
)
async def test_query_that_makes_no_sense_is_refused(
    shared: RunningGateway, query: dict[str, Any]
) -> None:
    async with shared.operator() as admin:
        reply = await admin.get("/requests", params=query)

    assert reply.status_code == 400
