"""Messages of the socket for pictures → events (`upstream-protocol.md` 6.4).

```text
preview ──longer──▶ medium ──▶ final ──completed──▶ ready
   └───────────completed, moderated──────▶ withheld
```

What a picture is, its size tells; but once the upstream tells statuses, a picture is final at 100 %
and ready when it is said to be complete. Nothing replaces a picture that is ready. The upstream
says nothing of one that moderation stops where it tells no statuses: it just never comes.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from grokgate.upstream import Asset, Event, ImagePreview, ImageReady, Started
from grokgate_web.decode import known
from grokgate_web.decode.drift import Paths
from grokgate_web.decode.pictures import Sought
from grokgate_web.decode.slots import MAX_PICTURES, Slots
from grokgate_web.inline import inline_asset
from grokgate_web.profile_media import ImagineSocket

_DONE = 100
_IDS = ("image_id", "job_id", "id")
_PLACES = ("side_by_side_index", "order", "grid_index")
_PERCENTS = ("percentage_complete", "percentageComplete", "progress")
_URLS = ("url", "imageUrl", "image_url")
_WORDS = ("err_msg", "err_message", "error")
_ID_IN_URL = re.compile(r"/images/([0-9a-fA-F-]{8,64})\.(?:png|jpe?g)", re.IGNORECASE)
_MAX_ID = 128


class _Picture(Struct):
    final: Asset | None = None
    """The last that may be final, of one that is not said to be complete yet."""
    medium: bool = False
    """More than a preview was seen."""
    complete: bool = False
    withheld: bool = False


class ImagineDecoder:
    """Decodes the answer to one request. Feed it all messages, then `finish`.

    Args:
        socket: Thresholds of the profile.
        request: Id of the request; messages of others are passed over.
        expected: Pictures that the upstream makes.
        sought: What is wanted of them.
    """

    def __init__(
        self, socket: ImagineSocket, *, request: str, expected: int, sought: Sought
    ) -> None:
        self._socket = socket
        self._request = request
        self._expected = expected
        self._sought = sought
        self._slots = Slots(sought.most)
        self._pictures: dict[str, _Picture] = {}
        self._told_status = False
        self._events: list[Event] = []
        self.heard = 0
        """Messages that are about the request."""
        self._begun = False
        """Any picture was seen, finished or not."""
        self.output = False
        """An event that is output was given out."""
        self.error: object = None
        """An error the upstream sent; nothing is decoded after it."""
        self.drift = Paths()
        """Key paths that were skipped so far."""

    @property
    def ready(self) -> int:
        """Finished pictures given out."""
        return self._slots.ready

    @property
    def medium(self) -> bool:
        """Whether more than previews was seen."""
        return any(picture.medium for picture in self._pictures.values())

    @property
    def told(self) -> bool:
        """Whether all pictures are said to be complete; some may still be on their way."""
        complete = sum(picture.complete for picture in self._pictures.values())
        return complete >= self._expected

    @property
    def silenced(self) -> bool:
        """Whether silence from here on means that moderation stopped what has begun.

        Not of mere previews where statuses are told: they would say so.
        """
        return self._begun and (self.medium or self.told or not self._told_status)

    @property
    def done(self) -> bool:
        """Whether nothing more is to be waited for."""
        if self.error is not None or self._slots.full:
            return True
        return self.told and not self._missing()

    @property
    def withheld(self) -> bool:
        """Whether the upstream said that moderation withheld a picture."""
        return any(picture.withheld for picture in self._pictures.values())

    def feed(self, message: bytes) -> list[Event]:
        """Return the events in *message*."""
        if self.error is None:
            self._message(_decoded(message))
        events, self._events = self._events, []
        return events

    def finish(self) -> list[Event]:
        """Return final pictures whose end was never told, though that of others was."""
        for name, picture in self._pictures.items() if self._told_status else ():
            if picture.final is not None and not picture.withheld:
                self._ready(name, picture)
        events, self._events = self._events, []
        return events

    def refusals(self) -> list[Event]:
        """Tell of slots for which a picture began and did not come."""
        missing = (
            picture for name, picture in self._pictures.items() if not self._slots.done(name)
        )
        return self._slots.refusals(not picture.withheld for picture in missing)

    def _missing(self) -> bool:
        return any(
            not (picture.withheld or self._slots.done(name))
            for name, picture in self._pictures.items()
        )

    def _message(self, message: Mapping[str, Any]) -> None:
        kind = message.get("type")
        if not isinstance(kind, str) or kind not in known.IMAGINE:
            self.drift.add("type")
            return
        self.drift.compare(message, known.IMAGINE[kind], f"{kind}.")
        request = message.get("request_id")
        if request not in (None, "", self._request):
            return
        self.heard += 1
        if kind == "error":
            words = _first(message, _WORDS, str)
            self.error = {"code": message.get("err_code"), "message": words}
            return
        if self.heard == 1:
            self._events.append(Started())
        self._picture_message(kind, message)

    def _picture_message(self, kind: str, message: Mapping[str, Any]) -> None:
        name = _name(message)
        if not name or (name not in self._pictures and len(self._pictures) >= MAX_PICTURES):
            self.drift.add(f"{kind}.id")
            return
        picture = self._pictures.setdefault(name, _Picture())
        if self._slots.done(name) or picture.withheld:
            return
        if kind == "json":
            self._status(name, picture, message)
        else:
            self._image(name, picture, message)

    def _status(self, name: str, picture: _Picture, message: Mapping[str, Any]) -> None:
        self._told_status = True
        if message.get("current_status") != "completed":
            self._slots.of(name, _place(message))
            return
        picture.complete = True
        if message.get("moderated") is True:
            picture.withheld, picture.final = True, None
            self._slots.release(name)
        elif picture.final is not None:
            self._ready(name, picture)

    def _image(self, name: str, picture: _Picture, message: Mapping[str, Any]) -> None:
        blob, url = message.get("blob"), _first(message, _URLS, str) or ""
        percent = _number(message, _PERCENTS)
        asset = self._asset(blob, url)
        if asset is None:
            self.drift.add("image.blob")
            return
        self._begun = True
        length = len(blob) if isinstance(blob, str) else 0
        picture.medium = picture.medium or length > self._socket.medium_over
        whole = percent is None or percent >= _DONE
        if whole:
            picture.final = asset
        if self._is_final(url, length, whole=whole):
            self._slots.of(name, _place(message))
            picture.final, picture.medium = asset, True
            if not self._told_status or picture.complete:
                self._ready(name, picture)
        else:
            self._unfinished(name, message, asset, percent)

    def _is_final(self, url: str, length: int, *, whole: bool) -> bool:
        if self._told_status:
            return whole
        path = url.partition("?")[0].lower()
        return path.endswith(self._socket.final_suffixes) and length > self._socket.final_over

    def _unfinished(
        self, name: str, message: Mapping[str, Any], asset: Asset, percent: float | None
    ) -> None:
        slot = self._slots.of(name, _place(message))
        if slot is None:
            return
        events = self._slots.progress(slot, int(min(percent or 0, _DONE - 1)))
        if self._sought.previews:
            events.append(ImagePreview(slot=slot, asset=asset))
        self.output = self.output or bool(events)
        self._events += events

    def _ready(self, name: str, picture: _Picture) -> None:
        slot, asset = self._slots.fill(name), picture.final
        picture.final = None
        if slot is not None and asset is not None:
            self.output = True
            self._events.append(ImageReady(slot=slot, asset=asset))

    def _asset(self, blob: object, url: str) -> Asset | None:
        """Return the picture in a message; an address stands in for one that is not in it.

        None: there is neither, or it cannot be read.
        """
        account = self._sought.account
        if isinstance(blob, str) and blob:
            return inline_asset(blob, ref=url, account=account)
        return Asset(ref=url, account=account, mime="image/jpeg") if url else None


def _decoded(message: bytes) -> Mapping[str, Any]:
    try:
        content = msgspec.json.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _name(message: Mapping[str, Any]) -> str:
    found = _first(message, _IDS, str)
    if found:
        return found if len(found) <= _MAX_ID else ""
    in_url = _ID_IN_URL.search(_first(message, _URLS, str) or "")
    return in_url[1] if in_url else ""


def _place(message: Mapping[str, Any]) -> int | None:
    place: int | None = _first(message, _PLACES, int)
    return place


def _number(message: Mapping[str, Any], names: tuple[str, ...]) -> float | None:
    found = (message.get(name) for name in names)
    numbers = (item for item in found if isinstance(item, int | float))
    return next((item for item in numbers if not isinstance(item, bool)), None)


def _first(message: Mapping[str, Any], names: tuple[str, ...], kind: type[Any]) -> Any:
    found = (message.get(name) for name in names)
    return next((item for item in found if type(item) is kind and item != ""), None)
