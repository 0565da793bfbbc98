"""Decides where a predecessor's configuration goes, and tells it in today's keys (F-MIG-09)."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from grokgate.legacy.config import Converted, convert_config, convert_setting_toml
from grokgate.migration.found import OldConfig
from grokgate.settings import Field
from grokgate.settings.aliases import spellings
from grokgate.settings.document import edited
from grokgate.settings.files import replace_file
from grokgate.settings.sources import FILE, OLD_FILE, flatten, parse, read_config

BESIDE: Final = "config.migrated.toml"


class Advice(Struct, frozen=True, kw_only=True):
    """What became of an old configuration."""

    path: Path
    """Where it goes: the configuration file, or one beside it where that says something already."""
    is_applied: bool
    lines: tuple[str, ...]
    """``key = value``, secrets hidden."""
    notes: tuple[str, ...]


def settle_config(
    old: OldConfig, folder: Path, fields: Mapping[str, Field], *, rehearsal: bool
) -> Advice:
    """Put an old configuration into *folder*, unless one is there: then beside it.

    Args:
        old: What was found.
        folder: The data folder.
        fields: All settings there are, by key.
        rehearsal: Write nothing.

    Raises:
        ConfigFileError: The present file is not TOML.
        SettingsError: The old one cannot be written as TOML.
    """
    converted = _converted(old, fields)
    present = read_config(folder / FILE)
    is_free = not (folder / OLD_FILE).exists() and not (present and parse(present, folder / FILE))
    leaves = dict(_leaves(converted.tree, fields))
    if is_free and old.file is not None:
        path, content = folder / old.file.name, old.file.read_bytes()
    else:
        path = folder / (FILE if is_free else BESIDE)
        before = present.decode("utf-8-sig") if present and is_free else ""
        content = edited(before, put={key: value for key, (value, _) in leaves.items()}).encode()
    if not rehearsal:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, content)
    return Advice(
        path=path,
        is_applied=is_free,
        lines=tuple(f"{key} = {_shown(value, field)}" for key, (value, field) in leaves.items()),
        notes=(*converted.notes, *converted.warnings),
    )


def _converted(old: OldConfig, fields: Mapping[str, Field]) -> Converted:
    if old.file is not None and old.file.name == OLD_FILE:
        return convert_setting_toml(old.tree)
    aliases = {field.key: field.aliases for field in fields.values() if field.aliases}
    return convert_config(old.tree, aliases=aliases)


def _leaves(
    tree: Mapping[str, Any], fields: Mapping[str, Field]
) -> Iterator[tuple[str, tuple[Any, Field | None]]]:
    """Yield what TOML can hold: name, value and setting; None: no setting has this name."""
    for name, value, field in flatten(tree, spellings(fields.values())):
        if _is_toml(value):
            yield name, (value, field)


def _is_toml(value: Any) -> bool:
    """Tell whether TOML can hold a value of JSON, where nothing may be a value."""
    match value:
        case dict():
            return all(map(_is_toml, value.values()))
        case list():
            return all(map(_is_toml, value))
    return value is not None


def _shown(value: Any, field: Field | None) -> str:
    """Return a value as TOML writes it; what is secret, or nobody knows, is not shown."""
    if field is None:
        return "(not shown: no setting of today)"
    if field.secret:
        return "(not shown: secret)"
    return msgspec.json.encode(value).decode()
