"""Tells plugins how calls ended, each behind a fence, and metrics how calls and accounts fare."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from grokgate.openai.tally import current_tally
from grokgate.plugin.records import CallRecord
from grokgate.registry import Registry
from grokgate.scheduler.home import PoolView
from grokgate.telemetry import Metrics

HOOK = "grokgate_call_finished"
MAX_FAULTS = 3
"""Faults in a row after which an observer is silent until the next start."""


class Observers:
    """The plugins that watch calls; resolved once, so that a call costs a list walk.

    Args:
        registry: Loaded plugins.
        contexts: Their contexts, by plugin name.
        on_fault: Told the name of a plugin that raised.
        log: A bound structlog logger.
    """

    def __init__(
        self,
        registry: Registry,
        contexts: Mapping[str, Any],
        *,
        on_fault: Callable[[str], None],
        log: Any,
    ) -> None:
        self._on_fault = on_fault
        self._log = log
        self._contexts = contexts
        self._hooks: dict[str, Callable[..., Any]] = {
            plugin.name: registry.caller(plugin.name, HOOK)
            for plugin in registry.plugins
            if registry.implements(plugin.name, HOOK)
        }
        self._faults = dict.fromkeys(self._hooks, 0)

    @property
    def listening(self) -> list[str]:
        """Names of the plugins that are still told."""
        return list(self._hooks)

    def silenced(self, plugin: str) -> bool:
        """Tell whether *plugin* watched calls once and is not told any more."""
        return plugin in self._faults and plugin not in self._hooks

    def __call__(self, record: CallRecord) -> None:
        """Tell every observer; never raises."""
        for name, hook in tuple(self._hooks.items()):
            try:
                hook(ctx=self._contexts[name], record=record)
            except Exception:  # noqa: BLE001 - a fence: an observer's fault is its own
                self._log.exception("observer_failed", plugin=name, silenced=self._count(name))
            else:
                self._faults[name] = 0

    def _count(self, name: str) -> bool:
        """Count a fault; tell whether it was the last one."""
        self._on_fault(name)
        self._faults[name] += 1
        if self._faults[name] < MAX_FAULTS:
            return False
        del self._hooks[name]
        return True


def count_call(metrics: Metrics, record: CallRecord, *, draining: bool) -> None:
    """Count a call and its attempts.

    Args:
        metrics: Where.
        record: How the call ended.
        draining: The service is about to stop, and ends calls itself.
    """
    reason = "completed" if record.outcome == "completed" else _reason(record, draining=draining)
    metrics.call_ended(reason, [str(attempt.observation.kind) for attempt in record.tries])
    for attempt in record.tries:
        if attempt.observation.status is not None:
            metrics.upstream_answered(attempt.observation.status)


def tally_call(record: CallRecord) -> None:
    """Note what a call used, for the request it belongs to."""
    tally = current_tally()
    # A call that nobody read to its end is ended wherever the collector finds it.
    if tally is None or tally.request_id != record.request_id:
        return
    tally.model = record.model
    tally.error = record.error
    tally.attempts += record.attempts
    tally.units += record.units
    tally.outputs += record.outputs
    if record.tries:
        tally.token = record.tries[-1].account


def watch_home(metrics: Metrics, view: Callable[[], PoolView], *, upstreams: Iterable[str]) -> None:
    """Show the counts of a ledger's home in *metrics*."""
    ids = tuple(upstreams)
    metrics.watch("leases_open", lambda: view().leases_open)
    metrics.watch("queue_depth", lambda: view().queue_depth)
    metrics.watch("ledger_imbalance", lambda: view().ledger_imbalance)
    metrics.watch_labelled("tokens", ("pool", "status"), lambda: dict(view().tokens.items()))
    metrics.watch_labelled(
        "pool_incident",
        ("upstream",),
        lambda: {(upstream,): float(upstream in view().incident) for upstream in ids},
    )
    metrics.watch_totals(
        "penalties",
        ("class",),
        lambda: {(kind,): count for kind, count in view().penalties.items()},
    )
    metrics.watch_total("pool_incidents", lambda: view().incidents)
    metrics.watch_total("fence_rejected", lambda: view().fence_rejected)
    metrics.watch_total("quota_overruns", lambda: view().overruns)
    metrics.watch_total("quota_drift_units", lambda: view().drift_units)
    metrics.watch_total("leases_recovered", lambda: view().recovered)
    metrics.watch_total("clock_jump", lambda: view().clock_jumps)


def _reason(record: CallRecord, *, draining: bool) -> str:
    if draining and record.outcome == "cancelled":
        return "shutdown"
    return "unsent" if record.observation is None else str(record.observation.kind)
