"""Jobs as operators watch and end them, whatever they do and whoever works on them (F-ADM-26)."""

from collections.abc import Iterator
from typing import Annotated, Final

import msgspec
from litestar import get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, QueryParameter
from msgspec import Meta, Struct

from grokgate.admin.context import CurrentAct, CurrentGateway, CurrentOperator
from grokgate.admin.guard import TICKETS
from grokgate.admin.lasting import while_session_lives
from grokgate.chores import Event, View
from grokgate.chores.events import Failure
from grokgate.chores.rows import LISTED
from grokgate.errors import GatewayError
from grokgate.plugin.stream import EventStream

PING_S: Final = 15.0
"""Silence after which a comment shows that the stream lives (F-JOB-02)."""
_ID_CHARS: Final = 64


class TaskList(Struct, frozen=True, kw_only=True):
    """The last jobs of a week, newest first."""

    tasks: list[View]
    status: str = "success"


class TaskReply(Struct, frozen=True, kw_only=True):
    """One job, and what failed in it."""

    task: View
    failures: Annotated[
        list[Failure],
        Meta(description="The first 1000; their ids can be sent again. Empty once forgotten."),
    ]
    status: str = "success"


class CancelAsked(Struct, frozen=True, kw_only=True):
    """No further account is begun; those under way end."""

    task_id: Annotated[str, Meta(examples=["job_4be1f0c24be1f0c24be1f0c24be1f0c2"])]
    status: str = "success"


@get("/batch", summary="List jobs")
async def list_batches(
    gateway: CurrentGateway, *, limit: Annotated[int, QueryParameter(ge=1, le=LISTED)] = LISTED
) -> TaskList:
    """List the last jobs."""
    return TaskList(tasks=await gateway.chores.listing(limit))


@get("/batch/{task_id:str}", summary="Tell how a job fares, and what failed in it")
async def read_batch(gateway: CurrentGateway, task_id: FromPath[str]) -> TaskReply:
    """Return one job with the accounts that could not be worked on, and why."""
    task = await gateway.chores.view(task_id)
    return TaskReply(task=task, failures=await gateway.chores.failures(task_id))


@get(
    "/batch/{task_id:str}/stream",
    opt={TICKETS: True},
    summary="Follow a job, as events",
    responses={
        200: ResponseSpec(
            data_container=Event,  # type: ignore[arg-type]  # it describes unions too
            description="Each event is the data of one server-sent event.",
            media_type="text/event-stream",
            generate_examples=False,
        )
    },
)
async def stream_batch(
    gateway: CurrentGateway, operator: CurrentOperator, task_id: FromPath[str]
) -> EventStream:
    """Stream a snapshot, progress and the end; leaving it does not end the job."""
    await gateway.chores.find(task_id)
    events = while_session_lives(gateway.chores.listen(task_id), gateway, operator)
    return EventStream(events, _frames, failure=_nothing, keepalive_s=PING_S)


@post("/batch/{task_id:str}/cancel", status_code=200, summary="End a job")
async def cancel_batch(
    gateway: CurrentGateway, act: CurrentAct, task_id: FromPath[str]
) -> CancelAsked:
    """Begin no further account; what is under way ends, what is done stays done."""
    act.target = task_id[:_ID_CHARS]
    await gateway.chores.cancel(task_id)
    return CancelAsked(task_id=task_id)


HANDLERS: Final = (list_batches, read_batch, stream_batch, cancel_batch)


def _frames(event: Event) -> Iterator[bytes]:
    yield b"data: " + msgspec.json.encode(event) + b"\n\n"


def _nothing(_error: GatewayError) -> tuple[()]:
    """Say nothing: a stream that is broken off tells nothing about its job."""
    return ()
