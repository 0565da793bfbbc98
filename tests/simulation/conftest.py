from collections.abc import Callable

import pytest

from grokgate.cli.storms import RETRIES
from grokgate.scheduler.core import Core
from grokgate.scheduler.simulate.storm import Outcome, storm

Storm = Callable[..., Outcome]


@pytest.fixture
def rage() -> Storm:
    """Run one storm by the gateway's own rules of retrying."""

    def run(seed: int, *, events: int = 500, make_core: Callable[..., Core] = Core) -> Outcome:
        return storm(seed, events=events, retries=RETRIES, make_core=make_core)

    return run
