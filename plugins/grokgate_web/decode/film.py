"""A video in an answer (`upstream-protocol.md` 7.3)."""

import re
from collections.abc import Mapping
from typing import Any

from grokgate.upstream import Asset, Event, Progress, VideoReady
from grokgate_web.decode import known
from grokgate_web.decode.drift import Paths
from grokgate_web.decode.pictures import Sought

_DONE = 100
_MAX_ADDRESS = 4096
_URLS = ("videoUrl", "videoURL", "contentUrl", "contentURL", "assetUrl", "assetURL", "fileUri")
_UUID = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OWNER = re.compile(rf"users/({_UUID})/")
_ID = re.compile(rf"/generated/({_UUID})/|/users/{_UUID}/({_UUID})/content")


class Film:
    """The video of one answer.

    Args:
        drift: Told of fields nobody knows.
        sought: Whose it is.
    """

    def __init__(self, drift: Paths, sought: Sought) -> None:
        self._drift = drift
        self._sought = sought
        self._percent = 0
        self._poster = ""
        self.ready = False
        """The video was given out."""
        self.begun = False
        """There was news of it."""
        self.lost = False
        """It is said to be finished, but not where it lies."""
        self._withheld = False
        """Moderation stopped it."""

    def streamed(self, news: Mapping[str, Any]) -> list[Event]:
        """Take news of the video."""
        where = "result.response.streamingVideoGenerationResponse."
        self._drift.compare(news, known.STREAMED_VIDEO, where)
        self.begun = True
        if self.ready:
            return []
        self._poster = _address(news.get("thumbnailImageUrl")) or self._poster
        percent = news.get("progress")
        if isinstance(percent, bool) or not isinstance(percent, int | float):
            percent = 0
        if news.get("moderated") is True:
            self._withheld, self.lost = True, False
            return []
        url = next((url for name in _URLS if (url := _address(news.get(name)))), "")
        if percent >= _DONE and url:
            return self._done(url)
        self.lost = percent >= _DONE
        return self._progress(int(min(percent, _DONE - 1)))

    def attached(self, files: object) -> list[Event]:
        """Take the files of the final message, one of which is the video if nothing told of it."""
        if self.ready or self._withheld or not self.begun:
            return []
        for file in files if isinstance(files, list) else ():
            if url := self._video_at(file):
                return self._done(url)
        return []

    def _progress(self, percent: int) -> list[Event]:
        if percent <= self._percent:
            return []
        self._percent = percent
        return [Progress(slot=0, percent=percent)]

    def _done(self, url: str) -> list[Event]:
        self.ready = True
        poster = self._asset(self._poster, "image/jpeg") if self._poster else None
        return [VideoReady(asset=self._asset(url, "video/mp4"), poster=poster)]

    def _video_at(self, file: object) -> str:
        """Return where an attached file lies: it may be told by its address or by its id."""
        url = _address(file)
        if url:
            bare = url.partition("?")[0]
            return url if bare.endswith(".mp4") or "/content" in bare else ""
        owner = _OWNER.search(self._poster)
        user = owner[1] if owner else self._sought.user
        if not user or not isinstance(file, str) or not re.fullmatch(_UUID, file):
            return ""
        return f"users/{user}/generated/{file}/generated_video.mp4"

    def _asset(self, url: str, mime: str) -> Asset:
        return Asset(ref=url, account=self._sought.account, mime=mime)


def file_id(ref: str) -> str | None:
    """Return the id of a file in its address, or *ref* if it is an id; None: there is none."""
    if re.fullmatch(_UUID, ref):
        return ref
    found = _ID.search(f"/{ref}")
    return (found[1] or found[2]) if found else None


def _address(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_ADDRESS:
        return ""
    return value if value.startswith(("users/", "https://", "http://")) else ""
