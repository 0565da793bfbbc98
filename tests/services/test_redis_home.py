from collections.abc import AsyncIterator

import anyio
import anyio.lowlevel
import pytest
from msgspec.structs import replace

from grokgate.errors import NoTokenAvailable, NoTokensConfigured, Overloaded
from grokgate.upstream import AccountFacts, Kind, Stage, Window
from services.redis_world import World, books, token, until

pytestmark = pytest.mark.anyio


@pytest.fixture
async def world(valkey_url: str) -> AsyncIterator[World]:
    world = World(valkey_url)
    yield world
    await world.aclose()


async def test_success_is_charged_in_the_shared_ledger(world: World) -> None:
    async with world.member(token("a")) as one:
        one.settle(await one.lease())
        await one.settled()

        row = await world.row("a")
        assert (row.held["default"].spent, row.inflight, row.consumed) == (1, 0, 1)
        assert books(row) == 0


async def test_settled_state_is_written(world: World) -> None:
    async with world.member(token("a")) as one:
        one.settle(await one.lease())
        await until(lambda: "a" in one.store.states)

        assert one.store.states["a"].buckets["default"].remaining == 9


async def test_refused_call_is_given_back(world: World) -> None:
    async with world.member(token("a")) as one:
        one.settle(await one.lease(), Kind.QUOTA, Stage.REFUSED, reset_in_s=50)
        await one.settled()

        with pytest.raises(NoTokenAvailable) as caught:
            await one.lease()
        assert caught.value.retry_after_s == pytest.approx(50, abs=1)
        assert (await world.row("a")).held["default"].refunded == 1


async def test_nothing_configured(world: World) -> None:
    async with world.member() as one:
        with pytest.raises(NoTokensConfigured):
            await one.lease()


async def test_waits_in_turn_for_a_busy_token(world: World) -> None:
    async with world.member(token("a"), settings={"max_inflight": 1}) as one:
        first = await one.lease()
        async with anyio.create_task_group() as group:
            second: list[str] = []

            async def wait() -> None:
                second.append((await one.lease(wait_s=5)).token)

            group.start_soon(wait)
            await until(lambda: one.home.view().queue_depth == 1)
            one.settle(first)

        assert second == ["a"]


async def test_another_process_frees_a_token(world: World) -> None:
    async with (
        world.member(token("a"), settings={"max_inflight": 1}) as one,
        world.member(token("a"), settings={"max_inflight": 1}) as other,
    ):
        first = await one.lease()
        await until(lambda: other.home.inflight("a") == 1)
        async with anyio.create_task_group() as group:
            got: list[str] = []

            async def wait() -> None:
                got.append((await other.lease(wait_s=5)).token)

            group.start_soon(wait)
            await until(lambda: other.home.view().queue_depth == 1)
            one.settle(first)

        assert got == ["a"]
        assert other.left("a") == 8


async def test_two_homes_never_oversell(world: World) -> None:
    records = [token(f"t{number}", 4) for number in range(10)]
    won: list[str] = []

    async with world.member(*records) as one, world.member(*records) as other:

        async def call(number: int) -> None:
            member = (one, other)[number % 2]
            lease = await member.try_lease(request_id=str(number), wait_s=5)
            if lease is not None:
                won.append(lease.token)
                await anyio.lowlevel.checkpoint()
                member.settle(lease)

        async with anyio.create_task_group() as group:
            for number in range(200):
                group.start_soon(call, number)
        await one.settled()
        await other.settled()
        rows = await world.rows()

    assert len(won) == 40
    assert [sum(row.held["default"].spent for row in rows.values())] == [40]
    assert [books(row) for row in rows.values()] == [0] * 10


async def test_token_is_never_busier_than_it_may_be(world: World) -> None:
    limit = {"max_inflight": 2}
    async with (
        world.member(token("a", 100), settings=limit) as one,
        world.member(token("a", 100), settings=limit) as other,
    ):
        most: list[int] = []

        async def call(number: int) -> None:
            member = (one, other)[number % 2]
            lease = await member.lease(wait_s=10)
            most.append((await world.row("a")).inflight)
            member.settle(lease)

        async with anyio.create_task_group() as group:
            for number in range(60):
                group.start_soon(call, number)

        assert max(most) == 2


async def test_survey_of_one_process_is_seen_by_the_other(world: World) -> None:
    async with world.member(token("a")) as one, world.member(token("a")) as other:
        since = one.home.survey_begun("a")
        facts = AccountFacts(windows={"default": Window(remaining=3, total=20)}, tier="super")
        one.home.learned("a", facts, since=since, asked=frozenset({"default"}))

        await until(lambda: other.left("a") == 3)
        state = other.home.state("a")
        assert state is not None
        assert state.tier == "super"


async def test_survey_deducts_what_another_process_has_open(world: World) -> None:
    async with world.member(token("a")) as one, world.member(token("a")) as other:
        since = one.home.survey_begun("a")
        await other.lease(units=4)
        facts = AccountFacts(windows={"default": Window(remaining=10)})
        one.home.learned("a", facts, since=since, asked=frozenset({"default"}))
        await one.settled()

        await until(lambda: one.left("a") == 6)


