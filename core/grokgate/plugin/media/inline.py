"""Pictures and videos that a conversation makes, as text at the end of its answer (F-CHAT-25).

1. The events of the answer pass through as they are; what was made is remembered.
2. At the end of a whole answer it is downloaded, kept, and named in the text, a line each.
3. What cannot be had is left out; an answer that would have nothing else is an error.

An answer that was cut, calls tools or has a JSON form stays as it is.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from typing import Any, Final, Literal, TypeAlias

import anyio

from grokgate.errors import ContentRefused, GatewayError, UpstreamError, UpstreamTimeout
from grokgate.openai.emulate import Wanted
from grokgate.openai.emulate.cut import StoppedAt
from grokgate.openai.made import MadeText
from grokgate.plugin.context import MediaRef, PluginContext
from grokgate.plugin.emulated import Emulated
from grokgate.plugin.media.answering import Answering, PictureText, no_answer
from grokgate.plugin.media.incoming import Incoming
from grokgate.plugin.media.intake import Intake
from grokgate.plugin.media.markdown import picture_line
from grokgate.plugin.media.words import has_links, video_text
from grokgate.plugin.records import Caller
from grokgate.upstream import (
    Asset,
    Event,
    Finished,
    ImagePreview,
    ImageReady,
    ImageRefused,
    Progress,
    Started,
    TextDelta,
    ToolCall,
    VideoReady,
)

_Product: TypeAlias = ImageReady | VideoReady
_HELD: Final = frozenset({ImageReady, VideoReady, Finished, StoppedAt})
"""Types of what waits for the end of the answer. Each piece of text is compared with them, for
which `isinstance` takes several times as long."""
_NO_ANSWER: Final = frozenset({Progress, ImagePreview, ImageRefused})
"""What moderation may follow as if nothing had come."""
_PICTURE_S: Final = 60.0
_VIDEO_S: Final = 300.0
"""Seconds to download and keep one."""


class Illustrated(Answering):
    """An `Emulated` whose pictures and videos are text.

    Args:
        ctx: Of the plugin that answers.
        caller: Whose request it is, and whose the pictures will be.
        answer: Closed with this.
        wanted: What the request wants of the answer.
    """

    def __init__(
        self, ctx: PluginContext[Any], caller: Caller, answer: Emulated, wanted: Wanted
    ) -> None:
        self._ctx = ctx
        self._owner = caller.key_id
        self._answer = answer
        self._takes_text = wanted.format is None
        super().__init__(answer)

    @property
    def started(self) -> Started | None:
        """The upstream's `Started`, where it sent one before the first output."""
        return self._answer.started

    @property
    def finished(self) -> Finished | None:
        """The end marker, once it was read."""
        return self._answer.finished

    @property
    def further_input(self) -> int:
        """Units that further calls read."""
        return self._answer.further_input

    async def _read(self) -> AsyncGenerator[Event, None]:
        held: list[Event] = []
        seen: set[type[Event]] = set()
        try:
            async for event in self._answer:
                kind = type(event)
                if kind in _HELD:
                    held.append(event)
                    continue
                seen.add(kind)
                yield event
        except ContentRefused as error:
            if seen <= _NO_ANSWER:
                raise no_answer(error) from error
            raise
        made = [event for event in held if isinstance(event, ImageReady | VideoReady)]
        if made and self._takes_text and ToolCall not in seen and _is_whole(self.finished):
            async with aclosing(self._texts(made, spoke=TextDelta in seen)) as texts:
                async for text in texts:
                    yield text
        for event in held:
            if isinstance(event, Finished):
                yield event

    async def _texts(
        self, made: Sequence[_Product], *, spoke: bool
    ) -> AsyncGenerator[MadeText, None]:
        """Keep what was made, and yield it as text; one is in memory at a time.

        Raises:
            GatewayError: There is nothing of it, and nothing else in the answer.
        """
        intake = self._intake()
        before = "\n\n" if spoke else ""
        failed: GatewayError | None = None
        for one in made:
            try:
                text = await self._text(one, intake, before)
            except GatewayError as error:
                failed = failed or error
                self._lost("made_file_lost", error)
                continue
            if text is not None:
                before = "\n"
                yield text
        if failed is not None and not before:
            raise failed

    def _intake(self) -> Intake:
        app, cache = self._ctx.shared.app, self._ctx.shared.cache
        as_links = has_links(app, self._ctx.media)
        return Intake(
            self._ctx.media,
            owner=self._owner,
            links=as_links or cache.keep_base64_cache,
            contents=not as_links,
        )

    async def _text(self, made: _Product, intake: Intake, before: str) -> MadeText | None:
        """Keep one; None: it is there already."""
        if isinstance(made, VideoReady):
            return MadeText(text=before + await self._video(made))
        with _within(_PICTURE_S):
            picture = await intake.take(made.asset, self._answer.fetch, made.slot)
        if picture is None:
            return None
        return PictureText(text=before + picture_line(picture), picture=picture)

    async def _video(self, made: VideoReady) -> str:
        with _within(_VIDEO_S):
            video = await self._saved(made.asset, "video")
        return video_text(self._ctx.shared, video, await self._poster(made.poster, video))

    async def _poster(self, poster: Asset | None, video: MediaRef) -> MediaRef | None:
        """Keep the picture of a video, if it can be had."""
        if poster is None:
            return None
        try:
            with _within(_PICTURE_S):
                return await self._saved(poster, "image", preview_of=video.name)
        except GatewayError as error:
            self._lost("video_poster_lost", error)
            return None

    def _lost(self, what: str, error: GatewayError) -> None:
        self._ctx.log.warning(what, error=error.code, reason=error.message)

    async def _saved(
        self, asset: Asset, kind: Literal["image", "video"], *, preview_of: str = ""
    ) -> MediaRef:
        media = self._ctx.media
        source = Incoming(asset, self._answer.fetch, preview_of=preview_of)
        ref = await media.save(source, kind=kind, owner=self._owner)
        if not ref.mime.startswith(f"{kind}/"):
            await media.delete(ref.name, owner=self._owner)
            raise UpstreamError(f"The upstream's file is no {kind}.")
        return ref


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Give up after so many *seconds*, as on an upstream that is too slow."""
    try:
        with anyio.fail_after(seconds):
            yield
    except TimeoutError:
        raise UpstreamTimeout from None


def _is_whole(finished: Finished | None) -> bool:
    """Tell whether the answer came to its own end; a stop sequence ends it with another type."""
    return type(finished) is Finished and finished.reason == "stop"
