"""Holds the snapshot in force: loads it, changes it, and follows the file.

One change, in order: check every value → edit the file's text and build the new snapshot from it →
write the file → put the snapshot in force by one assignment → tell the listeners. Whatever fails
before the assignment leaves the old snapshot and, up to the write, the old file.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import msgspec
from anyio import to_thread
from watchfiles import Change, awatch

from grokgate.errors import ConfigFileError, SettingsError, StoreUnavailable
from grokgate.settings.changes import checked, rewritten
from grokgate.settings.core import CORE
from grokgate.settings.document import TEMPLATE
from grokgate.settings.fields import Declaration, Field, Switch, collect_fields, with_checks
from grokgate.settings.files import locked, replace_file
from grokgate.settings.resolve import resolve_fixed
from grokgate.settings.snapshot import Built, Plan, Profile, Snapshot, build
from grokgate.settings.sources import (
    FILE,
    OLD_FILE,
    FileLayer,
    environment_layer,
    file_layer,
    read_config,
    read_file_layer,
)

Listener: TypeAlias = Callable[[Snapshot, Snapshot], None]
"""Called with the old and the new snapshot, in the event loop; returns at once."""

_Mark: TypeAlias = tuple[int, int, int, int] | None
"""Changes with the file's content, place and rights; None: there is no file."""
_POLL_S = 1.0
_SETTLE_S = 0.05
_SETTLE_TRIES = 10
_DEBOUNCE_MS = 200


