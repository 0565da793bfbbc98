"""All settings at one revision, built whole or not at all."""

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final, TypeAlias, TypeVar

from msgspec import Struct

from grokgate.errors import SettingsError
from grokgate.plugin.records import Settings
from grokgate.settings.app import AppSettings
from grokgate.settings.core import CompatSettings, UpstreamsSettings
from grokgate.settings.fields import SWITCHES, Declaration, Fault, Field, Switch
from grokgate.settings.grok import GrokSettings, cautions
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.media import CacheSettings, FilesSettings, QuotaSettings
from grokgate.settings.models import ModelsSettings
from grokgate.settings.observing import TelemetrySettings, WebhookSettings
from grokgate.settings.performance import PerformanceSettings
from grokgate.settings.resolve import Fixed, Origin, Resolved, resolve
from grokgate.settings.sources import FileLayer
from grokgate.settings.startup import (
    LogSettings,
    PluginsSettings,
    ServerSettings,
    StorageSettings,
)
from grokgate.settings.token import TokenSettings
from grokgate.settings.ui import UiSettings
from grokgate.upstream import ActiveProfile

S = TypeVar("S", bound=Settings)
T = TypeVar("T")
Get: TypeAlias = Callable[[type[Settings]], Settings]
Profile: TypeAlias = Callable[[Get], ActiveProfile]
Judge: TypeAlias = Callable[[Get], Iterable[Fault]]
"""Finds what is wrong with values that are good each by itself."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


class Snapshot(Struct, frozen=True, kw_only=True, eq=False):
    """Every value at one moment. Take it once at the top of a request and keep it."""

    revision: int
    """Grows by one with every change in this process, from 1."""
    app: AppSettings
    grok: GrokSettings
    token: TokenSettings
    limits: LimitsSettings
    performance: PerformanceSettings
    cache: CacheSettings
    files: FilesSettings
    quota: QuotaSettings
    log: LogSettings
    server: ServerSettings
    storage: StorageSettings
    plugins: PluginsSettings
    upstreams: UpstreamsSettings
    models: ModelsSettings
    compat: CompatSettings
    webhooks: WebhookSettings
    telemetry: TelemetrySettings
    ui: UiSettings
    sections: Mapping[type[Settings], Settings]
    """Every declared section, the plugins' too."""
    enabled_routes: frozenset[str]
    """Ids of routes that are on, and all they require too."""
    profiles: Mapping[str, ActiveProfile]
    """By upstream id."""
    origins: Mapping[str, Origin]
    """By key."""
    warnings: tuple[str, ...]
    """Sentences for the operator; never a value."""

    def get(self, section: type[S]) -> S:
        """Return a declared section; the bare `Settings` is there for plugins without one.

        Raises:
            KeyError: Nobody declared it.
        """
        found = self.sections[section]
        assert isinstance(found, section)
        return found

    def __repr__(self) -> str:
        return f"Snapshot(revision={self.revision})"


class Plan(Struct, frozen=True, kw_only=True):
    """What a snapshot is built from besides the file; the same until the next start."""

    declarations: tuple[Declaration, ...]
    switches: tuple[Switch, ...]
    profiles: Mapping[str, Profile]
    fields: Mapping[str, Field]
    fixed: Fixed
    judges: tuple[Judge, ...] = ()


class Built(Struct, frozen=True, kw_only=True, eq=False):
    """A snapshot and what the next one needs to know of it."""

    snapshot: Snapshot
    resolved: Resolved
    file: FileLayer
    """What it was built from."""
    faults: frozenset[Fault] = frozenset()

    def differs_from(self, other: "Built") -> bool:
        """Tell whether anybody could notice the change from *other*."""
        return (
            self.resolved.values != other.resolved.values
            or self.resolved.origins != other.resolved.origins
            or self.snapshot.warnings != other.snapshot.warnings
        )


