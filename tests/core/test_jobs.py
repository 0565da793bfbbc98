from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import anyio
import pytest
from structlog.testing import CapturingLogger

from grokgate.drain import Drain
from grokgate.errors import Overloaded, StoreUnavailable
from grokgate.jobs import MOST, JobEnd, Jobs
from grokgate.testing import OtherProcess

pytestmark = pytest.mark.anyio


class Kit:
    """Jobs with what tests look at."""

    def __init__(self, *, grace_s: float = 60.0, ending_s: float = 2.0) -> None:
        self.drain = Drain(grace_s=lambda: grace_s)
        self.faults: list[str] = []
        self.log = CapturingLogger()
        self.jobs = Jobs(
            self.drain,
            on_fault=self.faults.append,
            log=self.log,
            ending_s=ending_s,
            answer_s=0.01,
        )
        self.plugin = self.jobs.for_plugin("notes")


class Work:
    """Work that runs until it is let go, and notes how it ended."""

    def __init__(self, ending: Callable[[], Awaitable[Any]] = anyio.lowlevel.checkpoint) -> None:
        self.go = anyio.Event()
        self.states: list[str] = []
        self._ending = ending

    async def __call__(self) -> None:
        self.states.append("running")
        try:
            await self.go.wait()
            self.states.append("done")
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await self._ending()
                self.states.append("cancelled")
            raise


async def test_job_runs_and_is_found_while_it_runs() -> None:
    kit, work = Kit(), Work()
    async with kit.jobs.accepting():
        job = kit.plugin.start("reply", "a", work, owner="k1")
        found = kit.plugin.find("reply", "a", owner="k1")
        work.go.set()
        with anyio.fail_after(1):
            await job.wait()

        assert found is job
        assert job.work is work
        assert work.states == ["running", "done"]
        assert kit.plugin.find("reply", "a", owner="k1") is None


async def test_job_is_found_by_its_own_plugin_kind_key_and_owner_only() -> None:
    kit, work = Kit(), Work()
    async with kit.jobs.accepting():
        kit.plugin.start("reply", "a", work, owner="k1")

        assert kit.jobs.for_plugin("other").find("reply", "a", owner="k1") is None
        assert kit.plugin.find("video", "a", owner="k1") is None
        assert kit.plugin.find("reply", "b", owner="k1") is None
        assert kit.plugin.find("reply", "a", owner="k2") is None


async def test_cancelled_job_notes_its_end() -> None:
    kit, work = Kit(), Work()
    async with kit.jobs.accepting():
        job = kit.plugin.start("reply", "a", work, owner="k1")
        await anyio.wait_all_tasks_blocked()
        job.cancel()
        job.cancel()
        with anyio.fail_after(1):
            await job.wait()

    assert work.states == ["running", "cancelled"]


async def test_job_cancelled_before_it_began_notes_its_end_too() -> None:
    kit, work = Kit(), Work()
    async with kit.jobs.accepting():
        job = kit.plugin.start("reply", "a", work, owner="k1")
        job.cancel()
        with anyio.fail_after(1):
            await job.wait()

    assert work.states == ["running", "cancelled"]


async def test_cancelled_job_that_does_not_end_is_ended() -> None:
    kit, work = Kit(ending_s=0.05), Work(anyio.sleep_forever)
    async with kit.jobs.accepting():
        job = kit.plugin.start("reply", "a", work, owner="k1")
        other = kit.plugin.start("reply", "b", Work(), owner="k1")
        await anyio.wait_all_tasks_blocked()
        job.cancel()
        with anyio.fail_after(1):
            await job.wait()

        assert kit.plugin.find("reply", "b", owner="k1") is other
    assert work.states == ["running"]


async def test_fault_of_a_job_is_logged_and_harms_no_other() -> None:
    async def fail() -> None:
        raise RuntimeError("secret words")

    kit, work = Kit(), Work()
    async with kit.jobs.accepting():
        kit.plugin.start("reply", "a", work, owner="k1")
        await kit.plugin.start("reply", "b", fail, owner="k1").wait()

        assert kit.plugin.find("reply", "a", owner="k1") is not None
    assert kit.faults == ["notes"]
    assert [(call.method_name, call.args, call.kwargs) for call in kit.log.calls] == [
        ("exception", ("job_failed",), {"plugin": "notes", "kind": "reply", "key_id": "k1"})
    ]


