"""Time to the first answer and idle memory, with bounds that only a blunder exceeds (D6)."""

import re
import time
from pathlib import Path

import pytest

from e2e.conftest import Start
from e2e.probe import QUOTA, Probe

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

FIRST_ANSWER_S = 5.0
IDLE_MIB = 150


async def test_start_is_quick_and_small(start: Start) -> None:
    """Prints the time from the command to the first answer, and the idle memory of all processes.

    To measure on a quiet machine::

        python3 dev.py test tests/e2e/test_footprint.py -s
    """
    async with start() as gateway:
        await gateway.fill(QUOTA)

    began = time.monotonic()
    async with start() as gateway:
        ready_s = time.monotonic() - began
        await gateway.add(QUOTA)
        asked = time.monotonic()
        answer = await gateway.chat()
        answer_s = time.monotonic() - asked
        idle_mib = proportional_mib(gateway)

    print(f"\nready {ready_s:.2f} s, answer {answer_s * 1000:.0f} ms, idle {idle_mib:.0f} MiB")  # noqa: T201 - the measurement
    assert answer.status_code == 200
    assert ready_s + answer_s <= FIRST_ANSWER_S
    assert idle_mib <= IDLE_MIB


def proportional_mib(gateway: Probe) -> float:
    """Sum the memory of all processes, shared pages in equal parts (PSS)."""
    sizes = [Path(f"/proc/{pid}/smaps_rollup").read_text() for pid in gateway.service.pids]
    return sum(int(re.findall(r"^Pss:\s+(\d+) kB", size, re.MULTILINE)[0]) for size in sizes) / 1024
