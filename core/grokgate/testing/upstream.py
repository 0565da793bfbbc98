"""An upstream that answers what the test wrote down."""

import asyncio
import struct
import zlib
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn, TypeAlias, get_args

from msgspec import Struct, structs

from grokgate.upstream import (
    Account,
    AccountFacts,
    ActiveProfile,
    Asset,
    Attempt,
    Conversation,
    Event,
    Finished,
    ImagePreview,
    ImageReady,
    ImageRequest,
    Kind,
    Observation,
    PoolSpec,
    RemoteFile,
    Scalar,
    Stage,
    Tier,
    UpstreamContext,
    UpstreamFailure,
    UpstreamSpec,
    VideoReady,
    VideoRequest,
    Window,
    Wire,
    is_output,
)

Request: TypeAlias = Conversation | ImageRequest | VideoRequest
Script: TypeAlias = Callable[[Request], AsyncGenerator[Event, None]]
Download: TypeAlias = Callable[[], AsyncGenerator[bytes, None]]
Answer: TypeAlias = Sequence[Event] | Kind | Observation | Script

_WEB_POOLS: Mapping[str, Tier] = {"ssoBasic": "basic", "ssoSuper": "super"}
_BEFORE_RUNNING = frozenset(
    {
        Kind.QUOTA,
        Kind.AUTH_DEAD,
        Kind.AUTH_FAIL,
        Kind.FORBIDDEN,
        Kind.CHALLENGE,
        Kind.ANTI_BOT,
        Kind.PLAN,
        Kind.BAD_REQUEST,
        Kind.TOO_LONG,
    }
)


class Asked(Struct, frozen=True, kw_only=True):
    """One operation the fake was asked for."""

    operation: str
    account: str
    wire: Wire | None
    request: Request


class FakeUpstream:
    """A driver that plays its *answers* in order, one per operation.

    Each answer is a list of events (a `Finished` is added when it lacks one), a `Kind` or
    `Observation` to fail with, or a function of the request that yields events. Assets that name no
    account belong to the one that was asked. It stands for every
    upstream a card names, and fails the call when it is asked for more than it has. Its accounts
    serve models of every tier.

    Attributes:
        asked: What it was asked, oldest first.
        closed: How many answers were left before their end.
        native: What its sessions can do themselves; empty: all is emulated.
        windows: What a survey of an account id finds; accounts not named keep their numbers.
        contents: What a download finds, by the reference of the asset: bytes, a function that
            yields them, or the `Kind` it fails with; others hold their reference as text.
    """

    def __init__(self, *answers: Answer | Iterable[Event]) -> None:
        self.native: frozenset[str] = frozenset()
        self._answers: deque[Any] = deque(answers)
        self.asked: list[Asked] = []
        self.closed = 0
        self.windows: dict[str, Mapping[str, Window]] = {}
        self.contents: dict[str, bytes | Kind | Download] = {}

    def add(self, *answers: Answer) -> None:
        """Append further answers."""
        self._answers.extend(answers)

    def forget(self) -> None:
        """Forget what it was asked, and the answers that are left: the next test begins."""
        self._answers.clear()
        self.asked.clear()
        self.closed = 0

    def spec(self, upstream: str = "web", *, profiles: Sequence[str] = ()) -> UpstreamSpec:
        """Declare the fake as *upstream*; it pretends to speak *profiles*, newest first."""

        @asynccontextmanager
        async def open_driver(_context: UpstreamContext[Any]) -> AsyncIterator[FakeUpstream]:
            yield self

        pools: Mapping[str, Tier] = _WEB_POOLS if upstream == "web" else {upstream: "basic"}
        return UpstreamSpec(
            id=upstream,
            title={"en": "Fake", "zh": "模拟"},
            pools=tuple(PoolSpec(name=pool, tier=tier) for pool, tier in pools.items()),
            serves=dict.fromkeys(get_args(Tier), tuple(pools)),
            offers=frozenset({"converse", "imagine", "film", "fetch", "survey"}),
            clean=str.strip,
            open=open_driver,
            profile=lambda _settings: ActiveProfile(chain=tuple(profiles)),
        )

    @asynccontextmanager
    async def session(
        self, account: Account, wire: Wire | None, attempt: Attempt, /
    ) -> AsyncIterator["_Session"]:
        """Act as *account*."""
        yield _Session(self, account, wire, attempt)

    async def survey(
        self, account: Account, attempt: Attempt, /, *, buckets: frozenset[str]
    ) -> AccountFacts:
        """Return what `windows` holds for *account*; by default plenty in every bucket."""
        plenty = {name: Window(remaining=100, total=100, window_s=7200) for name in buckets}
        return AccountFacts(windows=self.windows.get(account.id, plenty))

    async def play(self, asked: Asked, attempt: Attempt) -> AsyncGenerator[Event, None]:
        """Play the next answer for *asked*."""
        self.asked.append(asked)
        if not self._answers:
            raise AssertionError(f"FakeUpstream was asked for more than its answers: {asked}")
        answer = self._answers.popleft()
        attempt.sent()
        if isinstance(answer, Kind | Observation):
            raise UpstreamFailure(_observation(answer, asked.operation))
        ended = False
        try:
            async for event in _events(answer, asked.request):
                ended = isinstance(event, Finished)
                yield _owned(event, asked.account)
                await asyncio.sleep(0)
            ended = True
        finally:
            self.closed += not ended


