"""Heads no route should see; bodies that are slow or too many at once."""

import asyncio
from typing import Any

import pytest

from grokgate.errors import Overloaded, RequestTimeout
from grokgate.http.arrival import Arrival, BodyBudget, head_fault, may_have_body
from grokgate.http.departure import Departure

pytestmark = pytest.mark.anyio


def messages(*bodies: bytes, then_wait: bool = False) -> Any:
    left = list(bodies)

    async def receive() -> dict[str, Any]:
        if not left and then_wait:
            await asyncio.Event().wait()
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left) or then_wait}

    return receive


@pytest.mark.parametrize("path", ["//v1/models", "/v1//models", "/v1/models\0", "/v1/\x1b[2J"])
def test_odd_path_is_unknown(path: str) -> None:
    fault = head_fault(path, [])

    assert fault is not None
    assert fault.code == "unknown_url"


@pytest.mark.parametrize(
    "headers",
    [
        [(b"host", b"a"), (b"host", b"b")],
        [(b"content-length", b"1"), (b"content-length", b"1")],
        [(b"content-length", b"1"), (b"transfer-encoding", b"chunked")],
    ],
)
def test_doubled_header_is_refused(headers: list[tuple[bytes, bytes]]) -> None:
    fault = head_fault("/v1/models", headers)

    assert fault is not None
    assert fault.status == 400


def test_ordinary_head_passes() -> None:
    assert head_fault("/v1/models/grok-4", [(b"host", b"a"), (b"content-length", b"1")]) is None


async def test_body_that_stops_arriving_times_out() -> None:
    arrival = Arrival(
        messages(b"a", then_wait=True), {"body_limit": 10}, budget=BodyBudget(), idle_s=0.01
    )
    await arrival()

    with pytest.raises(RequestTimeout):
        await arrival()


async def test_wait_for_the_client_to_leave_is_not_timed() -> None:
    left = asyncio.Event()

    async def receive() -> Any:
        if seen:
            await left.wait()
            return {"type": "http.disconnect"}
        seen.append(True)
        return {"type": "http.request", "body": b"", "more_body": False}

    seen: list[bool] = []
    arrival = Arrival(receive, {}, budget=BodyBudget(), idle_s=0.01)
    await arrival()
    waiting = asyncio.ensure_future(arrival())
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    left.set()

    assert not done
    assert await waiting == {"type": "http.disconnect"}


async def test_all_bodies_together_are_bounded_and_given_back() -> None:
    budget = BodyBudget(limit=10)
    first = Arrival(messages(b"x" * 8), {"body_limit": 100}, budget=budget, idle_s=1)
    await first()

    with pytest.raises(Overloaded):
        await Arrival(messages(b"x" * 8), {"body_limit": 100}, budget=budget, idle_s=1)()
    first.close()
    await Arrival(messages(b"x" * 8), {"body_limit": 100}, budget=budget, idle_s=1)()


async def test_spooled_body_does_not_count_as_held() -> None:
    state = {"body_limit": 100, "spooled": True}
    arrival = Arrival(messages(b"x" * 50), state, budget=BodyBudget(limit=10), idle_s=1)

    assert (await arrival())["type"] == "http.request"


@pytest.mark.parametrize(
    ("method", "version", "headers", "expected"),
    [
        ("POST", "1.1", [(b"content-length", b"2")], True),
        ("POST", "1.1", [(b"content-length", b"0")], False),
        ("POST", "1.1", [(b"transfer-encoding", b"chunked")], True),
        ("POST", "1.1", [], False),
        ("POST", "2", [], True),
        ("GET", "2", [], False),
    ],
)
def test_head_tells_whether_a_body_may_follow(
    method: str, version: str, headers: list[tuple[bytes, bytes]], *, expected: bool
) -> None:
    scope: Any = {"method": method, "http_version": version, "headers": headers}

    assert may_have_body(scope) is expected


@pytest.mark.parametrize(("version", "announced"), [("1.1", True), ("2", False)])
async def test_close_is_announced_where_the_protocol_knows_it(
    version: str, *, announced: bool
) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope: Any = {
        "method": "POST",
        "http_version": version,
        "path": "/v1/echo",
        "headers": [(b"content-length", b"2")],
        "state": {"request_id": "r"},
    }
    reply = Departure(send, scope, path="/v1/echo")
    await reply({"type": "http.response.start", "status": 401, "headers": []})

    assert ((b"connection", b"close") in sent[0]["headers"]) is announced
