"""Structured logging of one process: a file of JSON lines, and the console (F-LOG-01).

```text
log.info("event", field=…)   any thread: request id, level, time, traceback; put into a queue
library loggers              the same, through the root logger; repeated errors are left out
        └─> one thread, in batches: redact, render, write, rotate
```

A disk or console that stalls therefore never stalls the event loop; when the queue is full, lines
are dropped and counted. Tracebacks hold source lines, never values of variables.
"""

import logging
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, TextIO

import structlog
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.processors import format_exc_info
from structlog.typing import EventDict, WrappedLogger

from grokgate.telemetry.files import DailyFiles
from grokgate.telemetry.lines import Outlet, Terminal, json_line, readable_line
from grokgate.telemetry.repeats import Repeats
from grokgate.telemetry.writer import Writer

_QUIET = ("_granian", "aiosqlite", "granian.access", "httpcore", "httpx", "watchfiles")
"""Loggers of libraries that report every request, statement or file event."""
_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}


class Logs:
    """The logging of one process; made by `open_logs`, closed once."""

    def __init__(self, outlets: Sequence[Outlet], level: str) -> None:
        self._writer = Writer(outlets)
        self._fields: dict[str, Any] = {}
        self._passed = Repeats(self._writer.put)
        self._root = logging.getLogger()
        self._previous = (self._root.level, list(self._root.handlers))
        self._root.handlers[:] = [_Inlet(self._put)]
        for name in _QUIET:
            logging.getLogger(name).setLevel(logging.WARNING)
        self.set_level(level)
        self._writer.start()

    @property
    def dropped(self) -> int:
        """Lines lost because the queue was full."""
        return self._writer.dropped

    def logger(self, name: str = "grokgate") -> Any:
        """Return a structlog logger; *name* is shown as ``caller``."""

        def finished(_: WrappedLogger, level: str, event: EventDict) -> Any:
            return (_completed(event, level=level, caller=name, at_s=time.time()),), {}

        return structlog.wrap_logger(
            _Sink(self._put),
            processors=[self._filter, merge_contextvars, format_exc_info, finished],
            wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
            cache_logger_on_first_use=True,
        )

    def add_fields(self, **fields: Any) -> None:
        """Show *fields* in every line from now on."""
        self._fields.update(fields)

    def set_level(self, level: str) -> None:
        """Change the least severe level that is logged, at once."""
        self._level = _LEVELS[level]
        self._root.setLevel(self._level)

    def close(self) -> None:
        """Write what is queued, close the files, and give the root logger back."""
        level, handlers = self._previous
        self._root.setLevel(level)
        self._root.handlers[:] = handlers
        self._writer.close()

    def _put(self, event: dict[str, Any]) -> None:
        self._passed({**event, **self._fields} if self._fields else event)

    def _filter(self, _: WrappedLogger, level: str, event: EventDict) -> EventDict:
        if _LEVELS[level] < self._level:
            raise structlog.DropEvent
        return event


def open_logs(
    *,
    level: str,
    directory: Path | None,
    max_file_mb: int,
    max_files: int,
    console: TextIO | None = None,
    today: Callable[[], date] = lambda: datetime.now(UTC).date(),
) -> Logs:
    """Take over the logging of the process, library loggers included.

    Args:
        level: Least severe level: debug, info, warning or error.
        directory: Folder of the log files; None: console only.
        max_file_mb: Size at which a new file begins.
        max_files: Files kept.
        console: Gets readable lines on a terminal, JSON lines otherwise; None: the error stream.
        today: The date in the names of the files.
    """
    console = console or sys.stderr
    outlets: list[Outlet] = [Terminal(console, readable_line if console.isatty() else json_line)]
    if directory is not None:
        outlets.append(
            DailyFiles(directory, max_bytes=max_file_mb << 20, max_files=max_files, today=today)
        )
    return Logs(outlets, level)


class _Sink:
    """Where structlog's last step leaves an event."""

    def __init__(self, put: Callable[[dict[str, Any]], None]) -> None:
        self.debug = self.info = self.warning = self.error = self.critical = put


class _Inlet(logging.Handler):
    """Turns a library's record into an event like our own."""

    def __init__(self, put: Callable[[dict[str, Any]], None]) -> None:
        super().__init__()
        self._put = put

    def emit(self, record: logging.LogRecord) -> None:
        """Put a record into the queue; one whose arguments do not fit its text shows the text."""
        try:
            text = record.getMessage()
        except Exception:  # noqa: BLE001 - fence around foreign arguments
            text = str(record.msg)
        event: EventDict = {**get_contextvars(), "event": text}
        if record.exc_info:
            event = format_exc_info(None, "error", {**event, "exc_info": record.exc_info})
        level = record.levelname.lower()
        self._put(_completed(event, level=level, caller=record.name, at_s=record.created))


def _completed(event: EventDict, *, level: str, caller: str, at_s: float) -> dict[str, Any]:
    """Put the fields every line has in front, under the names of F-LOG-01."""
    text = event.pop("event")
    return {"time": at_s, "level": level, "caller": caller, "msg": text, **event}