async def test_dead_credential_is_out_everywhere(world: World) -> None:
    async with world.member(token("a")) as one, world.member(token("a")) as other:
        one.settle(await one.lease(), Kind.AUTH_DEAD, Stage.REFUSED, marker="gone")
        await until(lambda: other.home.view().tokens["ssoBasic", "expired"] == 1)

        with pytest.raises(NoTokensConfigured):
            await other.lease()


async def test_operators_numbers_reach_the_ledger(world: World) -> None:
    async with world.member(token("a")) as one, world.member(token("a")) as other:
        await one.home.edited([token("a", 77)])

        await until(lambda: other.left("a") == 77)


async def test_deleted_token_is_gone_when_its_last_call_ends(world: World) -> None:
    async with world.member(token("a")) as one, world.member(token("a")) as other:
        lease = await other.lease()
        await one.home.edited([token("a", deleted_at_ms=1)])
        await until(lambda: other.home.view().tokens["ssoBasic", "disabled"] == 1)
        other.settle(lease)

        await until(lambda: other.home.state("a") is None)
        await other.settled()
        assert await world.rows() == {}


async def test_record_that_another_process_added_is_noticed(world: World) -> None:
    async with world.member() as one, world.member() as other:
        await one.home.edited([token("a", 5)])
        one.settle(await one.lease())
        await one.settled()
        await other.home.noticed([token("a", 5)])

        assert other.left("a") == 4


async def test_account_that_was_disabled_unseen_is_out_everywhere(world: World) -> None:
    stored = token("a", 5)
    disabled = replace(stored, revision=2, state=replace(stored.state, status="disabled"))
    async with world.member(stored) as one, world.member(stored) as other:
        await other.home.noticed([disabled])
        await until(lambda: one.home.view().tokens["ssoBasic", "disabled"] == 1)

        with pytest.raises(NoTokensConfigured):
            await one.lease()


async def test_decisions_count_in_their_order_however_late_they_are_told(world: World) -> None:
    first, second = token("a", revision=1), token("b", revision=1)
    off = replace(first, revision=2, state=replace(first.state, status="disabled"))
    gone = replace(second, revision=2, deleted_at_ms=1)
    async with world.member(first, second) as one, world.member(first, second) as other:
        one.stop()
        await one.home.edited([off, gone])
        await other.home.noticed([off])
        other.home.stored_as([off])
        await other.home.edited([replace(first, revision=3), replace(second, revision=3)])
        await other.settled()
        one.start(one.group)
        await one.settled()

        rows = await world.rows()
        assert {name: (row.bar, row.gone) for name, row in rows.items()} == {
            "a": (0, False),
            "b": (0, False),
        }
        await until(lambda: one.home.view().tokens["ssoBasic", "active"] >= 1)


async def test_account_that_comes_again_while_its_last_call_runs_is_leased(world: World) -> None:
    async with world.member(token("a", revision=4)) as one:
        lease = await one.lease()
        await one.home.edited([token("a", revision=5, deleted_at_ms=1)])
        await one.settled()
        await one.home.edited([token("a", revision=1)])
        await one.settled()

        assert (await one.lease()).token == "a"
        one.settle(lease)


async def test_decision_that_was_told_is_not_told_again_late(world: World) -> None:
    stored = token("a", revision=1)
    off = replace(stored, revision=2, state=replace(stored.state, status="disabled"))
    on = replace(stored, revision=3)
    async with world.member(stored) as one, world.member(stored) as other:
        await one.home.edited([off])
        await until(lambda: other.home.view().tokens["ssoBasic", "disabled"] == 1)
        other.stop()
        await one.home.edited([on])
        one.settle(await one.lease(), Kind.AUTH_DEAD, Stage.REFUSED, marker="gone")
        await one.settled()
        other.home.enforce([on])
        other.start(other.group)
        await other.settled()

        assert (await world.row("a")).status == "expired"


async def test_late_comer_learns_what_was_used(world: World) -> None:
    async with world.member(token("a")) as one:
        one.settle(await one.lease())
        await one.settled()
        async with world.member(token("a", 10)) as other:
            assert other.left("a") == 9


async def test_cancelled_wait_leaves_no_lease(world: World) -> None:
    async with world.member(token("a")) as one:
        async with anyio.create_task_group() as group:
            group.start_soon(one.lease)
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        await one.settled()

        row = await world.row("a")
        assert (row.leases, row.held["default"].open, one.left("a")) == ({}, 0, 10)


async def test_full_queue_is_refused(world: World) -> None:
    async with world.member(token("a"), settings={"max_inflight": 1}) as one:
        await one.lease()

        with pytest.raises(Overloaded):
            await one.lease()


async def test_leaving_ends_open_leases(world: World) -> None:
    async with world.member(token("a")) as one:
        one.home.sent(await one.lease())

    row = await world.row("a")
    assert (row.leases, row.held["default"].spent, row.held["default"].known) == ({}, 1, False)


async def test_large_import_is_taken_over_whole(world: World) -> None:
    async with world.member(backlog_size=400) as one:
        await one.home.edited([token(f"t{number}") for number in range(1000)])
        await one.settled()

        assert len(await world.rows()) == 1000
        assert one.home.outbox.dropped == 0


async def test_token_that_the_server_does_not_know_is_put_there(world: World) -> None:
    async with world.member(token("a", 7)) as one:
        await world.client.hdel(world.keys.rows, "a")

        assert (await one.lease()).token == "a"
        assert one.left("a") == 6
        assert books(await world.row("a")) == 0
