from pathlib import Path

import pytest

import grokgate_chat
from grokgate.drift import NOTICE_AFTER
from grokgate.gateway import Gateway
from grokgate.jobs import JobEnd, JobId
from grokgate.openai.tally import Tally
from grokgate.run_options import RunOptions
from grokgate.testing import RunningGateway, running_gateway
from grokgate.testing.clock import FakeClock
from grokgate.upstream import Kind, Observation, Stage

pytestmark = pytest.mark.anyio


def told(gw: RunningGateway) -> list[tuple[str, str]]:
    return [(one.kind, one.subject) for one in reversed(gw.gateway.alarms.incidents())]


async def test_field_nobody_knows_is_told_once() -> None:
    async with running_gateway(grokgate_chat) as gw:
        for _ in range(3 * NOTICE_AFTER):
            gw.gateway.drift.seen("web", "2026-08", "converse", "result.new")
        gw.gateway.alarms.look()
        gw.gateway.alarms.look()

        assert told(gw) == [("drift", "web: result.new")]


async def test_accounts_that_expire_are_told_together() -> None:
    clock = FakeClock()
    dead = Observation(operation="survey", kind=Kind.AUTH_DEAD, stage=Stage.SENT)
    async with running_gateway(grokgate_chat, tokens={"a": 9, "b": 9, "c": 9}, clock=clock) as gw:
        await gw.gateway.alarms.look_at_pool()
        for token in list(gw.gateway.tokens.records)[:2]:
            gw.gateway.home.survey_failed(token, dead)
        clock.advance(3600)
        await gw.gateway.alarms.look_at_pool()

        (incident,) = (
            one for one in gw.gateway.alarms.incidents() if one.kind == "account_expired"
        )
        assert incident.detail["count"] == 2
        assert all(account.startswith("tok_") for account in incident.detail["accounts"])


async def test_accounts_that_expire_within_the_hour_are_one_incident_that_grows() -> None:
    clock = FakeClock()
    dead = Observation(operation="survey", kind=Kind.AUTH_DEAD, stage=Stage.SENT)
    async with running_gateway(grokgate_chat, tokens={"a": 9, "b": 9, "c": 9}, clock=clock) as gw:
        counts = []
        for token, wait_s in zip(list(gw.gateway.tokens.records), (60, 60, 3600), strict=True):
            clock.advance(wait_s)
            gw.gateway.home.survey_failed(token, dead)
            await gw.gateway.alarms.look_at_pool()
            found = [i for i in gw.gateway.alarms.incidents() if i.kind == "account_expired"]
            counts.append([incident.detail["count"] for incident in found])

    assert counts == [[1], [2], [1, 2]]


async def test_account_that_expires_before_the_first_look_is_told_once() -> None:
    clock = FakeClock()
    dead = Observation(operation="survey", kind=Kind.AUTH_DEAD, stage=Stage.SENT)
    async with running_gateway(grokgate_chat, tokens={"a": 9, "b": 9}, clock=clock) as gw:
        (token, _) = gw.gateway.tokens.records
        gw.gateway.home.survey_failed(token, dead)
        for _ in range(2):
            clock.advance(3600)
            await gw.gateway.alarms.look_at_pool()

        assert [one for one in told(gw) if one[0] == "account_expired"] == [
            ("account_expired", token)
        ]


async def test_account_that_had_expired_before_the_start_is_no_news(tmp_path: Path) -> None:
    options = RunOptions(data_dir=tmp_path / "data", log_dir=tmp_path / "logs")
    first, second = (Gateway(options, {}, sources=[]) for _ in range(2))
    async with first.run():
        text = '{"ssoBasic": [{"token": "credential-of-account", "status": "expired"}]}'
        await first.tokens.import_text(text)
    async with second.run():
        await second.alarms.look_at_pool()

        assert [record.state.status for record in second.tokens.records.values()] == ["expired"]
        assert second.alarms.incidents() == []


async def test_pool_that_is_nearly_empty_is_told_once() -> None:
    clock = FakeClock()
    async with running_gateway(grokgate_chat, tokens={"a": 0}, clock=clock) as gw:
        for _ in range(3):
            await gw.gateway.alarms.look_at_pool()
            clock.advance(60)

        assert {kind for kind, _ in told(gw)} == {"pool_low"}
        assert len(told(gw)) == len(set(told(gw)))


async def test_pool_is_watched_though_nobody_is_told() -> None:
    clock = FakeClock()
    async with running_gateway(grokgate_chat, tokens={"a": 0}, clock=clock) as gw:
        await gw.gateway.alarms.look_around()
        before = told(gw)
        clock.advance(300)
        await gw.gateway.alarms.look_around()

        assert (before, {kind for kind, _ in told(gw)}) == ([], {"pool_low"})


async def test_full_pool_is_no_news() -> None:
    async with running_gateway(grokgate_chat, tokens={"a": 50}) as gw:
        await gw.gateway.alarms.look_at_pool()

        assert told(gw) == []


def job_end(*, defect: bool) -> JobEnd:
    job = JobId(plugin="video", kind="film", key="v1", owner="k1")
    return JobEnd(id=job, seconds=1, tally=Tally(request_id="req_1"), defect=defect)


async def test_job_that_failed_by_a_defect_is_told() -> None:
    async with running_gateway(grokgate_chat) as gw:
        gw.gateway.alarms.job_ended(job_end(defect=True))

        assert told(gw) == [("job_failed", "video/film")]


async def test_job_that_ended_is_no_news() -> None:
    async with running_gateway(grokgate_chat) as gw:
        gw.gateway.alarms.job_ended(job_end(defect=False))

        assert told(gw) == []
