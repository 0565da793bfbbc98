"""How many accounts are worked on at once follows the section ``performance``."""

from typing import Any

import pytest

from grokgate.chores import Pace, pace_of
from grokgate.settings.performance import PerformanceSettings


@pytest.mark.parametrize(
    ("work", "pace"),
    [
        ("usage", Pace(at_once=25, step=50, most=1000)),
        ("nsfw", Pace(at_once=10, step=50, most=1000)),
        ("assets", Pace(at_once=10, step=10, most=1000)),
    ],
)
def test_defaults(work: Any, pace: Pace) -> None:
    assert pace_of(work, PerformanceSettings()) == pace


@pytest.mark.parametrize("work", ["usage", "nsfw"])
def test_each_key_changes_the_pace(work: Any) -> None:
    settings = PerformanceSettings(
        **{f"{work}_max_concurrent": 2, f"{work}_batch_size": 3, f"{work}_max_tokens": 4}
    )

    assert pace_of(work, settings) == Pace(at_once=2, step=3, most=4)


def test_accounts_of_a_step_have_their_files_looked_at_side_by_side() -> None:
    settings = PerformanceSettings(assets_batch_size=3, assets_max_tokens=4)

    assert pace_of("assets", settings) == Pace(at_once=3, step=3, most=4)
