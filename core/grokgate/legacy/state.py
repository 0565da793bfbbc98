"""Reads what predecessors kept beside configuration and tokens (F-MIG-07); pure.

```text
api_keys.json             [{key, name, created_at, is_active, chat_limit, …}]        seconds
api_key_usage.json        {day: {key: {chat_used, heavy_used, image_used, video_used}}}
stats.json                {hourly: {"2026-01-31T07": {total, success, failed}}, daily: {…}}
imagine_nsfw_state.json   {usage: {sha1[:12] of the token: {count, last_used}}}       seconds
```
"""

import math
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Final, Literal

import msgspec
from msgspec import Struct

QUOTAS: Final = ("chat", "heavy", "image", "video")
_MS_FROM: Final = 10**11
"""Times from here on are milliseconds."""


class UnreadableError(ValueError):
    """The file has another form; the message says so without its contents."""


class KeyEntry(Struct, frozen=True, kw_only=True):
    """A key of a client."""

    text: str
    name: str
    is_active: bool
    created_at_ms: int | None
    limits: Mapping[str, int]
    """By quota; −1: none."""


class CountEntry(Struct, frozen=True, kw_only=True):
    """Requests of one hour or day."""

    span: Literal["hour", "day"]
    begins_at_ms: int
    total: int
    success: int
    failed: int


class NsfwEntry(Struct, frozen=True, kw_only=True):
    """How often an account was used for adult pictures since the last reset."""

    digest: str
    """First 12 hex digits of the SHA-1 of the token."""
    count: int
    last_used_at_ms: int | None


def read_keys(data: bytes) -> list[KeyEntry]:
    """Read ``api_keys.json``; what is no key keeps its place with an empty text.

    Raises:
        UnreadableError: It is no list.
    """
    listed = _json(data)
    if isinstance(listed, dict):  # the reply of the predecessor's own list of keys
        listed = listed.get("data", listed.get("keys"))
    if not isinstance(listed, list):
        raise UnreadableError("It does not hold a list of keys.")
    return [_key(row if isinstance(row, dict) else {}) for row in listed]


def read_usage(data: bytes, day: str) -> dict[str, dict[str, int]]:
    """Read from ``api_key_usage.json`` what each key used on *day*: key → quota → number.

    Raises:
        UnreadableError: It is no object.
    """
    tree = _json(data)
    if not isinstance(tree, dict):
        raise UnreadableError("It does not hold the usage of keys by day.")
    of_day = tree.get(day)
    return {
        key: {quota: number for quota in QUOTAS if (number := _count(used.get(f"{quota}_used")))}
        for key, used in (of_day.items() if isinstance(of_day, dict) else ())
        if isinstance(used, dict)
    }


def read_statistics(data: bytes, *, offset_minutes: int) -> list[CountEntry]:
    """Read ``stats.json``, whose hours and days are *offset_minutes* east of UTC.

    Raises:
        UnreadableError: It is no object.
    """
    tree = _json(data)
    if not isinstance(tree, dict):
        raise UnreadableError("It does not hold statistics.")
    zone = timezone(timedelta(minutes=offset_minutes))
    return [*_counts(tree, "hourly", "hour", zone), *_counts(tree, "daily", "day", zone)]


def read_nsfw_state(data: bytes) -> list[NsfwEntry]:
    """Read ``imagine_nsfw_state.json``.

    Raises:
        UnreadableError: It is no object.
    """
    tree = _json(data)
    usage = tree.get("usage") if isinstance(tree, dict) else None
    if not isinstance(usage, dict):
        raise UnreadableError("It does not hold the usage of accounts.")
    return [
        NsfwEntry(
            digest=digest,
            count=_count(entry.get("count")),
            last_used_at_ms=_time(entry.get("last_used")),
        )
        for digest, entry in usage.items()
        if isinstance(entry, dict)
    ]


def _key(row: Mapping[str, Any]) -> KeyEntry:
    return KeyEntry(
        text=str(row.get("key") or "").strip(),
        name=str(row.get("name") or "").strip(),
        is_active=row.get("is_active") is not False and row.get("is_active") != 0,
        created_at_ms=_time(row.get("created_at")),
        limits={quota: _limit(row.get(f"{quota}_limit")) for quota in QUOTAS},
    )


def _counts(
    tree: Mapping[str, Any], name: str, span: Literal["hour", "day"], zone: timezone
) -> Iterator[CountEntry]:
    slots = tree.get(name)
    for text, entry in slots.items() if isinstance(slots, dict) else ():
        begins_at = _moment(text, zone)
        if begins_at is not None and isinstance(entry, dict):
            yield CountEntry(
                span=span,
                begins_at_ms=begins_at,
                total=_count(entry.get("total")),
                success=_count(entry.get("success")),
                failed=_count(entry.get("failed")),
            )


def _moment(text: str, zone: timezone) -> int | None:
    for form in ("%Y-%m-%dT%H", "%Y-%m-%d"):
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=zone)
        except ValueError:
            continue
        return int(moment.timestamp() * 1000)
    return None


def _json(data: bytes) -> Any:
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UnreadableError("It is not valid JSON.") from None


def _limit(value: Any) -> int:
    number = _number(value)
    return -1 if number is None else max(-1, int(number))


def _count(value: Any) -> int:
    number = _number(value)
    return 0 if number is None else max(0, int(number))


def _time(value: Any) -> int | None:
    number = _number(value)
    if number is None or number <= 0:
        return None
    return int(number if number >= _MS_FROM else number * 1000)


def _number(value: Any) -> float | None:
    if value is None or isinstance(value, bool):
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
