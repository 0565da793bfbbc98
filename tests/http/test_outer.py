"""What every request and reply has, whatever route takes it."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import pytest
from litestar import get
from structlog.contextvars import get_contextvars

from grokgate.app import create_app, mount
from grokgate.errors import UpstreamTimeout
from grokgate.http.outer import Outer
from grokgate.plugin.stream import EventStream, OpenStreams
from grokgate.testing.server import serving

pytestmark = pytest.mark.anyio

ORIGIN = {"origin": "https://page.example"}


async def test_reply_has_a_request_id_of_its_own(gateway: Any) -> None:
    async with gateway.client() as client:
        first = await client.get("/v1/letters/a")
        second = await client.get("/v1/absent")

    assert re.fullmatch(r"req_[A-Za-z0-9]{24,}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.parametrize(
    ("sent", "taken"),
    [("a.B-1_c", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("", False)],
)
async def test_plain_request_id_of_the_client_is_taken(
    gateway: Any, sent: str, *, taken: bool
) -> None:
    async with gateway.client(headers={"x-request-id": sent}) as client:
        reply = await client.get("/v1/letters/a")

    assert (reply.headers["x-request-id"] == sent) is taken


async def test_common_headers_are_on_errors_too(gateway: Any) -> None:
    async with gateway.client() as client:
        reply = await client.get("/v1/absent")

    assert reply.headers["openai-processing-ms"].isdigit()
    assert reply.headers["openai-version"] == "2020-10-01"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")


async def test_version_is_told_to_callers_with_a_key_only(gateway: Any) -> None:
    async with gateway.client() as client:
        known = await client.get("/v1/letters/a")
        unknown = await client.get("/v1/letters/a", headers={"authorization": "Bearer wrong"})
        probe = await client.get("/health")

    assert "x-grokgate-version" in known.headers
    assert "x-grokgate-version" not in unknown.headers
    assert "x-grokgate-version" not in probe.headers


async def test_pages_of_any_origin_may_call_the_api_without_credentials(gateway: Any) -> None:
    async with gateway.client(headers=ORIGIN) as client:
        reply = await client.get("/v1/letters/a")

    assert reply.headers["access-control-allow-origin"] == "*"
    assert "x-request-id" in reply.headers["access-control-expose-headers"]
    assert "access-control-allow-credentials" not in reply.headers


async def test_preflight_is_answered_without_key_and_echoes_the_headers(gateway: Any) -> None:
    headers = {
        **ORIGIN,
        "authorization": "",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,x-stainless-lang",
    }
    async with gateway.client() as client:
        reply = await client.options("/v1/echo", headers=headers)

    assert reply.status_code == 204
    assert reply.headers["access-control-allow-headers"] == "authorization,x-stainless-lang"
    assert "POST" in reply.headers["access-control-allow-methods"]
    assert reply.headers["access-control-allow-origin"] == "*"


@pytest.mark.parametrize("path", ["/v1/admin/tokens", "/metrics", "/ready"])
async def test_other_paths_are_closed_to_pages(gateway: Any, path: str) -> None:
    async with gateway.client(headers=ORIGIN) as client:
        reply = await client.get(path)
        preflight = await client.options(path)

    assert "access-control-allow-origin" not in reply.headers
    assert "access-control-allow-origin" not in preflight.headers


async def test_no_page_may_call_while_no_key_is_needed(gateway: Any) -> None:
    gateway.settings.change("app", allow_anonymous=True)
    async with gateway.client(headers={**ORIGIN, "authorization": ""}) as client:
        reply = await client.get("/v1/letters/a")
        preflight = await client.options("/v1/letters/a")

    assert reply.status_code == 200
    assert "access-control-allow-origin" not in reply.headers
    assert "access-control-allow-origin" not in preflight.headers


async def test_trailing_slash_is_equal_to_none(gateway: Any) -> None:
    async with gateway.client() as client:
        reply = await client.get("/v1/letters/a/")

    assert reply.json() == {"letter": "a"}


async def test_method_override_is_ignored(gateway: Any) -> None:
    headers = {"x-http-method-override": "GET", "x-method-override": "GET"}
    async with gateway.client(headers=headers) as client:
        reply = await client.post("/v1/letters/a")

    assert reply.status_code == 405


async def test_new_work_is_refused_while_draining(gateway: Any) -> None:
    gateway.drain.begin()
    async with gateway.client() as client:
        refused = await client.get("/v1/letters/a")
        health = await client.get("/health")
        ready = await client.get("/ready")

    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert (health.status_code, ready.status_code) == (200, 503)


async def test_work_over_the_inflight_limit_is_refused(gateway: Any) -> None:
    gateway.settings.change("limits", max_inflight=1)

    @get("/v1/nested")
    async def nested() -> list[Any]:
        inner = await client.get("/v1/letters/a")
        probe = await client.get("/health")
        return [inner.status_code, inner.json()["error"]["code"], probe.status_code]

    gateway.add("nested", nested)
    async with gateway.client() as client:
        reply = await client.get("/v1/nested")
        after = await client.get("/v1/letters/a")

    assert reply.json() == [503, "overloaded", 200]
    assert after.status_code == 200
    assert gateway.drain.inflight == 0


async def test_one_log_event_tells_a_request_without_its_query(gateway: Any) -> None:
    async with gateway.client() as client:
        await client.get("/v1/letters/a", params={"limit": 1, "key": "planted"})
        await client.get("/health")
    (event,) = gateway.events("request")

    assert event.pop("ms") >= 0
    assert event == {
        "method": "GET",
        "route": "/v1/letters/{letter}",
        "status": 200,
        "outcome": "completed",
        "key": "first",
        "error": None,
    }


async def test_stream_that_broke_after_its_head_is_a_failure(gateway: Any) -> None:
    async def events() -> AsyncGenerator[bytes, None]:
        yield b"data: a\n\n"
        raise UpstreamTimeout

    @get("/v1/stream")
    async def stream() -> EventStream:
        return EventStream(
            events(), lambda frame: (frame,), failure=lambda _: (b"data: b\n\n",), keepalive_s=0
        )

    gateway.add("stream", stream)
    async with gateway.client() as client:
        reply = await client.get("/v1/stream")
    (event,) = gateway.events("request")

    assert (reply.status_code, reply.text) == (200, "data: a\n\ndata: b\n\n")
    assert (event["status"], event["outcome"]) == (200, "failed")
    assert event["error"] == "upstream_timeout"
    assert gateway.metrics.count("requests", "/v1/stream", "GET", "504") == 1
    assert gateway.metrics.count("requests", "/v1/stream", "GET", "200") == 0


async def test_metrics_count_by_route_template(gateway: Any) -> None:
    async with gateway.client() as client:
        await client.get("/v1/letters/a")
        await client.get("/v1/letters/b")
        await client.request("ODD", "/v1/absent")

    assert gateway.metrics.count("requests", "/v1/letters/{letter}", "GET", "200") == 2
    assert gateway.metrics.count("requests", "unrouted", "other", "404") == 1


async def test_request_id_is_in_the_context_of_every_log_line(gateway: Any) -> None:
    @get("/v1/context")
    async def context() -> dict[str, Any]:
        return get_contextvars()

    gateway.add("context", context)
    async with gateway.client(headers={"x-request-id": "mine"}) as client:
        reply = await client.get("/v1/context")

    assert reply.json() == {"request_id": "mine"}
    assert get_contextvars() == {}


async def test_body_that_stops_arriving_is_answered_408(gateway: Any, key: str) -> None:
    app = Outer(
        mount(gateway),
        drain=gateway.drain,
        max_inflight=lambda: 10,
        open_to_origins=lambda: True,
        metrics=gateway.metrics,
        log=gateway.log,
        streams=OpenStreams(),
        body_idle_s=0.05,
    )
    async with serving(app) as base:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
        writer.write(
            b"POST /v1/echo HTTP/1.1\r\nhost: localhost\r\ncontent-length: 20\r\n"
            b"authorization: Bearer " + key.encode() + b"\r\n\r\n{"
        )
        with anyio.fail_after(5):
            head = await reader.readuntil(b"\r\n\r\n")
        writer.close()

    assert head.startswith(b"HTTP/1.1 408 ")


async def test_lifespan_runs_the_gateway(gateway: Any) -> None:
    async with serving(create_app(gateway)) as base, gateway.client() as client:
        reply = await client.get(f"{base}/health")

    assert reply.json() == {"status": "ok"}
