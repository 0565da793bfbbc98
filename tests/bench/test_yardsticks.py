"""Costs that must not grow with the number of tokens, in processor time.

Ratios, which a busy machine changes little; only the longest step of getting ready has a bound of
its own, since for so long nothing else runs.

The numbers themselves are printed by ``python tests/bench/ledger.py``.
"""

import pytest

from bench import ledger as bench


def test_lease_costs_the_same_in_a_large_pool() -> None:
    small, large = bench.in_use(1_000), bench.in_use(100_000)

    for policy in ("max_quota", "random"):
        few, many = (
            bench.call_us(ledger, policy, rounds=6, calls=400) for ledger in (small, large)
        )
        assert many < 3 * few


@pytest.mark.parametrize("used", [False, True], ids=["new", "used"])
def test_load_takes_time_in_proportion_to_the_tokens(*, used: bool) -> None:
    few = min(bench.load(5_000, used=used).us for _ in range(3))

    assert bench.load(50_000, used=used).us < 4 * few


def test_getting_ready_never_holds_up_others() -> None:
    assert max(bench.prepare_s(100_000)) < 0.05
