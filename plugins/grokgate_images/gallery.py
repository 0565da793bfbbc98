"""``/api/v1/admin/imagine/ws``: pictures without end for the operator's gallery (F-IMS-01).

```text
client  start {prompt, aspect_ratio, nsfw?, count?, quality}      stop      ping
server  status running ─> image … image ─> status completed | stopped       pong
```

A run makes batches until it is stopped; with ``count`` it makes that many pictures and is complete.
Each batch counts as a request of its own. One run at a time: another ``start`` stops the first.
"""

import asyncio
import time
from contextlib import suppress
from typing import Any, Final

import anyio
import msgspec
from litestar import WebSocket, websocket

from grokgate.errors import (
    AuthenticationFailed,
    EmptyResponse,
    GatewayError,
    InvalidRequest,
    NoTokenAvailable,
    NoTokensConfigured,
)
from grokgate.openai.ids import new_id
from grokgate.plugin import Caller, ClientSocket, Ctx, Offer, PluginContext, SocketClosed
from grokgate.plugin.media import (
    Made,
    Picture,
    Rotation,
    Wish,
    nearest,
    open_pictures,
    ratios_of,
    shape,
)
from grokgate_images.gallery_schema import (
    Command,
    GalleryError,
    GalleryImage,
    GalleryStatus,
    Ping,
    Pong,
    Start,
    Told,
)
from grokgate_images.settings import ImagesSettings

MODEL: Final = "grok-imagine-1.0"
BATCH: Final = 6
DEFAULT_RATIO: Final = "2:3"
NO_TOKEN_S: Final = 2.0
"""Pause where no account is free."""
FAILED_S: Final = 1.5
"""Pause after any other failure."""
WATCH_S: Final = 0.5
"""Seconds between two looks at the session; its end must be noticed within two."""
STALL_S: Final = 120.0
"""Seconds one message may take to be sent."""
CLOSE_S: Final = 2.0
_NSFW_ROUTE: Final = "images_nsfw"
_NSFW_TAG: Final = "nsfw"
_DONE, _GOING_AWAY, _REFUSED = 1000, 1001, 1008
"""Close codes (RFC 6455, 7.4.1)."""


@websocket(["/api/v1/admin/imagine/ws", "/v1/admin/imagine/ws"])
async def gallery(socket: WebSocket[Any, Any, Any], ctx: Ctx[ImagesSettings]) -> None:
    """Serve one gallery."""
    await Gallery(await ClientSocket.accept(socket), ctx).serve()


