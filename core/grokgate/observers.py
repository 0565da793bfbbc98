"""Tells plugins how calls ended, each behind a fence."""

from collections.abc import Callable, Mapping
from typing import Any

from grokgate.plugin.records import CallRecord
from grokgate.registry import Registry

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
