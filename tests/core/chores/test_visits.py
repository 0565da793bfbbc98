"""What is done to one account: bounded, fenced, and told in the gateway's own words."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from msgspec import structs
from structlog.testing import LogCapture

from grokgate.chores.details import Clearing, FileCounts
from grokgate.chores.visits import Refused, Visits
from grokgate.settings.grok import GrokSettings
from grokgate.settings.performance import PerformanceSettings
from grokgate.testing.clock import FakeClock
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens.editing import Change
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import (
    Kind,
    Observation,
    RemoteFile,
    Secret,
    Stage,
    UpstreamContext,
    UpstreamFailure,
    UpstreamSpec,
)
from grokgate.upstreams import Upstreams

pytestmark = pytest.mark.anyio


class Upstream(FakeUpstream):
    """Has files, and deletes them as told."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.ids = [f"f{number}" for number in range(count)]
        self.fault: Kind | None = None
        self.at_work = 0
        self.most_at_work = 0
        self.calls = 0

    def spec(self, upstream: str = "web", *, profiles: Sequence[str] = ()) -> UpstreamSpec:
        made = super().spec(upstream, profiles=profiles)

        @asynccontextmanager
        async def open_driver(_context: Any) -> AsyncIterator["Upstream"]:
            yield self

        return structs.replace(made, offers=made.offers | {"files"}, open=open_driver)

    @asynccontextmanager
    async def session(self, *_: Any) -> AsyncIterator[Any]:
        yield self

    async def files(self) -> AsyncGenerator[RemoteFile, None]:
        for file_id in tuple(self.ids):
            yield RemoteFile(id=file_id, name=file_id, mime="image/png", size=10)

    async def delete_file(self, file_id: str, /) -> None:
        self.calls += 1
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        await asyncio.sleep(0)
        self.at_work -= 1
        if self.fault is not None:
            raise UpstreamFailure(
                Observation(operation="delete_file", kind=self.fault, stage=Stage.REFUSED)
            )
        self.ids.remove(file_id)


class World:
    def __init__(
        self, files: int = 0, *tokens: str, turn_s: float = 60, **performance: Any
    ) -> None:
        self.fake = Upstream(files)
        self.edits: list[tuple[list[str], Change]] = []
        self.soon: list[str] = []
        log: Any = structlog.wrap_logger(None, processors=[LogCapture()])
        context = UpstreamContext[Any](settings=lambda: None, log=log, clock=FakeClock())
        self.records = {token: record(token) for token in tokens or ("a",)}
        self.upstreams = Upstreams({"web": self.fake.spec()}, {"web": context}, self.records)
        refresh: Any = SimpleNamespace(soon=self.soon.append)
        settings: Any = SimpleNamespace(
            grok=GrokSettings(), performance=PerformanceSettings(**performance)
        )
        self.visits = Visits(
            upstreams=self.upstreams,
            records=self.records,
            refresh=refresh,
            edit=self._edit,
            settings=lambda: settings,
            clock=FakeClock(),
            log=log,
            turn_s=turn_s,
        )

    async def _edit(self, ids: Sequence[str], change: Change) -> None:
        self.edits.append((list(ids), change))

    async def clear(self, token: str = "a") -> Any:
        task: Any = None
        async with self.upstreams.open():
            return await self.visits.clear(token, task)


def record(token: str) -> TokenRecord:
    state = TokenState(id=token)
    return TokenRecord(id=token, pool="ssoBasic", credential=Secret(token), state=state)


async def test_files_of_one_account_are_deleted_a_few_at_once() -> None:
    at = World(9, assets_delete_batch_size=3)
    outcome = await at.clear()

    assert outcome.detail == Clearing(status="ok", result=FileCounts(total=9, success=9, failed=0))
    assert at.fake.most_at_work == 3


async def test_calls_of_all_accounts_together_are_bounded() -> None:
    at = World(9, "a", "b", assets_max_concurrent=2, assets_delete_batch_size=9)
    at.fake.fault = Kind.TRANSIENT
    task: Any = None
    async with at.upstreams.open():
        await asyncio.gather(at.visits.clear("a", task), at.visits.clear("b", task))

    assert (at.fake.most_at_work, at.fake.calls) == (2, 18)


async def test_call_whose_turn_never_comes_fails_alone() -> None:
    at = World(1, turn_s=0, assets_max_concurrent=0)
    outcome = await at.clear()

    assert (outcome.ok, outcome.error) == (False, "The upstream did not answer in time.")


async def test_cleared_account_gets_its_time_and_another_none() -> None:
    at = World(1)
    await at.clear()
    ((ids, change),) = at.edits
    at.edits.clear()
    at.fake.ids, at.fake.fault = ["f1"], Kind.TRANSIENT
    outcome = await at.clear()

    assert (ids, change.last_asset_clear_at_ms) == (
        ["a"],
        int(FakeClock().now().timestamp() * 1000),
    )
    assert (outcome.ok, at.edits) == (False, [])


async def test_dead_credential_ends_the_work_and_has_the_account_surveyed() -> None:
    at = World(50, assets_delete_batch_size=1)
    at.fake.fault = Kind.AUTH_DEAD
    outcome = await at.clear()

    assert (at.fake.calls, at.soon) == (1, ["a"])
    assert outcome.detail.result == FileCounts(total=50, success=0, failed=50)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"upstream": "gone"}, "not_loaded"),
        ({"state": TokenState(id="a", status="disabled")}, "disabled"),
        (None, "unknown"),
    ],
)
async def test_account_that_may_not_be_asked_is_not(
    change: dict[str, Any] | None, code: str
) -> None:
    at = World(1)
    there = at.records.pop("a")
    if change is not None:
        at.records["a"] = structs.replace(there, **change)
    async with at.upstreams.open():
        with pytest.raises(Refused) as raised:
            await at.visits.files("a")

    assert raised.value.code == code


async def test_upstream_without_the_operation_says_so() -> None:
    at = World()
    task: Any = None
    async with at.upstreams.open():
        outcome = await at.visits.prefer("a", task, on=True)

    assert (outcome.ok, outcome.detail.code, at.edits) == (False, "not_offered", [])
