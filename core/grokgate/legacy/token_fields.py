"""Converts the values of an imported account record (F-MIG-03).

A converter takes any JSON value and raises `FieldError` with the rest of a sentence that begins
with the name of the field; it never repeats the value.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Struct

Status: TypeAlias = Literal["active", "cooling", "expired", "disabled"]
Source: TypeAlias = Literal["default", "real", "estimated"]

_STATUSES: Final[Mapping[str, Status]] = {
    "active": "active",
    "cooling": "cooling",
    "cooldown": "cooling",
    "exhausted": "cooling",
    "rate_limited": "cooling",
    "expired": "expired",
    "invalid": "expired",
    "失效": "expired",
    "disabled": "disabled",
}
_FIRST_MS: Final = 10**11
"""Below this a time is in seconds (F-MIG-03)."""
_LAST_MS: Final = 10**14
_MOST: Final = 10**12
_LONGEST_NOTE: Final = 500
_LONGEST_TEXT: Final = 2000
_LONGEST_TAG: Final = 50
_MOST_TAGS: Final = 50
_PROXY_SCHEMES: Final = frozenset({"http", "https", "socks5", "socks5h"})


class FieldError(ValueError):
    """A value that does not fit its field."""


class BucketEntry(Struct, frozen=True, kw_only=True, gc=False):
    """What a record says about one quota window. Times are Unix milliseconds."""

    remaining: int
    """−1: unknown."""
    total: int | None = None
    window_s: int | None = None
    reset_at_ms: int | None = None
    synced_at_ms: int | None = None
    source: Source = "estimated"


class Fields(Struct, frozen=True, kw_only=True, gc=False):
    """The known fields of a record besides credential, pool and upstream.

    None: the record does not say. Times are Unix milliseconds.
    """

    status: Status | None = None
    state_reason: str | None = None
    buckets: Mapping[str, BucketEntry] | None = None
    cooldown_until_ms: int | None = None
    cooldown_level: int | None = None
    use_count: int | None = None
    consumed: int | None = None
    fail_count: int | None = None
    last_used_at_ms: int | None = None
    last_fail_at_ms: int | None = None
    last_fail_reason: str | None = None
    last_sync_at_ms: int | None = None
    sync_count: int | None = None
    kept: Mapping[str, str] | None = None
    tags: tuple[str, ...] | None = None
    note: str | None = None
    max_inflight: int | None = None
    proxy_url: str | None = None
    created_at_ms: int | None = None
    last_asset_clear_at_ms: int | None = None


def read_buckets(record: Mapping[str, Any]) -> Mapping[str, BucketEntry] | None:
    """Return the quota windows of a record, or None when it names none.

    ``buckets`` is the whole truth where it stands. Else ``quota`` is a number for the bucket
    ``default`` or a map by mode, and ``heavy_quota`` one for ``heavy``; with ``quota_known`` or
    ``heavy_quota_known`` false the number means nothing.
    """
    if record.get("buckets") is not None:
        return _bucket_map(record["buckets"])
    buckets: dict[str, BucketEntry] = {}
    quota = record.get("quota")
    if isinstance(quota, dict):
        buckets.update(_bucket_map(quota))
    elif quota is not None:
        buckets["default"] = _counted(quota, known=record.get("quota_known"))
    heavy = record.get("heavy_quota")
    if heavy is not None:
        buckets["heavy"] = _counted(heavy, known=record.get("heavy_quota_known"))
    return buckets or None


def _counted(value: Any, *, known: Any) -> BucketEntry:
    return BucketEntry(remaining=-1 if known is False else _units(value))


def _bucket_map(value: Any) -> dict[str, BucketEntry]:
    if not isinstance(value, dict):
        raise FieldError("is not a map of buckets")
    return {name: _bucket(item) for name, item in value.items()}


def _bucket(value: Any) -> BucketEntry:
    if not isinstance(value, dict):
        return BucketEntry(remaining=_units(value))
    return BucketEntry(
        remaining=_units(value.get("remaining", -1)),
        total=_optional(_count, value.get("total")),
        window_s=_optional(_count, value.get("window_seconds")),
        reset_at_ms=_optional(_time, value.get("reset_at")),
        synced_at_ms=_optional(_time, value.get("synced_at")),
        source=_source(value.get("source")),
    )


def _source(value: Any) -> Source:
    match value:
        case "default":
            return "default"
        case "real":
            return "real"
        case _:
            return "estimated"


def _optional(convert: Callable[[Any], int | None], value: Any) -> int | None:
    return None if value is None else convert(value)


def _status(value: Any) -> Status:
    found = _STATUSES.get(value.strip().lower()) if isinstance(value, str) else None
    if found is None:
        raise FieldError("is not a known status; taken as active")
    return found


def _number(value: Any) -> int:
    if isinstance(value, str) and len(value) <= 20:  # noqa: PLR2004 - digits of 64 bits
        try:
            value = int(value)
        except ValueError:
            raise FieldError("is not a number") from None
    if isinstance(value, float) and math.isfinite(value):
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise FieldError("is not a number")
    return value


def _units(value: Any) -> int:
    number = _number(value)
    if number > _MOST:
        raise FieldError("is too large")
    return max(number, -1)


def _count(value: Any) -> int:
    number = _number(value)
    if not 0 <= number <= _MOST:
        raise FieldError("is out of range")
    return number


def _time(value: Any) -> int | None:
    """Return Unix milliseconds; 0, less and an empty text stand for "never" in old files."""
    number = 0 if value == "" else _number(value)
    if number <= 0:
        return None
    in_ms = number if number >= _FIRST_MS else number * 1000
    if in_ms > _LAST_MS:
        raise FieldError("is not a time")
    return in_ms


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise FieldError("is not a text")
    if len(value) > _LONGEST_TEXT:
        raise FieldError("is too long")
    return value


def _note(value: Any) -> str:
    note = _text(value).strip()
    if len(note) > _LONGEST_NOTE:
        raise FieldError(f"is longer than {_LONGEST_NOTE} characters")
    return note


def _tags(value: Any) -> tuple[str, ...]:
    """Return lower-case words without repetition, from a list or a comma text (F-TOK-07)."""
    words = value.split(",") if isinstance(value, str) else value
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise FieldError("is not a list of words")
    tags = tuple(dict.fromkeys(word.strip().lower() for word in words if word.strip()))
    if len(tags) > _MOST_TAGS or any(len(tag) > _LONGEST_TAG for tag in tags):
        raise FieldError("holds too many or too long words")
    return tags


def _limit(value: Any) -> int | None:
    """Return calls at once; 0 and below mean the global limit."""
    number = _number(value)
    if number > _MOST:
        raise FieldError("is too large")
    return number if number > 0 else None


def _proxy(value: Any) -> str:
    """Return the address of a proxy; empty means the global one."""
    address = _text(value).strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if address and (parts.scheme not in _PROXY_SCHEMES or not parts.hostname):
        raise FieldError("is not the address of an http, https, socks5 or socks5h proxy")
    return address


def _texts(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise FieldError("is not a map of texts")
    return value


FIELDS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "status": ("status", _status),
    "state_reason": ("state_reason", _text),
    "cooldown_until": ("cooldown_until_ms", _time),
    "cooldown_level": ("cooldown_level", _count),
    "use_count": ("use_count", _count),
    "consumed": ("consumed", _count),
    "fail_count": ("fail_count", _count),
    "last_used_at": ("last_used_at_ms", _time),
    "last_fail_at": ("last_fail_at_ms", _time),
    "last_fail_reason": ("last_fail_reason", _text),
    "last_sync_at": ("last_sync_at_ms", _time),
    "sync_count": ("sync_count", _count),
    "kept": ("kept", _texts),
    "tags": ("tags", _tags),
    "note": ("note", _note),
    "max_inflight": ("max_inflight", _limit),
    "proxy_url": ("proxy_url", _proxy),
    "created_at": ("created_at_ms", _time),
    "last_asset_clear_at": ("last_asset_clear_at_ms", _time),
}
"""Public name of a field → name in `Fields`, and its converter. Quotas: `read_buckets`."""
