"""The thread that writes log lines, so that nobody else waits for a disk or a terminal."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from grokgate.telemetry.lines import Outlet
from grokgate.telemetry.redact import redact

QUEUE_LINES = 10_000
BATCH_S = 0.1
"""Seconds for which lines are collected: one wake-up serves them all."""


class Writer(threading.Thread):
    """Takes events from any thread, redacts them, and hands them to the outlets in batches."""

    def __init__(self, outlets: Sequence[Outlet], *, limit: int = QUEUE_LINES) -> None:
        super().__init__(name="log-writer", daemon=True)
        self.dropped = 0
        self._outlets = outlets
        self._limit = limit
        self._events: deque[dict[str, Any]] = deque()
        self._news = threading.Event()
        self._closing = threading.Event()
        self._reported = 0

    def put(self, event: dict[str, Any]) -> None:
        """Queue an event, or count it as dropped; never waits."""
        if len(self._events) >= self._limit:
            self.dropped += 1
            return
        self._events.append(event)
        if not self._news.is_set():
            self._news.set()

    def run(self) -> None:
        """Write batches until closed."""
        while not self._closing.is_set():
            self._news.wait()
            self._closing.wait(BATCH_S)
            self._news.clear()
            self._write()

    def close(self) -> None:
        """Write what is queued, end the thread, close the outlets."""
        self._closing.set()
        self._news.set()
        if self.is_alive():
            self.join()
        self._write()
        for outlet in self._outlets:
            outlet.close()

    def _write(self) -> None:
        batch = [_shown(self._events.popleft()) for _ in range(len(self._events))]
        if self.dropped != self._reported:
            batch.append(_shown(_loss(self.dropped - self._reported)))
            self._reported = self.dropped
        if batch:
            for outlet in self._outlets:
                outlet.write(batch)


def _shown(event: dict[str, Any]) -> dict[str, Any]:
    """Redact an event and write its time, seconds since the epoch, in ISO form."""
    moment = datetime.fromtimestamp(event.pop("time"), UTC)
    fields: dict[str, Any] = redact(event)
    return {"time": f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z", **fields}


def _loss(lines: int) -> dict[str, Any]:
    return {
        "time": time.time(),
        "level": "warning",
        "caller": "grokgate",
        "msg": "log_lines_dropped",
        "lines": lines,
    }
