from collections.abc import Callable

from grokgate.scheduler.audit import imbalance, violations
from grokgate.scheduler.entry import Entry
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.shelf import ABSENT
from grokgate.tokens.record import Bucket, TokenRecord
from grokgate.upstream import PoolSpec, Window

MakeToken = Callable[..., TokenRecord]
D = ("default",)


def _ledger(*records: TokenRecord, now: Moment, max_inflight: int = 8) -> Ledger:
    ledger = Ledger(max_inflight=max_inflight)
    ledger.declare("web", PoolSpec(name="basic", tier="basic", assumed={"default": 80}))
    for record in records:
        ledger.put(record, now)
    return ledger


def _later(now: Moment, seconds: float) -> Moment:
    return Moment(now.s + seconds, now.ms + int(seconds * 1000))


def _left(entry: Entry, bucket: str = "default") -> int:
    return entry.left(bucket)


def test_units_are_taken_when_reserved(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]

    ledger.reserve(entry, D, 4, now)

    assert _left(entry) == 6


def test_charge_below_the_reservation_gives_the_rest_back(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    grant = ledger.reserve(entry, D, 4, now)

    ledger.settle(grant.id, units=1)

    assert (_left(entry), entry.consumed) == (9, 1)


def test_settling_twice_changes_nothing_and_is_counted(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    grant = ledger.reserve(ledger.entries["a"], D, 4, now)
    ledger.settle(grant.id, units=4)

    assert ledger.settle(grant.id, units=4) is None
    assert (_left(ledger.entries["a"]), ledger.counts.rejected) == (6, 1)


def test_last_units_are_reserved_though_the_call_costs_more(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 1), now=now)

    grant = ledger.reserve(ledger.entries["a"], D, 4, now)

    assert grant.parts == {"default": 1}
    assert ledger.entries["a"].status == "cooling"


def test_charge_above_the_reservation_is_counted_as_overrun(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    grant = ledger.reserve(ledger.entries["a"], D, 2, now)

    ledger.settle(grant.id, units=5)

    assert (_left(ledger.entries["a"]), ledger.counts.overruns) == (8, 1)


def test_call_draws_from_all_its_buckets(token: MakeToken, now: Moment) -> None:
    buckets = {"auto": Bucket(remaining=5), "video": Bucket(remaining=2)}
    ledger = _ledger(token("a", buckets), now=now)
    entry = ledger.entries["a"]

    ledger.reserve(entry, ("auto", "video"), 1, now)

    assert (_left(entry, "auto"), _left(entry, "video")) == (4, 1)


def test_unknown_outcome_keeps_the_charge_and_makes_the_bucket_unknown(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a", 10), now=now)
    grant = ledger.reserve(ledger.entries["a"], D, 4, now)

    ledger.settle(grant.id, units=4, unsure=True)

    assert ledger.entries["a"].state(now).buckets["default"].remaining == -1
    assert _left(ledger.entries["a"]) == 6  # its rank among others


def test_unknown_bucket_is_never_empty(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", -1), now=now)
    entry = ledger.entries["a"]
    for _ in range(8):
        ledger.reserve(entry, D, 100, now)

    assert _left(entry) == 1


def test_new_token_has_what_its_pool_assumes(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", {}), now=now)

    assert ledger.entries["a"].state(now).buckets["default"] == Bucket(remaining=80)


def test_survey_does_not_forget_younger_reservations(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    since = ledger.survey(entry)
    done = ledger.reserve(entry, D, 2, now)
    ledger.reserve(entry, D, 3, now)
    ledger.settle(done.id, units=2)

    ledger.learn(entry, {"default": Window(remaining=50)}, now, since=since)

    assert _left(entry) == 45


def test_overlapping_surveys_both_see_what_was_settled_meanwhile(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    first, second = ledger.survey(entry), ledger.survey(entry)
    asked = frozenset(D)
    ledger.learn(entry, {"default": Window(remaining=9)}, now, since=second, asked=asked)
    ledger.settle(ledger.reserve(entry, D, 2, now).id, units=2)

    ledger.learn(entry, {"default": Window(remaining=9)}, now, since=first, asked=asked)

    assert _left(entry) == 7


def test_survey_includes_what_was_settled_before_it_began(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    done = ledger.reserve(entry, D, 2, now)
    ledger.settle(done.id, units=2)

    ledger.learn(entry, {"default": Window(remaining=50)}, now, since=ledger.survey(entry))

    assert _left(entry) == 50


def test_refund_after_a_survey_that_found_nothing_gives_nothing_back(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    grant = ledger.reserve(entry, D, 3, now)
    ledger.learn(entry, {"default": Window(remaining=0)}, now, since=ledger.survey(entry))

    ledger.settle(grant.id, units=0)

    assert _left(entry) == 0


def test_bucket_that_a_survey_did_not_return_is_empty(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", {"heavy": Bucket(remaining=-1)}), now=now)
    entry = ledger.entries["a"]

    ledger.learn(entry, {}, now, since=ledger.survey(entry), asked=frozenset({"heavy"}))

    assert _left(entry, "heavy") == 0


def test_empty_bucket_refills_at_its_reset(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    ledger.empty(entry, D, now, reset_in_s=7)

    assert ledger.drain(_later(now, 6.9)) == []
    assert (entry.status, ledger.drain(_later(now, 7))) == ("cooling", [entry])
    assert entry.bar == 0
    assert _left(entry) > 0


def test_refilled_window_holds_its_total(token: MakeToken, now: Moment) -> None:
    bucket = Bucket(remaining=3, total=20, reset_at_ms=now.ms + 5000)
    ledger = _ledger(token("a", {"auto": bucket}), now=now)

    ledger.drain(_later(now, 5))

    refilled = ledger.entries["a"].state(now).buckets["auto"]
    assert (refilled.remaining, refilled.source) == (20, "estimated")


def test_bucket_emptied_without_a_reset_is_tried_again_after_an_hour(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    ledger.empty(entry, D, now, reset_in_s=None)

    assert entry.waits(D, now)[1] is False
    assert ledger.drain(_later(now, 3600)) == [entry]


def test_closed_bucket_waits_for_a_survey(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    ledger.close(entry, D)

    assert ledger.drain(_later(now, 1e6)) == []
    ledger.learn(entry, {"default": Window(remaining=9)}, now, since=ledger.survey(entry))
    assert _left(entry) == 9


def test_cool_downs_double_up_to_ten_minutes(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(*(token(name) for name in "abcd"), now=now)
    entry, lengths = ledger.entries["a"], []
    for _ in range(7):
        assert ledger.cool(entry, "forbidden", now, jitter=0.0)
        assert entry.cool_until is not None
        lengths.append(entry.cool_until - now.s)
        ledger.drain(_later(now, 600))

    assert lengths == [30, 60, 120, 240, 480, 600, 600]


def test_ambiguous_faults_never_cool_more_than_half_of_a_pool(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(*(token(name) for name in "abcd"), now=now)

    cooled = [ledger.cool(ledger.entries[name], "x", now, jitter=0) for name in "abcd"]

    assert cooled == [True, True, False, False]


def test_operator_clears_a_cool_down(token: MakeToken, now: Moment) -> None:
    record = token("a")
    ledger = _ledger(record, token("b"), now=now)
    entry = ledger.entries["a"]
    ledger.cool(entry, "forbidden", now, jitter=0)
    stored = entry.state(now)

    ledger.override(entry, stored, record.state, now)

    assert entry.status == "active"


def test_edit_of_a_note_leaves_a_younger_state_alone(token: MakeToken, now: Moment) -> None:
    record = token("a")
    ledger = _ledger(record, token("b"), now=now)
    entry = ledger.entries["a"]
    ledger.cool(entry, "forbidden", now, jitter=0)

    ledger.override(entry, record.state, record.state, now)

    assert entry.status == "cooling"


def test_stored_times_are_clamped(token: MakeToken, now: Moment) -> None:
    far = now.ms + 10**9
    record = token("a", status="cooling", state_reason="forbidden", cooldown_until_ms=far)
    entry = _ledger(record, now=now).entries["a"]

    assert entry.cool_until == now.s + 600


def test_deleted_token_is_forgotten_when_its_last_call_ends(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), now=now)
    grant = ledger.reserve(ledger.entries["a"], D, 1, now)
    ledger.remove("a")

    assert "a" in ledger.entries
    ledger.settle(grant.id, units=1)
    assert ledger.entries == {}
    assert sum(ledger.pools["basic"].census.values()) == 0


def test_expired_lease_is_refunded_unless_it_was_sent(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), token("b", 10), now=now)
    leases = [ledger.reserve(ledger.entries[name], D, 4, now) for name in "ab"]
    ledger.sent(leases[1].id)

    for grant in leases:
        ledger.expire(grant.id)

    assert [_left(ledger.entries[name]) for name in "ab"] == [10, 6]
    assert [ledger.entries[name].known("default") for name in "ab"] == [True, False]


def test_state_survives_a_restart(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), token("b"), now=now)
    entry = ledger.entries["a"]
    ledger.settle(ledger.reserve(entry, D, 4, now).id, units=4)
    ledger.empty(entry, ("auto",), now, reset_in_s=60)
    ledger.cool(entry, "forbidden", now, jitter=0)
    state = entry.state(now)

    again = Entry.load(state, entry.pool, now)

    assert again.state(now).buckets == state.buckets
    assert again.cool_until == entry.cool_until


def test_new_limit_makes_a_token_busy_or_free(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), now=now, max_inflight=1)
    pool = ledger.pools["basic"]
    shelf = ledger.shelf(pool, D, frozenset())
    ledger.reserve(ledger.entries["a"], D, 1, now)

    assert len(shelf) == 0
    ledger.limit(0)
    assert len(shelf) == 1
    assert list(violations(ledger)) == []
    assert imbalance(ledger) == 0


def test_numbers_that_came_with_a_call_count_it_already(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    own, other = (ledger.reserve(entry, D, units, now) for units in (2, 3))

    ledger.learn(entry, {"default": Window(remaining=50)}, now, since=own.id)

    assert _left(entry) == 47
    ledger.settle(own.id, units=2)
    ledger.settle(other.id, units=3)
    assert _left(entry) == 47


def test_refused_call_gives_nothing_back_to_numbers_it_brought(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    grant = ledger.reserve(entry, D, 2, now)
    ledger.learn(entry, {"default": Window(remaining=5)}, now, since=grant.id)

    ledger.settle(grant.id, units=0)

    assert _left(entry) == 5


def test_survey_deducts_a_call_that_began_just_before_it(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    grant = ledger.reserve(entry, D, 2, now)
    assert ledger.survey(entry) == grant.id

    window = {"default": Window(remaining=5)}
    ledger.learn(entry, window, now, since=grant.id, asked=frozenset(D))

    assert _left(entry) == 3


def test_survey_does_not_forget_a_lease_that_expired_meanwhile(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    grant = ledger.reserve(entry, D, 4, now)
    since = ledger.survey(entry)
    ledger.sent(grant.id)
    ledger.expire(grant.id)

    ledger.learn(entry, {"default": Window(remaining=10)}, now, since=since)

    assert _left(entry) == 6


def test_survey_without_a_number_ranks_the_bucket_as_its_pool_assumes(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]

    ledger.learn(entry, {"default": Window(remaining=-1)}, now, since=ledger.survey(entry))

    assert (_left(entry), entry.known("default")) == (80, False)


def test_window_that_ended_while_stopped_is_full_at_the_start(
    token: MakeToken, now: Moment
) -> None:
    over = Bucket(remaining=0, total=20, reset_at_ms=now.ms - 1)
    ledger = _ledger(token("a", {"auto": over}), now=now)

    assert _left(ledger.entries["a"], "auto") == 20
    assert ledger.due_at() is None


def test_loaded_token_shares_its_buckets_until_it_is_used(token: MakeToken, now: Moment) -> None:
    record = token("a", {"auto": Bucket(remaining=3, total=20, reset_at_ms=now.ms + 5000)})
    entry = _ledger(record, now=now).entries["a"]

    assert entry.held == {}
    assert entry.state(now).buckets["auto"] is record.state.buckets["auto"]


def test_token_is_looked_at_once_per_time(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), now=now)
    entry = ledger.entries["a"]
    for wait_s in (50.0, 7.0, 20.0):
        ledger.empty(entry, D, now, reset_in_s=wait_s)

    assert ledger.drain(_later(now, 19)) == []
    assert ledger.due_at() == now.s + 20
    assert ledger.drain(_later(now, 20)) == [entry]
    assert ledger.drain(_later(now, 60)) == []


def test_many_times_are_planned_at_once(token: MakeToken, now: Moment) -> None:
    window = {"auto": Bucket(remaining=0, reset_at_ms=now.ms + 1000)}
    ledger = _ledger(*(token(f"t{number}", window) for number in range(3000)), now=now)

    assert ledger.due_at() == now.s + 1
    assert [len(ledger.drain(_later(now, 1))) for _ in range(4)] == [1000, 1000, 1000, 0]
    assert ledger.due_at() is None


def test_earliest_return_is_kept_up_to_date(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(*(token(name) for name in "abcd"), now=now)
    pool = ledger.pools["basic"]
    shelf = ledger.shelf(pool, D, frozenset())
    assert ledger.outlook(shelf, now) == (None, True)

    for name, wait_s in (("a", 90.0), ("b", 7.0), ("c", None)):
        ledger.empty(ledger.entries[name], D, now, reset_in_s=wait_s)
    assert ledger.outlook(shelf, now) == (now.s + 7, False)
    assert [entry.id for entry in ledger.adrift(pool, shelf)] == ["c"]

    ledger.drain(_later(now, 7))
    ledger.remove("c")
    assert ledger.outlook(shelf, _later(now, 7)) == (now.s + 90, True)


def test_token_over_a_lowered_limit_stays_busy(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 20), now=now)
    entry = ledger.entries["a"]
    shelf = ledger.shelf(ledger.pools["basic"], D, frozenset())
    leases = [ledger.reserve(entry, D, 2, now).id for _ in range(5)]
    ledger.limit(2)

    sizes = []
    for lease in leases:
        ledger.settle(lease, units=1)
        sizes.append(len(shelf))

    assert sizes == [0, 0, 0, 1, 1]


def test_last_unit_and_last_call_at_once_leave_a_token_cooling(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a", 1), now=now, max_inflight=1)

    ledger.reserve(ledger.entries["a"], D, 1, now)

    assert ledger.entries["a"].status == "cooling"
    assert list(violations(ledger)) == []


def test_end_of_a_deleted_tokens_last_call_touches_nobody_else(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a"), now=now)
    shelf = ledger.shelf(ledger.pools["basic"], D, frozenset())
    grant = ledger.reserve(ledger.entries["a"], D, 1, now)
    ledger.remove("a")
    ledger.settle(grant.id, units=0)

    ledger.empty(grant.entry, D, now, reset_in_s=9)

    assert shelf.rank(0) == ABSENT
    assert list(violations(ledger)) == []


def test_use_of_a_deleted_token_is_not_forgotten_in_its_followers_place(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a"), now=now)
    ledger.shelf(ledger.pools["basic"], D, frozenset(), "score")
    ledger.settle(ledger.reserve(ledger.entries["a"], D, 1, now).id, units=1)
    ledger.remove("a")
    ledger.put(token("b", status="disabled"), now)

    ledger.rest(_later(now, 15))

    assert list(violations(ledger)) == []


def test_token_restored_during_its_last_call_is_as_it_was_stored(
    token: MakeToken, now: Moment
) -> None:
    record = token("a", status="expired", state_reason="auth_dead")
    ledger = _ledger(token("a"), now=now)
    entry = ledger.entries["a"]
    ledger.reserve(entry, D, 1, now)
    ledger.remove("a")

    ledger.put(record, now)

    assert (entry.status, entry.reason) == ("expired", "auth_dead")


def test_pool_of_another_upstream_does_not_count_as_ones_own(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a"), token("b", upstream="other"), now=now)

    assert [entry.id for entry in ledger.pools["basic"].members if entry] == ["a"]
    assert ledger.entries["b"].pool.upstream == "other"


def test_lease_that_expires_after_it_was_sent_counts_as_consumed(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(token("a"), now=now)
    grant = ledger.reserve(ledger.entries["a"], D, 3, now)
    ledger.sent(grant.id)

    ledger.expire(grant.id)

    assert ledger.entries["a"].consumed == 3


def test_closed_bucket_stays_closed_over_a_restart(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    ledger.close(entry, D)

    again = Entry.load(entry.state(now), entry.pool, now)

    assert again.closed(D)


def test_shelf_is_built_in_steps_while_the_ledger_is_used(token: MakeToken, now: Moment) -> None:
    ledger = _ledger(*(token(f"t{number}") for number in range(2500)), now=now)
    pool = ledger.pools["basic"]
    steps = ledger.prepare(pool, D, frozenset(), "max_quota")
    next(steps)
    for name in ("t1", "t2400"):
        ledger.empty(ledger.entries[name], D, now, reset_in_s=9)
    ledger.put(token("late"), now)

    assert list(violations(ledger)) == []
    assert len(list(steps)) == 2
    assert len(ledger.shelf(pool, D, frozenset())) == 2499
    assert list(violations(ledger)) == []


def test_pick_during_the_building_of_a_shelf_sees_every_token(
    token: MakeToken, now: Moment
) -> None:
    ledger = _ledger(*(token(f"t{number}") for number in range(2500)), now=now)
    pool = ledger.pools["basic"]
    steps = ledger.prepare(pool, D, frozenset(), "max_quota")
    next(steps)

    assert len(ledger.shelf(pool, D, frozenset())) == 2500
    assert list(steps) == []
