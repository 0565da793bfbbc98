import pytest

from core.refresh_world import ask, record, running, turns
from grokgate.scheduler.home import Want
from grokgate.upstream import (
    Kind,
    Observation,
    Stage,
)

pytestmark = pytest.mark.anyio


def _want() -> Want:
    return Want(
        request_id="",
        key_id="k",
        model="m",
        deadline=0,
        upstream="web",
        pools=("ssoBasic",),
        buckets=("default",),
        units=2,
    )


async def test_failed_survey_keeps_the_numbers_and_is_repeated_later_and_later() -> None:
    async with running(record("a")) as at:
        at.fake.fault = Kind.TRANSIENT
        at.refresh.soon("a")
        counts = []
        for seconds in (30, 60, 60, 60):
            await at.move(seconds)
            counts.append(len(at.fake.surveyed))

        assert (at.left("a"), counts) == (5, [1, 2, 2, 3])
        assert at.errors == ["transient"] * 3


async def test_numbers_are_stale_from_a_failed_survey_to_the_next_answer() -> None:
    async with running(record("a")) as at:
        at.fake.fault = Kind.TRANSIENT
        await at.ask("a")
        assert at.refresh.failing == {"a": 1}
        at.fake.fault = None
        await at.ask("a")

        assert at.refresh.failing == {}


async def test_window_that_could_not_be_asked_for_keeps_its_number() -> None:
    async with running(record("a")) as at:
        at.fake.unknown = frozenset({"default"})
        (outcome,) = await at.ask("a")

        assert (outcome.failure, at.left("a"), at.refresh.failing) == (None, 5, {})
        (told,) = [one for one in at.logs.entries if one["event"] == "survey_incomplete"]
        assert told["buckets"] == ["default"]


async def test_crash_of_a_driver_is_a_failed_survey() -> None:
    async with running(record("a")) as at:
        at.fake.fault = RuntimeError("a defect")
        (outcome,) = await at.ask("a")

        assert (outcome.failure, at.left("a")) == ("malformed", 5)
        assert at.marks.open["a"] == 0


async def test_numbers_that_are_none_are_a_failed_survey() -> None:
    async with running(record("a")) as at:
        at.fake.found = "many"
        (outcome,) = await at.ask("a")

        assert (outcome.failure, at.marks.open["a"]) == ("malformed", 0)


async def test_dead_credential_expires_its_token() -> None:
    async with running(record("a")) as at:
        at.fake.fault = Kind.AUTH_DEAD
        at.refresh.soon("a")
        await at.move(30)

        assert at.state("a").status == "expired"
        assert at.marks.open["a"] == 0


async def test_expired_token_is_asked_no_more_though_its_record_lags_behind() -> None:
    async with running(record("a")) as at:
        at.fake.fault = Kind.AUTH_DEAD
        await at.ask("a")
        at.refresh.soon("a")
        await at.move(8 * 3600)

        assert at.fake.surveyed == ["a"]


async def test_reservations_made_during_a_survey_are_kept() -> None:
    async with running(record("a")) as at:
        at.fake.open.clear()
        await ask(at, "a")
        lease = await at.home.acquire(_want())
        ok = Observation(operation="converse", kind=Kind.OK, stage=Stage.CONTENT)
        at.home.settle(lease, ok, units=2)
        at.fake.open.set()
        await turns()

        assert at.left("a") == 28


async def test_pool_of_a_new_token_is_detected() -> None:
    async with running() as at:
        at.fake.tier = "super"
        await at.edit(record("a", pool="auto"))
        await turns()

        assert at.records["a"].pool == "ssoSuper"
        assert "token_pool_detected" in {entry["event"] for entry in at.logs.entries}


async def test_detection_goes_on_after_a_restart() -> None:
    waiting = record("a", pool="auto")
    async with running(waiting, auto_refresh=False) as at:
        assert at.records["a"].pool == "auto"
    async with running(at.records["a"]) as at:
        assert at.fake.surveyed == ["a"]


async def test_token_whose_subscription_is_not_told_stays_without_a_pool() -> None:
    async with running(record("a", pool="auto", synced=False)) as at:
        assert (at.fake.surveyed, at.records["a"].pool) == (["a"], "auto")


async def test_unknown_fields_of_an_answer_are_counted() -> None:
    async with running(record("a")) as at:
        at.fake.unknown_field = "newQuota"
        await at.ask("a")

        assert at.drifts == [("web", "survey", "newQuota")]


async def test_pool_that_an_answer_contradicts_stays() -> None:
    async with running(record("a"), record("b", pool="ssoSuper")) as at:
        at.fake.tier = "super"
        await at.ask("a", "b")

        assert at.records["a"].pool == "ssoBasic"


async def test_operator_revives_an_expired_token_whose_credential_works() -> None:
    async with running(record("a", status="expired")) as at:
        (outcome,) = await at.ask("a")

        assert outcome.before is not None
        assert outcome.after is not None
        assert (outcome.before.status, outcome.after.status) == ("expired", "active")


async def test_expired_token_whose_survey_fails_stays_expired() -> None:
    async with running(record("a", status="expired")) as at:
        at.fake.fault = Kind.TRANSIENT
        await at.ask("a")
        await at.move(100)

        assert (at.fake.surveyed, at.state("a").status) == (["a"], "expired")
