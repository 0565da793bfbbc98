"""Counts what drivers did not know in the upstream's answers: paths of fields, never their values.

A field that is new, missing or of another type is the first sign of a changed protocol, long
before anything fails. One notice per path goes to the log once it was seen often enough to be no
accident. Names of fields come from the upstream, so they are cut and cleaned, and their number is
bounded.
"""

import re
from collections.abc import Callable
from typing import Any

from msgspec import Struct

NOTICE_AFTER = 20
"""Sightings of one path after which the operator is told, once."""
MOST_PATHS = 500
"""Paths that are kept; further ones count under `OTHER`."""
OTHER = "(other)"

_LONGEST_PATH = 120
_SEGMENT = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{0,39}")


class Sighting(Struct, frozen=True, kw_only=True):
    """One path, and how often it was seen."""

    upstream: str
    profile: str
    operation: str
    path: str
    count: int
    first_at_ms: int
    last_at_ms: int


class Drift:
    """Sightings of this process.

    Args:
        now_ms: Returns Unix milliseconds.
        log: A bound structlog logger.
    """

    def __init__(self, *, now_ms: Callable[[], int], log: Any) -> None:
        self._now_ms = now_ms
        self._log = log
        self._seen: dict[tuple[str, str, str, str], Sighting] = {}

    def seen(self, upstream: str, profile: str, operation: str, path: str) -> None:
        """Count a path that a driver of *upstream* met while it spoke *profile*."""
        key = (upstream, profile, operation, clean_path(path))
        before = self._seen.get(key)
        if before is None and len(self._seen) >= MOST_PATHS:
            key = (upstream, profile, operation, OTHER)
            before = self._seen.get(key)
        now_ms = self._now_ms()
        sighting = self._seen[key] = Sighting(
            upstream=upstream,
            profile=profile,
            operation=operation,
            path=key[3],
            count=1 if before is None else before.count + 1,
            first_at_ms=now_ms if before is None else before.first_at_ms,
            last_at_ms=now_ms,
        )
        if sighting.count == NOTICE_AFTER:
            self._log.warning(
                "upstream_drift",
                upstream=upstream,
                profile=profile,
                operation=operation,
                path=sighting.path,
                seen=sighting.count,
            )

    def sightings(self) -> list[Sighting]:
        """List what was seen, most often first."""
        return sorted(self._seen.values(), key=lambda sighting: -sighting.count)


def clean_path(path: str) -> str:
    """Make a path fit for logs: segments that are no plain names become ``*``."""
    segments = path[:_LONGEST_PATH].split(".")
    return ".".join(_clean(segment) for segment in segments)


def _clean(segment: str) -> str:
    name, bracket, _ = segment.partition("[")
    mark = "[]" if bracket else ""
    return (name if _SEGMENT.fullmatch(name) else "*") + mark
