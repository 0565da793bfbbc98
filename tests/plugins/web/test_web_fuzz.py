"""Whatever the upstream sends, decoders survive it, hold little, and take no time.

Samples under ``corpus/<target>/`` are run as they are and then mutated. `GROKGATE_FUZZ_S` sets the
seconds of the whole (10 by default, 60 where ``CI=true``). An input that breaks something belongs
into the corpus.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from random import Random
from typing import Any

import anyio
import msgspec
import pytest

from grokgate.upstream import ImageReady, Stage
from grokgate_web.classify import MAX_BODY, http_evidence, in_band_evidence, judge
from grokgate_web.decode import known
from grokgate_web.decode.account import DeadAccount, user_id
from grokgate_web.decode.chat import ChatDecoder
from grokgate_web.decode.credits import weekly_pool
from grokgate_web.decode.drift import MOST_PATHS, news
from grokgate_web.decode.gateway import GatewayDecoder
from grokgate_web.decode.grpc import read_answer
from grokgate_web.decode.imagine import ImagineDecoder
from grokgate_web.decode.lines import LineDecoder, LineTooLong
from grokgate_web.decode.pictures import Sought
from grokgate_web.profile_files import load_profile
from grokgate_web.transport import Request, Route, Transport, TransportError
from grokgate_web.transport.frames import FrameError, FrameReader
from grokgate_web.usage import parse_products, parse_window

Target = Callable[[bytes, Random], None]

CORPUS = Path(__file__).parent / "corpus"
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
BUDGET_S = float(os.environ.get("GROKGATE_FUZZ_S", "60" if IN_CI else "10"))
SLOW_S = 2.0
"""Of a processor, for one input of at most `MAX_INPUT` bytes."""
MAX_INPUT = 64 * 1024
LIMIT = 2048
NOW = datetime(2026, 8, 1, tzinfo=UTC)
NEW, OLD = load_profile("2026-08"), load_profile("2026-02")
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1e308, 10**30, "", "x" * 300, "\ud83d\ude00", "\x00", "Infinity", [], {},
    [[]], [None], {"": {}}, {"id": []}, {"error": {"code": 8}}, "<grok:render", "</", "https://[",
)  # fmt: skip


def lines(data: bytes, random: Random) -> None:
    decoder = ChatDecoder(NEW.stream, filter_tags=("xaiartifact", "grok:render"))
    for chunk in cut(data, random):
        decoder.feed(chunk)
    decoder.finish()
    assert len(decoder.drift) <= MOST_PATHS
    if decoder.error is not None:
        in_band_evidence(decoder.error)


def long_lines(data: bytes, random: Random) -> None:
    splitter = LineDecoder(_Any, max_line=LIMIT)
    try:
        for chunk in cut(data, random):
            splitter.feed(chunk)
            assert splitter.held <= LIMIT
    except LineTooLong:
        assert len(data) > LIMIT
    splitter.finish()
    assert splitter.held == 0


def gateway(data: bytes, _random: Random) -> None:
    assert NEW.gateway is not None
    decoder = GatewayDecoder(
        NEW.stream, NEW.gateway.channels, opening="evt_1", filter_tags=("xaiartifact",)
    )
    for frame in data.split(b"\n"):
        decoder.feed(frame)
    decoder.finish()
    assert len(decoder.drift) <= MOST_PATHS
    if decoder.error is not None:
        in_band_evidence(decoder.error)


def imagine(data: bytes, random: Random) -> None:
    for profile in (OLD, NEW):
        sought = Sought(account="a1", most=random.randint(1, 3), previews=True)
        decoder = ImagineDecoder(profile.images.socket, request="r1", expected=2, sought=sought)
        events = [event for message in data.split(b"\n") for event in decoder.feed(message)]
        events += [*decoder.finish(), *decoder.refusals()]
        ready = [event.slot for event in events if isinstance(event, ImageReady)]
        assert len(ready) == len(set(ready)) <= sought.most
        assert len(decoder.drift) <= MOST_PATHS
        if decoder.error is not None:
            in_band_evidence(decoder.error)


def frames(data: bytes, random: Random) -> None:
    reader = FrameReader(max_message=LIMIT)
    try:
        for chunk in cut(data, random):
            for frame in reader.feed(chunk):
                assert len(frame.data) <= LIMIT
            assert reader.held <= 2 * LIMIT + 14
    except FrameError:
        pass


def quota(data: bytes, _random: Random) -> None:
    for profile in (OLD, NEW):
        _accept(lambda: parse_window(data, profile.quota), ValueError)  # noqa: B023 - run at once
    _accept(lambda: parse_products(data, {"image": "image", "video": "video"}, NOW), ValueError)
    assert len(news(data, known.QUOTA)) <= MOST_PATHS


def credits_answer(data: bytes, _random: Random) -> None:
    _accept(lambda: weekly_pool(data), ValueError)


def grpc(data: bytes, random: Random) -> None:
    kind = random.choice(("application/grpc-web+proto", "application/grpc-web-text"))
    _accept(lambda: read_answer(data, {"content-type": kind}), ValueError)


def answers(data: bytes, _random: Random) -> None:
    for shape in (known.UPLOAD, known.ASSETS, known.ACCOUNT, known.POST, known.UPSCALED):
        assert len(news(data, shape)) <= MOST_PATHS
    _accept(lambda: user_id(data, NEW.identity), DeadAccount, ValueError)


def refusals(data: bytes, random: Random) -> None:
    headers = {"retry-after": data[:40].decode("latin-1"), "server": "x"}
    status = random.choice((400, 401, 403, 404, 429, 500, 503, 999))
    evidence = http_evidence(status, headers, data[:MAX_BODY], now=NOW)
    observed = judge(NEW.errors, evidence, operation="converse", stage=Stage.SENT)
    assert observed.reset_in_s is None or 0 <= observed.reset_in_s <= 1e9
    assert observed.marker is None or observed.marker.isascii()


class _Any(msgspec.Struct):
    result: Any = None


TARGETS: dict[str, tuple[Target, ...]] = {
    "lines": (lines, long_lines),
    "gateway": (gateway,),
    "imagine": (imagine,),
    "frames": (frames,),
    "quota": (quota,),
    "credits": (credits_answer,),
    "grpc": (grpc,),
    "answers": (answers,),
    "refusals": (refusals,),
}
SHARE_S = BUDGET_S / (len(TARGETS) + 1)


def cut(data: bytes, random: Random) -> Iterator[bytes]:
    """Cut *data* into chunks, often tiny ones."""
    longest = random.choice((1, 7, 100, MAX_INPUT)) if len(data) < LIMIT else MAX_INPUT
    at = 0
    while at < len(data):
        size = random.randint(1, longest)
        yield data[at : at + size]
        at += size


def mutations(samples: list[bytes], random: Random) -> Iterator[bytes]:
    """Yield variants of *samples* without end."""
    while True:
        data = random.choice(samples)
        for _ in range(random.randint(1, 4)):
            data = random.choice((_bytes, _structure, _splice))(data, samples, random)[:MAX_INPUT]
        yield data


def _bytes(data: bytes, _samples: list[bytes], random: Random) -> bytes:
    at, size = random.randint(0, len(data)), random.choice((1, 1, 4, 30, 1000))
    match random.randrange(4):
        case 0:
            return data[:at] + random.randbytes(size) + data[at:]
        case 1:
            return data[:at] + data[at + size :]
        case 2:
            return data[:at] + data[at : at + size] * random.randint(2, 40) + data[at + size :]
        case _:
            return data[:at] + random.randbytes(min(size, len(data) - at)) + data[at + size :]


def _splice(data: bytes, samples: list[bytes], random: Random) -> bytes:
    other = random.choice(samples)
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


def _structure(data: bytes, _samples: list[bytes], random: Random) -> bytes:
    """Change one value in one line, where it is JSON."""
    rows = data.split(b"\n")
    at = random.randrange(len(rows))
    try:
        content = json.loads(rows[at])
    except (ValueError, RecursionError):
        nested = b"[" * random.choice((10, 3000)) + b"]" * 10
        return b"\n".join((*rows[:at], nested, *rows[at:]))
    rows[at] = json.dumps(_changed(content, random)).encode()
    return b"\n".join(rows)


def _changed(value: Any, random: Random) -> Any:
    if not value or not isinstance(value, dict | list) or random.random() < 0.2:
        return random.choice(ODD)
    if isinstance(value, list):
        at = random.randrange(len(value))
        return [*value[:at], _changed(value[at], random), *value[at + 1 :]]
    name = random.choice(tuple(value))
    if random.random() < 0.2:
        return {**value, random.choice(("novel", name.upper(), "a b")): random.choice(ODD)}
    return {**value, name: _changed(value[name], random)}


def _accept(call: Callable[[], object], *errors: type[Exception]) -> None:
    with suppress(*errors):
        call()


def samples_of(target: str) -> list[bytes]:
    return [file.read_bytes() for file in sorted((CORPUS / target).iterdir())]


@pytest.mark.parametrize("target", TARGETS)
def test_anything_is_survived(target: str) -> None:
    random, samples = Random(target), samples_of(target)
    until = time.monotonic() + SHARE_S
    for data in chain(samples, (b"",), _until(until, mutations(samples, random))):
        for run in TARGETS[target]:
            began = time.thread_time()
            try:
                run(data, random)
            except BaseException as error:
                error.add_note(f"{run.__name__}: {data!r}")
                raise
            assert time.thread_time() - began < SLOW_S, f"{run.__name__}: {data!r}"


def _until(until: float, items: Iterator[bytes]) -> Iterator[bytes]:
    while time.monotonic() < until:
        yield next(items)


@pytest.mark.anyio
async def test_any_bytes_of_a_server_are_survived(
    server: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    random, samples = Random("http"), samples_of("http")
    transport = Transport(tmp_path)
    until = time.monotonic() + SHARE_S
    for data in chain(samples, _until(until, mutations(samples, random))):
        server.script = _saying(data)
        with anyio.fail_after(SLOW_S * 5):
            await _call(transport, server.base, random)
    await transport.aclose()

    assert "Traceback" not in capfd.readouterr().err


def _saying(data: bytes) -> Any:
    async def say(visit: Any) -> None:
        visit.writer.write(data)
        await visit.writer.drain()
        visit.writer.close()

    return say


async def _call(transport: Transport, base: str, random: Random) -> None:
    """Make a call or open a socket, and read what comes of it."""
    request = Request(url=base + "/x", headers=(), body=b"{}", max_bytes=MAX_INPUT)
    until = anyio.current_time() + SLOW_S
    route = Route(target="chrome136")
    if random.random() < 0.5:
        exchange = transport.start("a", route, request, on_sent=lambda: None)
        socket = None
    else:
        socket = transport.connect("a", route, request)
        exchange = socket.exchange
    try:
        if socket is not None and await socket.open(until):
            while await socket.receive(until) is not None:
                pass
        await exchange.head(until)
        while await exchange.read(until):
            pass
    except TransportError:
        pass
    finally:
        (socket or exchange).close()
