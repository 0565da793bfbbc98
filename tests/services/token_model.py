"""A plain dictionary of tokens that does what the token store is to do."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from grokgate.tokens import TokenRecord

Row = dict[str, Any]
"""One token of the model, all fields flat."""
Entry = dict[str, Any]
"""One account of an import."""


ASSUMED = {"ssoBasic": {"default": 80}, "ssoSuper": {"default": 140}, "strange": {}}
POOLS = {None: "ssoBasic", "basic": "ssoBasic", "super": "ssoSuper", "strange": "strange"}
"""What an import may call a pool, and the one that is meant."""

READ = (
    "SELECT t.id, pool, tags, note, max_inflight, created_at, deleted_at, t.revision, status,"
    " state_reason, buckets, use_count, fail_count, cooldown_until"
    " FROM tokens t JOIN token_states s ON t.id = s.id"
)


class Model:
    """What the store should hold: rows by credential, deleted ones included."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    @property
    def live(self) -> list[Row]:
        return [row for row in self.rows.values() if row["deleted_at"] is None]

    def take_in(self, accounts: Sequence[Entry], mode: str, now_ms: int) -> None:
        named = {entry["token"] for entry in accounts}
        pools = {POOLS[entry["pool"]] for entry in accounts}
        absent = [r for r in self.live if r["token"] not in named and r["pool"] in pools]
        for entry in accounts:
            self._meet(entry, mode, now_ms)
        if mode == "replace":
            self.delete(absent, now_ms)

    def _meet(self, entry: Entry, mode: str, now_ms: int) -> None:
        there = self.rows.get(entry["token"])
        if there is None:
            self.rows[entry["token"]] = _changed(_fresh(entry, now_ms), entry, join_tags=False)
            return
        after = there | {"deleted_at": None}
        if mode != "add":
            after = _changed(after, entry, join_tags=mode == "update")
        if after != there:
            self.rows[entry["token"]] = after | {"revision": there["revision"] + 1}

    def delete(self, rows: Iterable[Row], now_ms: int) -> None:
        for row in rows:
            row["deleted_at"] = now_ms
            row["revision"] += 1

    def restore(self, rows: Iterable[Row]) -> None:
        for row in rows:
            row["deleted_at"] = None
            row["revision"] += 1

    def enable(self, rows: Iterable[Row]) -> None:
        for row in rows:
            row.update(status="active", state_reason=None, cooldown_until=None, fail_count=0)
            row["revision"] += 1

    def disable(self, rows: Iterable[Row]) -> None:
        for row in rows:
            row.update(status="disabled", state_reason="operator")
            row["revision"] += 1

    def write(self, row: Row, numbers: Row) -> None:
        by_operator = "disabled" in {row["status"], numbers["status"]}
        kept = {name: row[name] for name in ("status", "state_reason")} if by_operator else {}
        row.update(numbers | kept)


def _fresh(entry: Entry, now_ms: int) -> Row:
    pool = POOLS[entry["pool"]]
    return {
        "token": entry["token"],
        "pool": pool,
        "tags": [],
        "note": "",
        "max_inflight": None,
        "proxy_url": None,
        "extra": {},
        "created_at": now_ms,
        "deleted_at": None,
        "revision": 1,
        "status": "active",
        "state_reason": None,
        "buckets": {name: (units, "default") for name, units in ASSUMED[pool].items()},
        "use_count": 0,
        "fail_count": 0,
        "cooldown_until": None,
    }


def _changed(row: Row, entry: Entry, *, join_tags: bool) -> Row:
    same = ("note", "max_inflight", "status", "use_count")
    after = row | {name: entry[name] for name in same if name in entry}
    if entry["pool"]:
        after["pool"] = POOLS[entry["pool"]]
    if "tags" in entry:
        after["tags"] = [*dict.fromkeys([*(row["tags"] if join_tags else []), *entry["tags"]])]
    if "proxy_url" in entry:
        after["proxy_url"] = entry["proxy_url"] or None
    if "quota" in entry:
        after["buckets"] = row["buckets"] | {"default": (entry["quota"], "estimated")}
    if "odd" in entry:
        after["extra"] = {"odd": entry["odd"]}
    return after


def seen(record: TokenRecord) -> Row:
    """Return a token of the store as a row of the model."""
    state = record.state
    return {
        "token": record.credential.reveal(),
        "pool": record.pool,
        "tags": [*record.tags],
        "note": record.note,
        "max_inflight": record.max_inflight,
        "proxy_url": record.proxy_url.reveal() if record.proxy_url else None,
        "extra": record.extra,
        "created_at": record.created_at_ms,
        "deleted_at": record.deleted_at_ms,
        "revision": record.revision,
        "status": state.status,
        "state_reason": state.state_reason,
        "buckets": {name: (each.remaining, each.source) for name, each in state.buckets.items()},
        "use_count": state.use_count,
        "fail_count": state.fail_count,
        "cooldown_until": state.cooldown_until_ms,
    }


def stored(row: Row) -> Iterator[Any]:
    """Yield what the columns of `READ` hold for a row of the model."""
    yield row["pool"]
    yield json.dumps(row["tags"], separators=(",", ":")).encode()
    yield from (row[name] for name in ("note", "max_inflight", "created_at", "deleted_at"))
    yield from (row[name] for name in ("revision", "status", "state_reason"))
    buckets = {
        name: {"remaining": left, "total": None, "window_s": None, "reset_at_ms": None}
        | {"synced_at_ms": None, "source": source}
        for name, (left, source) in row["buckets"].items()
    }
    yield json.dumps(buckets, separators=(",", ":")).encode()
    yield from (row[name] for name in ("use_count", "fail_count", "cooldown_until"))
