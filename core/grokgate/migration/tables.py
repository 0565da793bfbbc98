"""What the tables of a predecessor's SQL database hold; pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

from grokgate.legacy.stores import Row, config_tree, py2_record, tq_record
from grokgate.migration.found import Found, OldConfig, token_files

Tables: TypeAlias = Mapping[str, Sequence[Row]]
"""Name → rows, of those that are there."""

TABLES: Final = ("tokens", "app_config", "accounts", "config_store")
"""The first two of tq, the others of py2."""


def found_in(name: str, tables: Tables) -> Found:
    """Convert rows.

    Args:
        name: Of the source, for the report.
        tables: Those of `TABLES` that there are.
    """
    accounts = [py2_record(row) for row in tables.get("accounts", ())]
    live = [record for record in accounts if record is not None]
    files = [
        *token_files(f"{name}/tokens", map(tq_record, tables.get("tokens", ()))),
        *token_files(f"{name}/accounts", live),
    ]
    tree = _config(tables)
    gone = len(accounts) - len(live)
    return Found(
        files=tuple(files),
        config=OldConfig(tree=tree) if tree else None,
        remarks=(f"{name}/accounts: deleted there and not taken: {gone}",) if gone else (),
    )


def _config(tables: Tables) -> dict[str, Any]:
    entries = [
        (f"{row['section']}.{row['key_name']}", row["value"])
        for row in tables.get("app_config", ())
    ]
    entries += [(row["key"], row["value"]) for row in tables.get("config_store", ())]
    return config_tree(entries)
