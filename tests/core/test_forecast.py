import random
from collections.abc import Sequence

import pytest

from grokgate.forecast import COVERAGE, HORIZON_H, Forecast, Stock, dry_after, forecast

TRIALS = 300


def lumps(
    rng: random.Random, rate: float, sizes: Sequence[int], hours: float
) -> list[tuple[float, int]]:
    """Play calls that come by chance: their times, and their units."""
    calls, at = [], rng.expovariate(rate)
    while at < hours:
        calls.append((at, rng.choice(sizes)))
        at += rng.expovariate(rate)
    return calls


def played(calls: Sequence[tuple[float, int]], stocks: Sequence[Stock]) -> float | None:
    """Return the hour at which calls found nothing, draining the fullest account first."""
    left = [stock.left for stock in stocks]
    ends = [stock.resets_in_h for stock in stocks]
    for at, units in calls:
        for place, stock in enumerate(stocks):
            end = ends[place]
            while end is not None and end <= at:
                left[place] = stock.total
                end = ends[place] = end + stock.every_h if stock.every_h else None
        for _ in range(units):
            fullest = max(range(len(left)), key=left.__getitem__)
            if left[fullest] <= 0:
                return at
            left[fullest] -= 1
    return None


def coverage(rate: float, sizes: Sequence[int], stocks: Sequence[Stock], seed: int) -> float:
    """Return the share of played futures that ran dry within the bounds foretold."""
    rng = random.Random(seed)
    hits = 0
    for _ in range(TRIALS):
        past = [sum(units for _, units in lumps(rng, rate, sizes, 1)) for _ in range(6)]
        told = forecast(stocks, past)
        dry = played(lumps(rng, rate, sizes, HORIZON_H), stocks)
        dry_s = HORIZON_H * 3600 if dry is None else dry * 3600
        early = told.earliest_s if told.earliest_s is not None else HORIZON_H * 3600
        late = told.latest_s if told.latest_s is not None else HORIZON_H * 3600
        hits += early <= dry_s <= late
    return hits / TRIALS


@pytest.mark.parametrize(
    ("rate", "sizes", "stocks"),
    [
        pytest.param(20, (1,), [Stock(left=200)], id="single units"),
        pytest.param(12, (1, 1, 4), [Stock(left=400)], id="lumps"),
        pytest.param(60, (1, 2), [Stock(left=150)], id="soon"),
        pytest.param(
            20,
            (1, 1, 4),
            [Stock(left=40, total=60, resets_in_h=1 + n / 4, every_h=20) for n in range(8)],
            id="windows that end",
        ),
    ],
)
def test_four_of_five_futures_lie_within_the_bounds(
    rate: float, sizes: Sequence[int], stocks: Sequence[Stock]
) -> None:
    assert coverage(rate, sizes, stocks, seed=1) == pytest.approx(COVERAGE, abs=0.1)


def test_what_is_left_lasts_as_long_as_the_rate_says() -> None:
    told = forecast([Stock(left=100)], [10, 10, 10, 10])

    assert told.state == "runs_dry"
    assert told.units_per_hour == 10
    assert told.dry_in_s is not None
    assert told.dry_in_s == pytest.approx(10 * 3600, rel=0.01)
    assert told.earliest_s is not None
    assert told.latest_s is not None
    assert told.earliest_s < told.dry_in_s < told.latest_s


def test_only_the_last_hours_make_the_rate() -> None:
    assert forecast([Stock(left=100)], [1000] * 20 + [10] * 6).units_per_hour == 10


def test_windows_that_end_in_time_keep_a_pool_alive() -> None:
    pool = [Stock(left=50, total=50, resets_in_h=2, every_h=2) for _ in range(4)]

    assert forecast(pool, [20, 22, 18, 20]).state == "lasts"


def test_window_that_ends_too_late_does_not_help() -> None:
    assert dry_after([Stock(left=10, total=100, resets_in_h=5)], 10) == 1


def test_window_fills_up_what_was_used_of_it() -> None:
    assert dry_after([Stock(left=100, total=100, resets_in_h=5)], 10) == pytest.approx(15)


def test_nothing_left_is_dry_now() -> None:
    told = forecast([Stock(left=0, total=50, resets_in_h=1)], [5, 5, 5])

    assert (told.state, told.dry_in_s) == ("dry", 0)


def test_one_hour_is_too_little_to_judge_by() -> None:
    assert forecast([Stock(left=10)], [100]) == Forecast(state="unknown")


def test_nobody_asking_lasts() -> None:
    told = forecast([Stock(left=10)], [0, 0, 0, 0])

    assert (told.state, told.dry_in_s, told.earliest_s) == ("lasts", None, None)