async def test_job_outlives_the_scope_that_started_it() -> None:
    kit, work = Kit(), Work()
    async with kit.jobs.accepting():
        with anyio.CancelScope() as request:
            job = kit.plugin.start("reply", "a", work, owner="k1")
            request.cancel()
            await anyio.lowlevel.checkpoint()
        work.go.set()
        with anyio.fail_after(1):
            await job.wait()

    assert work.states == ["running", "done"]


async def test_second_job_of_the_same_name_is_refused() -> None:
    kit = Kit()
    async with kit.jobs.accepting():
        kit.plugin.start("reply", "a", Work(), owner="k1")

        with pytest.raises(ValueError, match="runs under this key"):
            kit.plugin.start("reply", "a", Work(), owner="k1")


async def test_jobs_over_the_limit_are_refused_until_one_ends() -> None:
    kit = Kit()
    async with kit.jobs.accepting():
        jobs = [kit.plugin.start("reply", str(n), Work(), owner="k1") for n in range(MOST)]
        with pytest.raises(Overloaded) as caught:
            kit.plugin.start("reply", "more", Work(), owner="k1")
        jobs[0].cancel()
        await jobs[0].wait()
        kit.plugin.start("reply", "more", Work(), owner="k1")

    assert (caught.value.status, caught.value.code) == (503, "overloaded")
    assert caught.value.retry_after_s


async def test_no_job_begins_before_the_start_during_a_drain_or_after_the_stop() -> None:
    kit = Kit()

    def start() -> None:
        with pytest.raises(Overloaded):
            kit.plugin.start("reply", "a", Work(), owner="k1")

    start()
    async with kit.jobs.accepting():
        kit.drain.begin()
        start()
    start()


async def test_drain_waits_for_a_job() -> None:
    kit, work = Kit(), Work()
    async with kit.jobs.accepting(), anyio.create_task_group() as group:
        kit.plugin.start("reply", "a", work, owner="k1")
        kit.drain.begin()
        group.start_soon(kit.drain.finished)
        await anyio.wait_all_tasks_blocked()
        waited = not kit.drain.cut.is_set()
        work.go.set()

    assert waited
    assert work.states == ["running", "done"]


async def test_job_is_cancelled_when_the_grace_is_over() -> None:
    kit, work = Kit(grace_s=0.0), Work()
    async with kit.jobs.accepting():
        kit.plugin.start("reply", "a", work, owner="k1")
        await anyio.wait_all_tasks_blocked()
        kit.drain.begin()
        with anyio.fail_after(1):
            await kit.drain.finished()

        assert work.states == ["running", "cancelled"]
        assert kit.drain.inflight == 0


async def test_stop_without_a_drain_cancels_jobs_and_waits_for_them() -> None:
    kit, work = Kit(), Work()
    with anyio.fail_after(1):
        async with kit.jobs.accepting():
            kit.plugin.start("reply", "a", work, owner="k1")
            await anyio.wait_all_tasks_blocked()

    assert work.states == ["running", "cancelled"]


async def test_error_inside_comes_out_as_it_is() -> None:
    kit, work = Kit(), Work()

    async def run() -> None:
        async with kit.jobs.accepting():
            kit.plugin.start("reply", "a", work, owner="k1")
            await anyio.wait_all_tasks_blocked()
            raise LookupError

    with pytest.raises(LookupError):
        await run()
    assert work.states == ["running", "cancelled"]


async def test_cancelled_owner_leaves_jobs_time_to_note_their_end() -> None:
    kit, work = Kit(), Work()
    with anyio.CancelScope() as scope:
        async with kit.jobs.accepting():
            kit.plugin.start("reply", "a", work, owner="k1")
            await anyio.wait_all_tasks_blocked()
            scope.cancel()
            await anyio.sleep_forever()

    assert work.states == ["running", "cancelled"]


