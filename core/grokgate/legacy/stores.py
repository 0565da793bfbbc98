"""Reads rows of the predecessors' databases into the forms of their files (F-MIG-12); pure.

```text
tq    table tokens, or hashes grok2api:token:<token>       one account each
      table app_config, or hash grok2api:config            section and key, or section.key → JSON
py2   table accounts, or hashes accounts:record:<token>    one account each
      table config_store, or hash config:user              a.b.c → JSON
```

As observed in their sources of 2026. Columns that are not known are passed on.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

import msgspec

Row: TypeAlias = Mapping[str, Any]

_TQ_OWN: Final = frozenset({"data", "data_hash", "pool_name", "updated_at", "_update_kind"})
"""What tq kept for itself."""
_PY2_NAMES: Final = {
    "usage_use_count": "use_count",
    "usage_fail_count": "fail_count",
    "usage_sync_count": "sync_count",
    "last_use_at": "last_used_at",
    "last_clear_at": "last_asset_clear_at",
}
_PY2_OWN: Final = frozenset({"updated_at", "revision", "deleted_at"})
_WINDOW: Final = "quota_"
_SOURCES: Final = {0: "default", 1: "real", 2: "estimated"}
_BOOLEANS: Final = {"True": True, "False": False}
_VERSION: Final = "__version__"


def tq_record(row: Row) -> dict[str, Any]:
    """Return an account of tq; its columns are newer than the record that it kept beside them."""
    kept = _json(row.get("data"))
    record = {**kept, **_said(row)} if isinstance(kept, dict) else _said(row)
    pool = row.get("pool_name", record.get("pool"))
    record = {name: value for name, value in record.items() if name not in _TQ_OWN}
    if isinstance(record.get("tags"), str):
        record["tags"] = _json(record["tags"])
    if isinstance(record.get("status"), str):
        record["status"] = record["status"].removeprefix("TokenStatus.").lower()
    for name in ("quota_known", "heavy_quota_known"):
        if name in record:
            record[name] = _BOOLEANS.get(str(record[name]), record[name])
    return {**record, "pool": pool} if pool else record


def py2_record(row: Row) -> dict[str, Any] | None:
    """Return an account of py2; None: it was deleted there."""
    said = _said(row)
    if "deleted_at" in said:
        return None
    record: dict[str, Any] = {}
    quota: dict[str, Any] = {}
    for name, value in said.items():
        if name.startswith(_WINDOW):
            window = _json(value)
            if window:
                quota[name.removeprefix(_WINDOW)] = _window(window)
        elif name in ("tags", "ext"):
            record[name] = _json(value)
        elif name not in _PY2_OWN:
            record[_PY2_NAMES.get(name, name)] = value
    return {**record, "quota": quota} if quota else record


def config_tree(entries: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the tree that dotted names and JSON texts describe; what is no JSON is a text."""
    tree: dict[str, Any] = {}
    for name, text in entries:
        *parts, last = name.split(".")
        table = tree
        for part in parts:
            below = table.setdefault(part, {})
            table = below if isinstance(below, dict) else {}
        value = _json(text)
        if value is not None and name != _VERSION:
            table[last] = value
    return tree


def _said(row: Row) -> dict[str, Any]:
    """Return what a row says; nothing, an empty text and the text of None say nothing."""
    return {name: value for name, value in row.items() if value not in (None, "", "None")}


def _window(window: Any) -> Any:
    """Return a quota window with the name of its source in place of the number."""
    if not isinstance(window, dict):
        return window
    source = window.get("source")
    return {**window, "source": _SOURCES.get(source, source) if type(source) is int else source}


def _json(value: Any) -> Any:
    """Return what a text says in JSON; one that is none, and what is no text, as it is."""
    if not isinstance(value, str | bytes):
        return value
    try:
        return msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return value
