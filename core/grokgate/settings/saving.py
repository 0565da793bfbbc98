"""One change on its way to file and database.

Prepared: everything is checked and the file's new text lies beside it. Then the caller commits what
belongs to the database, and last the text takes the file's place.
"""

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from grokgate.settings.changes import rewritten
from grokgate.settings.depot import Stored
from grokgate.settings.files import Draft, locked
from grokgate.settings.snapshot import Built, Plan, build
from grokgate.settings.sources import FileLayer, file_layer, read_config, read_file_layer
from grokgate.settings.values import BadValueError, convert, plain


class Saving:
    """Divides a change between file and database.

    Secrets go to the database and leave the file (S14); all else too where ``storage.config`` says
    so, and then the file stays as it is.

    Args:
        path: The configuration file.
        plan: Fields and the layers over the file.
        before: What is in force.
        stored: What the database holds.
        sealed: False: there is no database, and everything goes to the file.
    """

    def __init__(
        self, path: Path, plan: Plan, before: Built, stored: Stored, *, sealed: bool
    ) -> None:
        self._path = path
        self._plan = plan
        self._before = before
        self._sealed = sealed
        self._draft: Draft | None = None
        self.stored: Mapping[str, Any] = stored.values
        """Raw values that the database will hold."""
        self.put: Mapping[str, Any] = {}
        """Raw values to be stored there."""
        self.drop: Collection[str] = ()
        """Keys to be removed there."""

    def prepare(self, stack: ExitStack, changes: Mapping[str, Any]) -> Built:
        """Lock the file until *stack* is closed, and build the snapshot after *changes*.

        Raises:
            SettingsError: The values do not go together, or the file cannot be edited.
            ConfigFileError: The file cannot be read.
            OSError: The new text cannot be written.
            StoreUnavailable: Somebody else has locked the file for 10 s.
        """
        stack.enter_context(locked(self._path.parent / ".locks" / "config.lock"))
        kept = {key: value for key, value in changes.items() if self._is_stored(key)}
        filed = {key: value for key, value in changes.items() if key not in kept}
        layer = self._layer_to_edit()
        after = self._edited(layer, filed, {key for key in kept if self._plan.fields[key].secret})
        self._divide(after, kept, filed)
        built = build(self._plan, after, previous=self._before, strict=True, stored=self.stored)
        if after.content is not None and after is not layer:
            self._draft = Draft(self._path, after.content)
            stack.callback(self._draft.discard)
        return built

    def publish(self) -> None:
        """Put the new text in the file's place.

        Raises:
            OSError: The folder does not allow it any more.
        """
        if self._draft is not None:
            self._draft.publish()

    def _is_stored(self, key: str) -> bool:
        field = self._plan.fields[key]
        everything = self._before.snapshot.storage.config == "database"
        return self._sealed and not field.startup and (field.secret or everything)

    def _edited(
        self, layer: FileLayer, filed: Mapping[str, Any], leaving: Collection[str]
    ) -> FileLayer:
        if not filed and layer.values.keys().isdisjoint(leaving):
            return layer
        fields = self._plan.fields
        text = rewritten(layer, self._path, filed, fields, leaving=leaving)
        return file_layer(text.encode(), self._path, fields)

    def _divide(self, file: FileLayer, kept: Mapping[str, Any], filed: Collection[str]) -> None:
        put = {key: plain(value) for key, value in kept.items() if self._below(file, key) != value}
        gone = {*(key for key in kept if key not in put), *filed}
        drop = gone & self.stored.keys()
        rest = {key: value for key, value in self.stored.items() if key not in drop}
        self.put, self.drop, self.stored = put, drop, {**rest, **put}

    def _below(self, file: FileLayer, key: str) -> Any:
        """Return what counts where the database says nothing."""
        field = self._plan.fields[key]
        try:
            return convert(file.values[key], field.rule) if key in file.values else field.default
        except BadValueError:
            return field.default

    def _layer_to_edit(self) -> FileLayer:
        content = read_config(self._path)
        if content is None:
            content = self._before.file.content
        if content is None:
            return read_file_layer(self._path.parent, self._plan.fields)
        return file_layer(content, self._path, self._plan.fields)
