from collections.abc import Callable
from random import Random
from typing import Any

import pytest
import structlog

from grokgate.errors import GatewayError, NoTokenAvailable, NoTokensConfigured, Overloaded
from grokgate.scheduler import decisions
from grokgate.scheduler.core import Core
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Decision, Lease, Want
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens.record import Bucket, TokenRecord
from grokgate.upstream import Kind, Observation, Stage

MakeToken = Callable[..., TokenRecord]
BLOCKED = Observation(operation="converse", kind=Kind.FORBIDDEN, stage=Stage.REFUSED)


class Scheduler:
    """A scheduler at one instant."""

    def __init__(self, now: Moment, *tokens: TokenRecord, max_inflight: int = 0) -> None:
        self.now = now
        self.core = Core(
            specs=[FakeUpstream().spec()],
            max_inflight=max_inflight,
            rng=Random(1),
            log=structlog.get_logger(),
            changed=lambda _token: None,
            doubted=lambda _token: None,
        )
        self.core.load(tokens, now, unclean=False)

    def want(self, **changes: Any) -> Want:
        fields: dict[str, Any] = {
            "request_id": "r",
            "key_id": "k",
            "model": "grok-4",
            "deadline": 0.0,
            "upstream": "web",
            "pools": ("ssoBasic",),
            "buckets": ("default",),
            "units": 1,
        }
        return Want(**{**fields, **changes})

    def lease(self, **changes: Any) -> Lease:
        lease = self.core.acquire(self.want(**changes), self.now)
        assert lease is not None
        return lease

    def refusal(self, **changes: Any) -> GatewayError:
        with pytest.raises(GatewayError) as caught:
            self.core.acquire(self.want(**changes), self.now)
        return caught.value

    def last(self, request_id: str = "r") -> Decision:
        return self.core.decisions.of(request_id)[-1]

    def block(self, token: str) -> None:
        """Have *token* cool down after a refusal nobody can explain."""
        self.core.ledger.cool(self.core.ledger.entries[token], "forbidden", self.now, jitter=0)


@pytest.fixture
def basic(token: MakeToken) -> MakeToken:
    def make(name: str, units: int = 10, **fields: Any) -> TokenRecord:
        return token(name, units, fields.pop("pool", "ssoBasic"), **fields)

    return make


def test_lease_is_noted_with_the_reasons_of_the_others(basic: MakeToken, now: Moment) -> None:
    at = Scheduler(
        now,
        basic("a"),
        basic("empty", 0),
        basic("off", status="disabled"),
        basic("dead", status="expired"),
        basic("other", pool="ssoSuper"),
    )
    lease = at.lease()

    told = at.last()
    assert (told.chosen, told.number) == ("a", lease.decision)
    assert dict(told.out) == {"pool": 1, "disabled": 1, "expired": 1, "empty": 1}
    assert list(told.out) == ["pool", "disabled", "expired", "empty"]


def test_tokens_tried_before_are_counted_as_such(basic: MakeToken, now: Moment) -> None:
    at = Scheduler(now, basic("a"), basic("b"), basic("empty", 0))
    at.lease(tried=frozenset({"a", "empty"}))

    assert at.last().out == {"empty": 1, "tried": 1}


def test_tokens_without_a_required_tag_are_counted_as_such(basic: MakeToken, now: Moment) -> None:
    at = Scheduler(now, basic("a", tags=("nsfw",)), basic("b"))
    at.lease(require_tags=("nsfw",))

    assert at.last().out == {"untagged": 1}


def test_counters_agree_with_looking_at_every_token(basic: MakeToken, now: Moment) -> None:
    at = Scheduler(now, basic("a"), basic("b", 0), basic("c", status="expired"), max_inflight=1)
    at.lease()
    at.refusal(request_id="walked")
    at.refusal(request_id="counted")

    walked, counted = at.last("walked"), at.last("counted")
    assert (walked.walked, counted.walked) == (True, False)
    assert walked.out == counted.out == {"expired": 1, "empty": 1, "busy": 1}


def test_refusal_says_what_the_client_was_told(basic: MakeToken, now: Moment) -> None:
    at = Scheduler(now, basic("a", 0))
    error = at.refusal()

    assert (at.last().chosen, at.last().told) == (None, error.message)
    assert at.last().at_ms == now.ms


