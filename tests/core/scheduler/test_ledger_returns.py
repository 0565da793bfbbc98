from core.scheduler.ledgers import D, MakeToken, later, left, make_ledger
from grokgate.scheduler.holding import Moment
from grokgate.tokens.record import Bucket
from grokgate.upstream import Window


def test_empty_bucket_refills_at_its_reset(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    ledger.empty(entry, D, now, reset_in_s=7)

    assert ledger.drain(later(now, 6.9)) == []
    assert (entry.status, ledger.drain(later(now, 7))) == ("cooling", [entry])
    assert entry.bar == 0
    assert left(entry) > 0


def test_refilled_window_holds_its_total(token: MakeToken, now: Moment) -> None:
    bucket = Bucket(remaining=3, total=20, reset_at_ms=now.ms + 5000)
    ledger = make_ledger(token("a", {"auto": bucket}), now=now)

    ledger.drain(later(now, 5))

    refilled = ledger.entries["a"].state(now).buckets["auto"]
    assert (refilled.remaining, refilled.source) == (20, "estimated")


def test_bucket_emptied_without_a_reset_is_tried_again_after_an_hour(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    ledger.empty(entry, D, now, reset_in_s=None)

    assert entry.waits(D, now)[1] is False
    assert ledger.drain(later(now, 3600)) == [entry]


def test_closed_bucket_waits_for_a_survey(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    ledger.close(entry, D)

    assert ledger.drain(later(now, 1e6)) == []
    ledger.learn(entry, {"default": Window(remaining=9)}, now, since=ledger.survey(entry))
    assert left(entry) == 9


def test_cool_downs_double_up_to_ten_minutes(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(*(token(name) for name in "abcd"), now=now)
    entry, lengths = ledger.entries["a"], []
    for _ in range(7):
        assert ledger.cool(entry, "forbidden", now, jitter=0.0)
        assert entry.cool_until is not None
        lengths.append(entry.cool_until - now.s)
        ledger.drain(later(now, 600))

    assert lengths == [30, 60, 120, 240, 480, 600, 600]


def test_ambiguous_faults_never_cool_more_than_half_of_a_pool(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(*(token(name) for name in "abcd"), now=now)

    cooled = [ledger.cool(ledger.entries[name], "x", now, jitter=0) for name in "abcd"]

    assert cooled == [True, True, False, False]


def test_window_that_ended_while_stopped_is_full_at_the_start(
    token: MakeToken, now: Moment
) -> None:
    over = Bucket(remaining=0, total=20, reset_at_ms=now.ms - 1)
    ledger = make_ledger(token("a", {"auto": over}), now=now)

    assert left(ledger.entries["a"], "auto") == 20
    assert ledger.due_at() is None


def test_loaded_token_shares_its_buckets_until_it_is_used(token: MakeToken, now: Moment) -> None:
    record = token("a", {"auto": Bucket(remaining=3, total=20, reset_at_ms=now.ms + 5000)})
    entry = make_ledger(record, now=now).entries["a"]

    assert entry.held == {}
    assert entry.state(now).buckets["auto"] is record.state.buckets["auto"]


def test_token_is_looked_at_once_per_time(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a"), now=now)
    entry = ledger.entries["a"]
    for wait_s in (50.0, 7.0, 20.0):
        ledger.empty(entry, D, now, reset_in_s=wait_s)

    assert ledger.drain(later(now, 19)) == []
    assert ledger.due_at() == now.s + 20
    assert ledger.drain(later(now, 20)) == [entry]
    assert ledger.drain(later(now, 60)) == []


def test_many_times_are_planned_at_once(token: MakeToken, now: Moment) -> None:
    window = {"auto": Bucket(remaining=0, reset_at_ms=now.ms + 1000)}
    ledger = make_ledger(*(token(f"t{number}", window) for number in range(3000)), now=now)

    assert ledger.due_at() == now.s + 1
    assert [len(ledger.drain(later(now, 1))) for _ in range(4)] == [1000, 1000, 1000, 0]
    assert ledger.due_at() is None


def test_earliest_return_is_kept_up_to_date(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(*(token(name) for name in "abcd"), now=now)
    pool = ledger.pools["basic"]
    shelf = ledger.shelf(pool, D, frozenset())
    assert ledger.outlook(shelf, now) == (None, True)

    for name, wait_s in (("a", 90.0), ("b", 7.0), ("c", None)):
        ledger.empty(ledger.entries[name], D, now, reset_in_s=wait_s)
    assert ledger.outlook(shelf, now) == (now.s + 7, False)
    assert [entry.id for entry in ledger.adrift(pool, shelf)] == ["c"]

    ledger.drain(later(now, 7))
    ledger.remove("c")
    assert ledger.outlook(shelf, later(now, 7)) == (now.s + 90, True)
