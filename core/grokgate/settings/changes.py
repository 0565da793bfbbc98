"""What a patch asks for, and the file text that says it (F-CFG-04 to F-CFG-07, F-CFG-130)."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from grokgate.errors import SettingsError
from grokgate.settings.aliases import spellings, to_write
from grokgate.settings.document import TEMPLATE, edited
from grokgate.settings.fields import Field
from grokgate.settings.resolve import Fixed, resolve
from grokgate.settings.sources import FileLayer, file_layer, flatten
from grokgate.settings.values import BadValueError, convert, plain, unmask


class SettingsLocked(SettingsError):
    """The environment or an option of this run sets the key; a change would have no effect."""

    status = 409
    default_code = "config_locked"


def checked(
    patch: Mapping[str, Any],
    fields: Mapping[str, Field],
    current: Mapping[str, Any],
    locks: Mapping[str, str],
    *,
    sealed: bool = False,
    at_start: Collection[str] = (),
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the keys that *patch* really changes with their new values, and warnings.

    A value equal to the one in force is no change and not checked further; null means the default;
    unknown keys become warnings.

    Args:
        patch: Partial tree; lists replace.
        fields: All fields by key.
        current: Values in force by key.
        locks: Keys that cannot be changed → what sets them.
        sealed: True: there is a place for secrets.
        at_start: Keys fixed at start that may be changed nevertheless, for the next one.

    Raises:
        SettingsLocked: A changed key is set by the environment or by this run.
        SettingsError: A changed key is fixed at start (``startup_only_config``) or may not be
            changed this way, or its value is bad; ``param`` names it.
    """
    names = spellings(fields.values())
    asked: dict[str, list[Any]] = {}
    warnings: list[str] = []
    for name, raw, field in _leaves(patch, names):
        if field is None:
            warnings.append(f"{name} is no setting and was ignored")
        else:
            asked.setdefault(field.key, []).append(raw)
    changes: dict[str, Any] = {}
    for key, raws in asked.items():
        field = fields[key]
        values, problem = _read(raws, field, current[key])
        if problem or any(value != current[key] for value in values):
            _refuse_unchangeable(field, locks, sealed=sealed, at_start=at_start)
            changes[key] = _agreed(values, problem, key)
    return changes, tuple(warnings)


def named(patch: Mapping[str, Any], fields: Mapping[str, Field]) -> list[str]:
    """Return the keys that *patch* names, each once; unknown names are passed over.

    Raises:
        SettingsError: It is nested too deeply.
    """
    found = _leaves(patch, spellings(fields.values()))
    return list(dict.fromkeys(field.key for _, _, field in found if field is not None))


def rewritten(
    layer: FileLayer,
    path: Path,
    changes: Mapping[str, Any],
    fields: Mapping[str, Field],
    *,
    leaving: Collection[str] = (),
) -> str:
    """Return the text of the file after *changes*, with the predecessors' keys in today's form.

    Only values that differ from their default are written. A default is written too where an old
    key in the file would otherwise come back to life. The keys *leaving* go with all their lines.

    Raises:
        SettingsError: The file cannot be edited.
    """
    text = TEMPLATE if layer.content is None else layer.content.decode("utf-8-sig")
    present = {name for name, _, _ in flatten(layer.written, spellings(fields.values()))}
    kept = _carried_over(layer, fields).items()
    put = {key: value for key, value in kept if key not in changes and key not in leaving}
    drop = [name for key in leaving for name in fields[key].spellings]
    for key, value in changes.items():
        names = to_write(fields[key], present)
        if value == fields[key].default:
            drop += names
        else:
            put.update(dict.fromkeys(names, plain(value)))
    text = edited(text, put=put, drop=drop)
    text = _without(text, path, leaving, fields)
    revived = _revived(text, path, changes, fields)
    return edited(text, put=revived) if revived else text


def _leaves(
    patch: Mapping[str, Any], names: Mapping[str, Field]
) -> list[tuple[str, Any, Field | None]]:
    try:
        return list(flatten(patch, names))
    except RecursionError:
        raise SettingsError("The settings are nested too deeply.") from None


def _without(text: str, path: Path, leaving: Collection[str], fields: Mapping[str, Field]) -> str:
    """Drop the lines in which a predecessor's key still says one of *leaving*."""

    def said(by: str) -> set[str]:
        return set(leaving) & file_layer(by.encode(), path, fields).values.keys()

    names = spellings(fields.values())
    written = file_layer(text.encode(), path, fields).written if leaving else {}
    for name, _, field in list(flatten(written, names)):
        if field is None and said(text):
            shorter = edited(text, put={}, drop=[name])
            text = shorter if said(shorter) < said(text) else text
    return text


def _read(raws: list[Any], field: Field, current: Any) -> tuple[list[Any], str]:
    """Return the values asked for by each spelling, or what is wrong with one of them."""
    try:
        if field.secret:
            raws = [unmask(raw, current) for raw in raws]
        return [field.default if raw is None else convert(raw, field.rule) for raw in raws], ""
    except BadValueError as error:
        return [], str(error)


def _refuse_unchangeable(
    field: Field, locks: Mapping[str, str], *, sealed: bool, at_start: Collection[str]
) -> None:
    if field.key in locks:
        raise SettingsLocked(f"{field.key} is set by {locks[field.key]}.", param=field.key)
    if field.startup and field.key not in at_start:
        raise SettingsError(
            f"{field.key} is fixed at start; change it in config.toml and restart.",
            code="startup_only_config",
            param=field.key,
        )
    if field.file_only or (field.secret and not sealed):
        raise SettingsError(
            f"{field.key} can only be set in config.toml or by {field.variable}.", param=field.key
        )


def _agreed(values: list[Any], problem: str, key: str) -> Any:
    if problem:
        raise SettingsError(f"{key}: {problem}", param=key)
    if any(value != values[0] for value in values):
        raise SettingsError(f"{key}: two spellings with different values", param=key)
    return values[0]


def _carried_over(layer: FileLayer, fields: Mapping[str, Field]) -> dict[str, Any]:
    """Return what only the predecessors' keys say, in today's keys."""
    names = spellings(fields.values())
    there = {name for name, _, _ in flatten(layer.written, names)}
    return {
        name: raw
        for name, raw, field in flatten(layer.tree, names)
        if name not in there and not (field is not None and _is_default(raw, field))
    }


def _is_default(raw: Any, field: Field) -> bool:
    try:
        return bool(convert(raw, field.rule) == field.default)
    except BadValueError:
        return False


def _revived(
    text: str, path: Path, changes: Mapping[str, Any], fields: Mapping[str, Field]
) -> dict[str, Any]:
    """Return the changes that the new text does not say, because an old key says otherwise."""
    layer = file_layer(text.encode(), path, fields)
    nothing = Fixed(values={}, origins={}, locks={}, warnings=())
    said = resolve(fields, layer.values, nothing, last_good={}, held={}).values
    return {key: plain(value) for key, value in changes.items() if said[key] != value}