def test_one_lease_in_a_hundred_names_the_best(basic: MakeToken, now: Moment) -> None:
    at = Scheduler(now, basic("a", 500), basic("b", 7), basic("c", 5), basic("d", 3))
    for number in range(decisions.SAMPLE):
        at.lease(request_id=f"r{number}")

    assert at.last("r0").best == ()
    sample = at.last(f"r{decisions.SAMPLE - 1}")
    assert [scored.token for scored in sample.best] == ["a", "b", "c"]
    assert sample.best[0].score == sum(sample.best[0].terms.values())


def test_storm_of_refusals_looks_at_all_tokens_once_a_second(basic: MakeToken, now: Moment) -> None:
    at = Scheduler(now, basic("a", 0))
    for number in range(50):
        at.refusal(request_id=f"r{number}")
    at.now = Moment(now.s + 1.0, now.ms + 1000)
    at.refusal(request_id="later")

    walked = [at.last(f"r{number}").walked for number in range(50)]
    assert (walked.count(True), at.last("later").walked) == (1, True)


def test_only_the_last_decisions_are_remembered(basic: MakeToken, now: Moment) -> None:
    at = Scheduler(now, basic("a", 0))
    for number in range(decisions.KEPT + 1):
        at.refusal(request_id=f"r{number}")

    assert at.core.decisions.of("r0") == []
    assert len(at.core.decisions.of("r1")) == 1


CAUSES: list[tuple[str, dict[str, int], type[GatewayError], str]] = [
    ("out of quota", {"empty": 2}, NoTokenAvailable, "are out of quota."),
    (
        "cooling",
        {"cooling": 1},
        NoTokenAvailable,
        "are out of quota or cooling down after failures.",
    ),
    ("busy", {"busy": 1}, Overloaded, "are busy."),
    ("mixed", {"empty": 1, "busy": 1}, Overloaded, "are out of quota or busy."),
    ("expired", {"expired": 1}, NoTokensConfigured, "are expired."),
    ("other tier", {"other": 1}, NoTokensConfigured, "of the tier this model needs"),
    ("none", {}, NoTokensConfigured, "No account is configured."),
]


@pytest.mark.parametrize(
    ("there", "kind", "words"), [case[1:] for case in CAUSES], ids=[case[0] for case in CAUSES]
)
def test_refusal_names_its_cause(
    basic: MakeToken, now: Moment, there: dict[str, int], kind: type[GatewayError], words: str
) -> None:
    at = Scheduler(now, *_tokens(basic, there), max_inflight=1)
    if "cooling" in there:
        at.block("cooling")
    if "busy" in there:
        at.lease()
    error = at.refusal()

    assert type(error) is kind
    assert words in error.message


def _tokens(basic: MakeToken, there: dict[str, int]) -> list[TokenRecord]:
    made = [basic(f"e{number}", 0) for number in range(there.get("empty", 0))]
    made += [basic("busy")] * there.get("busy", 0)
    made += [basic("dead", status="expired")] * there.get("expired", 0)
    made += [basic("super", pool="ssoSuper")] * there.get("other", 0)
    # The only token of a pool is never cooled.
    made += [basic("cooling"), basic("e9", 0)] * there.get("cooling", 0)
    return made


def test_time_to_come_back_is_the_earliest(basic: MakeToken, now: Moment) -> None:
    def empty(name: str, reset_s: int) -> TokenRecord:
        bucket = Bucket(remaining=0, total=5, window_s=7200, reset_at_ms=now.ms + reset_s * 1000)
        return basic(name, {"default": bucket})

    at = Scheduler(now, empty("a", 5000), empty("b", 90), basic("c"))
    at.block("c")

    assert at.refusal().retry_after_s == 30
    at.core.ledger.retire(at.core.ledger.entries["c"], "dead")
    assert at.refusal().retry_after_s == 90


def test_busy_tokens_are_expected_back_after_a_usual_call(basic: MakeToken, now: Moment) -> None:
    at = Scheduler(now, basic("a", 99), max_inflight=1)
    for _ in range(60):
        lease = at.lease()
        at.now = Moment(at.now.s + 12, at.now.ms + 12_000)
        at.core.settle(lease.id, BLOCKED, at.now, units=0, penalize=False, fail_threshold=5)
    at.lease()

    assert at.refusal().retry_after_s == pytest.approx(12, abs=1)


def test_owner_of_an_asset_is_named_alone(basic: MakeToken, now: Moment) -> None:
    at = Scheduler(now, basic("a", 0), basic("b"))

    assert at.refusal(only="a").message == "The account that made this is out of quota."
    assert at.refusal(only="gone").message == "The account that made this is gone."
