"""Counters and gauges of one gateway, as Prometheus text on demand (F-LOG-06).

Counting is plain integers in the event loop's thread; the client library is imported, and its
objects are made, only when somebody asks for the text.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

from grokgate.telemetry.families import Family, Labels, Sample, Together, render

Gauge: TypeAlias = Callable[[], float]
LabelledGauge: TypeAlias = Callable[[], Mapping[Labels, float]]

BOUNDS_S = (0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper bounds of the classes of request times, seconds."""
MAX_SERIES = 2000
"""Label sets per counter; further ones are counted as ``other``."""
_OTHER = "other"
_CONNECT = "connect"


class Metrics:
    """Everything one gateway counts. Plugins never get it."""

    def __init__(self) -> None:
        self._counters: dict[str, Counter[Labels]] = {name: Counter() for name in _COUNTERS}
        self._times: dict[str, _Times] = {}
        self._aborts = _Times()
        self._waits = _Times()
        self._gauges: dict[str, tuple[Labels, LabelledGauge]] = {}
        self._totals: dict[str, tuple[Labels, LabelledGauge]] = {}

    def request_finished(self, route: str, method: str, *, status: int, seconds: float) -> None:
        """Count one request; *route* is a path template, *seconds* the time to its end."""
        self._count("requests", (route, method, str(status)))
        if route not in self._times and len(self._times) >= MAX_SERIES:
            route = _OTHER
        times = self._times.setdefault(route, _Times())
        times.add(seconds)

    def call_ended(self, reason: str, attempts: Sequence[str]) -> None:
        """Count the end of one call.

        Args:
            reason: Why it ended: ``completed``, ``shutdown``, or the kind of its last attempt.
            attempts: Kinds of its attempts, first one first; nothing to count if there was none.
        """
        for kind in attempts:
            self._count("upstream_attempts", (kind,))
            if kind == _CONNECT:
                self._count("upstream_connect_errors", ())
        for kind in attempts[:-1]:
            self._count("retry", (kind,))
        if attempts:
            self._count("stream_end", (reason,))

    def quota_sync_failed(self, kind: str) -> None:
        """Count a quota survey that failed, by the kind of its observation."""
        self._count("quota_sync_errors", (kind,))

    def upstream_aborted(self, seconds: float) -> None:
        """Count an upstream exchange ended early, and the time its end took."""
        self._aborts.add(seconds)

    def lease_waited(self, seconds: float) -> None:
        """Count a call that waited for an account, and how long."""
        self._waits.add(seconds)

    def upstream_answered(self, status: int) -> None:
        """Count a status that an upstream answered an attempt with."""
        self._count("upstream_statuses", (str(status),))

    def drift_seen(self, operation: str) -> None:
        """Count an unknown or missing field of an upstream answer."""
        self._count("upstream_drift", (operation,))

    def plugin_fault(self, plugin: str) -> None:
        """Count a defect of *plugin*."""
        self._count("plugin_faults", (plugin,))

    @property
    def plugin_faults(self) -> Mapping[str, int]:
        """Defects since the start, by plugin."""
        return {plugin: count for (plugin,), count in self._counters["plugin_faults"].items()}

    def watch(self, name: str, read: Gauge) -> None:
        """Show what *read* returns as the gauge ``grokgate_<name>``; the last one given counts."""
        self._gauges[name] = ((), lambda: {(): read()})

    def watch_labelled(self, name: str, labels: Labels, read: LabelledGauge) -> None:
        """Show one value per set of label values, in the order of *labels*."""
        self._gauges[name] = (labels, read)

    def watch_total(self, name: str, read: Gauge) -> None:
        """Show what *read* returns, which never decreases, as the counter ``grokgate_<name>``."""
        self._totals[name] = ((), lambda: {(): read()})

    def watch_totals(self, name: str, labels: Labels, read: LabelledGauge) -> None:
        """Show one counter per set of label values, in the order of *labels*."""
        self._totals[name] = (labels, read)

    def count(self, name: str, *labels: str) -> int:
        """Return a counter's value, such as ``count("requests", "/health", "GET", "200")``."""
        return self._counters[name][labels]

    def render(self) -> bytes:
        """Return all metrics in the text format 0.0.4."""
        return render(self.families())

    def families(self) -> list[Family]:
        """Return all metrics as they are now."""
        return [
            *(
                _family(name, text, "counter", labels, self._counters[name])
                for name, (text, labels) in _COUNTERS.items()
            ),
            _histogram("request_seconds", ("route",), {(r,): t for r, t in self._times.items()}),
            _histogram("upstream_abort_seconds", (), {(): self._aborts}),
            _histogram("lease_wait_seconds", (), {(): self._waits}),
            *(
                _family(name, _TOTALS.get(name, name), "counter", labels, read())
                for name, (labels, read) in self._totals.items()
            ),
            *(
                _family(name, _GAUGES.get(name, name), "gauge", labels, read())
                for name, (labels, read) in self._gauges.items()
            ),
        ]

    def _count(self, name: str, labels: Labels) -> None:
        counter = self._counters[name]
        if labels not in counter and len(counter) >= MAX_SERIES:
            labels = (_OTHER,) * len(labels)
        counter[labels] += 1


