"""Clients that do not read: the upstream is read no faster, memory stays as it was (P6, F15)."""

import re
import time
from contextlib import AsyncExitStack
from pathlib import Path

import anyio
import pytest

from e2e.conftest import BOTH
from e2e.probe import QUOTA, Probe

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, BOTH]

READERS = 3
STALLED_S = 0.5
"""Without a further frame from upstream."""
GROWTH_MIB = 16
FIREHOSE = "@sim scenario=long tokens=1000000"
TOKENS = 60_000, 240_000
"""Of an answer that fits into no buffer on the way: the system seldom makes its own larger."""


async def stalled(gateway: Probe) -> None:
    """Wait until the upstream can send nothing more."""
    seen, since = -1, time.monotonic()
    with gateway.within(30, "the upstream never stalled"):
        while seen <= 0 or time.monotonic() - since < STALLED_S:
            sent = sum(call.pieces_sent for call in gateway.calls())
            if sent != seen:
                seen, since = sent, time.monotonic()
            await anyio.sleep(0.05)


def resident_mib(gateway: Probe) -> float:
    sizes = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in gateway.service.pids]
    return sum(int(re.findall(r"^Rss:\s+(\d+) kB", size, re.MULTILINE)[0]) for size in sizes) / 1024


async def test_reader_that_stands_still_stops_the_upstream(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    before_mib = resident_mib(gateway)

    async with AsyncExitStack() as readers:
        connections = [
            await readers.enter_async_context(gateway.asked(FIREHOSE, stream=True))
            for _ in range(READERS)
        ]
        await stalled(gateway)
        grown_mib = resident_mib(gateway) - before_mib
        for connection in connections:
            connection.leave()
        left_at = time.monotonic()
        await gateway.until(lambda: gateway.sandbox.journal.inflight() == 0, 5)

    assert grown_mib <= GROWTH_MIB
    assert max(call.closed_s or 0 for call in gateway.calls()) - left_at <= 0.5
    assert len(gateway.calls()) == READERS
    await gateway.idle(1)


async def test_reader_that_goes_on_gets_everything(gateway: Probe) -> None:
    await gateway.fill(QUOTA)

    for tokens in TOKENS:
        prompt = f"@sim scenario=long tokens={tokens}"
        async with gateway.asked(prompt, stream=True) as connection:
            await stalled(gateway)
            is_held = gateway.calls()[-1].outcome == "open"
            assert (await connection.head())[0] == 200
            text = b"".join([write async for write in connection.chunks()])
        if is_held:
            break

    assert is_held
    assert text.endswith(b"data: [DONE]\n\n")
    assert text.count(b'"finish_reason":"stop"') == 1
    await gateway.becomes(len(gateway.calls()), gateway.used)
