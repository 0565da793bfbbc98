"""``grokgate keys``: create, list and revoke API keys."""

import argparse
from collections.abc import Mapping
from typing import Any

from grokgate.cli.notes import note
from grokgate.cli.table import print_json, print_table
from grokgate.cli.work import perform


def create(arguments: argparse.Namespace) -> None:
    """Make a key; its text is shown now and never again."""
    made = perform("keys.create", {"name": arguments.name})
    print(made["key"])
    note(f"made key {made['record']['name']!r}; it is shown this once, keep it")


def show(arguments: argparse.Namespace) -> None:
    """Print a table of all keys."""
    rows = perform("keys.list", {})
    if arguments.json:
        print_json(rows)
    else:
        print_table([_row(row) for row in rows], empty="No API keys: grokgate keys create NAME")


def revoke(arguments: argparse.Namespace) -> None:
    """End a key at once, in the running service too."""
    ended = perform("keys.revoke", {"key": arguments.key})
    print(f"revoked {ended['name']} ({ended['prefix']}…)")


def _row(key: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": key["id"],
        "name": key["name"],
        "key": f"{key['prefix']}…",
        "status": "active" if key["is_active"] else "revoked",
        "created_at_ms": key["created_at_ms"],
        "limits": key["limits"],
    }
