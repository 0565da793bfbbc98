"""A storm: a small world in which everything happens at random, checked after every event.

All that happens follows from the seed. Every kind of outcome comes at every stage, clients leave at
any moment, operators edit, the program is killed and restarted, clocks jump, surveys race with
calls. In the end all faults stop, and what is going on must come to its end within a minute.
"""

from collections.abc import Callable, Mapping
from pathlib import PurePath
from random import Random
from traceback import extract_tb

from msgspec import Struct

from grokgate.scheduler.core import Core
from grokgate.scheduler.home import Lease
from grokgate.scheduler.simulate.checker import Checker, Violation
from grokgate.scheduler.simulate.clients import Call, Ending, Retries
from grokgate.scheduler.simulate.faults import FaultPoints, chance
from grokgate.scheduler.simulate.operator import Operator
from grokgate.scheduler.simulate.scenery import random_shapes, small_scene
from grokgate.scheduler.simulate.truth import TrueAccount
from grokgate.scheduler.simulate.world import World
from grokgate.upstream import Kind, Observation, Stage

DRAIN_S = 60.0
"""Virtual seconds after which nobody may wait any more when nothing goes wrong."""
_CHAOS_S = 8.0
_LATEST_S = 3600.0
_MOST_STEPS = 10_000
"""Steps in one instant after which something goes round in circles."""
_KINDS = tuple(Kind)
_STAGES = tuple(Stage)
_LIKELY = (
    (Kind.CONNECT, Stage.UNSENT, None),
    (Kind.AUTH_FAIL, Stage.REFUSED, 401),
    (Kind.FORBIDDEN, Stage.REFUSED, 403),
    (Kind.TRANSIENT, Stage.SENT, 502),
    (Kind.TRANSIENT, Stage.SENT, None),
    (Kind.TIMEOUT, Stage.SENT, None),
    (Kind.EMPTY, Stage.SENT, 200),
    (Kind.TRUNCATED, Stage.CONTENT, 200),
)


class Outcome(Struct, frozen=True, kw_only=True):
    """How a storm went."""

    seed: int
    events: int
    digest: str
    """The same for the same seed, on every machine."""
    fired: Mapping[str, int]
    """Fault points, by how often they fired."""
    wrong: str | None
    """The invariant that did not hold, or what was raised; None: all is well."""
    tail: tuple[str, ...]
    """The last events before that, oldest first."""


def storm(
    seed: int, *, events: int, retries: Retries, make_core: Callable[..., Core] = Core
) -> Outcome:
    """Run one storm to its end, or to the first invariant that does not hold.

    Args:
        seed: Decides everything.
        events: How many at least; the calm after the storm comes on top.
        retries: The rules by which calls are tried again.
        make_core: What to drive.
    """
    weather = _Storm(seed, retries, make_core)
    wrong: str | None = None
    try:
        weather.rage(events)
        weather.calm()
    except Violation as error:
        wrong = str(error)
    except Exception as error:  # noqa: BLE001 - whatever is raised, its seed must be told
        wrong = f"{type(error).__name__}: {error} ({_where(error)})"
    trace = weather.checker.trace
    return Outcome(
        seed=seed,
        events=trace.count,
        digest=trace.digest(),
        fired=dict(weather.faults.fired),
        wrong=wrong,
        tail=tuple(trace.tail()) if wrong else (),
    )


def _where(error: Exception) -> str:
    """Return the line of code that raised."""
    last = extract_tb(error.__traceback__)[-1]
    return f"{PurePath(last.filename).name}:{last.lineno}"


