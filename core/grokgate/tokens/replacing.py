"""The whole pool as earlier gateways' pages posted it back, without the losses (F-ADM-06); pure.

Such a page read every record, changed a few, and sent all of them. What it did not mean to change
is older than what is known by then, or a mask.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from grokgate.legacy.token_fields import Fields
from grokgate.tokens.importing import Candidate, Prepared
from grokgate.tokens.mask import is_mask
from grokgate.tokens.planning import Rules
from grokgate.tokens.pools import Pools
from grokgate.tokens.record import TokenRecord

_GIVEN: Final = frozenset({"active", "expired", "disabled"})
"""Statuses that a page may mean; cooling is a finding."""
_KEPT: Final = ("status", "buckets", "tags", "note", "max_inflight", "proxy_url")


class Posted(Struct, frozen=True, kw_only=True):
    """What was sent."""

    text: bytes
    """To be imported: credentials stand where ids or masks stood."""
    pools: tuple[str, ...]
    """As they were named."""
    entries: int


def read_posted(body: bytes, known: Mapping[str, TokenRecord]) -> Posted:
    """Read a body of the form ``{pool: [text or record, …]}``, or that under ``tokens``.

    Args:
        body: JSON.
        known: Tokens by id; an id, or a mask beside an id, stands for the credential.

    Raises:
        msgspec.DecodeError: Not of this form.
    """
    value = msgspec.json.decode(body, type=dict[str, Any])
    inner = value.get("tokens")
    pools = msgspec.convert(
        inner if isinstance(inner, dict) else value, dict[str, list[Any] | dict[str, Any]]
    )
    full = {pool: [_full(entry, known) for entry in _entries(pools[pool])] for pool in pools}
    return Posted(
        text=msgspec.json.encode(full),
        pools=tuple(full),
        entries=sum(len(entries) for entries in full.values()),
    )


def as_edit(prepared: Prepared, known: Mapping[str, TokenRecord]) -> Prepared:
    """Drop from each candidate that is there already what no operator may set."""
    return replace(
        prepared,
        candidates=tuple(
            _editable(one, known[one.id]) if one.id in known else one for one in prepared.candidates
        ),
    )


def rules_for(prepared: Prepared, named: Collection[str], pools: Pools, *, merge: bool) -> Rules:
    """Return what becomes of the tokens that were not sent.

    Nothing, if *merge*, or if an entry could not be read: that one may have stood for any of them.

    Args:
        prepared: What was sent.
        named: The pools that were named, empty ones among them.
        pools: Finds them.
        merge: Delete nothing.
    """
    if merge or prepared.rejected:
        return Rules(change=True, switch=True)
    places = (pools.find(name) for name in named)
    return Rules(
        change=True,
        switch=True,
        absent_of=frozenset((place.upstream, place.pool) for place in places) | prepared.places,
    )


def _entries(content: list[Any] | dict[str, Any]) -> Iterable[Any]:
    """Return the entries of a pool; in the oldest form it is a map by credential."""
    if isinstance(content, list):
        return content
    return [
        {**entry, "token": credential} if isinstance(entry, dict) else credential
        for credential, entry in content.items()
    ]


def _full(entry: Any, known: Mapping[str, TokenRecord]) -> Any:
    """Put the credential where an id or a mask stands; what is unknown stays, to be rejected."""
    if isinstance(entry, str):
        return known[entry].credential.reveal() if entry in known else entry
    if not isinstance(entry, dict):
        return entry
    entry = _counted(entry)
    proxy = entry.get("proxy_url")
    if isinstance(proxy, str) and is_mask(proxy):
        del entry["proxy_url"]
    text = entry.get("token")
    if not isinstance(text, str):
        return entry
    token = text if text in known else entry.get("id") if is_mask(text) else None
    if isinstance(token, str) and token in known:
        entry["token"] = known[token].credential.reveal()
    return entry


def _counted(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a copy in which a changed ``quota`` counts more than the window it is a view of."""
    buckets = entry.get("buckets")
    if not isinstance(buckets, dict):
        return dict(entry)
    merged = dict(buckets)
    for field, name in (("quota", "default"), ("heavy_quota", "heavy")):
        units, bucket = entry.get(field), merged.get(name)
        if isinstance(units, int) and isinstance(bucket, dict):
            merged[name] = {**bucket, "remaining": units}
    return {**entry, "buckets": merged}


def _editable(candidate: Candidate, record: TokenRecord) -> Candidate:
    named = candidate.entry.fields
    fields = Fields(**{name: getattr(named, name) for name in _KEPT})
    if fields.status not in _GIVEN or fields.status == record.state.status:
        fields = replace(fields, status=None)
    if fields.buckets is not None:
        changed = {
            name: entry
            for name, entry in fields.buckets.items()
            if name not in record.state.buckets
            or entry.remaining != record.state.buckets[name].remaining
        }
        fields = replace(fields, buckets=changed or None)
    return replace(candidate, entry=replace(candidate.entry, fields=fields))