def build(
    plan: Plan,
    file: FileLayer,
    *,
    previous: Built | None,
    strict: bool,
    stored: Mapping[str, Any] = _NOTHING,
) -> Built:
    """Build the snapshot that follows *previous*.

    Args:
        plan: Fields, switches, profiles and the layers over the file.
        file: What the file says now.
        previous: Values that hold on where the file has bad ones; None: defaults do.
        strict: True: a section, profile or judge that refuses good values is an error, not a
            warning.
        stored: Raw values that the database holds, by key.

    Raises:
        SettingsError: Only when strict.
    """
    before = previous.snapshot if previous else None
    laid, idle = _laid(plan, stored, before)
    resolved = resolve(
        plan.fields,
        file.values,
        plan.fixed,
        last_good=previous.resolved.filed if previous else {},
        held=_held(plan, previous),
        stored=laid,
    )
    fence = _Fence(strict=strict)
    sections = _sections(plan, resolved.values, before, fence)
    faults = frozenset(fault for judge in plan.judges for fault in judge(sections.__getitem__))
    if strict:
        _refuse(faults, previous.faults if previous else ())
    grok = sections[GrokSettings]
    assert isinstance(grok, GrokSettings)
    parts: dict[str, Any] = {
        declaration.section: sections[declaration.type]
        for declaration in plan.declarations
        if declaration.section
    }
    snapshot = Snapshot(
        revision=before.revision + 1 if before else 1,
        sections=sections,
        enabled_routes=_enabled(plan.switches, resolved.values),
        profiles=_profiles(plan, sections, before, fence),
        origins=resolved.origins,
        warnings=(
            *plan.fixed.warnings,
            *file.warnings,
            *idle,
            *resolved.warnings,
            *fence.warnings,
            *sorted(f"{fault.key}: {fault.text}" for fault in faults),
            *cautions(grok),
        ),
        **parts,
    )
    return Built(snapshot=snapshot, resolved=resolved, file=file, faults=faults)


def _laid(
    plan: Plan, stored: Mapping[str, Any], before: Snapshot | None
) -> tuple[dict[str, Any], list[str]]:
    """Return what counts of the stored values, and warnings about the rest."""
    everything = before is not None and before.storage.config == "database"
    laid, warnings = {}, []
    for key, value in stored.items():
        field = plan.fields.get(key)
        if field is None or field.startup or field.file_only:
            warnings.append(f"{key} is stored in the database, where it has no effect")
        elif field.secret or everything:
            laid[key] = value
        else:
            warnings.append(
                f"{key} is stored in the database, which counts only while storage.config says so"
            )
    return laid, warnings


def _refuse(faults: Collection[Fault], known: Collection[Fault]) -> None:
    """Refuse a change that brings a fault which was not there before."""
    fresh = sorted((fault.key, fault.text) for fault in faults if fault not in known)
    if fresh:
        key, text = fresh[0]
        raise SettingsError(f"{key}: {text}", param=key)


def _held(plan: Plan, previous: Built | None) -> dict[str, Any]:
    if previous is None:
        return {}
    values = previous.resolved.values
    return {key: values[key] for key, field in plan.fields.items() if field.startup}


class _Fence:
    """Runs plugins' code that looks at values, so that a fault of it stays one."""

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self.warnings: list[str] = []

    def guard(self, what: str, make: Callable[[], T], fallback: Callable[[], T]) -> T:
        """Return what *make* makes, else a warning and the fallback."""
        try:
            return make()
        except Exception as error:
            problem = f"{what}: these values are refused ({type(error).__name__})"
            if self._strict:
                raise SettingsError(problem) from error
            self.warnings.append(f"{problem}; the last good ones or the defaults are used")
            return fallback()


def _sections(
    plan: Plan, values: Mapping[str, Any], before: Snapshot | None, fence: _Fence
) -> dict[type[Settings], Settings]:
    arguments: dict[type[Settings], dict[str, Any]] = {
        declaration.type: {} for declaration in plan.declarations
    }
    for field in plan.fields.values():
        if field.section is not None:
            arguments[field.section][field.name] = values[field.key]
    sections: dict[type[Settings], Settings] = {Settings: Settings()}
    for declaration in plan.declarations:
        section = declaration.type
        sections[section] = fence.guard(
            declaration.section or f"plugins.{declaration.owner}",
            partial(section, **arguments[section]),
            partial(before.get, section) if before else section,
        )
    return sections


def _profiles(
    plan: Plan,
    sections: Mapping[type[Settings], Settings],
    before: Snapshot | None,
    fence: _Fence,
) -> dict[str, ActiveProfile]:
    none = ActiveProfile(chain=())
    return {
        name: fence.guard(
            f"upstream {name}",
            partial(profile, sections.__getitem__),
            partial(before.profiles.__getitem__, name) if before else lambda: none,
        )
        for name, profile in plan.profiles.items()
    }


def _enabled(switches: Iterable[Switch], values: Mapping[str, Any]) -> frozenset[str]:
    """Return the switches that are on and whose requirements, and theirs in turn, are on too."""
    needs = {switch.id: switch.requires for switch in switches}
    enabled = {name for name in needs if values[f"{SWITCHES}.enable_{name}"]}
    while lacking := {name for name in enabled if not enabled.issuperset(needs[name])}:
        enabled -= lacking
    return frozenset(enabled)