class _Storm:
    """One seed."""

    def __init__(self, seed: int, retries: Retries, make_core: Callable[..., Core]) -> None:
        self.rng = rng = Random(seed)  # noqa: S311 - chance, not secrets
        self.faults = FaultPoints(rng)
        self._pace_s = rng.choice((0.1, 0.5, 2.0, 10.0))
        self._trouble = rng.choice((0.0, 0.1, 0.3, 0.6))
        self._leaves = rng.choice((0.0, 0.1, 0.4))
        self._keys = [f"key{number}" for number in range(rng.randint(1, 4))]
        scene = small_scene(rng)
        self._shapes = random_shapes(rng)
        self._raging = True
        self._arrived = 0
        self._steps = 0
        self._moment_s = 0.0
        self._retries = retries
        self.checker = Checker(scene)
        self.world = World(
            scene,
            script=self,
            witness=self.checker,
            rng=rng,
            faults=self.faults,
            retries=retries,
            make_core=make_core,
        )
        self._operator = Operator(self.world, rng)

    def rage(self, events: int) -> None:
        """Let *events* events happen."""
        agenda = self.world.agenda
        agenda.after(0.0, self._arrive)
        agenda.after(self.rng.random() * self._pace_s * _CHAOS_S, self._chaos)
        while self.checker.trace.count < events and agenda.step():
            self._check()

    def calm(self) -> None:
        """Let nothing go wrong any more, and see everything end (liveness)."""
        self._raging = False
        self.faults.disarm()
        agenda = self.world.agenda
        began_s = agenda.now.s
        queued = set(self.checker.lineup.everybody())
        while agenda.step():
            self._check()
            late_s = agenda.now.s - began_s
            if late_s > DRAIN_S and not queued.isdisjoint(self.checker.lineup.everybody()):
                raise Violation("requests still wait a minute after all faults stopped")
            if late_s > _LATEST_S:
                break
        if self.world.traffic.calls:
            raise Violation(f"calls never ended: {sorted(self.world.traffic.calls)}")
        if self.world.shell.unwritten():
            raise Violation("states were never written")
        self.checker.check_rest()

    def _check(self) -> None:
        """Check every invariant, and that time goes on."""
        self.checker.check()
        now_s = self.world.agenda.now.s
        self._steps = self._steps + 1 if now_s == self._moment_s else 0
        self._moment_s = now_s
        if self._steps > _MOST_STEPS:
            raise Violation("time stands still")

    def patience_s(self, call: Call) -> float | None:
        """Have some clients leave at any moment."""
        if self._raging and self.rng.random() < self._leaves:
            return self.rng.expovariate(0.3)
        return None

    def ending(self, call: Call, lease: Lease, account: TrueAccount, now: float) -> Ending:
        """End an attempt as the account's truth demands, else at random."""
        rng = self.rng
        duration_s = rng.expovariate(0.2) if chance(rng, 0.9) else rng.uniform(10, 50)
        observation, honest = self._observation(call, account, now)
        stage = observation.stage
        units = call.shape.units
        if stage is Stage.CONTENT and chance(rng, 0.3):
            units = rng.randint(0, units)
        if stage is Stage.CONTENT and self.faults.hit("units.overrun"):
            units, honest = units + 3, False
        taken = stage is Stage.CONTENT or (stage is Stage.SENT and chance(rng, 0.5))
        return Ending(
            observation=observation,
            duration_s=duration_s,
            units=units,
            taken=taken,
            honest=honest,
        )

    def _observation(
        self, call: Call, account: TrueAccount, now: float
    ) -> tuple[Observation, bool]:
        rng, buckets = self.rng, call.shape.buckets
        if account.dead:
            return _refused(Kind.AUTH_DEAD, 401, marker="session-not-found"), True
        if account.lacks(buckets):
            return _refused(Kind.PLAN, 403), True
        empty = account.empty(buckets, now)
        if empty is not None:
            named = chance(rng, 0.7)
            reset_in_s = account.quotas[empty].reset_at - now if named else None
            quota = _refused(Kind.QUOTA, 429, buckets=(empty,), reset_in_s=reset_in_s)
            return quota, named
        if rng.random() >= (self._trouble if self._raging else 0.0):
            return Observation(operation="simulate", kind=Kind.OK, stage=Stage.CONTENT), True
        if chance(rng, 0.5):
            kind, stage, status = rng.choice(_LIKELY)
        else:
            kind, stage = rng.choice(_KINDS), rng.choice(_STAGES)
            status = rng.choice((None, 200, 400, 401, 403, 429, 500))
        timeout = kind is Kind.TIMEOUT
        made_up = Observation(
            operation="simulate",
            kind=kind,
            stage=stage,
            status=status,
            buckets=rng.choice(((), buckets[:1])),
            reset_in_s=rng.choice((None, 0.0, 30.0, 900.0)) if kind is Kind.QUOTA else None,
            total_timeout=timeout and chance(rng, 0.3),
            first_byte_timeout=timeout and chance(rng, 0.5),
        )
        return made_up, kind is not Kind.QUOTA

    def _arrive(self) -> None:
        if not self._raging:
            return
        rng, now = self.rng, self.world.agenda.now.s
        shape = rng.choice(self._shapes)
        client = self._retries.client()
        key = rng.choice(self._keys)
        affinity = f"talk{rng.randrange(4)}" if chance(rng, 0.2) else None
        only = rng.choice(list(self.world.accounts)) if chance(rng, 0.05) else None
        wait_s = rng.choice((0.0, 3.0, self.world.scene.rules.queue_wait_s))
        for _ in range(shape.calls):
            self._arrived += 1
            call = Call(f"r{self._arrived}", key, shape, client, now)
            call.wait_s, call.affinity, call.only = wait_s, affinity, only
            self.checker.note("arrive", call.name, key, shape.model)
            self.world.traffic.arrive(call)
        burst = chance(rng, 0.3)
        self.world.agenda.after(0.0 if burst else rng.expovariate(1 / self._pace_s), self._arrive)

    def _chaos(self) -> None:
        if not self._raging:
            return
        rng, world = self.rng, self.world
        if self.faults.hit("clock.jump"):
            world.jump(rng.uniform(-3600, 3600))
        if self.faults.hit("account.shared"):
            world.share(rng.choice(list(world.accounts)))
        if self.faults.hit("process.crash"):
            world.crash()
        if self.faults.hit("process.restart"):
            world.restart()
        self._operator.act(self.faults)
        if chance(rng, 0.3):
            world.surveys.begin(rng.choice(list(world.accounts)))
        world.agenda.after(rng.expovariate(1 / (self._pace_s * _CHAOS_S)), self._chaos)


def _refused(kind: Kind, status: int, **fields: object) -> Observation:
    return Observation(
        operation="simulate",
        kind=kind,
        stage=Stage.REFUSED,
        status=status,
        **fields,  # type: ignore[arg-type]  # fields of an observation, named by the callers above
    )
