"""Gives tokens without a pool the one that their answers speak for (F-TOK-43).

Where an answer contradicts a token's pool nothing is changed; a hint in the table says so
(`grokgate.tokens.listing`).
"""

from typing import Any, Protocol

from grokgate.tokens.pools import AUTO, Pools
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import AccountFacts


class Edits(Protocol):
    """The edits that an answer may call for; the token store has them."""

    async def assign_pool(self, token: str, pool: str, /) -> bool:
        """Give a token of pool ``auto`` its pool; False: it is gone or has one by now."""
        ...

    async def revive(self, token: str, /) -> bool:
        """Make an expired token active; False: it is gone or not expired by now."""
        ...


class Detection:
    """Gives tokens without a pool theirs.

    Args:
        pools: Of the loaded upstreams.
        log: A bound structlog logger.
    """

    def __init__(self, pools: Pools, log: Any) -> None:
        self._pools = pools
        self._log = log

    async def assign(self, record: TokenRecord, facts: AccountFacts, edits: Edits) -> None:
        """Assign the pool that *facts* speak for to a token of ``auto``.

        Raises:
            StoreUnavailable: The pool was not assigned.
        """
        if record.pool != AUTO:
            return
        fitting = facts.tier and self._pools.of_tier(record.upstream, facts.tier)
        if not fitting:
            self._log.info("token_pool_not_detected", token=record.id)
        elif await edits.assign_pool(record.id, fitting):
            self._log.info("token_pool_detected", token=record.id, pool=fitting)
