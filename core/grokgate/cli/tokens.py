"""``grokgate tokens``: import, list, export, ask, switch and remove pooled accounts."""

import argparse
import asyncio
import codecs
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from grokgate import control
from grokgate.cli.notes import note
from grokgate.cli.place import data_dir, environment, start_command
from grokgate.cli.table import ago, print_json, print_pairs, print_table, terminal_width, when
from grokgate.cli.work import perform
from grokgate.errors import StartupError
from grokgate.operations import OperationFailed
from grokgate.stores import sandbox_instead

_OUTCOMES = ("added", "updated", "restored", "unchanged", "removed")
_USABLE = ("added", "updated", "restored", "unchanged")
_SLOW_BYTES = 1_000_000
"""Length from which an import may take longer than two seconds."""
_NOTED = 50
"""Answers between two notes of how far a refresh is."""
_AUTO = "auto"
_SPARE = ("token", "last_used_at_ms", "tags", "note")
"""Columns of the list that a narrow terminal goes without, least telling first."""
_MORE = " (--wide shows everything)"
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def import_file(arguments: argparse.Namespace) -> int:
    """Import a file of accounts and report each entry that was not taken as it was."""
    text = _read(arguments.file)
    if len(text) > _SLOW_BYTES and sys.stderr.isatty():
        note(f"importing {arguments.file} …")
    wanted = {"text": text, "pool": arguments.pool, "mode": arguments.mode}
    return _print_report(perform("tokens.import", wanted))


def show(arguments: argparse.Namespace) -> None:
    """Print a table of all accounts, as wide as the terminal."""
    rows = perform("tokens.list", {})
    if arguments.json:
        print_json(rows)
        return
    is_narrowed = print_table(
        [_row(row) for row in rows],
        empty="No accounts: grokgate tokens import FILE",
        spare=_SPARE,
        width=None if arguments.wide else terminal_width(),
    )
    if rows:
        counts = Counter(row["state"]["status"] for row in rows)
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(counts.items()))
        print(f"\n{len(rows)} accounts: {statuses}" + (_MORE if is_narrowed else ""))


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
    """Have disabled and cooling accounts used again."""
    wanted = tuple(dict.fromkeys(arguments.ids))
    done = perform("tokens.enable", {"ids": wanted})
    code = _print_changed("enable", wanted, done["found"], others=done["expired"])
    for token_id in done["expired"]:
        print(f"expired: {token_id}: it has to answer first: grokgate tokens refresh {token_id}")
    return 1 if done["expired"] else code


def details(arguments: argparse.Namespace) -> None:
    """Print everything known of one account but its secret."""
    found = perform("tokens.show", {"id": arguments.id})
    if arguments.json:
        print_json(found)
        return
    account, state = found["account"], found["account"]["state"]
    print_pairs(_facts(account, state, found["inflight"]))
    print()
    print_table(_buckets(state["buckets"]), empty="Nothing is known of its quota.")


def refresh(arguments: argparse.Namespace) -> int:
    """Ask accounts for their quota now; 1 when one of them did not answer."""
    if bool(arguments.ids) == bool(arguments.all or arguments.pool):
        note("Name accounts by their ids, or --pool POOL, or --all")
        return 2
    folder = data_dir(environment())
    failures: list[str] = []
    wanted = {"ids": arguments.ids or None, "pool": arguments.pool}
    asking = control.ask(folder, "tokens.refresh", wanted, _Answers(failures).print)
    try:
        asyncio.run(asking)
    except ConnectionError as error:
        raise StartupError(no_service(folder)) from error
    except OperationFailed as error:
        raise StartupError(str(error)) from error
    return 1 if failures else 0


def no_service(folder: Path) -> str:
    """Say that only a running service can ask accounts, and how to start it."""
    nobody = (
        f"No service runs on the data folder {folder}, and only a running one can ask accounts."
    )
    made_up = sandbox_instead(folder)
    if made_up is not None:
        return f"{nobody} Set DATA_DIR={made_up} for the accounts of serve --sandbox."
    return f"{nobody} Start it: {start_command(folder)}"


class _Answers:
    """Prints what became of each account as it comes."""

    def __init__(self, failures: list[str]) -> None:
        self._failures = failures
        self._count = 0

    def print(self, asked: Mapping[str, Any]) -> None:
        self._count += 1
        after = _summary(asked["after"])
        if asked["failure"] is None:
            print(f"{asked['id']}: {_summary(asked['before'])} -> {after}", flush=True)
        else:
            self._failures.append(asked["id"])
            print(f"{asked['id']}: {_refused(asked)}: {after}", flush=True)
        if self._count % _NOTED == 0 and self._count < asked["of"]:
            note(f"asked {self._count} of {asked['of']}")