class SettingsStore:
    """The settings of one process. Made by `load`.

    Everything but `run` and `change` is synchronous and belongs to the event loop's thread.
    """

    snapshot: Snapshot
    """In force now; replaced as a whole, never changed."""

    def __init__(self, *, path: Path, plan: Plan, built: Built, log: Any) -> None:
        self.path = path
        self.snapshot = built.snapshot
        self._plan = plan
        self._built = built
        self._seen = built.content
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
        )
        layer = _first_layer(data_dir, fields, log) if create else read_file_layer(data_dir, fields)
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

    async def change(self, patch: Mapping[str, Mapping[str, Any]]) -> Snapshot:
        """Save and apply a partial tree: section → key → value; lists replace.

        Returns once the file is written and the listeners have been called. May be called from
        several tasks; the changes follow each other. Cancelled while the file is being written, it
        still puts in force what was written.

        Returns:
            The snapshot in force; its warnings also name the unknown keys of *patch*.

        Raises:
            SettingsLocked: A key is set by the environment or by this run.
            SettingsError: A value is bad or cannot be changed this way; nothing was saved.
            StoreUnavailable: The file cannot be written or is locked for 10 s.
        """
        async with self._lock:
            current = self._built.resolved.values
            changes, warnings = checked(patch, self.fields, current, self.locks)
            if changes:
                self._put_in_force(await to_thread.run_sync(self._save, changes))
                self._log.info("settings_changed", keys=sorted(changes))
        if not warnings:
            return self.snapshot
        return msgspec.structs.replace(self.snapshot, warnings=(*self.snapshot.warnings, *warnings))

    async def run(self) -> None:
        """Follow changes of the file until cancelled; one is noticed within two seconds."""
        mark = self._mark()
        stop = anyio.Event()
        await self._catch_up()
        async with anyio.create_task_group() as group:
            group.start_soon(self._watch_folder, stop)
            group.start_soon(self._poll, mark, stop)

    async def _watch_folder(self, stop: anyio.Event) -> None:
        # A watch on the file itself goes blind after the first atomic replace.
        changes = awatch(
            self.path.parent,
            watch_filter=self._concerns,
            debounce=_DEBOUNCE_MS,
            recursive=False,
            stop_event=stop,
        )
        try:
            async with aclosing(changes):
                async for _ in changes:
                    await self._catch_up()
        except (OSError, RuntimeError) as error:
            self._log.warning("settings_watch_failed", error=type(error).__name__)

    async def _poll(self, mark: _Mark, stop: anyio.Event) -> None:
        try:
            while True:
                await anyio.sleep(_POLL_S)
                seen, mark = mark, self._mark()
                if mark != seen:
                    await self._catch_up()
        finally:
            # The thread of `awatch` hears of a cancel only through this event, else after 5 s.
            stop.set()

    def _concerns(self, _change: Change, path: str) -> bool:
        return Path(path).name == self.path.name

    def _mark(self) -> _Mark:
        try:
            found = self.path.stat()
        except OSError:
            return None
        # The time of change too: a file may keep the others and only become readable later.
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    async def _catch_up(self) -> None:
        """Follow the file once it has stopped changing: editors truncate before they write."""
        async with self._lock:
            try:
                content = await to_thread.run_sync(read_config, self.path)
                for _ in range(_SETTLE_TRIES):
                    if content == self._seen:
                        return
                    await anyio.sleep(_SETTLE_S)
                    before, content = content, await to_thread.run_sync(read_config, self.path)
                    if content == before:
                        break
                self._follow(content)
            except ConfigFileError as error:
                self._log.warning("settings_file_unreadable", reason=str(error))

    def _follow(self, content: bytes | None) -> bool:
        if content == self._seen:
            return False
        self._seen = content
        if content is None:
            raise ConfigFileError(f"{self.path}: gone; the settings stay as they are.")
        layer = file_layer(content, self.path, self.fields)
        built = build(self._plan, layer, previous=self._built, strict=False)
        if not built.differs_from(self._built):
            self._built = msgspec.structs.replace(built, snapshot=self.snapshot)
            return False
        self._put_in_force(built)
        self._log.info("settings_reloaded", revision=self.snapshot.revision)
        return True

    def _save(self, changes: Mapping[str, Any]) -> Built:
        """Write *changes* and build their snapshot; runs in a worker thread."""
        try:
            with locked(self.path.parent / ".locks" / "config.lock"):
                layer = self._layer_to_edit()
                content = rewritten(layer, self.path, changes, self.fields).encode()
                layer = file_layer(content, self.path, self.fields)
                built = build(self._plan, layer, previous=self._built, strict=True)
                replace_file(self.path, content)
        except ConfigFileError as error:
            raise SettingsError("config.toml cannot be read; correct it first.") from error
        except OSError as error:
            self._log.warning("settings_file_unwritable", reason=error.strerror)
            raise StoreUnavailable("The configuration file cannot be written.") from error
        return built

    def _layer_to_edit(self) -> FileLayer:
        content = read_config(self.path)
        if content is None:
            content = self._built.content
        if content is None:
            return read_file_layer(self.path.parent, self.fields)
        return file_layer(content, self.path, self.fields)

    def _put_in_force(self, built: Built) -> None:
        old = self.snapshot
        new = msgspec.structs.replace(built.snapshot, revision=old.revision + 1)
        self._built = msgspec.structs.replace(built, snapshot=new)
        self._seen = built.content
        self.snapshot = new
        for warning in new.warnings:
            if warning not in old.warnings:
                self._log.warning("settings_warning", detail=warning)
        for listener in tuple(self._listeners):
            try:
                listener(old, new)
            except Exception:  # noqa: BLE001 - a fence: the listener's fault is logged
                self._log.exception("settings_listener_failed", revision=new.revision)


def _first_layer(data_dir: Path, fields: Mapping[str, Field], log: Any) -> FileLayer:
    """Read the file of this start, after making one where neither today's nor the oldest is."""
    layer = read_file_layer(data_dir, fields)
    if layer.content is not None or (data_dir / OLD_FILE).exists():
        return layer
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(data_dir / FILE, TEMPLATE.encode())
    except OSError as error:
        log.warning("settings_file_not_created", reason=error.strerror)
        return layer
    return read_file_layer(data_dir, fields)
