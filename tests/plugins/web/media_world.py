"""Pictures and videos asked of a simulated upstream, as the tests of all operations do it."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeVar

import anyio
from msgspec import Struct

from grokgate.sandbox import Sandbox
from grokgate.sandbox.catalogue import Protocol
from grokgate.testing.server import running_sandbox
from grokgate.upstream import (
    Account,
    AccountFacts,
    Asset,
    Blob,
    Event,
    Kind,
    Observation,
    Secret,
    Stage,
    UpstreamContext,
    UpstreamFailure,
    Wire,
)
from grokgate_web.driver import open_driver
from grokgate_web.settings import WebSettings

E = TypeVar("E", bound=Event)

PROTOCOLS: tuple[Protocol, ...] = ("2026-02", "2026-04", "2026-08")
PICTURE = Blob.of_bytes(b"\x89PNG\r\n\x1a\n" + bytes(64), mime="image/png", name="a.png")
DRAW = {
    "2026-02": Wire(name="grok-3", buckets=("default",), params={"mode": "MODEL_MODE_FAST"}),
    "2026-04": Wire(name="fast", buckets=("fast",)),
    "2026-08": Wire(name="fast", buckets=("fast",)),
}
SOCKET = Wire(name="imagine", buckets=("image_pro",))
EDIT = Wire(name="imagine-image-edit", buckets=("image_edit",))
FILM = Wire(name="imagine-video-gen", buckets=("video",))
DONE = Observation(operation="", kind=Kind.OK, stage=Stage.CONTENT)


class Limits:
    """An attempt that notes what the driver says."""

    def __init__(self, first_s: float, idle_s: float) -> None:
        self.first_s = first_s
        self.idle_s = idle_s
        self.sent_count = 0
        self.drift: list[tuple[str, str]] = []

    def sent(self) -> None:
        self.sent_count += 1

    def learned(self, facts: AccountFacts, /) -> None:
        pass

    def drifted(self, operation: str, path: str, /) -> None:
        self.drift.append((operation, path))


class World(Struct):
    """A sandbox, and a session of the driver on one of its accounts."""

    sandbox: Sandbox
    base: str
    account: Any
    """As the sandbox knows it."""
    session: Any
    limits: Limits

    def calls(self, endpoint: str) -> list[Any]:
        """Return what reached an endpoint of the sandbox, oldest first."""
        return self.sandbox.journal.of(endpoint)

    def said(self) -> str:
        """Return all that was said to models, by calls and over sockets."""
        calls = self.calls("chat")
        frames = (frame for call in calls for frame in call.frames if frame.side == "client")
        return "".join(
            (*(call.body.decode() for call in calls), *(frame.content for frame in frames))
        )


@asynccontextmanager
async def world(
    protocol: Protocol,
    wire: Wire,
    *,
    log: Any,
    clock: Any,
    tier: str = "super",
    first_s: float = 5.0,
    idle_s: float = 5.0,
    **settings: Any,
) -> AsyncIterator[World]:
    """Open the driver on an account of *tier* of a fresh sandbox."""
    async with running_sandbox(protocol=protocol) as (sandbox, base):
        account = next(known for known in sandbox.accounts if known.fixture.tier == tier)
        own = WebSettings(
            web_base=base,
            assets_base=f"{base}/__assets",
            public_media_base=f"{base}/__public/imagine-public",
            protocol=protocol,
            **settings,
        )
        context = UpstreamContext(settings=lambda: own, log=log, clock=clock)
        acting = Account(id="a1", pool="ssoSuper", credential=Secret(account.token))
        limits = Limits(first_s, idle_s)
        async with open_driver(context) as driver, driver.session(acting, wire, limits) as session:
            yield World(sandbox, base, account, session, limits)


async def played(events: Any) -> tuple[list[Event], Observation]:
    """Read events to their end, and say how that was."""
    found: list[Event] = []
    with anyio.fail_after(20):
        try:
            async with aclosing(events) as open_events:
                async for event in open_events:
                    found.append(event)  # noqa: PERF401 - what came before a failure counts
        except UpstreamFailure as failure:
            return found, failure.observation
    return found, DONE


async def content(session: Any, asset: Asset) -> bytes:
    """Fetch an asset as a whole."""
    with anyio.fail_after(20):
        async with aclosing(session.fetch(asset)) as pieces:
            return b"".join([piece async for piece in pieces])


def of(events: list[Event], kind: type[E]) -> list[E]:
    """Return the events of one kind."""
    return [event for event in events if isinstance(event, kind)]