async def test_jobs_of_a_removed_key_are_ended_and_no_others() -> None:
    kit, gone, kept = Kit(), Work(), Work()
    async with kit.jobs.accepting():
        kit.plugin.start("reply", "a", gone, owner="k1")
        kit.plugin.start("reply", "a", kept, owner="k2")
        await anyio.lowlevel.checkpoint()
        with anyio.fail_after(1):
            await kit.jobs.end_owner("k1")

        assert (gone.states, kept.states) == (["running", "cancelled"], ["running"])


async def test_observer_that_fails_ends_no_job() -> None:
    kit, first, second = Kit(), Work(), Work()

    def fail(_end: JobEnd) -> None:
        raise ValueError

    jobs = Jobs(kit.drain, on_fault=kit.faults.append, log=kit.log, ended=fail)
    async with jobs.accepting():
        plugin = jobs.for_plugin("notes")
        ended = plugin.start("reply", "a", first, owner="k1")
        other = plugin.start("reply", "b", second, owner="k1")
        first.go.set()
        with anyio.fail_after(1):
            await ended.wait()
        second.go.set()
        with anyio.fail_after(1):
            await other.wait()

    assert second.states == ["running", "done"]
    assert [call.args for call in kit.log.calls] == [("job_observer_failed",)] * 2


async def test_job_goes_on_while_it_runs() -> None:
    kit, work = Kit(), Work()
    async with kit.jobs.accepting():
        job = kit.plugin.start("reply", "a", work, owner="k1")
        during = await kit.plugin.goes_on("reply", "a", owner="k1")
        foreign = await kit.plugin.goes_on("reply", "a", owner="k2")
        work.go.set()
        await job.wait()

    assert (during, foreign) == (True, False)
    assert not await kit.plugin.goes_on("reply", "a", owner="k1")


async def test_owner_cancels_by_name_and_the_work_knows_why() -> None:
    kit, work = Kit(), Work()
    async with kit.jobs.accepting():
        wish = partial(work.states.append, "unwanted")
        kit.plugin.start("reply", "a", work, owner="k1", on_cancel=wish)
        await anyio.lowlevel.checkpoint()
        await kit.plugin.cancel("reply", "a", owner="k1")

        assert work.states == ["running", "unwanted", "cancelled"]


async def test_end_of_the_process_is_no_wish_of_the_owner() -> None:
    kit, work = Kit(), Work()
    async with kit.jobs.accepting():
        wish = partial(work.states.append, "unwanted")
        kit.plugin.start("reply", "a", work, owner="k1", on_cancel=wish)
        await anyio.lowlevel.checkpoint()
        kit.drain.cut.set()

    assert work.states == ["running", "cancelled"]


async def test_job_elsewhere_goes_on_until_it_is_cancelled() -> None:
    kit = Kit()
    other = OtherProcess(kit.jobs, "k1")
    other.start("notes", "reply", "a")
    before = await kit.plugin.goes_on("reply", "a", owner="k1")
    await kit.plugin.cancel("reply", "a", owner="k1")

    assert (before, other.asked) == (True, ["a"])
    assert not await kit.plugin.goes_on("reply", "a", owner="k1")
    assert kit.plugin.find("reply", "a", owner="k1") is None


async def test_deaf_process_is_asked_again_then_refused() -> None:
    kit = Kit()
    other = OtherProcess(kit.jobs, "k1")
    other.start("notes", "reply", "a", deaf=True)
    with pytest.raises(StoreUnavailable) as refused:
        await kit.plugin.cancel("reply", "a", owner="k1")

    assert refused.value.code == "runtime_store_unavailable"
    assert len(other.asked) > 1


async def test_cancelling_what_runs_nowhere_does_nothing() -> None:
    kit = Kit()
    other = OtherProcess(kit.jobs, "k1")
    await kit.plugin.cancel("reply", "a", owner="k1")

    assert other.asked == []
