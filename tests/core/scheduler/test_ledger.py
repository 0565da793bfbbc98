from core.scheduler.ledgers import D, MakeToken, left, make_ledger
from grokgate.scheduler.holding import Moment
from grokgate.tokens.record import Bucket


def test_units_are_taken_when_reserved(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]

    ledger.reserve(entry, D, 4, now)

    assert left(entry) == 6


def test_charge_below_the_reservation_gives_the_rest_back(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    grant = ledger.reserve(entry, D, 4, now)

    ledger.settle(grant.id, units=1)

    assert (left(entry), entry.consumed) == (9, 1)


def test_settling_twice_changes_nothing_and_is_counted(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    grant = ledger.reserve(ledger.entries["a"], D, 4, now)
    ledger.settle(grant.id, units=4)

    assert ledger.settle(grant.id, units=4) is None
    assert (left(ledger.entries["a"]), ledger.counts.rejected) == (6, 1)


def test_last_units_are_reserved_though_the_call_costs_more(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 1), now=now)

    grant = ledger.reserve(ledger.entries["a"], D, 4, now)

    assert grant.parts == {"default": 1}
    assert ledger.entries["a"].status == "cooling"


def test_charge_above_the_reservation_is_counted_as_overrun(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    grant = ledger.reserve(ledger.entries["a"], D, 2, now)

    ledger.settle(grant.id, units=5)

    assert (left(ledger.entries["a"]), ledger.counts.overruns) == (8, 1)


def test_call_draws_from_all_its_buckets(token: MakeToken, now: Moment) -> None:
    buckets = {"auto": Bucket(remaining=5), "video": Bucket(remaining=2)}
    ledger = make_ledger(token("a", buckets), now=now)
    entry = ledger.entries["a"]

    ledger.reserve(entry, ("auto", "video"), 1, now)

    assert (left(entry, "auto"), left(entry, "video")) == (4, 1)


def test_unknown_outcome_keeps_the_charge_and_makes_the_bucket_unknown(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    grant = ledger.reserve(ledger.entries["a"], D, 4, now)

    ledger.settle(grant.id, units=4, unsure=True)

    assert ledger.entries["a"].state(now).buckets["default"].remaining == -1
    assert left(ledger.entries["a"]) == 6  # its rank among others


def test_unknown_bucket_is_never_empty(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", -1), now=now)
    entry = ledger.entries["a"]
    for _ in range(8):
        ledger.reserve(entry, D, 100, now)

    assert left(entry) == 1


def test_new_token_has_what_its_pool_assumes(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", {}), now=now)

    assert ledger.entries["a"].state(now).buckets["default"] == Bucket(remaining=80)
