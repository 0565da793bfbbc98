"""Logs, the redactor, and metrics."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from structlog.contextvars import bound_contextvars

from grokgate.telemetry import Logs, Metrics, open_logs, redact, redact_text
from grokgate.telemetry.files import DailyFiles
from grokgate.telemetry.lines import LINE_BYTES, Terminal, json_line, readable_line
from grokgate.telemetry.metrics import MAX_SERIES
from grokgate.telemetry.repeats import Repeats
from grokgate.telemetry.writer import Writer
from grokgate.upstream import Secret

DAY = date(2026, 8, 5)
_TEXT = st.text(st.characters())
"""Lone surrogates are among it, unlike hypothesis's default."""
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzZXNzaW9uX2lkIjoiQ0FOQVJZIn0.CANARYsignature"
SECRETS = [
    "sso=CANARY; path=/",
    "sso-rw=CANARY",
    "Cookie: a=1; cf_clearance=CANARY",
    "Cookie: a=1; other=CANARY",
    '{"cookie": "a=1; other=CANARY"}',
    '{\\"cookie\\": \\"a=1; other=CANARY\\"}',
    "[(b'cookie', b'other=CANARY')]",
    '{"sso": "CANARY"}',
    "Authorization: Bearer CANARY-0123456789",
    "authorization=Basic CANARYdXNlcg==",
    "Authorization: Token CANARY",
    "Bearer: CANARY",
    "access_token=CANARY",
    '"refresh-token" : "CANARY"',
    "client_secret=CANARY",
    "X-Api-Key: CANARY",
    'password="two CANARY"',
    "postgres://user:p@CANARY@host/db",
    f"session_{JWT}",
    "key sk-CANARY0123456789 was refused",
    "xai-CANARY0123456789",
    "socks5h://user:CANARY@proxy.example:1080 failed",
    "http://CANARY@proxy.example",
    "GET https://host.example/path?x=1&token=CANARY&y=2",
    "/v1/files/a?sig=CANARY",
    "api_key=CANARY",
    'password: "CANARY"',
    "account CANARY@mail.example refused",
    f"token {JWT}",
]


@pytest.mark.parametrize("text", SECRETS)
def test_known_forms_of_secrets_are_masked(text: str) -> None:
    assert "CANARY" not in redact_text(text)


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_masked_at_every_depth(text: str) -> None:
    nested = {"a": [{"b": (text, {text: [text]})}], "c": Exception(text), "d": text.encode()}

    assert "CANARY" not in str(redact(nested))


@pytest.mark.parametrize(
    "name",
    ["cookie", "Set-Cookie", "api_key", "password", "credential", "access_token", "client-secret"],
)
def test_fields_named_after_secrets_are_masked_whole(name: str) -> None:
    assert "CANARY" not in str(redact({name: {"any": "CANARY"}}))


def test_header_kept_as_a_pair_is_masked_like_a_field() -> None:
    shown = redact({"headers": [("Cookie", "CANARY"), ("accept", "text")]})

    assert shown == {"headers": [["Cookie", "…"], ["accept", "text"]]}


@pytest.mark.parametrize("name", ["token", "key", "key_id", "tokens", "model"])
def test_names_of_accounts_and_keys_stay(name: str) -> None:
    assert redact({name: "5f3a9c"}) == {name: "5f3a9c"}


@pytest.mark.parametrize(
    "text",
    [
        "request GET /v1/chat/completions status=200",
        "token 5f3a9c pool=basic status=cooling",
        "https://host.example/path?page=2",
        "models are grok-4, grok-3-mini",
        "disk-full risk-free task-0123456789",
        "the cookie was refused, and the key too",
    ],
)
def test_ordinary_text_stays(text: str) -> None:
    assert redact_text(text) == text


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | _TEXT | st.binary(),
        lambda inner: st.lists(inner) | st.dictionaries(_TEXT, inner),
    )
)
def test_redacted_value_is_always_json(value: Any) -> None:
    assert msgspec.json.decode(msgspec.json.encode(redact({"v": value}))) is not None


def test_secret_and_unshowable_objects_do_not_cost_the_line() -> None:
    class Unshowable:
        def __str__(self) -> str:
            raise ValueError

    shown = redact({"secret_like": Secret("CANARY"), "odd": Unshowable()})

    assert "CANARY" not in str(shown)
    assert shown["odd"] == "<Unshowable>"


def test_long_text_keeps_both_ends() -> None:
    shown = redact_text("begin" + "x" * 100_000 + "end")

    assert len(shown) < 20_000
    assert shown.startswith("begin")
    assert shown.endswith("end")


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


def event(text: str) -> dict[str, str]:
    return {"msg": text}


def line(text: str) -> str:
    return f'{{"msg":"{text}"}}\n'


def files(folder: Path, days: Iterator[date], *, max_files: int = 3) -> DailyFiles:
    return DailyFiles(folder, max_bytes=20, max_files=max_files, today=lambda: next(days))


def test_full_file_is_numbered_and_the_oldest_goes(tmp_path: Path) -> None:
    handler = files(tmp_path, iter([DAY] * 10))
    for text in ("first", "second", "third", "fourth"):
        handler.write([event(text)])
    handler.close()

    contents = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert contents == {
        f"app_{DAY}.2.log": line("second"),
        f"app_{DAY}.3.log": line("third"),
        f"app_{DAY}.log": line("fourth"),
    }


