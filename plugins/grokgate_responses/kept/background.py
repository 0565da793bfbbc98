"""Turns that go on without their client (`openai-contract.md` 4.7).

```text
start ──> queued ──> in_progress ──> completed | incomplete | failed
             └──────────┴─ cancel ──> cancelled
             └──────────┴─ end of the process ──> failed
```

A job of the core runs each; its work is a `Recording`, found again by the response's id in the
process that began it. What it recorded is followed there by any number of readers, and lies beside
the turn when it has ended. Other processes know that the job goes on, may cancel it, and watch it:
then it keeps its events as they come. A turn that the store shows under way, but that goes on
nowhere, was cut off by the end of a process.
"""

import asyncio
from functools import partial
from typing import Final

from msgspec import structs

from grokgate.errors import GatewayError
from grokgate.plugin import Caller, PluginContext
from grokgate_responses.kept.keeper import StoredTurns
from grokgate_responses.kept.recording import Recording, cut_off
from grokgate_responses.kept.records import Record, without_contents
from grokgate_responses.request.translate import Asked, History
from grokgate_responses.settings import ResponsesSettings
from grokgate_responses.turn import Turn

KIND: Final = "response"
"""Of the jobs."""
_UNDER_WAY: Final = frozenset({"queued", "in_progress"})


async def start(
    ctx: PluginContext[ResponsesSettings], caller: Caller, asked: Asked, history: History | None
) -> Recording:
    """Begin a turn that goes on without its client.

    Raises:
        GatewayError: It cannot be served, kept or run; nothing is left of it.
    """
    turns, owner = StoredTurns(ctx), caller.key_id
    turn = await Turn.open(ctx, caller, asked, history, turns, streamed=False, background=True)
    items = tuple(without_contents(item) for item in asked.items)
    watched = partial(ctx.jobs.is_watched, KIND, turn.id, owner=owner)
    recording = Recording(turn, turns, items=items, owner=owner, is_watched=watched)
    try:
        job = ctx.jobs.start(KIND, turn.id, recording, owner=owner, on_cancel=recording.cancel)
    except GatewayError:
        await turn.aclose()
        raise
    try:
        await recording.accepted()
    except asyncio.CancelledError:
        job.cancel()
        raise
    return recording


def running(
    ctx: PluginContext[ResponsesSettings], response_id: str, *, owner: str
) -> Recording | None:
    """Return the work on a response in this process; None: there is none."""
    job = ctx.jobs.find(KIND, response_id, owner=owner)
    return job.work if job is not None and isinstance(job.work, Recording) else None


async def stop(ctx: PluginContext[ResponsesSettings], record: Record, *, owner: str) -> None:
    """Cancel the work on a response, wherever it is done, and wait for its end.

    Raises:
        StoreUnavailable: It may go on.
    """
    response_id = record.response.id
    is_here = running(ctx, response_id, owner=owner) is not None
    if is_here or is_under_way(record):
        await ctx.jobs.cancel(KIND, response_id, owner=owner)


def is_under_way(record: Record) -> bool:
    """Tell whether the response of *record* has not ended."""
    return record.response.status in _UNDER_WAY


async def goes_on(
    ctx: PluginContext[ResponsesSettings],
    response_id: str,
    *,
    owner: str,
    watching: bool = False,
) -> bool:
    """Tell whether any process works on a response; *watching*: it is to keep the events."""
    return await ctx.jobs.goes_on(KIND, response_id, owner=owner, watching=watching)


async def settled(ctx: PluginContext[ResponsesSettings], record: Record, *, owner: str) -> Record:
    """Return *record*, on which nobody works in this process, as it stands."""
    response_id = record.response.id
    if not is_under_way(record) or await goes_on(ctx, response_id, owner=owner):
        return record
    # It may have ended since it was read; then its end was kept before that.
    record = await StoredTurns(ctx).find(response_id, owner=owner) or record
    if not is_under_way(record):
        return record
    return structs.replace(record, response=cut_off(record.response))
