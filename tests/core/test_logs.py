"""What a process logs: its lines, their order, and what becomes of a flood."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from structlog.contextvars import bound_contextvars

from core.planted import SECRETS
from grokgate.telemetry import Logs, open_logs
from grokgate.telemetry.lines import LINE_BYTES, Terminal, json_line, readable_line
from grokgate.telemetry.repeats import Repeats
from grokgate.telemetry.writer import Writer

DAY = date(2026, 8, 5)


class Lines:
    """What a process logged: JSON lines from file and console."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.console = io.StringIO()

    @contextmanager
    def open(self, **options: Any) -> Iterator[Logs]:
        logs = open_logs(
            **{
                "level": "info",
                "directory": self.folder,
                "max_file_mb": 1,
                "max_files": 3,
                "console": self.console,
                "today": lambda: DAY,
                **options,
            }
        )
        try:
            yield logs
        finally:
            logs.close()

    @property
    def text(self) -> str:
        return (self.folder / f"app_{DAY}.log").read_text()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(line) for line in self.text.splitlines()]


@pytest.fixture
def lines(tmp_path: Path) -> Lines:
    return Lines(tmp_path / "log")


def test_event_is_one_json_line_with_its_fields(lines: Lines) -> None:
    with lines.open() as logs, bound_contextvars(request_id="req_1"):
        logs.logger("grokgate.web").bind(plugin="web").warning("lease_expired", age_s=3)
    (event,) = lines.events

    assert list(event)[:4] == ["time", "level", "caller", "msg"]
    assert event.pop("time").endswith("Z")
    assert event == {
        "level": "warning",
        "caller": "grokgate.web",
        "msg": "lease_expired",
        "plugin": "web",
        "age_s": 3,
        "request_id": "req_1",
    }


def test_records_of_libraries_are_treated_alike(lines: Lines) -> None:
    with lines.open(), bound_contextvars(request_id="req_1"):
        logging.getLogger("library").error("refused: %s", "sso=CANARY")
    (event,) = lines.events

    assert (event["caller"], event["level"], event["request_id"]) == ("library", "error", "req_1")
    assert event["msg"] == "refused: sso=…"


def test_error_that_strikes_again_and_again_is_logged_ten_times() -> None:
    passed: list[dict[str, Any]] = []
    put = Repeats(passed.append)
    for number in range(15):
        put({"time": number / 10, "level": "error", "caller": "c", "msg": "crashed"})
    put({"time": 2.0, "level": "error", "caller": "c", "msg": "another"})
    put({"time": 11.0, "level": "error", "caller": "c", "msg": "crashed"})

    assert [event["msg"] for event in passed] == ["crashed"] * 10 + ["another", "crashed"]
    assert passed[-1]["left_out"] == 5


def test_what_is_no_error_may_be_said_as_often_as_it_happens() -> None:
    passed: list[dict[str, Any]] = []
    put = Repeats(passed.append)
    for _ in range(50):
        put({"time": 0.0, "level": "info", "caller": "c", "msg": "request"})

    assert len(passed) == 50


def test_traceback_is_logged_without_values_of_variables(lines: Lines) -> None:
    with lines.open() as logs:
        planted = "LOCAL-" + "VALUE"
        try:
            raise RuntimeError(f"Bearer CANARY-{len(planted)}-0123456789")
        except RuntimeError:
            logs.logger().exception("failed")
    (event,) = lines.events

    assert "RuntimeError" in event["exception"]
    assert "LOCAL-VALUE" not in lines.text
    assert "CANARY-11" not in lines.text


def test_no_planted_secret_reaches_file_or_console(lines: Lines) -> None:
    with lines.open() as logs:
        for text in SECRETS:
            logs.logger().info(text, field=text, nested={"list": [text]}, cookie=text)
            logging.getLogger("library").warning("said %s", text)

    assert "CANARY" not in lines.text
    assert "CANARY" not in lines.console.getvalue()


def test_level_changes_while_running(lines: Lines) -> None:
    with lines.open(level="warning") as logs:
        log = logs.logger()
        log.info("hidden")
        logs.set_level("debug")
        log.debug("shown")

    assert [event["msg"] for event in lines.events] == ["shown"]


def test_console_alone_is_enough(lines: Lines) -> None:
    with lines.open(directory=None) as logs:
        logs.logger().info("started")

    assert msgspec.json.decode(lines.console.getvalue())["msg"] == "started"
    assert not lines.folder.exists()


def test_root_logger_is_given_back(lines: Lines) -> None:
    before = (logging.getLogger().level, list(logging.getLogger().handlers))
    with lines.open(level="error"):
        pass

    assert (logging.getLogger().level, logging.getLogger().handlers) == before


def test_terminal_shows_readable_lines_without_control_characters() -> None:
    line = readable_line(
        {
            "time": "T",
            "level": "info",
            "caller": "c",
            "msg": "said\x1b[2J",
            "none": None,
            "text": "two\nlines",
            "exception": "Traceback\n  last",
        }
    )

    assert line == "T info    c - said…[2J text=two…lines\nTraceback\n  last"


@pytest.mark.parametrize("char", ["\x7f", "\x85", "\x9b", "\u2028", "\u202e", "\u2066"])
def test_no_character_can_break_or_turn_a_line(char: str) -> None:
    event = {"time": "T", "level": "info", "caller": "c", "msg": f"a{char}b"}

    assert char not in readable_line(event)
    assert char not in json_line(event)
    assert msgspec.json.decode(json_line(event)) == event


def test_line_that_is_not_unicode_does_not_end_the_log(lines: Lines) -> None:
    with lines.open() as logs:
        logs.logger().info("odd", path="a\ud800")
        logs.logger().info("next")

    assert [event["msg"] for event in lines.events] == ["odd", "next"]


def test_too_long_line_keeps_what_identifies_it() -> None:
    line = json_line({"time": "T", "msg": "m", "request_id": "r", "big": "x" * LINE_BYTES})

    assert msgspec.json.decode(line) == {
        "time": "T",
        "msg": "m",
        "request_id": "r",
        "truncated": True,
    }


def test_lines_go_to_a_terminal_in_pieces_that_a_pipe_takes_whole() -> None:
    pieces: list[str] = []

    class Stream(io.StringIO):
        def write(self, text: str) -> int:
            pieces.append(text)
            return len(text)

    Terminal(Stream(), lambda event: str(event["msg"])).write(
        [{"msg": "x" * size} for size in (2000, 2000, 2000, 9000, 10)]
    )

    assert [len(piece) for piece in pieces] == [4002, 2001, 9001, 11]


def test_full_queue_drops_lines_and_says_how_many() -> None:
    written: list[Any] = []

    class Memory:
        def write(self, events: Any) -> None:
            written.extend(events)

        def close(self) -> None: ...

    writer = Writer([Memory()], limit=2)
    for number in range(5):
        writer.put({"time": 0.0, "level": "info", "caller": "c", "msg": str(number)})
    writer.close()

    assert [event["msg"] for event in written] == ["0", "1", "log_lines_dropped"]
    assert written[-1]["lines"] == 3
