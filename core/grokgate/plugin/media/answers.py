"""Pictures and videos in the making, read as the answer of a conversation (F-CHAT-12, F-VID-06).

Progress becomes reasoning, what was made becomes text: a line of Markdown for each picture, an
element for a video.
"""

from collections.abc import AsyncGenerator, Mapping

from grokgate.errors import ContentRefused
from grokgate.openai.made import MadeText, VideoStep
from grokgate.plugin.media.answering import Answering, PictureText, no_answer
from grokgate.plugin.media.markdown import picture_line
from grokgate.plugin.media.pictures import Pictures
from grokgate.plugin.media.records import Made, PictureProgress
from grokgate.plugin.media.videos import Film, VideoMade
from grokgate.plugin.media.words import Shared, video_text
from grokgate.upstream import Event, Finished, Progress


class PicturesAnswer(Answering):
    """An answer that consists of pictures."""

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures
        self._finished: Finished | None = None
        super().__init__(pictures)

    @property
    def finished(self) -> Finished | None:
        """The end marker, once it was read."""
        return self._finished

    @property
    def headers(self) -> Mapping[str, str]:
        """Tell the method, and at the end how many pictures are missing (F-IMG-08)."""
        headers = {"x-grokgate-image-method": self._pictures.method}
        if self._finished is not None and self._pictures.missing:
            headers["x-grokgate-missing"] = str(self._pictures.missing)
        return headers

    async def _read(self) -> AsyncGenerator[Event, None]:
        before = ""
        try:
            async for event in self._pictures:
                if isinstance(event, Made):
                    picture = event.picture
                    yield PictureText(text=before + picture_line(picture), picture=picture)
                    before = "\n"
                elif isinstance(event, PictureProgress):
                    yield Progress(slot=event.slot, percent=event.percent)
        except ContentRefused as error:
            raise no_answer(error) from error
        self._finished = Finished()
        yield self._finished


class VideoAnswer(Answering):
    """An answer that consists of a video.

    Args:
        film: The video in the making.
        shared: ``ctx.shared``.
    """

    def __init__(self, film: Film, shared: Shared) -> None:
        self._film = film
        self._shared = shared
        self._finished: Finished | None = None
        super().__init__(film)

    @property
    def finished(self) -> Finished | None:
        """The end marker, once it was read."""
        return self._finished

    async def _read(self) -> AsyncGenerator[Event, None]:
        try:
            async for event in self._film:
                if isinstance(event, VideoMade):
                    video = event.video
                    yield MadeText(text=video_text(self._shared, video.ref, video.poster))
                else:
                    yield VideoStep(slot=0, percent=event.percent)
        except ContentRefused as error:
            raise no_answer(error) from error
        self._finished = Finished()
        yield self._finished