class Gallery:
    """One open connection.

    Args:
        socket: Accepted.
        ctx: Of the plugin.
    """

    def __init__(self, socket: ClientSocket, ctx: PluginContext[ImagesSettings]) -> None:
        self._socket = socket
        self._rights = socket.rights
        self._ctx = ctx
        self._run: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        """The run that was stopped last."""
        self._sending_since: float | None = None
        self._code = _DONE
        self._over = False

    async def serve(self) -> None:
        """Serve the connection to its end, and close it."""
        watching = asyncio.create_task(self._watch())
        listening = asyncio.create_task(self._listen())
        try:
            await asyncio.wait({watching, listening}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._over = True
            with anyio.move_on_after(CLOSE_S, shield=True):
                await _ended(watching)
                await _ended(listening)
                await self._stop()
            with anyio.move_on_after(CLOSE_S, shield=True):
                await self._socket.close(self._code)

    async def _listen(self) -> None:
        """Obey until the client leaves."""
        with suppress(SocketClosed):
            while True:
                message = await self._socket.read()
                try:
                    await self._obey(_command(message))
                except InvalidRequest as error:
                    await self._tell(_told(error))

    async def _obey(self, command: Command) -> None:
        match command:
            case Ping():
                await self._tell(Pong())
            case Start():
                run = Run(self, command, self._ctx)
                await self._stop()
                self._run = asyncio.create_task(run.make())
            case _:
                await self._stop()

    async def _stop(self) -> None:
        """End the run; who asks while it ends waits for that, too."""
        run, self._run = self._run, None
        if run is not None:
            run.cancel()
            self._ending = run
        if self._ending is not None:
            await asyncio.wait({self._ending})

    async def _watch(self) -> None:
        """Return when the connection must not go on: session over, or the process stops."""
        while True:
            await anyio.sleep(WATCH_S)
            try:
                await self._rights.check()
            except AuthenticationFailed:
                self._code = _REFUSED
                return
            except GatewayError:  # switched off: the next batch says so
                pass
            if self._rights.draining or self._is_stalled():
                self._code = _GOING_AWAY
                return

    def _is_stalled(self) -> bool:
        """Tell whether the client has stopped reading: a run would hold its account for ever."""
        since = self._sending_since
        return since is not None and self._ctx.clock.monotonic() - since > STALL_S

    async def _tell(self, told: Told) -> None:
        self._sending_since = self._ctx.clock.monotonic()
        try:
            await self._socket.write(msgspec.json.encode(told).decode())
        finally:
            self._sending_since = None

    async def tell(self, told: Told) -> None:
        """Tell the client; one that has left, or must leave, is told nothing."""
        if self._over:
            return
        with suppress(SocketClosed):
            await self._tell(told)

    async def batch(self, work: "Batch") -> None:
        """Make some pictures as a request of its own."""
        async with self._rights.turn() as turn:
            await turn.run(lambda: work.make(turn.caller))


class Run:
    """Batches of one wish.

    Args:
        gallery: Told what comes of it.
        start: What is wanted.
        ctx: Of the plugin.

    Raises:
        InvalidRequest: The wish cannot be fulfilled.
    """

    def __init__(self, gallery: Gallery, start: Start, ctx: PluginContext[ImagesSettings]) -> None:
        if not start.prompt.strip():
            raise InvalidRequest("The prompt is empty.", code="empty_prompt")
        if start.nsfw and _NSFW_ROUTE not in ctx.shared.enabled_routes:
            raise InvalidRequest("Adult pictures are switched off.", code="invalid_payload")
        self.id = new_id("run_")
        self.ctx = ctx
        self.start = start
        self.ratio = shape(start.aspect_ratio or DEFAULT_RATIO, param="aspect_ratio") or 1.0
        self.sequence = 0
        self._gallery = gallery
        self._failure: tuple[str, str] | None = None
        """Code and sentence of what the last batch failed with; None: it did not."""

    async def make(self) -> None:
        """Make pictures until there are enough, or until it is cancelled."""
        await self._status("running")
        try:
            while self.start.count is None or self.sequence < self.start.count:
                pause_s = await self._batch()
                await anyio.sleep(pause_s)
        except asyncio.CancelledError:
            with anyio.move_on_after(CLOSE_S, shield=True):
                await self._status("stopped")
            raise
        except InvalidRequest as error:
            await self._gallery.tell(_told(error))
            await self._status("stopped")
        else:
            await self._status("completed")

    async def _batch(self) -> float:
        """Make some pictures; return for how many seconds to pause."""
        wanted = BATCH if self.start.count is None else self.start.count - self.sequence
        try:
            await self._gallery.batch(Batch(self, wanted))
        except InvalidRequest:
            raise
        except GatewayError as error:
            await self._tell_once(error)
            scarce = isinstance(error, NoTokenAvailable | NoTokensConfigured)
            return NO_TOKEN_S if scarce else FAILED_S
        self._failure = None
        return 0.0

    async def _tell_once(self, error: GatewayError) -> None:
        """Tell of a failure, unless the batch before it failed in the same way."""
        told = _told(error)
        failure = told.code, error.message  # without the wait, which changes by itself
        if failure != self._failure:
            self._failure = failure
            await self._gallery.tell(told)

    async def show(self, picture: Picture, ratio: str, elapsed_s: float) -> None:
        """Show a finished picture."""
        self.sequence += 1
        kept = picture.ref
        assert kept is not None, "links are wanted, so the picture is kept"
        await self._gallery.tell(
            GalleryImage(
                sequence=self.sequence,
                created_at=int(self.ctx.clock.now().timestamp() * 1000),
                elapsed_ms=int(elapsed_s * 1000),
                aspect_ratio=ratio,
                run_id=self.id,
                url=kept.link,
            )
        )

    async def _status(self, status: Any) -> None:
        await self._gallery.tell(GalleryStatus(status=status, run_id=self.id))


class Batch:
    """Some pictures of a run."""

    def __init__(self, run: Run, count: int) -> None:
        self._run = run
        self._count = count

    async def make(self, caller: Caller) -> None:
        """Make them; each is shown when it is there."""
        run, began = self._run, time.perf_counter()
        offer = run.ctx.models.find(MODEL, capability="image", caller=caller)
        wish = self._wish(offer)
        rotation = Rotation(prefer_tags=(_NSFW_TAG,) if wish.nsfw else ())
        pictures = await open_pictures(
            run.ctx, caller, offer, wish, method="socket", rotation=rotation
        )
        async with pictures:
            async for event in pictures:
                if isinstance(event, Made):
                    elapsed_s = time.perf_counter() - began
                    await run.show(event.picture, str(wish.ratio), elapsed_s)

    def _wish(self, offer: Offer) -> Wish:
        start = self._run.start
        return Wish(
            prompt=start.prompt.strip(),
            count=self._count,
            ratio=nearest(self._run.ratio, ratios_of(offer)),
            size_named=True,
            nsfw=bool(start.nsfw),
            quality=start.quality,
        )


def _command(message: str | bytes) -> Command:
    """Read a message.

    Raises:
        InvalidRequest: It cannot be read, or names no command.
    """
    try:
        command: Command = msgspec.json.decode(message, type=Command)
    except msgspec.ValidationError as error:
        unknown = "$.type" in str(error) or "missing required field `type`" in str(error)
        code = "unknown_command" if unknown else "invalid_payload"
        raise InvalidRequest("This message is not understood.", code=code) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest("The message is not valid JSON.", code="invalid_payload") from None
    return command


def _told(error: GatewayError) -> GalleryError:
    """Return what the gallery is told of *error*, in its own words (F-IMS-01)."""
    match error:
        case NoTokenAvailable() | NoTokensConfigured():
            code = "rate_limit_exceeded"
        case EmptyResponse():
            code = "empty_image"
        case InvalidRequest():
            code = error.code if error.code in _OWN_CODES else "invalid_payload"
        case _ if error.code == "image_generation_failed":
            code = "empty_image"
        case _:
            code = "internal_error"
    return GalleryError(message=error.told, code=str(code))


_OWN_CODES: Final = frozenset({"empty_prompt", "unknown_command"})


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    await asyncio.wait({task})
