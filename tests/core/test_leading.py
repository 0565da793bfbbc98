"""Which background work every process does, and which the leader alone."""

import anyio
import pytest
from structlog.testing import CapturingLogger

from grokgate.background import background
from grokgate.bus import LocalLeadership, Work
from grokgate.gateway.leading import Duty, works

pytestmark = pytest.mark.anyio


class NeverLeads:
    """A process in which another one leads."""

    leads = False

    async def lead(self, work: Work, /) -> None:
        await anyio.sleep_forever()


@pytest.mark.parametrize(
    ("leadership", "expected"),
    [(LocalLeadership(), {"own", "of all"}), (NeverLeads(), {"own"})],
    ids=["leader", "another"],
)
async def test_only_the_leader_does_what_is_done_alone(
    leadership: LocalLeadership | NeverLeads, expected: set[str]
) -> None:
    began: set[str] = set()

    async def own() -> None:
        began.add("own")

    async def of_all() -> None:
        began.add("of all")

    duties = (Duty(own, "its own"), Duty(of_all, "of all", alone=True))
    log = CapturingLogger()
    async with background(*works(duties, leadership, log=log), log=log):
        await anyio.wait_all_tasks_blocked()

    assert began == expected
