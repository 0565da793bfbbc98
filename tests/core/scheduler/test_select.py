from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from grokgate.errors import NoTokenAvailable, NoTokensConfigured, Overloaded
from grokgate.scheduler import select
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.outlook import busy, outlook, refusal, unsure
from grokgate.scheduler.walk import explain
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import PoolSpec

MakeToken = Callable[..., TokenRecord]
D = ("default",)
NOW = Moment(1000.0, 1_700_000_000_000)


def _ledger(*records: TokenRecord, now: Moment) -> Ledger:
    ledger = Ledger(max_inflight=1)
    ledger.declare("web", PoolSpec(name="basic", tier="basic"))
    ledger.declare("web", PoolSpec(name="super", tier="super"))
    for record in records:
        ledger.put(record, now)
    return ledger


def _want(**changes: Any) -> Want:
    wanted: dict[str, Any] = {
        "request_id": "r",
        "key_id": "k",
        "model": "grok-4",
        "deadline": 0.0,
        "upstream": "web",
        "pools": ("basic", "super"),
        "buckets": D,
        "units": 1,
    }
    return Want(**{**wanted, **changes})


def _picked(ledger: Ledger, want: Want, **options: Any) -> str | None:
    entry = select.pick(ledger, want, Random(1), options.pop("at", NOW), **options)
    return entry.id if entry is not None else None


def _refused(ledger: Ledger, want: Want, now: Moment) -> Exception:
    assert _picked(ledger, want) is None
    return refusal(outlook(ledger, want, now))


def test_token_with_the_most_units_is_picked(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 5), token("b", 9), now=now)

    assert _picked(ledger, _want()) == "b"


def test_next_pool_is_used_only_when_the_first_has_none(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 5), token("s", 99, "super"), now=now)

    assert _picked(ledger, _want()) == "a"
    assert _picked(ledger, _want(tried=frozenset("a"))) == "s"


def test_preferred_tag_comes_first_wherever_it_is(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 50), token("n", 3, "super", tags=("nsfw",)), now=now)

    assert _picked(ledger, _want(prefer_tags=("nsfw",))) == "n"
    assert _picked(ledger, _want(prefer_tags=("other",))) == "a"


def test_required_tag_leaves_others_out(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 50), now=now)

    error = _refused(ledger, _want(require_tags=("nsfw",)), now)

    assert isinstance(error, NoTokensConfigured)
    assert "tag" in str(error)


def test_affinity_keeps_its_token_while_it_is_a_candidate(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 5), token("b", 9), now=now)

    assert _picked(ledger, _want(), last="a") == "a"
    assert _picked(ledger, _want(tried=frozenset("a")), last="a") == "b"


def test_owner_of_an_asset_is_the_only_candidate(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 5), token("b", 9), now=now)

    assert _picked(ledger, _want(only="a")) == "a"
    assert isinstance(_refused(ledger, _want(only="gone"), now), NoTokensConfigured)


def test_busy_tokens_are_worth_waiting_for(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 5), now=now)
    ledger.reserve(ledger.entries["a"], D, 1, now)

    assert busy(ledger, _want())
    assert isinstance(_refused(ledger, _want(), now), Overloaded)


def test_last_unit_in_flight_is_empty_and_not_busy(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 1), now=now)
    ledger.reserve(ledger.entries["a"], D, 1, now)

    assert not busy(ledger, _want())
    assert isinstance(_refused(ledger, _want(), now), NoTokenAvailable)


def test_refusal_names_the_earliest_reset(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), token("b"), now=now)
    for name, wait_s in (("a", 90.0), ("b", 7.0)):
        ledger.empty(ledger.entries[name], D, now, reset_in_s=wait_s)

    error = _refused(ledger, _want(), now)

    assert isinstance(error, NoTokenAvailable)
    assert (error.retry_after_s, error.resets_known) == (7.0, True)
    assert "out of quota" in error.message


def test_one_unknown_reset_is_enough_to_ask_upstream(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), token("b"), now=now)
    ledger.empty(ledger.entries["a"], D, now, reset_in_s=90)
    ledger.empty(ledger.entries["b"], D, now, reset_in_s=None)

    error = _refused(ledger, _want(), now)

    assert isinstance(error, NoTokenAvailable)
    assert (error.retry_after_s, error.resets_known) == (90.0, False)
    assert [entry.id for entry in unsure(ledger, _want(), most=9)] == ["b"]


