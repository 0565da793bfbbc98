import pytest

from core.dispatch_world import HELLO, Settings, call, seen, world
from grokgate import errors
from grokgate.plugin.records import Caller
from grokgate.scheduler.home import Lease, LeaseEnded, Want
from grokgate.scheduler.memory import MemoryHome
from grokgate.settings.grok import GrokSettings
from grokgate.upstream import (
    AccountFacts,
    Kind,
    Observation,
    Stage,
    Window,
)

pytestmark = pytest.mark.anyio


class Late(MemoryHome):
    """Finds the first lease ended when its body is about to go out."""

    first: int | None = None

    def sent(self, lease: Lease, /) -> None:
        self.first = self.first or lease.id
        if lease.id == self.first:
            raise LeaseEnded
        super().sent(lease)


def _plain_want() -> Want:
    return Want(
        request_id="",
        key_id="k",
        model="m",
        deadline=0,
        upstream="web",
        pools=("ssoBasic",),
        buckets=("default",),
        units=1,
    )


@pytest.mark.parametrize(
    "fault",
    [
        seen(Kind.TRANSIENT, Stage.SENT, status=503),
        seen(Kind.CONNECT, Stage.UNSENT),
        seen(Kind.QUOTA, status=429, reset_in_s=60),
        seen(Kind.AUTH_DEAD, status=401),
        seen(Kind.AUTH_FAIL, status=401),
        seen(Kind.FORBIDDEN, status=403),
        seen(Kind.PLAN, status=403),
        seen(Kind.EMPTY, Stage.SENT),
        seen(Kind.TIMEOUT, Stage.SENT, first_byte_timeout=True),
    ],
    ids=lambda fault: str(fault.kind),
)
async def test_another_account_is_tried(fault: Observation) -> None:
    async with world(fault, HELLO) as at:
        assert await at.text(call()) == "Hello"
        assert at.asked() == ["a", "b"]
        assert at.finished[0].attempts == 2


async def test_another_account_is_tried_when_the_lease_has_ended() -> None:
    async with world(HELLO, HELLO, home=Late) as at:
        assert await at.text(call(repeatable=False)) == "Hello"
        assert at.asked() == ["a", "b"]
        assert at.left() == {"a": 10, "b": 4}
        assert [one.observation.stage for one in at.finished[0].tries] == ["unsent", "content"]


@pytest.mark.parametrize(
    ("fault", "error", "words"),
    [
        (seen(Kind.MODERATION), errors.ContentRefused, "content policy"),
        (seen(Kind.BAD_REQUEST, status=400), errors.UpstreamError, "status 400"),
        (seen(Kind.TOO_LONG), errors.ContextTooLong, "too long"),
        (seen(Kind.NOT_ENTITLED), errors.NotEntitled, "entitled"),
        (seen(Kind.TIMEOUT, Stage.SENT), errors.UpstreamTimeout, "in time"),
    ],
    ids=lambda value: str(getattr(value, "kind", "")),
)
async def test_what_another_account_does_not_cure_is_told(
    fault: Observation, error: type[errors.GatewayError], words: str
) -> None:
    async with world(fault) as at:
        with pytest.raises(error, match=words):
            await at.open(call())
        assert at.asked() == ["a"]
        assert at.finished[0].outcome == "failed"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (seen(Kind.TRANSIENT, Stage.SENT, status=503), errors.UpstreamError),
        (seen(Kind.EMPTY, Stage.SENT), errors.EmptyResponse),
        (seen(Kind.FORBIDDEN, status=403), errors.UpstreamBlocked),
        (seen(Kind.PLAN, status=403), errors.NoTokensConfigured),
        (seen(Kind.AUTH_DEAD, status=401), errors.UpstreamError),
    ],
    ids=lambda value: str(getattr(value, "kind", "")),
)
async def test_last_failure_is_told_when_all_accounts_fail(
    fault: Observation, error: type[errors.GatewayError]
) -> None:
    async with world(fault, fault) as at:
        with pytest.raises(error) as caught:
            await at.open(call())
        assert type(caught.value) is error
        assert at.asked() == ["a", "b"]


async def test_all_out_of_quota_names_the_earliest_reset() -> None:
    answers = [seen(Kind.QUOTA, status=429, reset_in_s=wait_s) for wait_s in (7, 90)]
    async with world(*answers) as at:
        with pytest.raises(errors.NoTokenAvailable) as caught:
            await at.open(call())
        assert caught.value.retry_after_s == 7


@pytest.mark.parametrize(("others", "wait_s"), [(5, 1.0), (0, 60.0)])
async def test_quota_without_a_retry_names_when_the_next_account_is_free(
    others: int, wait_s: float
) -> None:
    fault = seen(Kind.QUOTA, status=429, reset_in_s=7000.0)
    async with world(fault, tokens={"a": 10, "b": others}) as at:
        at.settings = Settings(grok=GrokSettings(max_retry=0))
        facts = AccountFacts(windows={"default": Window(remaining=others, reset_in_s=60.0)})
        at.home.learned("b", facts, since=0)
        with pytest.raises(errors.NoTokenAvailable) as caught:
            await at.open(call())

        assert caught.value.retry_after_s == wait_s


