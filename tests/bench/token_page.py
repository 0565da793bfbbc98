"""How quickly the table of accounts is drawn, filtered, sorted and scrolled in a browser.

Run from the root of the repository, on a machine that does nothing else::

    PYTHONPATH=tests python tests/bench/token_page.py                 # 100 000 accounts
    PYTHONPATH=tests python tests/bench/token_page.py --size 10000

A gateway in a process of its own is shown in Chromium on loopback. One line per act tells the
milliseconds of the middle and of the slowest time by the browser's clock, until its result is
drawn, and what is wanted of a machine with two processors. *cold* is a browser that has never seen
the gateway; *first row* one that has. The last line tells what a cold
opening of the page asked for.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Final

from playwright.sync_api import Browser, Locator

from ui.browser_world import OpenPage, running_browser
from ui.large_pool import make_large_pool
from ui.table_times import Stopwatch
from ui.ui_world import World, world

_ROUNDS: Final = 10
_COLD_ROUNDS: Final = 3
_FIRST_MS, _CHANGE_MS, _FRAME_MS = 1000, 150, 17
_ASKED_FOR: Final = """() => {
    const asked = performance.getEntriesByType("resource");
    const bytes = asked.reduce((sum, each) => sum + each.transferSize, 0);
    return `${asked.length} requests, ${Math.round(bytes / 1024)} KiB`;
}"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the table of accounts in a browser.")
    parser.add_argument("--size", type=int, default=100_000)
    with _large(parser.parse_args().size) as gateway, running_browser() as browser:
        _say(f"{'ms':<12}{'middle':>8}{'slowest':>9}{'wanted':>8}")
        asked_for = _tell_cold(browser, gateway)
        opener = OpenPage(browser, gateway)
        _tell_warm(Stopwatch(opener.new()))
        opener.close()
        _say(f"a cold opening: {asked_for}")


def _tell_cold(browser: Browser, gateway: World) -> str:
    """Tell of browsers that have seen nothing; returns what the last one asked for."""
    times: list[float] = []
    for _ in range(_COLD_ROUNDS):
        opener = OpenPage(browser, gateway)
        watch = Stopwatch(opener.new())
        times.append(watch.first_row())
        asked_for = str(watch.page.evaluate(_ASKED_FOR))
        opener.close()
    _tell("cold", times, _FIRST_MS)
    return asked_for


def _tell_warm(watch: Stopwatch) -> None:
    page = watch.page
    watch.first_row()
    _tell("first row", [watch.first_row() for _ in range(_ROUNDS)], _FIRST_MS)
    tabs = [page.get_by_role("tab", name=name) for name in ("Cooling", "Expired")]
    _tell("filter", _changes(watch, tabs), _CHANGE_MS)
    heads = [page.get_by_role("button", name=name) for name in ("Calls", "Last used")]
    _tell("sort", _changes(watch, heads), _CHANGE_MS)
    _tell("frame", watch.scrolled().gaps, _FRAME_MS)


def _changes(watch: Stopwatch, buttons: Sequence[Locator]) -> list[float]:
    return [watch.changed(button) for button in islice(cycle(buttons), _ROUNDS)]


@contextmanager
def _large(size: int) -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="grokgate-bench-") as name:
        folder = Path(name)
        make_large_pool(folder / "data", size)
        with world(folder, {"TOKEN__AUTO_REFRESH": "false"}) as gateway:
            yield gateway


def _tell(act: str, times: Sequence[float], wanted: int) -> None:
    _say(f"{act:<12}{median(times):8.0f}{max(times):9.0f}{wanted:8}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