def test_later_emptying_is_not_hidden_by_a_kept_answer(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), now=now)
    ledger.empty(ledger.entries["a"], D, now, reset_in_s=7)
    _refused(ledger, _want(), now)
    ledger.empty(ledger.entries["a"], D, now, reset_in_s=50)

    error = _refused(ledger, _want(), now)

    assert isinstance(error, NoTokenAvailable)
    assert error.retry_after_s == 50


def test_cooling_tokens_are_named_as_such(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), token("s", 0, "super"), now=now)
    ledger.cool(ledger.entries["a"], "forbidden", now, jitter=0)
    want = _want(pools=("basic",))

    # The only token of a pool is never cooled.
    assert _picked(ledger, want) == "a"
    ledger.put(token("b", 0), now)
    assert ledger.cool(ledger.entries["a"], "forbidden", now, jitter=0) is True
    error = _refused(ledger, want, now)
    assert "cooling down after failures" in str(error)


@pytest.mark.parametrize(
    ("statuses", "words"),
    [
        ({}, "No account is configured"),
        ({"a": "expired"}, "are expired."),
        ({"a": "disabled"}, "are disabled."),
        ({"a": "expired", "b": "disabled"}, "are expired or disabled."),
    ],
)
def test_unusable_tokens_are_no_tokens(
    token: MakeToken, now: Moment, statuses: dict[str, Any], words: str
) -> None:
    records = [token(name, status=status) for name, status in statuses.items()]

    error = _refused(_ledger(*records, now=now), _want(), now)

    assert isinstance(error, NoTokensConfigured)
    assert words in error.message


def test_missing_tier_is_named(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), now=now)

    error = _refused(ledger, _want(pools=("super",)), now)

    assert isinstance(error, NoTokensConfigured)
    assert "tier" in error.message


def test_explanation_counts_the_first_reason_of_each(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(
        token("best", 9),
        token("next", 4),
        token("used", 8),
        token("empty", 0),
        token("off", status="disabled"),
        token("other", pool="super"),
        now=now,
    )

    told = explain(ledger, _want(pools=("basic",), tried=frozenset({"used"})), now)

    assert [scored.token for scored in told.best] == ["best", "next"]
    assert told.chosen == "best"
    assert told.out == {"tried": 1, "empty": 1, "disabled": 1, "pool": 1}


def test_same_seed_gives_the_same_picks(token: MakeToken, now: Moment) -> None:
    def picks() -> list[str | None]:
        ledger, rng = _ledger(*(token(n) for n in "abcdef"), now=now), Random(7)
        found = [select.pick(ledger, _want(policy="random"), rng, now) for _ in range(20)]
        return [entry.id if entry else None for entry in found]

    assert picks() == picks()


def test_bucket_that_no_plan_has_is_no_token(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), token("b"), now=now)
    ledger.close(ledger.entries["a"], D)
    ledger.learn(ledger.entries["b"], {}, now, since=0, asked=frozenset(D))

    error = _refused(ledger, _want(), now)

    assert isinstance(error, NoTokensConfigured)
    assert error.message == "No account's plan includes this model."
    assert explain(ledger, _want(), now).out == {"plan": 2}
    assert unsure(ledger, _want(), most=9) == []


def test_accounts_that_cannot_be_asked_are_told_beside_those_without_the_plan(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a"), token("off", status="expired"), now=now)
    ledger.close(ledger.entries["a"], D)

    error = _refused(ledger, _want(), now)

    assert isinstance(error, NoTokensConfigured)
    assert error.message == (
        "No active account's plan includes this model; other accounts are expired."
    )


def test_quota_that_some_plan_has_is_worth_coming_back_for(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), token("b"), now=now)
    ledger.close(ledger.entries["a"], D)
    ledger.empty(ledger.entries["b"], D, now, reset_in_s=7)

    error = _refused(ledger, _want(), now)

    assert isinstance(error, NoTokenAvailable)
    assert (error.retry_after_s, error.resets_known) == (7.0, True)


def test_owner_without_the_plan_is_told_so(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), now=now)
    ledger.close(ledger.entries["a"], D)

    error = _refused(ledger, _want(only="a"), now)

    assert isinstance(error, NoTokensConfigured)
    assert "plan" in error.message
