"""An operator who edits accounts at any moment, as the commands and pages of the product allow."""

from random import Random

from msgspec.structs import replace

from grokgate.scheduler.simulate.faults import FaultPoints
from grokgate.scheduler.simulate.world import World
from grokgate.tokens.record import TokenRecord, TokenState


class Operator:
    """Edits the accounts of a world.

    Args:
        world: Whose accounts.
        rng: Chooses.
    """

    def __init__(self, world: World, rng: Random) -> None:
        self._world = world
        self._rng = rng

    def act(self, faults: FaultPoints) -> None:
        """Do what comes up."""
        record = self._rng.choice(list(self._world.store.records.values()))
        if faults.hit("operator.disable"):
            record = self._switch(record)
        if faults.hit("operator.limit"):
            record = self._world.edit(
                replace(record, max_inflight=self._rng.choice((None, 0, 1, 2)))
            )
        if faults.hit("operator.move"):
            record = self._move(record)
        if faults.hit("operator.quota"):
            record = self._override(record)
        if faults.hit("operator.delete"):
            gone = None if record.deleted_at_ms is not None else self._world.agenda.now.ms
            self._world.edit(replace(record, deleted_at_ms=gone))

    def _switch(self, record: TokenRecord) -> TokenRecord:
        state = record.state
        if state.status in {"disabled", "expired"}:
            return self._world.edit(replace(record, state=_active(state)))
        disabled = replace(
            state, status="disabled", state_reason="operator", cooldown_until_ms=None
        )
        return self._world.edit(replace(record, state=disabled))

    def _move(self, record: TokenRecord) -> TokenRecord:
        specs = self._world.scene.specs
        pools = next(spec.pools for spec in specs if spec.id == record.upstream)
        tags = self._rng.choice(((), ("nsfw",), ("nsfw", "fast")))
        pool = self._rng.choice(pools).name
        return self._world.edit(replace(record, pool=pool, tags=tags))

    def _override(self, record: TokenRecord) -> TokenRecord:
        state = record.state
        if state.status == "cooling":
            return self._world.edit(replace(record, state=_active(state)))
        if not state.buckets:
            return record
        name = self._rng.choice(sorted(state.buckets))
        bucket = replace(state.buckets[name], remaining=self._rng.choice((-1, 0, 1, 5)))
        self._world.distrust((record.id,))
        buckets = {**state.buckets, name: bucket}
        return self._world.edit(replace(record, state=replace(state, buckets=buckets)))


def _active(state: TokenState) -> TokenState:
    return replace(
        state,
        status="active",
        state_reason=None,
        cooldown_until_ms=None,
        cooldown_level=0,
        fail_count=0,
    )
