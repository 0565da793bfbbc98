import gzip
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from msgspec import structs
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import grokgate_chat
from grokgate.openai.tally import Tally
from grokgate.plugin import Caller
from grokgate.plugin.records import AttemptRecord, CallRecord
from grokgate.statistics import Ended
from grokgate.statistics.tracing import Tracing
from grokgate.telemetry.traces import Span
from grokgate.testing import FakeUpstream, running_gateway
from grokgate.upstream import Kind, Observation, Stage, TextDelta

pytestmark = pytest.mark.anyio

SECOND = 1_000_000_000
ENDED = Ended(
    endpoint="POST /v1/chat/completions",
    status=200,
    seconds=3,
    caller=Caller(key_id="k1", name="first"),
)
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PROMPT = "canary-of-the-prompt"


class Sent:
    def __init__(self) -> None:
        self.spans: list[tuple[Span, str | None]] = []

    def send(self, span: Span, *, parent: str | None = None) -> None:
        self.spans.append((span, parent))


def record(*kinds: Kind) -> CallRecord:
    tries = tuple(
        AttemptRecord(
            upstream="web",
            account=f"tok_{number}",
            observation=Observation(operation="converse", kind=kind, stage=Stage.CONTENT),
            units=1,
            duration_s=1,
        )
        for number, kind in enumerate(kinds)
    )
    return CallRecord(
        request_id="req_1",
        plugin="chat",
        model="grok-4",
        upstream="web",
        outcome="completed",
        observation=tries[-1].observation,
        units=len(tries),
        outputs=1,
        attempts=len(tries),
        duration_s=2,
        first_event_s=1,
        tries=tries,
    )


def test_attempts_are_parts_of_their_request() -> None:
    sent, now = Sent(), 100 * SECOND
    tracing = Tracing(sent, now_ns=lambda: now)
    tracing.called(record(Kind.QUOTA, Kind.OK))
    tracing.note(structs.replace(ENDED, traceparent=TRACEPARENT), Tally(request_id="req_1"))

    ((span, parent),) = sent.spans
    assert (span.begin_ns, span.end_ns, parent) == (97 * SECOND, now, TRACEPARENT)
    assert [(part.begin_ns, part.end_ns) for part in span.parts] == [
        (98 * SECOND, 99 * SECOND),
        (99 * SECOND, now),
    ]
    assert [part.failed for part in span.parts] == [True, False]


def test_stream_that_broke_failed() -> None:
    sent = Sent()
    tracing = Tracing(sent, now_ns=lambda: 0)
    tracing.note(structs.replace(ENDED, error="upstream_error"), Tally(request_id="req_1"))

    ((span, _),) = sent.spans
    assert span.failed
    assert span.attributes["error.type"] == "upstream_error"


class Collector(HTTPServer):
    """Takes what is sent to a collector of traces."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.got: list[tuple[str, bytes]] = []


class _Taking(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append((self.path, body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Print nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def test_collector_gets_requests_and_attempts_and_no_prompt(collector: Collector) -> None:
    endpoint = f"http://127.0.0.1:{collector.server_address[1]}"
    settings = {"telemetry.otlp_endpoint": endpoint}
    upstream = FakeUpstream([TextDelta(text=PROMPT)])
    async with running_gateway(grokgate_chat, upstream=upstream, settings=settings) as gw:
        body = {"model": "grok-4", "messages": [{"role": "user", "content": PROMPT}]}
        headers = {"traceparent": TRACEPARENT}
        await gw.client.post("/v1/chat/completions", content=json.dumps(body), headers=headers)
        key = gw.key

    ((path, sent),) = collector.got
    text = gzip.decompress(sent) if sent.startswith(b"\x1f\x8b") else sent
    request = ExportTraceServiceRequest.FromString(text)
    spans = [s for r in request.resource_spans for scope in r.scope_spans for s in scope.spans]
    names = {span.name for span in spans}
    assert path == "/v1/traces"
    assert names == {"POST /v1/chat/completions", "web converse"}
    assert {span.trace_id.hex() for span in spans} == {TRACEPARENT.split("-")[1]}
    assert PROMPT.encode() not in text
    assert key.encode() not in text


def test_without_an_endpoint_what_sends_is_not_even_imported() -> None:
    # Litestar imports a small part of the library's front, where it is installed.
    program = (
        "import asyncio, sys\n"
        "from grokgate.testing import running_gateway\n"
        "async def run():\n"
        "    async with running_gateway() as gw:\n"
        "        assert gw.gateway.tracing is None\n"
        "asyncio.run(run())\n"
        "heavy = ('opentelemetry.sdk', 'opentelemetry.exporter', 'opentelemetry.proto')\n"
        "sys.exit(any(name.startswith(heavy) for name in sys.modules))"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
