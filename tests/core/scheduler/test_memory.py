import pytest

from core.scheduler.memory_world import MakeToken, Setting
from grokgate.errors import NoTokenAvailable, NoTokensConfigured
from grokgate.upstream import AccountFacts, Kind, Observation, Stage, Window

pytestmark = pytest.mark.anyio


async def test_success_is_charged(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    lease = await at.lease()

    at.settle(lease, Kind.OK, Stage.CONTENT)

    assert at.left("a") == 9
    assert at.home.view().leases_open == 0


async def test_rate_limited_token_is_not_charged_and_waits_for_its_reset(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.settle(await at.lease(), Kind.QUOTA, reset_in_s=7)

    with pytest.raises(NoTokenAvailable) as caught:
        await at.lease()
    at.clock.advance(7)

    assert caught.value.retry_after_s == 7
    assert (await at.lease()).token == "a"


async def test_rate_limit_without_a_reset_asks_for_a_survey(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.settle(await at.lease(), Kind.QUOTA)

    assert at.doubted == ["a"]
    assert at.home.unsure(at.want()) == ["a"]


async def test_dead_credential_expires_its_token(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.settle(await at.lease(), Kind.AUTH_DEAD, marker="session-not-found")

    state = at.home.state("a")
    assert state is not None
    assert (state.status, state.state_reason) == ("expired", "session-not-found")
    with pytest.raises(NoTokensConfigured):
        await at.lease()


async def test_plain_401_expires_at_the_threshold_in_a_row(basic: MakeToken) -> None:
    at = Setting(basic("a"), fail_threshold=3)
    for _ in range(2):
        at.settle(await at.lease(), Kind.AUTH_FAIL)
    at.settle(await at.lease(), Kind.OK, Stage.CONTENT)
    for _ in range(3):
        assert at.status("a") == "active"
        at.settle(await at.lease(), Kind.AUTH_FAIL)

    assert at.status("a") == "expired"


async def test_third_timeout_in_a_row_cools_its_token(basic: MakeToken) -> None:
    at = Setting(*(basic(name, units) for name, units in (("a", 50), ("b", 5))))
    for expected in ("active", "active", "cooling"):
        at.settle(await at.lease(), Kind.TIMEOUT, Stage.SENT, first_byte_timeout=True)
        assert at.status("a") == expected


async def test_server_errors_never_change_a_token(basic: MakeToken) -> None:
    at = Setting(*(basic(name, 50 if name == "a" else 5) for name in "ab"))
    for _ in range(9):
        at.settle(await at.lease(), Kind.TRANSIENT, Stage.SENT, status=503)

    assert at.status("a") == "active"


async def test_request_without_penalties_left_cools_nobody(basic: MakeToken) -> None:
    at = Setting(*(basic(name) for name in "abcd"))

    settled = at.settle(await at.lease(), Kind.FORBIDDEN, penalize=False)

    assert not settled.penalized
    assert at.home.view().tokens["ssoBasic", "cooling"] == 0


async def test_incident_freezes_penalties_until_the_first_success(basic: MakeToken) -> None:
    at = Setting(*(basic(name) for name in "abcdefgh"))
    settled = [at.settle(await at.lease(), Kind.FORBIDDEN) for _ in range(4)]

    assert [one.penalized for one in settled] == [True, True, False, False]
    assert [one.incident for one in settled] == [False, False, True, True]
    assert not at.settle(await at.lease(), Kind.OK, Stage.CONTENT).incident


async def test_numbers_no_upstream_means_can_be_stored(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    at.settle(await at.lease(), Kind.QUOTA, reset_in_s=1e308)
    window = Window(remaining=0, window_s=10**30, reset_in_s=float("inf"))
    at.home.learned("a", AccountFacts(windows={"other": window}), since=0)
    await at.home.flush()

    reset_at_ms = at.store.states["a"].buckets["default"].reset_at_ms
    assert reset_at_ms is not None
    assert reset_at_ms < 2**43


async def test_settling_twice_is_settling_once(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    lease = await at.lease()
    at.settle(lease, Kind.OK, Stage.CONTENT)
    at.settle(lease, Kind.AUTH_DEAD)

    view = at.home.view()
    assert (at.left("a"), at.status("a"), view.fence_rejected) == (9, "active", 1)


async def test_numbers_seen_in_passing_are_learned(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    lease = await at.lease()
    facts = AccountFacts(windows={"default": Window(remaining=30)}, keep={"user": "u1"})

    at.home.learned("a", facts, since=lease.fence)

    state = at.home.state("a")
    assert state is not None
    assert (at.left("a"), state.kept, state.sync_count) == (30, {"user": "u1"}, 0)


async def test_failed_survey_changes_nothing_but_a_dead_token(basic: MakeToken) -> None:
    at = Setting(basic("a"))
    for kind, status in ((Kind.FORBIDDEN, "active"), (Kind.AUTH_DEAD, "expired")):
        at.home.survey_failed("a", Observation(operation="survey", kind=kind, stage=Stage.REFUSED))
        assert at.status("a") == status


async def test_affinity_reports_a_move(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b"))
    first = await at.lease(affinity="chat1")
    again = await at.lease(affinity="chat1")
    await at.lease(affinity="chat1", tried=frozenset({first.token}))

    assert again.token == first.token
    assert [decision.moved for decision in at.home.decisions("r")] == [False, False, True]


async def test_conversation_that_begins_spreads_and_is_followed(basic: MakeToken) -> None:
    at = Setting(basic("a"), basic("b"))
    first = await at.lease(affinity="chat1", begins=True)
    other = await at.lease(affinity="chat1", begins=True)
    second = await at.lease(affinity="chat1")

    assert first.token != other.token
    assert second.token == other.token
    assert not any(decision.moved for decision in at.home.decisions("r"))
