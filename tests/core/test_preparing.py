"""Calls for the models offered find everything ready."""

from collections.abc import Iterable

import anyio
import pytest

import grokgate_chat
from grokgate.dispatch.preparing import Preparation
from grokgate.scheduler.home import Want
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway

pytestmark = pytest.mark.anyio


class Home:
    """Takes note of what it is to prepare for."""

    def __init__(self) -> None:
        self.wants: list[Want] = []
        self.told = anyio.Event()

    async def prepare(self, wants: Iterable[Want], /) -> None:
        self.wants = list(wants)
        self.told.set()


def preparation(gateway: RunningGateway, home: Home) -> Preparation:
    inside = gateway.gateway
    return Preparation(
        home=home,
        catalog=inside.catalog,
        specs=inside.specs,
        settings=lambda: inside.settings.snapshot,
    )


async def test_every_combination_is_prepared_once_and_again_after_a_change() -> None:
    home = Home()
    async with (
        running_gateway(grokgate_chat, upstream=FakeUpstream()) as gateway,
        anyio.create_task_group() as group,
    ):
        preparing = preparation(gateway, home)
        with anyio.fail_after(5):
            group.start_soon(preparing.run)
            await home.told.wait()
            first, home.told = home.wants, anyio.Event()
            await gateway.gateway.settings.change({"token": {"selection": "random"}})
            preparing.changed()
            await home.told.wait()
        group.cancel_scope.cancel()

    combinations = [(want.pools, want.buckets) for want in first]
    assert combinations
    assert len(set(combinations)) == len(combinations)
    assert {want.policy for want in first} == {"max_quota"}
    assert {want.policy for want in home.wants} == {"random"}
