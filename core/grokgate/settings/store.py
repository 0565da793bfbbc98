"""Holds the snapshot in force: loads it, changes it, and follows file and database.

One change, in order: check every value → edit the file's text, build the new snapshot from it, and
put the text on disk beside the file → commit to the database what belongs there → put the text in
the file's place → put the snapshot in force by one assignment → tell the listeners. Whatever fails
up to the commit leaves everything as it was.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, TypeAlias

import anyio
import msgspec
from anyio import to_thread

from grokgate.bus import Bus, LocalBus
from grokgate.errors import ConfigFileError, SettingsError, StateError, StoreUnavailable
from grokgate.settings.beginning import first_layer
from grokgate.settings.changes import checked
from grokgate.settings.core import CORE
from grokgate.settings.depot import Depot, Stored
from grokgate.settings.fields import Declaration, Field, Switch, collect_fields, with_checks
from grokgate.settings.following import Follower, settled
from grokgate.settings.resolve import resolve_fixed
from grokgate.settings.saving import Saving
from grokgate.settings.snapshot import Built, Judge, Plan, Profile, Snapshot, build
from grokgate.settings.sources import (
    FILE,
    FileLayer,
    environment_layer,
    file_layer,
    read_config,
    read_file_layer,
)

TOPIC: Final = "settings"
Patch: TypeAlias = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
"""Partial tree, or what makes one of the values in force."""
Listener: TypeAlias = Callable[[Snapshot, Snapshot], None]
"""Called with the old and the new snapshot, in the event loop; returns at once."""


class SettingsStore:
    """The settings of one process. Made by `load`.

    What is synchronous belongs to the event loop's thread.
    """

    snapshot: Snapshot
    """In force now; replaced as a whole, never changed."""

    def __init__(self, *, path: Path, plan: Plan, built: Built, log: Any) -> None:
        self.path = path
        self.snapshot = built.snapshot
        self._plan = plan
        self._built = built
        self._seen = built.file.content
        self._stored = Stored()
        self._depot: Depot | None = None
        self._bus: Bus = LocalBus()
        self._log = log
        self._listeners: list[Listener] = []
        self._lock = anyio.Lock()

    @classmethod
    def load(
        cls,
        *,
        data_dir: Path,
        declarations: Iterable[Declaration],
        switches: Iterable[Switch],
        profiles: Mapping[str, Profile],
        environ: Mapping[str, str],
        overlay: Mapping[str, Any],
        log: Any,
        create: bool = True,
        checks: Mapping[str, Callable[[Any], object]] | None = None,
        judges: Iterable[Judge] = (),
    ) -> "SettingsStore":
        """Read all layers; make a commented ``config.toml`` where there is none.

        A bad value in a file or variable is warned about and the layer below it counts.

        Args:
            data_dir: Made if it does not exist, unless *create* is false.
            declarations: Of the plugins; the core's own are added.
            switches: Of all routes.
            profiles: Upstream id → profile in force, as a function of the settings.
            environ: As `load_environment` returns it.
            overlay: Full keys → values that win over every other layer.
            log: A bound structlog logger.
            create: False: make neither folder nor file.
            checks: Full key → test of the value in place of the declared one; others are ignored.
            judges: Look at several values together; what they find is a warning here, and refuses
                a change that brings it.

        Raises:
            ConfigFileError: The file is not TOML or cannot be read; it is left untouched.
            PluginError: Two owners of one key; names both.
            StartupError: The overlay is at fault.
        """
        declarations, switches = (*CORE, *declarations), tuple(switches)
        fields = with_checks(collect_fields(declarations, switches), checks or {})
        plan = Plan(
            declarations=declarations,
            switches=switches,
            profiles=profiles,
            fields=fields,
            fixed=resolve_fixed(fields, environment_layer(environ, fields), overlay),
            judges=tuple(judges),
        )
        layer = first_layer(data_dir, fields, log) if create else read_file_layer(data_dir, fields)
        built = build(plan, layer, previous=None, strict=False)
        for note in layer.notes:
            log.info("old_setting", detail=note)
        for warning in built.snapshot.warnings:
            log.warning("settings_warning", detail=warning)
        return cls(path=data_dir / FILE, plan=plan, built=built, log=log)

    @property
    def fields(self) -> Mapping[str, Field]:
        """Every key with its declaration."""
        return self._plan.fields

    @property
    def locks(self) -> Mapping[str, str]:
        """Keys that cannot be changed until the next start → what sets them."""
        return self._plan.fixed.locks

    @property
    def variables(self) -> Mapping[str, str]:
        """Keys that the environment sets → name of the variable."""
        return self._plan.fixed.variables

    @property
    def values(self) -> Mapping[str, Any]:
        """Every value in force, by key; secrets in clear."""
        return self._built.resolved.values

    @property
    def coming(self) -> Mapping[str, Any]:
        """Every value as it will be at the next start, by key."""
        held = {key: self._filed(key) for key, field in self.fields.items() if field.startup}
        return {**self.values, **held, **self._plan.fixed.values}

    @property
    def revision(self) -> int:
        """Number of the last change: of all processes that share the database, where it counts."""
        is_counted_there = self.snapshot.storage.config == "database"
        return self._stored.version if is_counted_there else self.snapshot.revision

    @property
    def file(self) -> FileLayer:
        """What the file says, as it was last read."""
        return self._built.file

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call *listener* after every change; returns what ends that, safe to call twice.

        What a listener raises is logged and stops nobody else.
        """
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def reload(self) -> bool:
        """Read the file again; tell whether another snapshot is in force now.

        A bad value leaves the last good one, an unreadable or vanished file the whole snapshot;
        both are logged.
        """
        try:
            return self._follow(read_config(self.path))
        except ConfigFileError as error:
            self._log.warning("settings_file_unreadable", reason=str(error))
            return False

    async def change(self, patch: Patch, *, at_start: Collection[str] = ()) -> Snapshot:
        """Save and apply a partial tree: section → key → value; lists replace, null resets.

        Returns once everything is on disk and the listeners have been called. May be called from
        several tasks; the changes follow each other. Cancelled while it saves, it still puts in
        force what was saved.

        Args:
            patch: Secrets go to the database, and their lines leave the file (S14). A function is
                called when no other change is under way, and may build on `values` and `coming`.
            at_start: Keys fixed at start that may be changed nevertheless; they take effect then.

        Returns:
            The snapshot in force; its warnings also name the unknown keys of *patch*.

        Raises:
            SettingsLocked: A key is set by the environment or by this run.
            SettingsError: A value is bad or cannot be changed this way; nothing was saved.
            StoreUnavailable: File or database cannot be written, or the file is locked for 10 s.
        """
        await self._look_at_depot()  # or a value that another process has just stored would stay
        async with self._lock:
            changes, warnings = checked(
                patch() if callable(patch) else patch,
                self.fields,
                self.coming if at_start else self.values,
                self.locks,
                sealed=self._depot is not None,
                at_start=at_start,
            )
            if changes:
                with anyio.CancelScope(shield=True):
                    self._put_in_force(await self._save(changes))
                self._bus.publish(TOPIC, changes)
                self._log.info("settings_changed", keys=sorted(changes))
        if not warnings:
            return self.snapshot
        return msgspec.structs.replace(self.snapshot, warnings=(*self.snapshot.warnings, *warnings))

    def join(self, bus: Bus) -> None:
        """Tell other processes of changes, and follow theirs at once; before the bus runs."""
        self._bus = bus
        bus.subscribe(TOPIC, lambda _ids: self._look_at_depot())

    async def adopt(self, depot: Depot) -> None:
        """Lay what *depot* holds over the file, and from now on keep secrets there.

        Called once, when the stores are open; settings that are needed before that come from file
        or environment.

        Raises:
            StateError: What is stored cannot be read.
        """
        async with self._lock:
            self._depot = depot
            self._lay(await depot.load())

    async def run(self) -> None:
        """Follow file and database until cancelled; a change is noticed within two seconds."""
        await Follower(
            self.path, changed=self._catch_up, look=self._look_at_depot, log=self._log
        ).run()

    async def _look_at_depot(self) -> None:
        """Follow what another process has stored."""
        if self._depot is None:
            return
        try:
            if await self._depot.version() != self._stored.version:
                async with self._lock:
                    self._lay(await self._depot.load())
        except StoreUnavailable:
            self._log.debug("stored_settings_unreadable")  # the next look is a second away
        except StateError as error:
            self._log.warning("stored_settings_unreadable", reason=str(error))

    def _lay(self, stored: Stored) -> None:
        self._stored = stored
        built = build(
            self._plan, self._built.file, previous=self._built, strict=False, stored=stored.values
        )
        self._take(built)

    async def _catch_up(self) -> None:
        """Follow the file."""
        async with self._lock:
            try:
                self._follow(await settled(self.path, self._seen))
            except ConfigFileError as error:
                self._log.warning("settings_file_unreadable", reason=str(error))

    def _follow(self, content: bytes | None) -> bool:
        if content == self._seen:
            return False
        self._seen = content
        if content is None:
            raise ConfigFileError(f"{self.path}: gone; the settings stay as they are.")
        layer = file_layer(content, self.path, self.fields)
        return self._take(
            build(
                self._plan,
                layer,
                previous=self._built,
                strict=False,
                stored=self._stored.values,
            )
        )

    def _take(self, built: Built) -> bool:
        """Put *built* in force if anybody could notice; tell whether it is."""
        if not built.differs_from(self._built):
            self._built = msgspec.structs.replace(built, snapshot=self.snapshot)
            return False
        self._put_in_force(built)
        self._log.info("settings_reloaded", revision=self.snapshot.revision)
        return True

    def _filed(self, key: str) -> Any:
        return self._built.resolved.filed.get(key, self.fields[key].default)

    async def _save(self, changes: Mapping[str, Any]) -> Built:
        """Write *changes* to file and database; returns their snapshot.

        Raises:
            StoreUnavailable: Not written; what the database took by then is in force.
        """
        depot = self._depot
        saving = Saving(self.path, self._plan, self._built, self._stored, sealed=depot is not None)
        with ExitStack() as stack:
            built = await to_thread.run_sync(self._prepared, saving, stack, changes)
            if depot is not None:
                version = await depot.save(saving.put, saving.drop)
                # Where another process was faster, the next look reads what it stored.
                known = version == self._stored.version + bool(saving.put or saving.drop)
                self._stored = Stored(
                    values=saving.stored, version=version if known else self._stored.version
                )
            try:
                await to_thread.run_sync(saving.publish)
            except OSError as error:
                self._lay(self._stored)
                raise self._unwritable(error) from error
        return built

    def _prepared(self, saving: Saving, stack: ExitStack, changes: Mapping[str, Any]) -> Built:
        """Check *changes* as a whole and put the new file on disk; runs in a worker thread."""
        try:
            return saving.prepare(stack, changes)
        except ConfigFileError as error:
            raise SettingsError("config.toml cannot be read; correct it first.") from error
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> StoreUnavailable:
        self._log.warning("settings_file_unwritable", reason=error.strerror)
        return StoreUnavailable("The configuration file cannot be written.")

    def _put_in_force(self, built: Built) -> None:
        old = self.snapshot
        new = msgspec.structs.replace(built.snapshot, revision=old.revision + 1)
        self._built = msgspec.structs.replace(built, snapshot=new)
        self._seen = built.file.content
        self.snapshot = new
        for warning in new.warnings:
            if warning not in old.warnings:
                self._log.warning("settings_warning", detail=warning)
        for listener in tuple(self._listeners):
            try:
                listener(old, new)
            except Exception:  # noqa: BLE001 - a fence: the listener's fault is logged
                self._log.exception("settings_listener_failed", revision=new.revision)
