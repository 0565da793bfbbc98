"""Strategies on the same arrivals and the same accounts, each in a world of its own."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from msgspec import Struct

from grokgate.scheduler.home import Lease
from grokgate.scheduler.simulate.agenda import START
from grokgate.scheduler.simulate.arrivals import Arrival
from grokgate.scheduler.simulate.clients import Call, Ending, Retries, Shape
from grokgate.scheduler.simulate.faults import FaultPoints
from grokgate.scheduler.simulate.measure import Measure, Result
from grokgate.scheduler.simulate.scenery import Scene, record, upstream
from grokgate.scheduler.simulate.shell import Rules
from grokgate.scheduler.simulate.truth import Quota, TrueAccount
from grokgate.scheduler.simulate.world import World
from grokgate.upstream import Kind, Observation, PoolSpec, Stage, Tier

POOLS: Mapping[Tier, tuple[Tier, ...]] = {
    "basic": ("basic", "super", "heavy"),
    "super": ("super", "heavy"),
    "heavy": ("heavy", "super"),
}
"""Tier of a model → pools in the order they are tried (F-TOK-20)."""
_QUOTAS: Mapping[Tier, tuple[int, float]] = {
    "basic": (20, 14_400.0),
    "super": (50, 7_200.0),
    "heavy": (150, 7_200.0),
}
"""Units and window in seconds (F-TOK-43)."""
_BUCKET = "default"
_SHAKY = 0.1
_SHAKY_FAILS = 0.5
_STAGES: Mapping[Kind, Stage] = {
    Kind.OK: Stage.CONTENT,
    Kind.TRUNCATED: Stage.CONTENT,
    Kind.CONNECT: Stage.UNSENT,
    Kind.TIMEOUT: Stage.SENT,
    Kind.TRANSIENT: Stage.SENT,
    Kind.EMPTY: Stage.SENT,
    Kind.MALFORMED: Stage.SENT,
    Kind.CANCELLED: Stage.SENT,
}
_STATUSES: Mapping[Kind, int] = {
    Kind.AUTH_FAIL: 401,
    Kind.FORBIDDEN: 403,
    Kind.QUOTA: 429,
    Kind.TRANSIENT: 502,
}


class Plan(Struct, frozen=True, kw_only=True):
    """What is compared on."""

    arrivals: Sequence[Arrival]
    tokens: int
    pools: Mapping[Tier, int]
    """How many accounts of each pool there are for every one of another, such as 6 to 3 to 1."""
    faults: float
    """Share of attempts that fail, 0 to 1; a tenth of the accounts then fails every other time."""
    seed: int
    rules: Rules


def compare(plan: Plan, policy: str, retries: Retries, progress: Callable[[float], None]) -> Result:
    """Run the plan under one strategy.

    Args:
        plan: What happens.
        policy: The strategy.
        retries: The rules by which calls are tried again.
        progress: Told of the share that is done, 0 to 1, now and then.
    """
    scene = _scene(plan)
    span_s = plan.arrivals[-1].at_s if plan.arrivals else 0.0
    measure = Measure(policy, span_s)
    replay = _Replay(plan, scene)
    world = World(
        scene,
        script=replay,
        witness=measure,
        rng=Random(plan.seed),  # noqa: S311 - chance, not secrets
        faults=FaultPoints(Random(plan.seed), share=0.0),  # noqa: S311 - chance, not secrets
        retries=retries,
    )
    for number, arrival in enumerate(plan.arrivals):
        call = replay.call(f"r{number}", arrival, policy, retries)
        world.agenda.after(arrival.at_s, _arrive, world, measure, call)
    most = max(1, len(plan.arrivals))
    while measure.done < len(plan.arrivals) and world.agenda.step():
        if measure.done % 256 == 0:
            progress(measure.done / most)
    return measure.result(scene.accounts)


def _arrive(world: World, measure: Measure, call: Call) -> None:
    measure.arriving(call)
    world.traffic.arrive(call)


class _Replay:
    """Lets attempts go as they were recorded, and as the accounts' truth demands."""

    def __init__(self, plan: Plan, scene: Scene) -> None:
        self._rng = Random(plan.seed + 1)  # noqa: S311 - chance, not secrets
        self._arrivals: dict[str, Arrival] = {}
        self._wait_s = scene.rules.queue_wait_s
        shaky = round(_SHAKY * len(scene.accounts)) if plan.faults else 0
        self._shaky = {account.id for account in self._rng.sample(scene.accounts, shaky)}

    def call(self, name: str, arrival: Arrival, policy: str, retries: Retries) -> Call:
        """Make the call of a recorded arrival."""
        self._arrivals[name] = arrival
        shape = Shape(
            model=arrival.model,
            upstream="web",
            pools=POOLS[arrival.tier],
            buckets=(_BUCKET,),
            units=arrival.units,
            policy=policy,
        )
        call = Call(name, arrival.key, shape, retries.client(), START.s + arrival.at_s)
        call.wait_s = self._wait_s
        return call

    def patience_s(self, call: Call) -> float | None:
        """Have nobody leave."""
        return None

    def ending(self, call: Call, lease: Lease, account: TrueAccount, now: float) -> Ending:
        """End an attempt: the first as recorded, others well, but for empty and shaky accounts."""
        arrival = self._arrivals[call.name]
        kind = arrival.outcome if call.attempts == 1 else Kind.OK
        reset_in_s = None
        if account.empty(lease.units, now) is not None:
            kind, reset_in_s = Kind.QUOTA, account.quotas[_BUCKET].reset_at - now
        elif account.id in self._shaky and self._rng.random() < _SHAKY_FAILS:
            kind = self._rng.choice((Kind.FORBIDDEN, Kind.AUTH_FAIL, Kind.TIMEOUT))
        stage = _STAGES.get(kind, Stage.REFUSED)
        observation = Observation(
            operation="simulate",
            kind=kind,
            stage=stage,
            status=_STATUSES.get(kind),
            reset_in_s=reset_in_s,
            first_byte_timeout=kind is Kind.TIMEOUT,
        )
        return Ending(
            observation=observation,
            duration_s=arrival.duration_s,
            units=arrival.units,
            taken=stage in {Stage.SENT, Stage.CONTENT},
        )


def _scene(plan: Plan) -> Scene:
    rng = Random(plan.seed + 2)  # noqa: S311 - chance, not secrets
    names = [name for name, weight in plan.pools.items() if weight]
    weights = [plan.pools[name] for name in names]
    accounts: list[TrueAccount] = []
    records = []
    for number, pool in enumerate(_spread(names, weights, plan.tokens)):
        total, window_s = _QUOTAS[pool]
        quota = Quota(total, window_s, START.s + rng.random() * window_s)
        account = TrueAccount(f"tok{number}", {_BUCKET: quota})
        accounts.append(account)
        records.append(record(account, upstream="web", pool=pool))
    pools = (PoolSpec(name=name, tier=name, assumed={_BUCKET: _QUOTAS[name][0]}) for name in POOLS)
    return Scene(
        specs=(upstream("web", *pools),),
        records=tuple(records),
        accounts=tuple(accounts),
        buckets={"web": frozenset({_BUCKET})},
        rules=plan.rules,
    )


def _spread(names: Sequence[Tier], weights: Sequence[int], count: int) -> list[Tier]:
    """Deal *count* accounts out in proportion; the first pools get what is left over."""
    whole = sum(weights)
    dealt = [count * weight // whole for weight in weights]
    for place in range(count - sum(dealt)):
        dealt[place % len(dealt)] += 1
    return [name for name, share in zip(names, dealt, strict=True) for _ in range(share)]
