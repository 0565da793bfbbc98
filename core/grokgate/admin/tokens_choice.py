"""Which accounts a request means: some by name, or all that a filter finds."""

import re
from collections.abc import Collection, Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from grokgate.errors import InvalidRequest
from grokgate.gateway import Gateway
from grokgate.storage.listing import Shown
from grokgate.tokens import TokenStore
from grokgate.tokens.mask import masked
from grokgate.tokens.search import find_ids
from grokgate.upstream import Secret

ListedStatus: TypeAlias = Literal["active", "cooling", "expired", "disabled", "deleted"]
_WITHOUT = "no "
_FEW = 5
_ID = re.compile(r"tok_[0-9a-z]{1,20}")
_WHICH = 'Say which accounts; {"filter": {"all": true}} means every one.'
Named: TypeAlias = Annotated[
    list[str],
    Meta(
        description="Accounts, by id or by credential.",
        examples=[["tok_0123456789", "tok_9876543210"]],
    ),
]


class TokenFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts that a table shows; what is left out is not asked for."""

    pool: Annotated[str | None, Meta(examples=["ssoBasic"])] = None
    status: ListedStatus | None = None
    tag: Annotated[
        str | None, Meta(description="A tag, or `no ` and one.", examples=["nsfw", "no nsfw"])
    ] = None
    q: (
        Annotated[
            str, Meta(description="Part of the id, end of the token, note or tag.", max_length=200)
        ]
        | None
    ) = None
    all: Annotated[bool, Meta(description="Every account, if nothing else is asked for.")] = False

    @property
    def is_empty(self) -> bool:
        """Whether it asks for nothing, not even for every account."""
        tag = (self.tag or "").removeprefix(_WITHOUT)
        asked = (self.pool, self.status, tag.strip(), (self.q or "").strip())
        return not self.all and not any(asked)

    def shown(self, tokens: TokenStore) -> Shown:
        """Return it in the words of the database."""
        tag = self.tag or ""
        without = tag.removeprefix(_WITHOUT) if tag.startswith(_WITHOUT) else None
        return Shown(
            pool=tokens.pools.find(self.pool).pool if self.pool else None,
            status=None if self.status == "deleted" else self.status,
            tag=tag if tag and without is None else None,
            without_tag=without,
            q=(self.q or "").strip() or None,
            deleted=self.status == "deleted",
        )


class Choice(Struct, frozen=True):
    """Accounts that a request means."""

    ids: list[str]
    """Of those that are there, each once."""
    unknown: list[str]
    """What names no account, as it may be shown: an id as it is, anything else masked."""


async def chosen(
    gateway: Gateway,
    names: Sequence[str],
    filter_: TokenFilter | None = None,
    *,
    deleted: bool = False,
) -> Choice:
    """Find the accounts that are meant.

    Args:
        gateway: Has them.
        names: Ids or credentials; empty: what *filter_* finds.
        filter_: Has the say where there are no names.
        deleted: Whether names of deleted accounts count.

    Raises:
        InvalidRequest: Neither names nor a filter, or one that asks for nothing.
        StoreUnavailable: The database cannot be read now.
    """
    if names:
        return await by_name(gateway, names, deleted=deleted)
    if filter_ is None:
        raise InvalidRequest("No tokens provided", code="empty_payload")
    return Choice(await by_filter(gateway, filter_), [])


async def by_name(gateway: Gateway, names: Sequence[str], *, deleted: bool = False) -> Choice:
    """Find the accounts with these ids or credentials; see `chosen`."""
    found = await gateway.tokens.find_all(names)
    there = {
        name: token
        for name, token in found.items()
        if token is not None and (deleted or token in gateway.tokens.records)
    }
    unknown = [name for name in found if name not in there]
    return Choice(list(dict.fromkeys(there.values())), list(map(_showable, unknown)))


async def by_filter(gateway: Gateway, filter_: TokenFilter) -> list[str]:
    """Return the ids of the accounts that a filter finds.

    Raises:
        InvalidRequest: It asks for nothing, which may be an oversight.
        StoreUnavailable: The database cannot be read now.
    """
    if filter_.is_empty:
        raise InvalidRequest(_WHICH, code="empty_payload", param="filter")
    return await find_ids(gateway.database, filter_.shown(gateway.tokens))


def target_of(ids: Collection[str]) -> str:
    """Say in the audit trail which accounts were meant."""
    return ", ".join(ids) if len(ids) <= _FEW else f"{len(ids)} accounts"


def _showable(name: str) -> str:
    return name if _ID.fullmatch(name) else masked(Secret(name))
