"""Which tokens of a pool are due when its turn comes (F-TOK-40), and when that is."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import islice

import anyio.lowlevel

from grokgate.refresh.survey import ASKABLE, SurveyedHome
from grokgate.settings.token import TokenSettings
from grokgate.tokens.pools import Pools
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import Clock, UpstreamSpec

FIRST_ROUND_S = 60.0
"""After the start."""
_SLICE = 500
"""Tokens looked at without a break."""


class Calendar:
    """When each pool has its turn; an interval that is changed counts at once.

    Args:
        specs: Loaded upstreams by id; they name the pools.
        settings: Returns the section ``token`` now.
        now: Monotonic seconds of the start.
    """

    def __init__(
        self,
        specs: Mapping[str, UpstreamSpec],
        settings: Callable[[], TokenSettings],
        now: float,
    ) -> None:
        self._tiers = {pool.name: pool.tier for spec in specs.values() for pool in spec.pools}
        self._settings = settings
        self._first_at = now + FIRST_ROUND_S
        self._last_at: dict[str, float] = {}

    def interval_s(self, pool: str) -> float:
        """Return the seconds between two turns of *pool*."""
        token = self._settings()
        basic = self._tiers[pool] == "basic"
        hours = token.refresh_interval_hours if basic else token.super_refresh_interval_hours
        return hours * 3600

    def take(self, now: float) -> list[str]:
        """Return the pools whose turn it is; it is over with that."""
        due = [pool for pool in self._tiers if self._next_at(pool) <= now]
        self._last_at.update(dict.fromkeys(due, now))
        return due

    def next_at(self) -> float | None:
        """Return the monotonic second of the next turn; None: there are no pools."""
        return min(map(self._next_at, self._tiers), default=None)

    def _next_at(self, pool: str) -> float:
        last_at = self._last_at.get(pool)
        return self._first_at if last_at is None else last_at + self.interval_s(pool)


async def due_tokens(
    pool: str,
    records: Sequence[TokenRecord],
    home: SurveyedHome,
    *,
    pools: Pools,
    clock: Clock,
    interval_s: float,
) -> AsyncIterator[list[str]]:
    """Yield the tokens of *pool* that cool down or were last asked over *interval_s* ago.

    In portions, with a break after each: a pool may be large.
    """
    old_ms = int((clock.now().timestamp() - interval_s) * 1000)
    remaining = iter(records)
    while portion := list(islice(remaining, _SLICE)):
        yield [
            record.id
            for record in portion
            if pools.serving(record.pool, record.upstream) == pool
            and _is_due(home.state(record.id), old_ms)
        ]
        await anyio.lowlevel.checkpoint()


def _is_due(state: TokenState | None, old_ms: int) -> bool:
    if state is None or state.status not in ASKABLE:
        return False
    return state.status == "cooling" or (state.last_sync_at_ms or 0) < old_ms
