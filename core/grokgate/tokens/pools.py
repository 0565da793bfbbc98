"""Finds the pool that an imported name means (F-MIG-02)."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from grokgate.upstream import PoolSpec, Tier, UpstreamSpec

DEFAULT_UPSTREAM: Final = "web"
"""Upstream of records that name none (F-TOK-01)."""
AUTO: Final = "auto"
"""Pool name of an import that leaves the choice to us."""
_RANK: Final[Mapping[Tier, int]] = {"basic": 1, "super": 2, "heavy": 3}


class Place(Struct, frozen=True, kw_only=True):
    """An upstream and one of its pools."""

    upstream: str
    pool: str
    spec: PoolSpec | None
    """None: no upstream declares the pool; its tokens are kept and shown, never routed."""

    @property
    def rank(self) -> int:
        """Order the pools by subscription level; higher wins where one token is in two."""
        return _RANK[self.spec.tier] if self.spec else 0


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
        """Return the place for a name as somebody wrote it; None, empty and ``auto``: the default.

        The default is the first pool of *upstream*, or of `DEFAULT_UPSTREAM`.
        """
        if not name or name.lower() == AUTO:
            return self._default(upstream)
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
            known = ", ".join(pool.name for spec in self._specs.values() for pool in spec.pools)
            raise ValueError(f"There is no pool {name!r}. Pools: {known or 'none'}.")

    def tier(self, pool: str) -> Tier | None:
        """Return the level of the pool called exactly *pool*, or None when it is unknown."""
        place = self._by_name.get(pool.lower())
        return place.spec.tier if place and place.spec and place.pool == pool else None

    def _default(self, upstream: str | None) -> Place:
        wanted = upstream or DEFAULT_UPSTREAM
        if upstream is None and wanted not in self._specs and self._specs:
            wanted = next(iter(self._specs))
        spec = self._specs.get(wanted)
        if spec is None or not spec.pools:
            return Place(upstream=wanted, pool="default", spec=None)
        return Place(upstream=wanted, pool=spec.pools[0].name, spec=spec.pools[0])
