import gc
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from core.scheduler.memory_world import MakeToken, Setting
from grokgate.errors import NoTokensConfigured, StoreUnavailable
from grokgate.testing.clock import FakeClock
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import AccountFacts, Kind, Stage, Window

pytestmark = pytest.mark.anyio


def _fields(record: TokenRecord) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__struct_fields__}


async def test_edits_count_at_once(basic: MakeToken) -> None:
    record = basic("a")
    at = Setting(record)
    off = TokenRecord(**{**_fields(record), "state": TokenState(id="a", status="disabled")})

    await at.home.edited([off, basic("b")])

    assert (await at.lease()).token == "b"


async def test_deleted_token_is_leased_no_more(basic: MakeToken) -> None:
    record = basic("a")
    at = Setting(record)

    await at.home.edited([TokenRecord(**{**_fields(record), "deleted_at_ms": 1})])

    with pytest.raises(NoTokensConfigured):
        await at.lease()


async def test_changes_are_written_behind(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b"))
    async with anyio.create_task_group() as group:
        group.start_soon(at.home.run)
        at.settle(await at.lease(only="a"), Kind.OK, Stage.CONTENT)
        with anyio.fail_after(2):
            await at.store.written.wait()
        group.cancel_scope.cancel()

    assert at.store.states.keys() == {"a"}
    assert at.store.states["a"].buckets["default"].remaining == 9


async def test_failed_write_is_repeated_with_what_is_true_then(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.store.failures = 1
    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)
    with pytest.raises(StoreUnavailable):
        await at.home.flush()
    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)

    await at.home.flush()

    assert at.store.states["a"].buckets["default"].remaining == 8
    assert at.store.batches == 2


async def test_stop_ends_forgotten_leases_and_writes(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.home.sent(await at.lease())

    await at.home.aclose()

    assert at.home.view().leases_open == 0
    assert at.store.states["a"].buckets["default"].remaining == -1


async def test_token_used_just_before_a_crash_starts_unknown(basic: MakeToken) -> None:
    used_at_ms = int(FakeClock().now().timestamp() * 1000) - 59_000
    at = Setting(
        basic("a", last_used_at_ms=used_at_ms),
        basic("b", last_used_at_ms=used_at_ms - 2000),
        unclean=True,
    )

    assert (at.left("a"), at.left("b")) == (-1, 10)


async def test_settled_call_on_old_numbers_asks_for_a_survey(token: MakeToken) -> None:
    now_ms = int(FakeClock().now().timestamp() * 1000)
    buckets = {"default": Bucket(remaining=9, synced_at_ms=now_ms)}
    at = Setting(token("a", buckets, "ssoBasic"))
    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)
    assert at.doubted == []

    at.clock.advance(301)
    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)

    assert at.doubted == ["a"]


async def test_view_counts_tokens_by_pool_and_status(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b", 0), basic("c", status="disabled"))
    lease = await at.lease()

    view = at.home.view()

    assert (view.leases_open, view.queue_depth, view.ledger_imbalance) == (1, 0, 0)
    counts = {status: n for (pool, status), n in view.tokens.items() if pool == "ssoBasic"}
    assert counts == {"active": 1, "cooling": 1, "expired": 0, "disabled": 1}
    at.settle(lease, Kind.OK, Stage.CONTENT)


async def test_jump_of_the_wall_clock_is_counted_and_changes_nothing(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b", 0))
    lease = await at.lease()
    at.settle(lease, Kind.QUOTA, reset_in_s=60.0)
    at.clock.jump(3600)

    assert (await at.home.explain(at.want())).decision.chosen is None
    assert at.home.view().clock_jumps == 1


async def test_tokens_in_doubt_after_a_crash_are_counted(basic: MakeToken) -> None:
    used_at_ms = int(FakeClock().now().timestamp() * 1000) - 5000
    at = Setting(basic("a", last_used_at_ms=used_at_ms), basic("b"), unclean=True)

    assert at.home.view().recovered == 1


async def test_incident_is_shown_while_it_lasts(basic: MakeToken) -> None:
    at = Setting(*(basic(name) for name in "abcdef"))
    for lease in [await at.lease() for _ in range(3)]:
        at.settle(lease, Kind.FORBIDDEN, penalize=False)
    assert at.home.view().incident == {"web"}

    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)
    assert at.home.view().incident == frozenset()


async def test_wait_in_the_queue_is_part_of_the_decision(basic: MakeToken) -> None:
    at = Setting(basic("a"), max_inflight=1)
    held = await at.lease()
    async with anyio.create_task_group() as group:
        group.start_soon(at.home.acquire, at.want(request_id="waiter", wait_s=9.0))
        await anyio.wait_all_tasks_blocked()
        at.clock.advance(2.0)
        at.settle(held, Kind.OK, Stage.CONTENT)

    [decision] = at.home.decisions("waiter")
    assert (decision.chosen, decision.queued_s) == ("a", 2.0)


async def test_unsure_tokens_are_looked_for_once_a_second(basic: MakeToken) -> None:
    at = Setting(basic("a", 0), basic("b"), on_demand_max_tokens=1)
    first = at.home.unsure(at.want())
    at.home.learned("a", AccountFacts(windows={"default": Window(remaining=3)}), since=0)

    assert first == at.home.unsure(at.want()) == ["a"]
    at.clock.advance(1.0)
    assert at.home.unsure(at.want()) == []


async def test_calls_in_flight_are_counted_per_token(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    await at.lease()

    assert (at.home.inflight("a"), at.home.inflight("gone")) == (1, 0)


async def test_preparing_lets_calls_pass(basic: MakeToken) -> None:
    at = Setting(*(basic(f"t{number}") for number in range(2500)))
    async with anyio.create_task_group() as group:
        group.start_soon(at.home.prepare, [at.want(prefer_tags=("nsfw",))])
        await anyio.lowlevel.checkpoint()

        lease = await at.lease()

    at.settle(lease, Kind.OK, Stage.CONTENT)
    assert at.left(lease.token) == 9


async def test_large_import_lets_calls_pass(basic: MakeToken) -> None:
    at = Setting(basic("there"))
    async with anyio.create_task_group() as group:
        group.start_soon(at.home.edited, [basic(f"t{number}") for number in range(1200)])
        await anyio.lowlevel.checkpoint()

        known = len(at.home.states())

    assert known < len(at.home.states()) == 1201


async def test_garbage_collector_is_on_after_a_load(basic: MakeToken) -> None:
    Setting(basic("a"))

    assert gc.isenabled()
