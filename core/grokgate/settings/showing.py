"""What is shown of settings: secrets only where that was asked for (F-CFG-09)."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from grokgate.settings.aliases import spellings
from grokgate.settings.fields import Field
from grokgate.settings.sources import flatten
from grokgate.settings.values import mask, plain

_LONGEST: Final = 200
"""Characters of a value in the audit trail."""


def shown(field: Field, value: Any, *, reveal: bool = False) -> Any:
    """Return a value in JSON types, masked if it is a secret."""
    return covered(plain(value)) if field.secret and not reveal else plain(value)


def covered(value: Any) -> Any:
    """Mask every text inside of *value*; an empty one hides nothing."""
    match value:
        case str():
            return mask(value) if value else ""
        case list():
            return [covered(item) for item in value]
        case Mapping():
            return {name: covered(item) for name, item in value.items()}
    return value


def differences(
    fields: Mapping[str, Field], before: Mapping[str, Any], after: Mapping[str, Any]
) -> dict[str, Any]:
    """Tell what became other, by full key, for the audit trail; of a secret, only that it did.

    Lists are told by what came and what went. Values longer than 200 characters are cut.
    """
    return {
        key: {} if field.secret else _difference(plain(before[key]), plain(after[key]))
        for key, field in fields.items()
        if before[key] != after[key]
    }


def unknown(fields: Mapping[str, Field], tree: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of *tree*, which a file holds, is no setting, by full key; texts are masked."""
    leaves = flatten(tree, spellings(fields.values()))
    return {name: covered(plain(raw)) for name, raw, field in leaves if field is None}


def tree(
    fields: Mapping[str, Field],
    values: Mapping[str, Any],
    written: Mapping[str, Any],
    *,
    reveal: bool = False,
) -> dict[str, Any]:
    """Return every value as section → key → value, older spellings beside their keys.

    Args:
        fields: All fields by key.
        values: In force, by key.
        written: Tree of the file. What of it is no setting is shown too; nobody knows what it is,
            so its texts are treated as secrets.
        reveal: Show secrets in clear.
    """
    found: dict[str, Any] = {}
    for name, raw, field in flatten(written, spellings(fields.values())):
        if field is None:
            _put(found, name, raw if reveal else covered(plain(raw)))
    for key, field in fields.items():
        value = shown(field, values[key], reveal=reveal)
        for spelling in field.spellings:
            _put(found, spelling, value)
    return found


def _difference(before: Any, after: Any) -> dict[str, Any]:
    if isinstance(before, list) and isinstance(after, list):
        added = [item for item in after if item not in before]
        removed = [item for item in before if item not in after]
        if added or removed:
            return {"added": _bounded(added), "removed": _bounded(removed)}
    return {"from": _bounded(before), "to": _bounded(after)}


def _bounded(value: Any) -> Any:
    """Return a value as it is, or the beginning of its text."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return value if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _put(found: dict[str, Any], name: str, value: Any) -> None:
    *parts, last = name.split(".")
    for part in parts:
        below = found.setdefault(part, {})
        if not isinstance(below, dict):
            return
        found = below
    found[last] = value
