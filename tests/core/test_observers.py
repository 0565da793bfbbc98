from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import structlog
from structlog.testing import LogCapture

from grokgate import registry
from grokgate.observers import MAX_FAULTS, Observers
from grokgate.plugin import CallRecord, hookimpl
from grokgate.registry import PluginSource

RECORD = CallRecord(
    request_id="r1",
    plugin="chat",
    model="m1",
    upstream="web",
    outcome="completed",
    observation=None,
    units=1,
    outputs=1,
    attempts=1,
    duration_s=0.1,
    first_event_s=0.05,
)


class Watcher:
    """A plugin that observes calls."""

    def __init__(self, see: Callable[[Any, CallRecord], None]) -> None:
        self._see = see

    @hookimpl
    def grokgate_call_finished(self, ctx: Any, record: CallRecord) -> None:
        self._see(ctx, record)


class Stand:
    """Observers of some plugins, with what they led to."""

    def __init__(self, **watchers: Any) -> None:
        self.faults: list[str] = []
        self.log = LogCapture()
        log = structlog.wrap_logger(None, processors=[self.log])
        loaded = registry.load(
            [
                PluginSource(name=name, load=lambda one=one: one, bundled=False)
                for name, one in watchers.items()
            ],
            setting_keys=lambda _name, _section: (),
            check_rules=lambda _rules: None,
            log=log,
        )
        contexts = {name: SimpleNamespace(plugin=name) for name in watchers}
        self.observers = Observers(loaded, contexts, on_fault=self.faults.append, log=log)


def fail(_ctx: Any, _record: CallRecord) -> None:
    raise RuntimeError


def test_every_observer_gets_its_own_context_and_the_record() -> None:
    seen: list[tuple[str, CallRecord]] = []

    def see(ctx: Any, record: CallRecord) -> None:
        seen.append((ctx.plugin, record))

    Stand(a=Watcher(see), b=Watcher(see)).observers(RECORD)

    assert seen == [("a", RECORD), ("b", RECORD)]


def test_plugins_without_the_hook_are_not_asked() -> None:
    assert Stand(a=Silent(), b=Watcher(fail)).observers.listening == ["b"]


class Silent:
    """A plugin that observes nothing."""


def test_a_fault_is_logged_counted_and_stops_nobody_else() -> None:
    seen: list[CallRecord] = []
    stand = Stand(a=Watcher(fail), b=Watcher(lambda _, record: seen.append(record)))

    stand.observers(RECORD)

    assert (seen, stand.faults) == ([RECORD], ["a"])
    assert [(entry["event"], entry["plugin"]) for entry in stand.log.entries] == [
        ("observer_failed", "a")
    ]


def test_three_faults_in_a_row_silence_an_observer() -> None:
    stand = Stand(a=Watcher(fail))

    for _ in range(MAX_FAULTS + 2):
        stand.observers(RECORD)

    assert stand.faults == ["a"] * MAX_FAULTS
    assert stand.observers.listening == []
    assert [entry["silenced"] for entry in stand.log.entries] == [False, False, True]


def test_a_success_forgives_earlier_faults() -> None:
    outcomes = iter([True, True, False, True, True])

    def sometimes(_ctx: Any, _record: CallRecord) -> None:
        if next(outcomes):
            raise RuntimeError

    stand = Stand(a=Watcher(sometimes))
    for _ in range(5):
        stand.observers(RECORD)

    assert stand.observers.listening == ["a"]
