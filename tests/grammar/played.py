"""Plays the events of an exchange through a `Reply`, and checks whatever comes out of it."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from grammar.responses import Event, check_reply
from grokgate.errors import GatewayError
from grokgate.openai import DONE, View
from grokgate.openai.emulate import Wanted
from grokgate.upstream import Finished
from grokgate_responses.answer.encode import Emitted, to_frame
from grokgate_responses.answer.reply import Reply
from grokgate_responses.request.schema import ResponsesRequest
from grokgate_responses.request.tools import Tools
from grokgate_responses.request.translate import Asked

CREATED = 1795291000
ENDED = 1795291002
Script = Sequence[Any]
"""Events, and pictures that were fetched."""


def asked(*, view: View | None = None, tools: Tools | None = None, **fields: Any) -> Asked:
    """Make a checked request; *fields* are those of its body."""
    return Asked(
        request=msgspec.convert({"model": "grok-4", "input": "Hi", **fields}, ResponsesRequest),
        items=(),
        tools=tools or Tools(),
        wanted=Wanted(),
        view=view or View(reasoning=True),
        effort=None,
        ignored=(),
    )


def reply_to(request: Asked | None = None, **options: Any) -> Reply:
    """Make the reply to *request*."""
    return Reply(
        request or asked(),
        **{"id": "resp_1", "created_at": CREATED, "input_units": 5, **options},
    )


def play(
    reply: Reply,
    script: Script,
    end: Finished | GatewayError | None = None,
    *,
    stored: bool = True,
    queued: bool = False,
) -> list[Emitted]:
    """Read *script* to *end*; an error is where it breaks off."""
    emitted = reply.begin(queued=queued)
    if queued:
        emitted += reply.start()
    for event in script:
        emitted += reply.feed(event)
    if isinstance(end, GatewayError):
        return emitted + reply.fail(end)
    ending = reply.finish(end or Finished(), further_input=0, stored=stored, completed_at=ENDED)
    return emitted + ending


def checked(emitted: Iterable[Emitted]) -> list[Event]:
    """Send *emitted* as a stream through the checker; return the events."""
    frames = [to_frame(event) for event in emitted]
    return check_reply("text/event-stream; charset=utf-8", [*frames, DONE])


def stream(
    script: Script,
    end: Finished | GatewayError | None = None,
    *,
    request: Asked | None = None,
    **options: Any,
) -> list[Event]:
    """Play *script* and return its checked events."""
    return checked(play(reply_to(request, **options), script, end))


def kinds(events: Iterable[Event]) -> list[str]:
    """Return the types of events, shortened."""
    return [event["type"].removeprefix("response.") for event in events]


def output(events: Sequence[Event]) -> list[Any]:
    """Return the items that a stream ends with."""
    items: list[Any] = events[-1]["response"]["output"]
    return items


def types(events: Sequence[Event]) -> list[str]:
    """Return the types of these items."""
    return [item["type"] for item in output(events)]