class _Session:
    """`FakeUpstream` acting as one account."""

    def __init__(
        self, fake: FakeUpstream, account: Account, wire: Wire | None, attempt: Attempt
    ) -> None:
        self.native = fake.native
        self._fake = fake
        self._account = account
        self._wire = wire
        self._attempt = attempt

    def converse(self, request: Conversation, /) -> AsyncGenerator[Event, None]:
        return self._play("converse", request)

    def imagine(self, request: ImageRequest, /) -> AsyncGenerator[Event, None]:
        return self._play("imagine", request)

    def film(self, request: VideoRequest, /) -> AsyncGenerator[Event, None]:
        return self._play("film", request)

    async def fetch(self, asset: Asset, /) -> AsyncGenerator[bytes, None]:
        content = self._fake.contents.get(asset.ref, asset.ref.encode())
        if isinstance(content, Kind):
            raise UpstreamFailure(_observation(content, "fetch"))
        if isinstance(content, bytes):
            yield content
            return
        async for piece in content():
            yield piece

    async def files(self) -> AsyncGenerator[RemoteFile, None]:
        nothing: tuple[RemoteFile, ...] = ()
        for file in nothing:
            yield file

    async def delete_file(self, file_id: str, /) -> None:
        """Nothing is stored, so nothing is deleted."""

    async def prefer_nsfw(self, on: bool, /) -> None:  # noqa: FBT001 - protocol of the upstream
        _refuse("prefer_nsfw")

    async def special(self, operation: str, body: Mapping[str, Scalar], /) -> Mapping[str, Any]:
        _refuse(operation)

    def _play(self, operation: str, request: Request) -> AsyncGenerator[Event, None]:
        asked = Asked(
            operation=operation, account=self._account.id, wire=self._wire, request=request
        )
        return self._fake.play(asked, self._attempt)


async def _events(answer: Any, request: Request) -> AsyncGenerator[Event, None]:
    if callable(answer):
        async for event in answer(request):
            yield event
        return
    events = list(answer)
    for event in events:
        yield event
    if not any(isinstance(event, Finished) for event in events) and any(map(is_output, events)):
        yield Finished()


def picture(label: str = "", *, width: int = 2, height: int = 3) -> bytes:
    """Make a real PNG file, all black; those with the same *label* are equal."""
    rows = (b"\0" + bytes(3 * width)) * height
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
            _chunk(b"tEXt", b"label\0" + label.encode()),
            _chunk(b"IDAT", zlib.compress(rows)),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)


def _owned(event: Event, account: str) -> Event:
    """Give the assets of *event* an owner."""
    match event:
        case ImagePreview(asset=asset) | ImageReady(asset=asset) if not asset.account:
            return structs.replace(event, asset=structs.replace(asset, account=account))
        case VideoReady(asset=asset) if not asset.account:
            poster = event.poster and structs.replace(event.poster, account=account)
            owned = structs.replace(asset, account=account)
            return structs.replace(event, asset=owned, poster=poster)
        case _:
            return event


def _observation(answer: Kind | Observation, operation: str) -> Observation:
    if isinstance(answer, Observation):
        return structs.replace(answer, operation=operation)
    stage = Stage.REFUSED if answer in _BEFORE_RUNNING else Stage.SENT
    if answer is Kind.CONNECT:
        stage = Stage.UNSENT
    return Observation(operation=operation, kind=answer, stage=stage)


def _refuse(operation: str) -> NoReturn:
    raise UpstreamFailure(
        Observation(operation=operation, kind=Kind.BAD_REQUEST, stage=Stage.UNSENT)
    )
