"""Clients of a simulation: what they ask for, how their calls go, how they are retried."""

from collections.abc import Callable, Collection, Mapping
from random import Random
from typing import Protocol

from msgspec import Struct

from grokgate.scheduler.home import Lease, Want
from grokgate.scheduler.simulate.shell import Ticket
from grokgate.scheduler.simulate.truth import TrueAccount
from grokgate.upstream import Observation


class Client(Protocol):
    """What the calls of one client request share, as `grokgate.dispatch` counts it."""

    retries: int
    penalized: bool

    def may_retry(
        self, observation: Observation, *, repeatable: bool, codes: Collection[int], most: int
    ) -> bool:
        """Tell whether a failure may be tried elsewhere."""
        ...

    def retried(self, observation: Observation) -> None:
        """Count a retry."""
        ...


class Budget(Protocol):
    """How many retries the program may have under way."""

    live: int

    def take(self, now: float) -> bool:
        """Ask for a retry."""
        ...

    def done(self) -> None:
        """Give a retry back."""
        ...


class Retries(Struct, frozen=True, kw_only=True):
    """The rules by which `grokgate.dispatch` retries; handed in, since it lies above."""

    client: Callable[[], Client]
    budget: Callable[[], Budget]
    pause_s: Callable[[Random, int], float]
    codes: frozenset[int] = frozenset({401, 403, 429})
    most: int = 3


class Shape(Struct, frozen=True, kw_only=True):
    """What the calls of one model have in common."""

    model: str
    upstream: str
    pools: tuple[str, ...]
    buckets: tuple[str, ...]
    units: int
    policy: str
    prefer_tags: tuple[str, ...] = ()
    require_tags: tuple[str, ...] = ()
    repeatable: bool = True
    calls: int = 1
    """Calls of one client request."""


class Call:
    """One call of a client request."""

    __slots__ = (
        "affinity",
        "arrived_at",
        "attempts",
        "client",
        "deadline",
        "due",
        "incident",
        "key",
        "lease",
        "name",
        "only",
        "over",
        "retrying",
        "sent",
        "shape",
        "surveyed",
        "taken",
        "ticket",
        "tried",
        "wait_s",
    )

    def __init__(
        self, name: str, key: str, shape: Shape, client: Client, arrived_at: float
    ) -> None:
        self.name = name
        self.key = key
        self.shape = shape
        self.client = client
        self.arrived_at = arrived_at
        self.wait_s = 0.0
        """How long it waits for a busy account, each time it needs one."""
        self.deadline = arrived_at
        self.affinity: str | None = None
        self.only: str | None = None
        self.tried: frozenset[str] = frozenset()
        self.lease: Lease | None = None
        self.ticket: Ticket | None = None
        self.due: Mapping[str, int] = {}
        """Units that the upstream will charge for the attempt."""
        self.taken: Mapping[str, int] = {}
        """Units that it has charged."""
        self.attempts = 0
        self.sent = False
        self.retrying = False
        self.surveyed = False
        self.incident = False
        self.over = False

    def want(self) -> Want:
        """Say what is wanted."""
        shape = self.shape
        return Want(
            request_id=self.name,
            key_id=self.key,
            model=shape.model,
            deadline=self.deadline,
            upstream=shape.upstream,
            pools=shape.pools,
            buckets=shape.buckets,
            units=shape.units,
            policy=shape.policy,
            prefer_tags=shape.prefer_tags,
            require_tags=shape.require_tags,
            affinity=self.affinity,
            only=self.only,
            tried=self.tried,
        )


class Ending(Struct, frozen=True, kw_only=True):
    """How an attempt goes."""

    observation: Observation
    duration_s: float
    units: int
    """What it costs if something came back."""
    taken: bool
    """The upstream charges it."""
    honest: bool = True
    """False: what it says about quota is not so."""


class Script(Protocol):
    """Decides what the world does by itself."""

    def ending(self, call: Call, lease: Lease, account: TrueAccount, now: float) -> Ending:
        """Say how an attempt goes that begins now."""
        ...

    def patience_s(self, call: Call) -> float | None:
        """Return after how many seconds the client leaves; None: it stays."""
        ...
