"""Pictures in an answer, whatever told of them: news, cards, the final list (2.4, 2.6, 6.1, 6.6).

```text
begun ──final address──▶ ready
  └──────moderated──────▶ withheld
```

Nothing replaces a picture that is ready.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from grokgate.upstream import Asset, Event, ImagePreview, ImageReady
from grokgate_web.decode import known
from grokgate_web.decode.drift import Paths
from grokgate_web.decode.slots import MAX_PICTURES, Slots

_MAX_ADDRESS = 4096
_MAX_NAME = 128
_DONE = 100
_PREVIEW = "-part-0"
"""In the path of what shows a picture that is still being made."""


class Sought(Struct, frozen=True, kw_only=True):
    """What is wanted of an answer besides its text."""

    account: str = ""
    """Short id of the owner of what is made."""
    user: str = ""
    """User id of the owner, where it is known."""
    most: int = MAX_PICTURES
    """Pictures wanted."""
    previews: bool = False
    """Unfinished pictures are wanted too."""
    attached: bool = False
    """Files of the final message may be the pictures, as after an edit."""


class Pictures:
    """The pictures of one answer.

    Args:
        drift: Told of fields nobody knows.
        sought: What is wanted.
    """

    def __init__(self, drift: Paths, sought: Sought) -> None:
        self._drift = drift
        self._sought = sought
        self._slots = Slots(sought.most)
        self._withheld: dict[str, bool] = {}
        """For each picture that was heard of: moderation withheld it."""
        self.limited = False
        """The upstream said that there is no quota for pictures."""

    @property
    def begun(self) -> bool:
        """Whether there was news of any picture."""
        return bool(self._withheld)

    @property
    def ready(self) -> int:
        """Finished pictures given out."""
        return self._slots.ready

    @property
    def full(self) -> bool:
        """Whether all that are wanted are there."""
        return self._slots.full

    def streamed(self, news: Mapping[str, Any]) -> list[Event]:
        """Take news of a picture that is being made."""
        where = "result.response.streamingImageGenerationResponse."
        self._drift.compare(news, known.STREAMED_IMAGE, where)
        return self._news(
            news.get("imageId"),
            _address(news.get("imageUrl")) or _address(news.get("url")),
            place=news.get("imageIndex"),
            percent=_percent(news.get("progress"), final=news.get("isFinal") is True),
            moderated=news.get("moderated") is True,
        )

    def card(self, card: Mapping[str, Any]) -> list[Event]:
        """Take a card's news of a picture, if it has any."""
        chunk = card.get("image_chunk")
        if not isinstance(chunk, dict):
            return []
        self._drift.compare(chunk, known.IMAGE_CHUNK, "card.image_chunk.")
        if chunk.get("systemErrCode") == "rate_limit":
            self.limited = True
            return []
        return self._news(
            chunk.get("imageUuid"),
            _address(chunk.get("imageUrl")),
            place=None,
            percent=_percent(chunk.get("progress")),
            moderated=chunk.get("moderated") is True,
        )

    def listed(self, response: Mapping[str, Any]) -> list[Event]:
        """Take the final message, whose list has the finished pictures."""
        urls = _addresses(response.get("generatedImageUrls"))
        if self._sought.attached and not urls and not self.ready:
            urls = _addresses(response.get("fileAttachments"))
        return [
            event
            for url in urls
            for event in self._news(None, url, place=None, percent=_DONE, moderated=False)
        ]

    def refusals(self) -> list[Event]:
        """Tell of those that began and did not come; to be asked for at the answer's end."""
        missing = (name for name in self._withheld if not self._slots.done(name))
        return self._slots.refusals(not self._withheld[name] for name in missing)

    def _news(
        self, name: object, url: str, *, place: object, percent: int, moderated: bool
    ) -> list[Event]:
        known_by = isinstance(name, str) and 0 < len(name) <= _MAX_NAME
        key = str(name) if known_by else _name_in(url)
        unknown = key not in self._withheld
        if not key or self._slots.done(key) or (unknown and len(self._withheld) >= MAX_PICTURES):
            return []
        self._withheld[key] = moderated
        if moderated:
            self._slots.release(key)
            return []
        if percent >= _DONE and url and _PREVIEW not in url:
            slot = self._slots.fill(key, place)
            return [] if slot is None else [ImageReady(slot=slot, asset=self._asset(url))]
        slot = self._slots.of(key, place)
        return [] if slot is None else self._unfinished(slot, url, min(percent, _DONE - 1))

    def _unfinished(self, slot: int, url: str, percent: int) -> list[Event]:
        events = self._slots.progress(slot, percent)
        if events and url and self._sought.previews:
            events.append(ImagePreview(slot=slot, asset=self._asset(url)))
        return events

    def _asset(self, url: str) -> Asset:
        return Asset(ref=url, account=self._sought.account, mime="image/jpeg")


def _address(value: object) -> str:
    """Return *value* if it is where a file may lie: a whole address, or one below the files'."""
    if not isinstance(value, str) or len(value) > _MAX_ADDRESS:
        return ""
    if value.startswith("users/"):
        return value
    if not value.startswith(("https://", "http://")):
        return ""
    try:
        return value if urlsplit(value).path.strip("/") else ""
    except ValueError:
        return ""


def _addresses(values: object) -> list[str]:
    listed = values[: 4 * MAX_PICTURES] if isinstance(values, list) else []
    return [url for value in listed if (url := _address(value)) and _PREVIEW not in url]


def _name_in(url: str) -> str:
    """Return the part of an address that tells one picture from another."""
    bare = url.partition("?")[0].replace(_PREVIEW, "")
    return bare.partition("/generated/")[2].partition("/")[0] or bare


def _percent(value: object, *, final: bool = False) -> int:
    if final:
        return _DONE
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(min(_DONE, max(0, value)))