def _refused(asked: Mapping[str, Any]) -> str:
    """Say why there was no answer, and who can say more."""
    failure = asked["failure"]
    known = _NOT_ASKED.get(failure)
    return known or f"failed ({_word(failure)}; more: grokgate doctor {asked['id']})"


def _change(verb: str, ids: Sequence[str]) -> int:
    """Do *verb* to the accounts and report it; 1 when there is none with one of the ids."""
    wanted = tuple(dict.fromkeys(ids))
    return _print_changed(verb, wanted, perform(f"tokens.{verb}", {"ids": wanted}))


def _print_changed(
    verb: str, wanted: Sequence[str], found: Sequence[str], *, others: Sequence[str] = ()
) -> int:
    unknown = [token_id for token_id in wanted if token_id not in (*found, *others)]
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
        "pool": _pool(token),
        "status": _status(state),
        "quota": _quota(state["buckets"]) + (" (stale)" if token["stale"] else ""),
        "tags": token["tags"],
        "note": token["note"],
        "last_used_at_ms": state["last_used_at_ms"],
    }


def _pool(token: Mapping[str, Any]) -> str:
    """Name the pool, and what is odd about it."""
    pool: str = token["pool"]
    if pool == _AUTO:
        return f"{pool} (not detected yet)"
    if not token["routed"]:
        return f"{pool} (unknown)"
    return f"{pool} (looks like {token['hint']})" if token["hint"] else pool


def _facts(
    account: Mapping[str, Any], state: Mapping[str, Any], inflight: int | None
) -> dict[str, Any]:
    """Return the lines of `details`; fields of the state that have no line of their own follow."""
    shown = {
        "id": account["id"],
        "token": account["masked"],
        "pool": _pool(account),
        "status": _status(state),
        "quota": "stale: the last survey failed" if account["stale"] else "",
        "in_flight": "unknown, no service runs" if inflight is None else inflight,
        "at_once": account["max_inflight"],
        "own_proxy": account["has_proxy"],
        "tags": account["tags"],
        "note": account["note"],
        "created_at_ms": account["created_at_ms"],
    }
    return shown | {name: value for name, value in state.items() if name not in _SHOWN_APART}


def _buckets(buckets: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "bucket": name,
            "remaining": bucket["remaining"] if bucket["remaining"] >= 0 else "unknown",
            "total": bucket["total"],
            "window_s": bucket["window_s"],
            "reset_at_ms": bucket["reset_at_ms"],
            "learned": ago(bucket["synced_at_ms"]),
            "source": bucket["source"],
        }
        for name, bucket in buckets.items()
    ]


def _summary(state: Mapping[str, Any] | None) -> str:
    return "no such account" if state is None else f"{_status(state)}, {_quota(state['buckets'])}"


def _status(state: Mapping[str, Any]) -> str:
    status: str = state["status"]
    reason = f" ({_reason(state)})" if state["state_reason"] else ""
    until = state["cooldown_until_ms"] if status == "cooling" else None
    return status + reason + (f" until {when(until)}" if until else "")


def _reason(state: Mapping[str, Any]) -> str:
    """Say why a status is what it is; what was seen tells more than the rule that it met."""
    said = (state.get("evidence") or "").split()
    kind = next((word for word in said if word in _WORDS), state["state_reason"])
    return _word(kind if state["status"] == "expired" else state["state_reason"])


def _word(kind: str) -> str:
    """Return what the kind of a failure means, where that is not plain."""
    return _WORDS.get(kind, kind)


def _quota(buckets: Mapping[str, Mapping[str, Any]]) -> str:
    """Name what is left of each window: ``auto 12/20``, or ``auto ?/20`` where nobody knows.

    Windows that the account's plan lacks, and those assumed to be there that no answer named, are
    left out.
    """
    surveyed = any(bucket.get("source") == "real" for bucket in buckets.values())
    left = [
        f"{name} {bucket['remaining'] if bucket['remaining'] >= 0 else '?'}"
        + (f"/{bucket['total']}" if bucket["total"] else "")
        for name, bucket in buckets.items()
        if _is_there(bucket, surveyed=surveyed)
    ]
    return ", ".join(left) or "unknown"


def _is_there(bucket: Mapping[str, Any], *, surveyed: bool) -> bool:
    if bucket.get("source") == "default":
        return not surveyed and bucket["remaining"] >= 0
    return bool(bucket["total"] != 0)


_SHOWN_APART = frozenset({"id", "status", "state_reason", "buckets", "cooldown_until_ms", "kept"})
_WORDS = {"auth_dead": "credential is dead", "auth_fail": "credential refused"}
_NOT_ASKED = {
    "unknown": "not asked",
    "disabled": "not asked, enable it first",
    "not_loaded": "not asked, its upstream is not loaded",
}
