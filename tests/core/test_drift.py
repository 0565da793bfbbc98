from typing import Any

import pytest
import structlog.testing

from grokgate.drift import MOST_PATHS, NOTICE_AFTER, OTHER, Drift, clean_path


class Times:
    """A wall clock that tests set."""

    def __init__(self) -> None:
        self.ms = 1000

    def __call__(self) -> int:
        return self.ms


def _drift(now: Times | None = None) -> Drift:
    log: Any = structlog.get_logger()
    return Drift(now_ms=now or Times(), log=log)


def test_paths_are_counted_per_operation() -> None:
    drift = _drift()

    drift.seen("web", "2026-08", "converse", "result.newField")
    drift.seen("web", "2026-08", "converse", "result.newField")
    drift.seen("web", "2026-08", "survey", "result.newField")

    counted = [(seen.operation, seen.count) for seen in drift.sightings()]
    assert counted == [("converse", 2), ("survey", 1)]


def test_first_and_last_time_are_kept() -> None:
    now = Times()
    drift = _drift(now)

    drift.seen("web", "2026-08", "converse", "a")
    now.ms = 5000
    drift.seen("web", "2026-08", "converse", "a")

    [seen] = drift.sightings()
    assert (seen.first_at_ms, seen.last_at_ms) == (1000, 5000)


def test_operator_is_told_once_and_only_of_what_keeps_coming() -> None:
    with structlog.testing.capture_logs() as logs:
        drift = _drift()
        for _ in range(3 * NOTICE_AFTER):
            drift.seen("web", "2026-08", "converse", "result.newField")
        drift.seen("web", "2026-08", "converse", "result.rare")

    assert [(entry["event"], entry["operation"], entry["path"]) for entry in logs] == [
        ("upstream_drift", "converse", "result.newField")
    ]


def test_number_of_paths_is_bounded() -> None:
    drift = _drift()
    for number in range(3 * MOST_PATHS):
        drift.seen("web", "2026-08", "converse", f"field{number}")

    seen = drift.sightings()
    assert len(seen) == MOST_PATHS + 1
    assert (seen[0].path, seen[0].count) == (OTHER, 2 * MOST_PATHS)


@pytest.mark.parametrize(
    ("path", "clean"),
    [
        ("result.response.token", "result.response.token"),
        ("cards[3].title", "cards[].title"),
        ("users.jane@example.com.name", "users.*.com.name"),
        ("a b\n.c", "*.c"),
        ("", "*"),
    ],
)
def test_names_that_may_be_values_are_not_kept(path: str, clean: str) -> None:
    assert clean_path(path) == clean
