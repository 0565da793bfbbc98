"""``grokgate keys``: create, list, revoke and delete API keys."""

import argparse
import asyncio
import time
from collections.abc import Mapping
from typing import Any

from grokgate import control
from grokgate.cli.inspection import inspect_gateway
from grokgate.cli.notes import note, terminal_log
from grokgate.cli.place import data_dir, environment
from grokgate.cli.table import print_json, print_table, when
from grokgate.cli.work import perform
from grokgate.errors import StartupError
from grokgate.operations import OperationFailed

_QUOTAS = ("chat", "heavy", "image", "video")


def create(arguments: argparse.Namespace) -> None:
    """Make a key; its text is shown now and never again."""
    limits = {quota: getattr(arguments, quota) for quota in _QUOTAS}
    made = perform(
        "keys.create",
        {
            "name": arguments.name,
            "limits": {quota: limit for quota, limit in limits.items() if limit is not None},
            "expires_at_ms": arguments.expires,
            "rpm": arguments.rpm,
            "max_inflight": arguments.max_inflight,
        },
    )
    print(made["key"])
    note(f"made key {made['record']['name']!r}; it is shown this once, keep it")


def show(arguments: argparse.Namespace) -> None:
    """Print a table of all keys, those of the settings too."""
    try:
        rows = asyncio.run(_listed())
    except OperationFailed as error:
        raise StartupError(str(error)) from error
    if arguments.json:
        print_json(rows)
    else:
        print_table([_row(row) for row in rows], empty="No API keys: grokgate keys create NAME")


def revoke(arguments: argparse.Namespace) -> None:
    """End a key at once, in the running service too."""
    ended = perform("keys.revoke", {"key": arguments.key})
    print(f"revoked {ended['name']} ({ended['prefix']}…)")


def delete(arguments: argparse.Namespace) -> None:
    """Remove a key for good, and all that its clients stored."""
    gone = perform("keys.delete", {"key": arguments.key})
    print(f"deleted {gone['name']} ({gone['prefix']}…) and what belonged to it")


async def _listed() -> Any:
    """Ask the running service; where there is none, look with the settings a start would have."""
    try:
        return await control.ask(data_dir(environment()), "keys.list", {})
    except ConnectionError:
        async with inspect_gateway(terminal_log()).look() as operations:
            return await operations.run("keys.list", {})


def _row(key: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "id": key["id"],
        "name": key["name"],
        "key": f"{key['prefix']}…",
        "status": _status(key),
        "source": key["source"],
        "created": None if key["created_at_ms"] is None else when(key["created_at_ms"]),
        "today": ", ".join(_uses(key)),
    }


def _status(key: Mapping[str, Any]) -> str:
    if not key["is_active"]:
        return "revoked"
    ends_at_ms = key["terms"].get("expires_at_ms")
    return "expired" if ends_at_ms is not None and ends_at_ms <= time.time() * 1000 else "active"


def _uses(key: Mapping[str, Any]) -> list[str]:
    """Say what was used of each quota that is limited or was used."""
    told = []
    for quota in _QUOTAS:
        used, limit = key["used_today"].get(quota, 0), key["limits"].get(quota, -1)
        if limit >= 0:
            told.append(f"{quota} {used}/{limit}")
        elif used:
            told.append(f"{quota} {used}")
    return told
