from core.scheduler.ledgers import D, MakeToken, later, left, make_ledger
from grokgate.scheduler.audit import imbalance, violations
from grokgate.scheduler.entry import Entry
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.shelf import ABSENT


def test_operator_clears_a_cool_down(token: MakeToken, now: Moment) -> None:
    record = token("a")
    ledger = make_ledger(record, token("b"), now=now)
    entry = ledger.entries["a"]
    ledger.cool(entry, "forbidden", now, jitter=0)
    stored = entry.state(now)

    ledger.override(entry, stored, record.state, now)

    assert entry.status == "active"


def test_edit_of_a_note_leaves_a_younger_state_alone(token: MakeToken, now: Moment) -> None:
    record = token("a")
    ledger = make_ledger(record, token("b"), now=now)
    entry = ledger.entries["a"]
    ledger.cool(entry, "forbidden", now, jitter=0)

    ledger.override(entry, record.state, record.state, now)

    assert entry.status == "cooling"


def test_stored_times_are_clamped(token: MakeToken, now: Moment) -> None:
    far = now.ms + 10**9
    record = token("a", status="cooling", state_reason="forbidden", cooldown_until_ms=far)
    entry = make_ledger(record, now=now).entries["a"]

    assert entry.cool_until == now.s + 600


def test_deleted_token_is_forgotten_when_its_last_call_ends(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a"), now=now)
    grant = ledger.reserve(ledger.entries["a"], D, 1, now)
    ledger.remove("a")

    assert "a" in ledger.entries
    ledger.settle(grant.id, units=1)
    assert ledger.entries == {}
    assert sum(ledger.pools["basic"].census.values()) == 0


def test_expired_lease_is_refunded_unless_it_was_sent(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), token("b", 10), now=now)
    leases = [ledger.reserve(ledger.entries[name], D, 4, now) for name in "ab"]
    ledger.sent(leases[1].id)

    for grant in leases:
        ledger.expire(grant.id)

    assert [left(ledger.entries[name]) for name in "ab"] == [10, 6]
    assert [ledger.entries[name].known("default") for name in "ab"] == [True, False]


def test_state_survives_a_restart(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), token("b"), now=now)
    entry = ledger.entries["a"]
    ledger.settle(ledger.reserve(entry, D, 4, now).id, units=4)
    ledger.empty(entry, ("auto",), now, reset_in_s=60)
    ledger.cool(entry, "forbidden", now, jitter=0)
    state = entry.state(now)

    again = Entry.load(state, entry.pool, now)

    assert again.state(now).buckets == state.buckets
    assert again.cool_until == entry.cool_until


def test_new_limit_makes_a_token_busy_or_free(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a"), now=now, max_inflight=1)
    pool = ledger.pools["basic"]
    shelf = ledger.shelf(pool, D, frozenset())
    ledger.reserve(ledger.entries["a"], D, 1, now)

    assert len(shelf) == 0
    ledger.limit(0)
    assert len(shelf) == 1
    assert list(violations(ledger)) == []
    assert imbalance(ledger) == 0


def test_token_over_a_lowered_limit_stays_busy(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 20), now=now)
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
    ledger = make_ledger(token("a", 1), now=now, max_inflight=1)

    ledger.reserve(ledger.entries["a"], D, 1, now)

    assert ledger.entries["a"].status == "cooling"
    assert list(violations(ledger)) == []


def test_end_of_a_deleted_tokens_last_call_touches_nobody_else(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(token("a"), now=now)
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
    ledger = make_ledger(token("a"), now=now)
    ledger.shelf(ledger.pools["basic"], D, frozenset(), "score")
    ledger.settle(ledger.reserve(ledger.entries["a"], D, 1, now).id, units=1)
    ledger.remove("a")
    ledger.put(token("b", status="disabled"), now)

    ledger.rest(later(now, 15))

    assert list(violations(ledger)) == []


def test_token_restored_during_its_last_call_is_as_it_was_stored(
    token: MakeToken, now: Moment
) -> None:
    record = token("a", status="expired", state_reason="auth_dead")
    ledger = make_ledger(token("a"), now=now)
    entry = ledger.entries["a"]
    ledger.reserve(entry, D, 1, now)
    ledger.remove("a")

    ledger.put(record, now)

    assert (entry.status, entry.reason) == ("expired", "auth_dead")


def test_pool_of_another_upstream_does_not_count_as_ones_own(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a"), token("b", upstream="other"), now=now)

    assert [entry.id for entry in ledger.pools["basic"].members if entry] == ["a"]
    assert ledger.entries["b"].pool.upstream == "other"


def test_lease_that_expires_after_it_was_sent_counts_as_consumed(
    token: MakeToken, now: Moment
) -> None:
    ledger = make_ledger(token("a"), now=now)
    grant = ledger.reserve(ledger.entries["a"], D, 3, now)
    ledger.sent(grant.id)

    ledger.expire(grant.id)

    assert ledger.entries["a"].consumed == 3


def test_closed_bucket_stays_closed_over_a_restart(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(token("a", 10), now=now)
    entry = ledger.entries["a"]
    ledger.close(entry, D)

    again = Entry.load(entry.state(now), entry.pool, now)

    assert again.closed(D)


def test_shelf_is_built_in_steps_while_the_ledger_is_used(token: MakeToken, now: Moment) -> None:
    ledger = make_ledger(*(token(f"t{number}") for number in range(2500)), now=now)
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
    ledger = make_ledger(*(token(f"t{number}") for number in range(2500)), now=now)
    pool = ledger.pools["basic"]
    steps = ledger.prepare(pool, D, frozenset(), "max_quota")
    next(steps)

    assert len(ledger.shelf(pool, D, frozenset())) == 2500
    assert list(steps) == []