def _family(
    name: str,
    text: str,
    kind: Literal["counter", "gauge"],
    labels: Labels,
    values: Mapping[Labels, float],
) -> Family:
    samples = tuple(Sample(found, value) for found, value in values.items())
    together = _TOGETHER.get(name, "each")
    return Family(f"grokgate_{name}", text, kind, labels, samples, together)


def _histogram(name: str, labels: Labels, times: Mapping[Labels, "_Times"]) -> Family:
    samples = tuple(
        Sample(found, measured.total_s, tuple(measured.buckets()))
        for found, measured in times.items()
    )
    return Family(f"grokgate_{name}", _TIMES[name], "histogram", labels, samples)


class _Times:
    """Request times of one route, in classes."""

    def __init__(self) -> None:
        self._classes = [0] * (len(BOUNDS_S) + 1)
        self.total_s = 0.0

    def add(self, seconds: float) -> None:
        self._classes[bisect_left(BOUNDS_S, seconds)] += 1
        self.total_s += seconds

    def buckets(self) -> list[tuple[str, float]]:
        """Return the number of times up to each bound, as Prometheus counts them."""
        result, sum_so_far = [], 0
        for bound, number in zip((*map(str, BOUNDS_S), "+Inf"), self._classes, strict=True):
            sum_so_far += number
            result.append((bound, float(sum_so_far)))
        return result


_COUNTERS: Mapping[str, tuple[str, Labels]] = {
    "requests": (
        "Requests that ended; status 499: the client left; a stream that broke: that of its error.",
        ("route", "method", "status"),
    ),
    "upstream_attempts": ("Upstream attempts by kind of outcome.", ("kind",)),
    "upstream_statuses": (
        "HTTP statuses and socket close codes of upstream attempts, where there was one.",
        ("status",),
    ),
    "upstream_drift": ("Unknown or missing fields of upstream answers.", ("operation",)),
    "upstream_connect_errors": ("Upstream attempts that found no connection.", ()),
    "retry": ("Attempts repeated on another token, by kind of the failure before.", ("reason",)),
    "stream_end": (
        "Calls that tried an account, by how they ended: completed, shutdown, or kind of failure.",
        ("reason",),
    ),
    "quota_sync_errors": ("Quota surveys that failed, by kind of outcome.", ("kind",)),
    "plugin_faults": ("Defects of plugins.", ("plugin",)),
}
_TOTALS: Mapping[str, str] = {
    "retry_budget_exhausted": "Retries that the retry budget refused.",
    "penalties": "Changes of a token's health, by class of failure.",
    "pool_incidents": "Pool incidents: many tokens failing alike at once.",
    "fence_rejected": "Ends of leases that had ended before.",
    "quota_overruns": "Calls that cost more than was reserved for them.",
    "quota_drift_units": "Units by which surveys disagreed with the ledger.",
    "leases_recovered": "Tokens whose quota is asked anew because the last run ended uncleanly.",
    "clock_jump": "Jumps of the wall clock.",
    "request_rows_lost": "Rows of the request log that were given up or left out.",
    "webhooks": "Webhooks by outcome: delivered, failed, lost.",
    "cache_evictions": "Stored pictures and videos removed to keep a limit.",
    "decisions_lost": "Calls whose decisions were not written to the database.",
    "worker_restarts": "Workers that were started in place of others.",
}
_TIMES: Mapping[str, str] = {
    "request_seconds": "Time from request to end of reply.",
    "upstream_abort_seconds": (
        "Time to end an upstream exchange that its client did not want any more."
    ),
    "lease_wait_seconds": (
        "Time that calls waited for an account; calls that got one at once are left out."
    ),
}
_GAUGES: Mapping[str, str] = {
    "leases_open": "Leases that are not settled yet.",
    "queue_depth": "Calls waiting for a token.",
    "ledger_imbalance": "Units by which the ledger's books disagree; anything but 0 is a defect.",
    "tokens": "Tokens by pool and status.",
    "cache_bytes": "Bytes of stored pictures and videos, by kind.",
    "pool_incident": "1 while an upstream has a pool incident: no retries, no penalties.",
}
_TOGETHER: Mapping[str, Together] = {
    "leases_open": "sum",
    "queue_depth": "sum",
    "ledger_imbalance": "sum",
    "settle_backlog": "sum",
    "pool_incident": "most",
    "store_breaker_open": "most",
    "tokens": "one",
    "cache_bytes": "one",
    "worker_restarts": "one",
}
"""How several workers show what is not a matter of each."""
