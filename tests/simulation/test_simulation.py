"""Every invariant holds in every storm; a seed that fails is printed with how to see it again.

For more seeds: ``grokgate simulate --check 0-39999``, which are 20 million events.
"""

import subprocess
import sys
from collections.abc import Callable
from random import Random

import pytest

from grokgate.cli.storms import storms, story
from grokgate.scheduler.simulate.faults import POINTS, FaultPoints
from grokgate.scheduler.simulate.storm import Outcome

Storm = Callable[..., Outcome]

SEEDS = range(2000)
EVENTS = 500


def test_every_invariant_holds_after_every_event() -> None:
    for tally in storms(SEEDS, events=EVENTS, processes=2):
        failed = tally.failed
        assert failed is None, story(failed, EVENTS)
        assert tally.events >= tally.seeds * EVENTS


def test_same_seeds_lead_to_the_same_events_and_decisions() -> None:
    """Also where strings hash differently, so that no decision depends on the order of a set."""
    digests = set()
    for salt in ("1", "2"):
        command = [sys.executable, "-m", "grokgate", "simulate", "--check", "0-9"]
        environ = {"PYTHONHASHSEED": salt}
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=True)
        digests.add(done.stdout)

    assert len(digests) == 1
    assert "digest " in digests.pop()


def test_every_fault_point_fires(rage: Storm) -> None:
    outcomes = [rage(seed) for seed in range(100)]

    fired = {name for outcome in outcomes for name in outcome.fired}
    assert fired == set(POINTS)


def test_a_quarter_of_the_fault_points_is_armed() -> None:
    armed = sum(len(FaultPoints(Random(seed)).armed) for seed in SEEDS)

    assert armed / (len(SEEDS) * len(POINTS)) == pytest.approx(0.25, abs=0.01)
