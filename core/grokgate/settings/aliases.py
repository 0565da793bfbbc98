"""Old spellings of keys (F-CFG-130).

A field may be spelled by its key or by an older name. The key wins where it is present and not
empty, else the first older spelling that is, else whatever is there. A save keeps the spelling
found in the file.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from grokgate.settings.fields import Field


def spellings(fields: Iterable[Field]) -> dict[str, Field]:
    """Return every spelling with the field it means."""
    return {spelling: field for field in fields for spelling in field.spellings}


def chosen(field: Field, found: Mapping[str, Any]) -> str | None:
    """Return the spelling of *field* whose value counts; None: *found* has none."""
    present = [spelling for spelling in field.spellings if spelling in found]
    filled = [spelling for spelling in present if found[spelling] not in ("", None)]
    return next(iter(filled or present), None)


def by_key(found: Mapping[str, Any], names: Mapping[str, Field]) -> dict[str, Any]:
    """Return the values that count, by key. Every name in *found* is one of *names*."""
    fields = {names[spelling].key: names[spelling] for spelling in found}
    return {key: found[chosen(field, found) or key] for key, field in fields.items()}


def to_write(field: Field, present: Collection[str]) -> tuple[str, ...]:
    """Return the spellings that a save sets: those present, so that they agree, else the key."""
    return tuple(name for name in field.spellings if name in present) or (field.key,)
