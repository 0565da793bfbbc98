"""Which accounts are tried."""

from collections.abc import Iterable, Mapping

from msgspec import Struct

from grokgate.tokens.record import TokenRecord

USUAL = 3
"""Accounts tried when not all are asked for."""

_STATUSES = ("active", "cooling", "expired")
"""Most telling first; a disabled account is tried only by its id."""


class Patients(Struct, frozen=True, kw_only=True):
    """Which accounts are tried, and how."""

    ids: tuple[str, ...] = ()
    """Those; empty: some, one of each pool."""
    pool: str | None = None
    """Then some of this one; None: every pool."""
    all: bool = False
    """All of them that are not disabled."""
    chat: bool = False
    """Ask for a tiny chat too."""


def choose(records: Mapping[str, TokenRecord], wanted: Patients) -> list[TokenRecord]:
    """Return the accounts that *wanted* means.

    Raises:
        ValueError: There is no such account or pool.
    """
    there = {token: one for token, one in records.items() if one.deleted_at_ms is None}
    if wanted.ids:
        unknown = [token for token in wanted.ids if token not in there]
        if unknown:
            raise ValueError(f"no account has the id {unknown[0]!a}, see grokgate tokens list")
        return [there[token] for token in dict.fromkeys(wanted.ids)]
    fit = [one for one in there.values() if wanted.pool in {None, one.pool}]
    if wanted.pool is not None and not fit:
        raise ValueError(f"there is no account in the pool {wanted.pool!a}")
    fit = [one for one in fit if one.state.status in _STATUSES]
    # Stable: accounts of one status stay in the order they came.
    fit.sort(key=lambda one: _STATUSES.index(one.state.status))
    if wanted.all:
        return fit
    return (fit if wanted.pool is not None else _one_of_each_pool(fit))[:USUAL]


def _one_of_each_pool(records: Iterable[TokenRecord]) -> list[TokenRecord]:
    first: dict[tuple[str, str], TokenRecord] = {}
    for record in records:
        first.setdefault((record.upstream, record.pool), record)
    return list(first.values())