def test_processes_write_to_the_same_files(tmp_path: Path) -> None:
    handlers = [files(tmp_path, iter([DAY] * 10)) for _ in range(2)]
    for number, text in enumerate(("first", "second", "third", "fourth")):
        handlers[number % 2].write([event(text)])
    for handler in handlers:
        handler.close()

    contents = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert contents == {
        f"app_{DAY}.2.log": line("second"),
        f"app_{DAY}.3.log": line("third"),
        f"app_{DAY}.log": line("fourth"),
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


def test_each_day_has_its_own_file_readable_by_its_owner_only(tmp_path: Path) -> None:
    handler = files(tmp_path, iter([DAY, DAY.replace(day=6), DAY.replace(day=7)]), max_files=2)
    for text in ("a", "b", "c"):
        handler.write([event(text)])
    handler.close()

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "app_2026-08-06.log",
        "app_2026-08-07.log",
    ]
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_file_of_an_earlier_start_is_continued_and_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"app_{DAY}.log").write_text("old\n")
    (tmp_path / "notes.log").write_text("mine")
    handler = files(tmp_path, iter([DAY]))
    handler.write([event("new")])
    handler.close()

    assert (tmp_path / f"app_{DAY}.log").read_text() == "old\n" + line("new")
    assert (tmp_path / "notes.log").exists()


def test_disk_that_refuses_costs_the_line_only(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "log").write_text("in the way")
    handler = files(tmp_path / "log", iter([DAY]))
    handler.write([event("lost")])
    handler.close()

    assert capsys.readouterr() == ("", "")


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


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[str]], float]:
    """Values by name and label values."""
    return {
        (sample.name, frozenset(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_counters_have_the_documented_names() -> None:
    metrics = Metrics()
    metrics.request_finished("/v1/a", "GET", status=200, seconds=0.2)
    metrics.call_ended("completed", ["connect", "ok"])
    metrics.quota_sync_failed("timeout")
    metrics.drift_seen("converse")
    metrics.plugin_fault("chat")
    shown = samples(metrics)

    assert shown["grokgate_requests_total", frozenset({"/v1/a", "GET", "200"})] == 1
    assert shown["grokgate_upstream_attempts_total", frozenset({"ok"})] == 1
    assert shown["grokgate_upstream_connect_errors_total", frozenset()] == 1
    assert shown["grokgate_retry_total", frozenset({"connect"})] == 1
    assert shown["grokgate_stream_end_total", frozenset({"completed"})] == 1
    assert shown["grokgate_quota_sync_errors_total", frozenset({"timeout"})] == 1
    assert shown["grokgate_upstream_drift_total", frozenset({"converse"})] == 1
    assert shown["grokgate_plugin_faults_total", frozenset({"chat"})] == 1


def test_request_times_are_counted_up_to_each_bound() -> None:
    metrics = Metrics()
    for seconds in (0.005, 0.2, 400):
        metrics.request_finished("/a", "GET", status=200, seconds=seconds)
    shown = samples(metrics)

    assert shown["grokgate_request_seconds_bucket", frozenset({"/a", "0.005"})] == 1
    assert shown["grokgate_request_seconds_bucket", frozenset({"/a", "0.25"})] == 2
    assert shown["grokgate_request_seconds_bucket", frozenset({"/a", "+Inf"})] == 3
    assert shown["grokgate_request_seconds_sum", frozenset({"/a"})] == pytest.approx(400.205)


def test_gauges_are_read_when_shown() -> None:
    metrics, depth = Metrics(), [1]
    metrics.watch("queue_depth", lambda: depth[0])
    metrics.watch_labelled("tokens", ("pool", "status"), lambda: {("basic", "active"): 7})
    depth[0] = 5
    shown = samples(metrics)

    assert shown["grokgate_queue_depth", frozenset()] == 5
    assert shown["grokgate_tokens", frozenset({"basic", "active"})] == 7


def test_totals_kept_elsewhere_are_read_when_shown() -> None:
    metrics = Metrics()
    metrics.watch_total("clock_jump", lambda: 2)
    metrics.watch_totals("penalties", ("class",), lambda: {("forbidden",): 3})
    shown = samples(metrics)

    assert shown["grokgate_clock_jump_total", frozenset()] == 2
    assert shown["grokgate_penalties_total", frozenset({"forbidden"})] == 3


def test_call_that_tried_no_account_ends_no_stream() -> None:
    metrics = Metrics()
    metrics.call_ended("unsent", [])

    assert metrics.count("stream_end", "unsent") == 0


def test_time_to_abort_is_counted() -> None:
    metrics = Metrics()
    metrics.upstream_aborted(0.05)

    assert samples(metrics)["grokgate_upstream_abort_seconds_bucket", frozenset({"0.1"})] == 1


def test_number_of_series_is_bounded() -> None:
    metrics = Metrics()
    for number in range(MAX_SERIES + 10):
        metrics.drift_seen(f"operation-{number}")

    assert metrics.count("upstream_drift", "other") == 10


def test_two_gateways_do_not_share_metrics() -> None:
    first, second = Metrics(), Metrics()
    first.plugin_fault("chat")

    assert second.count("plugin_faults", "chat") == 0
