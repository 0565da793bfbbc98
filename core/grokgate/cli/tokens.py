"""``grokgate tokens``: import, list, export, switch and remove pooled accounts."""

import argparse
import codecs
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from grokgate.cli.notes import note
from grokgate.cli.table import print_json, print_table, when
from grokgate.cli.work import perform
from grokgate.errors import StartupError

_OUTCOMES = ("added", "updated", "restored", "unchanged", "removed")
_USABLE = ("added", "updated", "restored", "unchanged")
_SLOW_BYTES = 1_000_000
"""Length from which an import may take longer than two seconds."""
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def import_file(arguments: argparse.Namespace) -> int:
    """Import a file of accounts and report each entry that was not taken as it was."""
    text = _read(arguments.file)
    if len(text) > _SLOW_BYTES and sys.stderr.isatty():
        note(f"importing {arguments.file} …")
    wanted = {"text": text, "pool": arguments.pool, "mode": arguments.mode}
    return _print_report(perform("tokens.import", wanted))


def show(arguments: argparse.Namespace) -> None:
    """Print a table of all accounts."""
    rows = perform("tokens.list", {})
    if arguments.json:
        print_json(rows)
        return
    print_table([_row(row) for row in rows], empty="No accounts: grokgate tokens import FILE")
    if rows:
        counts = Counter(row["state"]["status"] for row in rows)
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        print(f"\n{len(rows)} accounts: {statuses}")


def export(arguments: argparse.Namespace) -> None:
    """Print all accounts, secrets included."""
    sys.stdout.write(perform("tokens.export", {"form": arguments.form})["text"])


def remove(arguments: argparse.Namespace) -> int:
    """Take accounts out; an import brings them back."""
    return _change("remove", arguments.ids)


def disable(arguments: argparse.Namespace) -> int:
    """Keep accounts from being used."""
    return _change("disable", arguments.ids)


def enable(arguments: argparse.Namespace) -> int:
    """Have accounts used again, expired and cooling ones too."""
    return _change("enable", arguments.ids)


def _change(verb: str, ids: Sequence[str]) -> int:
    """Do *verb* to the accounts and report it; 1 when there is none with one of the ids."""
    wanted = tuple(dict.fromkeys(ids))
    found = perform(f"tokens.{verb}", {"ids": wanted})
    unknown = [token_id for token_id in wanted if token_id not in found]
    print(f"{len(found)} {verb}d" + (f", {len(unknown)} unknown" if unknown else ""))
    for token_id in unknown:
        print(f"unknown: {token_id!a}: no account has this id, see grokgate tokens list")
    return 1 if unknown else 0


def _read(file: str) -> str:
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
    except OSError as error:
        raise StartupError(f"{file}: cannot be read ({error.strerror})") from error
    return content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig", "replace")


def _print_report(report: Mapping[str, Any]) -> int:
    """Print what an import did; 1 when nothing of it could be used."""
    rejected, remarks = report["rejected"], report["remarks"]
    counts = {outcome: len(report[outcome]) for outcome in _OUTCOMES}
    counts["rejected"] = len(rejected)
    done = [f"{count} {outcome}" for outcome, count in counts.items() if count]
    print(", ".join(done) or "no accounts in it")
    _print_places("rejected", rejected)
    _print_places("note", remarks)
    return 0 if any(counts[outcome] for outcome in _USABLE) else 1


def _print_places(kind: str, places: Iterable[Mapping[str, str]]) -> None:
    for place in places:
        print(f"{kind}: {place['position'] or 'the whole text'}: {place['reason']}")


def _row(token: Mapping[str, Any]) -> dict[str, Any]:
    state = token["state"]
    return {
        "id": token["id"],
        "token": token["masked"],
        "pool": token["pool"] if token["routed"] else f"{token['pool']} (unknown)",
        "status": _status(state),
        "quota": _quota(state["buckets"]),
        "tags": token["tags"],
        "note": token["note"],
        "last_used_at_ms": state["last_used_at_ms"],
    }


def _status(state: Mapping[str, Any]) -> str:
    status: str = state["status"]
    reason = f" ({state['state_reason']})" if state["state_reason"] else ""
    until = state["cooldown_until_ms"] if status == "cooling" else None
    return status + reason + (f" until {when(until)}" if until else "")


def _quota(buckets: Mapping[str, Mapping[str, Any]]) -> str:
    """Name what is left of each bucket that is known; −1 means that nobody has asked yet."""
    known = [
        f"{name} {bucket['remaining']}" + (f"/{bucket['total']}" if bucket["total"] else "")
        for name, bucket in buckets.items()
        if bucket["remaining"] >= 0
    ]
    return ", ".join(known) or "unknown"
