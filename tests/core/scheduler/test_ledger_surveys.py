from core.scheduler.ledgers import D, MakeToken, left, make_ledger
from grokgate.scheduler.holding import Moment
from grokgate.tokens.record import Bucket
from grokgate.upstream import Window


def test_survey_does_not_forget_younger_reservations(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    since = ledger.survey(entry)
    done = ledger.reserve(entry, D, 2, now)
    ledger.reserve(entry, D, 3, now)
    ledger.settle(done.id, units=2)

    ledger.learn(entry, {"default": Window(remaining=50)}, now, since=since)

    assert left(entry) == 45


def test_overlapping_surveys_both_see_what_was_settled_meanwhile(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    first, second = ledger.survey(entry), ledger.survey(entry)
    asked = frozenset(D)
    ledger.learn(entry, {"default": Window(remaining=9)}, now, since=second, asked=asked)
    ledger.settle(ledger.reserve(entry, D, 2, now).id, units=2)

    ledger.learn(entry, {"default": Window(remaining=9)}, now, since=first, asked=asked)

    assert left(entry) == 7


def test_survey_includes_what_was_settled_before_it_began(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    done = ledger.reserve(entry, D, 2, now)
    ledger.settle(done.id, units=2)

    ledger.learn(entry, {"default": Window(remaining=50)}, now, since=ledger.survey(entry))

    assert left(entry) == 50


def test_refund_after_a_survey_that_found_nothing_gives_nothing_back(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    grant = ledger.reserve(entry, D, 3, now)
    ledger.learn(entry, {"default": Window(remaining=0)}, now, since=ledger.survey(entry))

    ledger.settle(grant.id, units=0)

    assert left(entry) == 0


def test_bucket_that_a_survey_did_not_return_is_empty(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", {"heavy": Bucket(remaining=-1)}), now=now)
    entry = ledger.entries["a"]

    ledger.learn(entry, {}, now, since=ledger.survey(entry), asked=frozenset({"heavy"}))

    assert left(entry, "heavy") == 0


def test_bucket_that_a_survey_could_not_ask_for_is_left_alone(
    token: MakeToken, now: Moment
) -> None:
    windows = {
        "default": Bucket(remaining=3),
        "heavy": Bucket(remaining=7, total=20, source="real"),
    }
    ledger = make_ledger(token("a", windows), now=now)
    entry = ledger.entries["a"]
    before = entry.state(now).buckets["heavy"]

    ledger.learn(
        entry,
        {"default": Window(remaining=2)},
        now,
        since=ledger.survey(entry),
        asked=frozenset({"default", "heavy"}),
        unknown=frozenset({"heavy"}),
    )

    assert left(entry) == 2
    assert entry.state(now).buckets["heavy"] == before


def test_assumed_bucket_that_a_survey_could_not_ask_for_stays_assumed(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(token("a", {"heavy": Bucket(remaining=7)}), now=now)
    entry = ledger.entries["a"]
    unknown = frozenset({"heavy"})

    ledger.learn(
        entry, {}, now, since=ledger.survey(entry), asked=frozenset({"default"}), unknown=unknown
    )

    assert left(entry, "heavy") == 7


def test_numbers_that_came_with_a_call_count_it_already(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    own, other = (ledger.reserve(entry, D, units, now) for units in (2, 3))

    ledger.learn(entry, {"default": Window(remaining=50)}, now, since=own.id)

    assert left(entry) == 47
    ledger.settle(own.id, units=2)
    ledger.settle(other.id, units=3)
    assert left(entry) == 47


def test_refused_call_gives_nothing_back_to_numbers_it_brought(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    grant = ledger.reserve(entry, D, 2, now)
    ledger.learn(entry, {"default": Window(remaining=5)}, now, since=grant.id)

    ledger.settle(grant.id, units=0)

    assert left(entry) == 5


def test_survey_deducts_a_call_that_began_just_before_it(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    grant = ledger.reserve(entry, D, 2, now)
    assert ledger.survey(entry) == grant.id

    window = {"default": Window(remaining=5)}
    ledger.learn(entry, window, now, since=grant.id, asked=frozenset(D))

    assert left(entry) == 3


def test_survey_does_not_forget_a_lease_that_expired_meanwhile(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    grant = ledger.reserve(entry, D, 4, now)
    since = ledger.survey(entry)
    ledger.sent(grant.id)
    ledger.expire(grant.id)

    ledger.learn(entry, {"default": Window(remaining=10)}, now, since=since)

    assert left(entry) == 6


def test_survey_without_a_number_ranks_the_bucket_as_its_pool_assumes(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]

    ledger.learn(entry, {"default": Window(remaining=-1)}, now, since=ledger.survey(entry))

    assert (left(entry), entry.known("default")) == (80, False)
