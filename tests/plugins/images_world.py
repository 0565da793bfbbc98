"""Images against an upstream that is written down, for tests."""

import base64
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from grokgate.testing import RunningGateway, picture
from grokgate.upstream import (
    Asset,
    Event,
    ImagePreview,
    ImageReady,
    ImageRefused,
    ImageRequest,
    Kind,
    Observation,
    Stage,
    UpstreamFailure,
)

PATH = "/v1/images/generations"
EDITS = "/v1/images/edits"


class Images:
    """A plugin without its cards, so that the stock models are offered."""

    def __init__(self, plugin: Any) -> None:
        for name in dir(plugin):
            if name.startswith("grokgate_") and name != "grokgate_models":
                setattr(self, name, getattr(plugin, name))


def draws(running: RunningGateway, *labels: str) -> list[Event]:
    """One finished picture for each label, slot by slot."""
    return [ready(running, slot, label) for slot, label in enumerate(labels)]


def ready(running: RunningGateway, slot: int, label: str) -> ImageReady:
    return ImageReady(slot=slot, asset=asset(running, label))


def preview(running: RunningGateway, slot: int, label: str) -> ImagePreview:
    return ImagePreview(slot=slot, asset=asset(running, label))


def asset(running: RunningGateway, label: str) -> Asset:
    running.fake.contents[label] = picture(label)
    return Asset(ref=label, account="", mime="image/png")


def refused(*events: Event, blocked: bool = False) -> Callable[..., AsyncGenerator[Event, None]]:
    """Some events, and then moderation."""

    async def answer(_request: Any) -> AsyncGenerator[Event, None]:
        for event in events:
            yield event
        yield ImageRefused(slot=len(events), blocked=blocked)
        raise UpstreamFailure(
            Observation(operation="imagine", kind=Kind.MODERATION, stage=Stage.CONTENT)
        )

    return answer


async def make(running: RunningGateway, *answers: Any, **fields: Any) -> Any:
    running.fake.add(*answers)
    return await running.client.post(PATH, json={"prompt": "a red kite", **fields})


async def stream(running: RunningGateway, *answers: Any, **fields: Any) -> list[Any]:
    reply = await make(running, *answers, stream=True, **fields)
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    return events_of(reply.text)


def events_of(text: str) -> list[Any]:
    """The objects of a stream, each after its name was compared with its type."""
    events = []
    for frame in text.removesuffix("\n\n").split("\n\n"):
        name, data = frame.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


def error_of(reply: Any) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["param"]


def requests_of(running: RunningGateway) -> Sequence[ImageRequest]:
    return [one.request for one in running.fake.asked if isinstance(one.request, ImageRequest)]


def encoded(label: str) -> str:
    return base64.b64encode(picture(label)).decode()
