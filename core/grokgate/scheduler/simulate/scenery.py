"""What there is in a simulation: upstreams, accounts, and what is on disk of them."""

from collections.abc import Mapping
from random import Random
from typing import Any, NoReturn

from msgspec import Struct

from grokgate.scheduler.simulate.agenda import START
from grokgate.scheduler.simulate.clients import Shape
from grokgate.scheduler.simulate.faults import chance
from grokgate.scheduler.simulate.shell import Rules
from grokgate.scheduler.simulate.truth import Quota, TrueAccount
from grokgate.scheduler.strategy import POLICIES
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import PoolSpec, Secret, UpstreamSpec


class Scene(Struct, frozen=True, kw_only=True):
    """What a simulation begins with."""

    specs: tuple[UpstreamSpec, ...]
    records: tuple[TokenRecord, ...]
    accounts: tuple[TrueAccount, ...]
    buckets: Mapping[str, frozenset[str]]
    """By upstream: what a survey asks for."""
    rules: Rules


def upstream(name: str, *pools: PoolSpec) -> UpstreamSpec:
    """Declare an upstream that is never opened."""
    return UpstreamSpec(
        id=name,
        title={"en": name},
        pools=pools,
        serves={},
        offers=frozenset(),
        clean=str,
        open=_never,
        profile=_never,
    )


def record(account: TrueAccount, *, upstream: str, pool: str, **fields: Any) -> TokenRecord:
    """Make what is on disk of an account whose quota was surveyed just now."""
    windows = account.windows(START.s, account.quotas)
    buckets = {
        name: Bucket(
            remaining=window.remaining,
            total=window.total,
            window_s=window.window_s,
            reset_at_ms=START.ms + round((window.reset_in_s or 0.0) * 1000),
            synced_at_ms=START.ms,
            source="real",
        )
        for name, window in windows.items()
    }
    account.vouched.update(buckets)
    state = TokenState(id=account.id, buckets=buckets, last_sync_at_ms=START.ms)
    return TokenRecord(
        id=account.id,
        upstream=upstream,
        pool=pool,
        credential=Secret(account.id),
        state=state,
        **fields,
    )


def small_scene(rng: Random) -> Scene:
    """Make a handful of accounts of two upstreams, some of which nobody has ever asked."""
    homes = [("web", "basic"), ("web", "super"), ("api", "paid")]
    accounts: list[TrueAccount] = []
    records: list[TokenRecord] = []
    for number in range(rng.randint(3, 12)):
        upstream_id, pool = rng.choice(homes)
        account = TrueAccount(f"tok{number}", _quotas(rng, upstream_id))
        made = record(account, upstream=upstream_id, pool=pool, **_edits(rng))
        if chance(rng, 0.3):
            account.vouched.clear()
            made = TokenRecord(
                id=made.id,
                upstream=upstream_id,
                pool=pool,
                credential=made.credential,
                state=TokenState(id=made.id),
            )
        account.dead = chance(rng, 0.05)
        accounts.append(account)
        records.append(made)
    rules = Rules(
        max_inflight=rng.choice((0, 1, 1, 2, 3)),
        fail_threshold=rng.choice((1, 2, 5)),
        queue_size=rng.choice((2, 16, 256)),
    )
    return Scene(
        specs=_SPECS,
        records=tuple(records),
        accounts=tuple(accounts),
        buckets={"web": frozenset({"default", "auto", "video"}), "api": frozenset({"calls"})},
        rules=rules,
    )


def random_shapes(rng: Random) -> list[Shape]:
    """Make a few models that ask for different pools, buckets, units and tags."""
    return [_shape(rng, number) for number in range(rng.randint(2, 6))]


def _shape(rng: Random, number: int) -> Shape:
    outputs = rng.choice((1, 1, 1, 2, 4))
    web = chance(rng, 0.75)
    pools = (("basic",), ("basic", "super"), ("super", "basic"), ("super",))
    buckets = (("default",), ("default",), ("auto",), ("auto", "video"))
    return Shape(
        model=f"model{number}",
        upstream="web" if web else "api",
        pools=rng.choice(pools) if web else ("paid",),
        buckets=rng.choice(buckets) if web else ("calls",),
        units=rng.choice((0, 1, 1, 1, 2, 4)) * outputs,
        policy=rng.choice(sorted(POLICIES)),
        prefer_tags=("nsfw",) if chance(rng, 0.15) else (),
        require_tags=("fast",) if chance(rng, 0.1) else (),
        repeatable=chance(rng, 0.7),
        calls=rng.choice((1, 1, 1, 1, 2, 3)),
    )


def _quotas(rng: Random, upstream_id: str) -> dict[str, Quota]:
    names = ("calls",) if upstream_id == "api" else ("default", "auto", "video")
    kept = [name for name in names if name != "video" or chance(rng, 0.7)]
    quotas = {}
    for name in kept:
        window_s = rng.choice((60.0, 300.0, 3600.0, 7200.0))
        reset_at = START.s + rng.random() * window_s
        quotas[name] = Quota(rng.randint(1, 15), window_s, reset_at)
    return quotas


def _edits(rng: Random) -> dict[str, Any]:
    return {
        "tags": rng.choice(((), (), ("nsfw",), ("nsfw", "fast"))),
        "max_inflight": rng.choice((None, None, 1, 2)),
    }


def _never(*_: Any) -> NoReturn:
    raise AssertionError("a simulation opens no driver")


_SPECS = (
    upstream(
        "web",
        PoolSpec(name="basic", tier="basic", assumed={"default": 8, "auto": -1}),
        PoolSpec(name="super", tier="super", assumed={"default": 12, "auto": -1}),
    ),
    upstream("api", PoolSpec(name="paid", tier="heavy")),
)
