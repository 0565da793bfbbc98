"""Finds the pool that an imported name or a subscription means (F-MIG-02, F-TOK-43).

A token of the pool ``auto`` belongs to no subscription yet: its first survey gives it one. Until
then it counts as one of its upstream's default pool, the first, whose models every account has.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from grokgate.upstream import PoolSpec, Tier, UpstreamSpec

DEFAULT_UPSTREAM: Final = "web"
"""Upstream of records that name none (F-TOK-01)."""
AUTO: Final = "auto"
"""Pool of tokens whose subscription is not known yet; stored, and exported, under this name."""
_RANK: Final[Mapping[Tier, int]] = {"basic": 1, "super": 2, "heavy": 3}


class Place(Struct, frozen=True, kw_only=True):
    """An upstream and one of its pools."""

    upstream: str
    pool: str
    spec: PoolSpec | None
    """Of the default pool for ``auto``; None: no upstream declares the pool, its tokens are kept
    and shown, never routed."""

    @property
    def rank(self) -> int:
        """Order the pools by subscription level; higher wins where one token is in two."""
        return _RANK[self.spec.tier] if self.spec and self.pool != AUTO else 0


class Pools:
    """All pools of the loaded upstreams, by every way to write their names."""

    def __init__(self, specs: Mapping[str, UpstreamSpec]) -> None:
        self._specs = specs
        self._by_name: dict[str, Place] = {}
        for upstream, spec in specs.items():
            for pool in spec.pools:
                place = Place(upstream=upstream, pool=pool.name, spec=pool)
                for name in (pool.name.lower(), *pool.synonyms):
                    self._by_name.setdefault(name, place)

    def find(self, name: str | None, *, upstream: str | None = None) -> Place:
        """Return the place for a name as somebody wrote it; None and empty: the default pool.

        That is the first pool of *upstream*, or of `DEFAULT_UPSTREAM`.
        """
        if not name:
            return self._default(upstream)
        if name.lower() == AUTO:
            return replace(self._default(upstream), pool=AUTO)
        place = self._by_name.get(name.lower())
        if place and upstream in {None, place.upstream}:
            return place
        return Place(upstream=upstream or DEFAULT_UPSTREAM, pool=name, spec=None)

    def check(self, name: str) -> None:
        """Refuse a pool that no upstream declares; empty and ``auto`` are no pools.

        Raises:
            ValueError: One line that names the pools there are.
        """
        if name.lower() not in {"", AUTO} and self.find(name).spec is None:
            pools = [pool.name for spec in self._specs.values() for pool in spec.pools]
            known = ", ".join([*pools, AUTO]) if pools else "none"
            raise ValueError(f"There is no pool {name!r}. Pools: {known}.")

    def tier(self, pool: str) -> Tier | None:
        """Return the level of the pool called exactly *pool*, or None when it is unknown."""
        place = self._by_name.get(pool.lower())
        return place.spec.tier if place and place.spec and place.pool == pool else None

    def serving(self, pool: str, upstream: str) -> str:
        """Return the pool whose tokens those of *pool* count as: itself, but for ``auto``."""
        return self._default(upstream).pool if pool == AUTO else pool

    def routed(self, pool: str, upstream: str) -> bool:
        """Tell whether calls ever go to tokens of *pool*."""
        return self.tier(self.serving(pool, upstream)) is not None

    def of_tier(self, upstream: str, tier: Tier) -> str | None:
        """Return the first pool of *upstream* for a subscription; None: it has none."""
        spec = self._specs.get(upstream)
        pools = spec.pools if spec else ()
        return next((pool.name for pool in pools if pool.tier == tier), None)

    def _default(self, upstream: str | None) -> Place:
        wanted = upstream or DEFAULT_UPSTREAM
        if upstream is None and wanted not in self._specs and self._specs:
            wanted = next(iter(self._specs))
        spec = self._specs.get(wanted)
        if spec is None or not spec.pools:
            return Place(upstream=wanted, pool="default", spec=None)
        return Place(upstream=wanted, pool=spec.pools[0].name, spec=spec.pools[0])
