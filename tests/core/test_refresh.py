from typing import Any

import pytest
from msgspec import structs

from core.refresh_world import record, running, turns
from grokgate.settings.token import TokenSettings
from grokgate.testing.clock import FakeClock
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import (
    Kind,
)

pytestmark = pytest.mark.anyio


def _old(name: str, *, hours: float) -> TokenRecord:
    at_ms = int((FakeClock().now().timestamp() - hours * 3600) * 1000)
    return record(name, last_sync_at_ms=at_ms)


async def test_tokens_never_asked_are_asked_at_the_start() -> None:
    async with running(record("a", synced=False), record("b")) as at:
        assert at.fake.surveyed == ["a"]
        assert at.left("a") == 30


async def test_new_token_is_asked_at_once() -> None:
    async with running() as at:
        await at.edit(record("a", synced=False))
        await turns()

        assert at.left("a") == 30


@pytest.mark.parametrize("status", ["expired", "disabled"])
async def test_unusable_tokens_are_never_asked(status: Any) -> None:
    async with running(record("a", synced=False, status=status)) as at:
        at.refresh.soon("a")
        await at.move(100)

        assert at.fake.surveyed == []


async def test_nothing_runs_in_the_background_when_switched_off() -> None:
    async with running(record("a", synced=False), auto_refresh=False) as at:
        at.refresh.soon("a")
        await at.move(100)

        assert at.fake.surveyed == []


async def test_failed_survey_is_not_repeated_when_only_operators_ask() -> None:
    async with running(record("a"), auto_refresh=False) as at:
        at.fake.fault = Kind.TRANSIENT
        await at.ask("a")
        await at.move(7200)

        assert at.fake.surveyed == ["a"]


async def test_doubtful_token_is_asked_once_within_half_a_minute() -> None:
    async with running(record("a")) as at:
        for _ in range(5):
            at.refresh.soon("a")
        await at.move(1)
        assert at.fake.surveyed == []
        await at.move(30)

        assert at.fake.surveyed == ["a"]


async def test_first_round_asks_cooling_tokens_and_old_ones_a_minute_after_the_start() -> None:
    records = (record("new"), record("cool", 0), _old("old", hours=9))
    async with running(*records) as at:
        await at.move(59)
        assert at.fake.surveyed == []
        await at.move(1)

        assert sorted(at.fake.surveyed) == ["cool", "old"]


@pytest.mark.parametrize(("pool", "hours"), [("ssoBasic", 8), ("ssoSuper", 2), ("auto", 8)])
async def test_each_pool_has_its_interval(pool: str, hours: int) -> None:
    async with running(record("a", 0, pool=pool)) as at:
        at.fake.found = 0
        await at.move(60)
        asked = len(at.fake.surveyed)
        await at.move(hours * 3600 - 1)
        assert len(at.fake.surveyed) == asked
        await at.move(1)

        assert len(at.fake.surveyed) == asked + 1


async def test_interval_that_is_shortened_counts_at_once() -> None:
    async with running(record("a", 0)) as at:
        at.fake.found = 0
        await at.move(60)
        at.settings = structs.replace(at.settings, token=TokenSettings(refresh_interval_hours=1))
        await at.move(3600)

        assert at.fake.surveyed == ["a", "a"]


async def test_round_goes_by_the_ledger_while_the_store_lags_behind() -> None:
    async with running(record("a", synced=False)) as at:
        assert at.records["a"].state.last_sync_at_ms is None
        await at.move(60)

        assert at.fake.surveyed == ["a"]


async def test_bounded_number_in_parallel() -> None:
    records = [record(name, synced=False) for name in "abcdefgh"]
    async with running(*records, usage_max_concurrent=3) as at:
        await at.move(1)

        assert at.fake.most_asking == 3
        assert sorted(at.fake.surveyed) == list("abcdefgh")


async def test_pools_are_asked_in_steps_with_a_second_between_them() -> None:
    async with running(*(record(name, 0) for name in "abcde"), usage_batch_size=2) as at:
        counts = []
        for seconds in (60, 0.9, 0.1, 1):
            await at.move(seconds)
            counts.append(len(at.fake.surveyed))

        assert counts == [2, 2, 4, 5]


async def test_step_begins_when_the_one_before_is_over() -> None:
    async with running(*(record(name, 0) for name in "abc"), usage_batch_size=2) as at:
        at.fake.open.clear()
        await at.move(60)
        await at.move(20)
        assert at.fake.surveyed == ["a", "b"]
        at.fake.open.set()
        await turns()
        await at.move(1)

        assert at.fake.surveyed == ["a", "b", "c"]
