"""What is known of a key without its text, and how that lies in the database."""

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from grokgate.errors import InvalidRequest, StateError
from grokgate.plugin import Caller
from grokgate.storage.keys import KeyRow

QUOTAS: Final = ("chat", "heavy", "image", "video")
"""What may be limited per day."""
_LONGEST_NAME: Final = 100
_MOST_LISTED: Final = 1000


class Terms(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What else limits a key (F-KEY-08); empty or None: nothing does."""

    expires_at_ms: int | None = None
    """Unix milliseconds; from then on the key is not accepted."""
    allowed_models: tuple[str, ...] = ()
    """Ids or aliases."""
    allowed_endpoints: tuple[str, ...] = ()
    """Route ids."""
    allowed_ips: tuple[str, ...] = ()
    """Addresses and networks such as ``10.0.0.0/8``."""
    rpm: int | None = None
    """Requests in any 60 seconds."""
    max_inflight: int | None = None
    """Requests at once."""
    token_tags: tuple[str, ...] = ()
    """Of the accounts that serve it."""
    is_short: bool = False
    """Its text is so short that it could be guessed (S4)."""
    confirmed: bool = False
    """An operator wants it accepted beyond loopback all the same."""


class KeyRecord(Struct, frozen=True, kw_only=True):
    """A managed key without its text."""

    id: str
    name: str
    prefix: str
    """Its first six characters, two of a short one, to recognise it by."""
    is_active: bool
    created_at_ms: int
    limits: Mapping[str, int] = {}
    """Daily quotas by name (`QUOTAS`); −1 or absent: none, 0: forbidden (F-KEY-02)."""
    terms: Terms = Terms()


class ConfigKey(Struct, frozen=True, kw_only=True):
    """A key from the settings: never limited, and changed only there."""

    id: str
    prefix: str


def checked(record: KeyRecord) -> KeyRecord:
    """Return *record* with what stands for nothing made nothing.

    Raises:
        InvalidRequest: Its name is too long or not printable, or its terms cannot be kept.
    """
    if len(record.name) > _LONGEST_NAME or not record.name.isprintable():
        reason = f"A key's name is at most {_LONGEST_NAME} printable characters."
        raise InvalidRequest(reason, param="name")
    terms = record.terms
    networks(terms.allowed_ips)
    for name in ("allowed_models", "allowed_endpoints", "allowed_ips", "token_tags"):
        if len(getattr(terms, name)) > _MOST_LISTED:
            raise InvalidRequest(f"At most {_MOST_LISTED} entries.", param=name)
    limits = {quota: max(-1, limit) for quota, limit in record.limits.items()}
    terms = replace(terms, rpm=terms.rpm or None, max_inflight=terms.max_inflight or None)
    return replace(record, limits=limits, terms=terms)


@lru_cache(maxsize=1024)
def networks(texts: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Read addresses and networks.

    Raises:
        InvalidRequest: One of them is neither.
    """
    try:
        return tuple(ip_network(text.strip(), strict=False) for text in texts)
    except ValueError:
        raise InvalidRequest(
            "An entry is no address and no network such as 10.0.0.0/8.", param="allowed_ips"
        ) from None


def to_caller(record: KeyRecord) -> Caller:
    """Return whom the key stands for."""
    terms = record.terms
    return Caller(
        key_id=record.id,
        name=record.name,
        limits=record.limits,
        allowed_models=frozenset(terms.allowed_models) or None,
        allowed_endpoints=frozenset(terms.allowed_endpoints) or None,
        allowed_ips=terms.allowed_ips,
        rpm=terms.rpm,
        max_inflight=terms.max_inflight,
        token_tags=terms.token_tags,
        metered=True,
    )


def to_row(record: KeyRecord, digest: bytes) -> KeyRow:
    """Return how a key lies in the database."""
    return KeyRow(
        id=record.id,
        digest=digest,
        prefix=record.prefix,
        name=record.name,
        is_active=record.is_active,
        limits=msgspec.json.encode(record.limits),
        created_at=record.created_at_ms,
        terms=msgspec.json.encode(record.terms) if record.terms != Terms() else None,
    )


def to_record(row: KeyRow) -> KeyRecord:
    """Read a row.

    Raises:
        StateError: It is damaged.
    """
    try:
        return KeyRecord(
            id=row.id,
            name=row.name,
            prefix=row.prefix,
            is_active=row.is_active,
            created_at_ms=row.created_at,
            limits=msgspec.json.decode(row.limits, type=dict[str, int]),
            terms=msgspec.json.decode(row.terms, type=Terms) if row.terms else Terms(),
        )
    except msgspec.MsgspecError as error:
        message = f"The stored key {row.id} is damaged. Restore the database from a backup."
        raise StateError(message) from error