async def test_known_resets_are_answered_without_asking_upstream() -> None:
    async with world(tokens={"a": 10}) as at:
        lease = await at.home.acquire(_plain_want())
        at.home.settle(lease, seen(Kind.QUOTA, reset_in_s=50), units=1)
        with pytest.raises(errors.NoTokenAvailable) as caught:
            await at.open(call())
        assert caught.value.retry_after_s == 50
        assert (at.asked(), at.surveyed) == ([], [])


async def test_unknown_reset_is_surveyed_before_giving_up() -> None:
    async with world(HELLO, tokens={"a": 0}) as at:
        facts = AccountFacts(windows={"default": Window(remaining=3)})
        at.on_survey = lambda: at.home.learned("a", facts, since=0, asked=frozenset({"default"}))
        assert await at.text(call()) == "Hello"
        assert at.surveyed == ["a"]


async def test_survey_that_finds_nothing_names_the_next_one() -> None:
    async with world(tokens={"a": 0}) as at:
        with pytest.raises(errors.NoTokenAvailable) as caught:
            await at.open(call())
        assert caught.value.retry_after_s == 300


async def test_no_token_at_all() -> None:
    async with world(tokens={}) as at:
        with pytest.raises(errors.NoTokensConfigured):
            await at.open(call())
        assert at.finished[0].attempts == 0


async def test_at_most_three_retries_per_request() -> None:
    fault = seen(Kind.TRANSIENT, Stage.SENT, status=500)
    caller = Caller(key_id="k", name="k", request_id="r1")
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        for _ in range(2):
            with pytest.raises(errors.UpstreamError):
                await at.open(call(caller=caller))
        assert len(at.asked()) == 4 + 1


async def test_requests_that_chose_the_same_id_share_no_retries() -> None:
    fault = seen(Kind.TRANSIENT, Stage.SENT, status=500)
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        for _ in range(2):
            with pytest.raises(errors.UpstreamError):
                await at.open(call("chosen"))
        assert len(at.asked()) == 4 + 4


async def test_retry_budget_bounds_an_outage() -> None:
    fault = seen(Kind.TRANSIENT, Stage.SENT, status=500)
    async with world(*[fault] * 999, tokens=dict.fromkeys("abcdefgh", 999)) as at:
        for number in range(100):
            with pytest.raises(errors.UpstreamError):
                await at.open(call(f"r{number}"))
        assert len(at.asked()) <= 130
        assert at.dispatch.budget.exhausted > 0


async def test_unknown_403_is_tried_once_more_and_penalizes_one_account() -> None:
    fault = seen(Kind.FORBIDDEN, status=403)
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        with pytest.raises(errors.UpstreamBlocked):
            await at.open(call())
        assert len(at.asked()) == 2
        assert at.tokens("cooling") == 1


async def test_incident_ends_retries() -> None:
    fault = seen(Kind.FORBIDDEN, status=403)
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        for number in range(3):
            with pytest.raises(errors.UpstreamBlocked):
                await at.open(call(f"r{number}"))
        assert len(at.asked()) == 2 + 1 + 1
        assert at.home.view().incidents == 1


async def test_first_byte_timeout_is_repeated_once() -> None:
    fault = seen(Kind.TIMEOUT, Stage.SENT, first_byte_timeout=True)
    async with world(*[fault] * 9, tokens=dict.fromkeys("abcdefgh", 9)) as at:
        with pytest.raises(errors.UpstreamTimeout):
            await at.open(call())
        assert len(at.asked()) == 2


async def test_status_not_listed_is_not_retried() -> None:
    async with world(seen(Kind.QUOTA, status=429, reset_in_s=5)) as at:
        at.settings = Settings(grok=GrokSettings(retry_status_codes=(401,)))
        with pytest.raises(errors.NoTokenAvailable):
            await at.open(call())
        assert at.asked() == ["a"]


@pytest.mark.parametrize(
    ("stage", "attempts"), [(Stage.UNSENT, 2), (Stage.REFUSED, 2), (Stage.SENT, 1)]
)
async def test_what_leaves_something_behind_is_repeated_only_if_not_accepted(
    stage: Stage, attempts: int
) -> None:
    async with world(*[seen(Kind.TRANSIENT, stage)] * 2) as at:
        with pytest.raises(errors.UpstreamError):
            await at.open(call(repeatable=False))
        assert len(at.asked()) == attempts


async def test_owner_of_an_asset_is_not_replaced() -> None:
    async with world(seen(Kind.CONNECT, Stage.UNSENT)) as at:
        with pytest.raises(errors.UpstreamError):
            await at.open(call(account="b"))
        assert at.asked() == ["b"]
