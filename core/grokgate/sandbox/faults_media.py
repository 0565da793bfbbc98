"""What can go wrong with pictures, videos, posts and gRPC-web calls (upstream-protocol.md 10.5)."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from grokgate.sandbox.expectation import UNHARMED, Expectation, expect
from grokgate.sandbox.knob import Count, Knob, Millis
from grokgate.upstream import Kind, Stage


class Moderation(Knob, frozen=True, tag="moderation"):
    """Withhold pictures or the video; the answer is charged all the same (6.4, 7.3)."""

    style: Literal["flag", "medium_no_final", "silent", "refusal_text"] = "flag"
    """Marked ``moderated``; nothing beyond a medium picture; no frame at all; told in words."""
    slots: str = ""
    """Positions from 0, separated by commas, such as ``0,2``; empty: all."""

    def hits(self, slot: int) -> bool:
        """Tell whether the picture at a position is withheld."""
        return not self.slots or str(slot) in self.slots.split(",")

    @property
    def expected(self) -> Expectation:
        """A refusal of the content, unless pictures are left; silence has no cause to be read."""
        if self.slots:
            return UNHARMED
        if self.style == "silent":
            kinds = (Kind.TIMEOUT, Kind.MODERATION, Kind.EMPTY)
            return Expectation(
                kinds=kinds, stages=(Stage.SENT, Stage.CONTENT), first_byte_timeout=True
            )
        return expect(Kind.MODERATION, Stage.CONTENT)


class PartialImages(Knob, frozen=True, tag="partial_images"):
    """Finish no more than the first *deliver* pictures; the others stop half way."""

    deliver: Annotated[int, Meta(ge=0, le=16)] = 1

    @property
    def expected(self) -> Expectation:
        """What came counts; none at all looks like moderation or an empty answer."""
        if self.deliver:
            return UNHARMED
        kinds = (Kind.MODERATION, Kind.EMPTY, Kind.TRUNCATED)
        return Expectation(kinds=kinds, stages=(Stage.CONTENT, Stage.SENT))


class ImagineError(Knob, frozen=True, tag="imagine_error"):
    """Answer a request on the Imagine socket with an error message."""

    code: Literal["rate_limit_exceeded", "unauthorized", "internal_error"] = "rate_limit_exceeded"
    """``err_code``."""

    @property
    def expected(self) -> Expectation:
        """Told before any picture, though not by a status."""
        kind = _KIND_OF_IMAGINE[self.code]
        return expect(kind, Stage.SENT, Stage.REFUSED)


class AssetError(Knob, frozen=True, tag="asset_error"):
    """Fail a download, or answer it oddly."""

    form: Literal["403", "404", "slow", "content_type", "short", "changed", "redirect"] = "404"
    """The last three: half of what was asked for before the connection ends; the same, and then it
    is another file; away to a foreign host."""
    delay_ms: Millis = 1_500
    """Before a slow answer."""

    @property
    def expected(self) -> Expectation:
        """A file may appear late, so that nothing there may also count as passing."""
        stages = (Stage.REFUSED, Stage.SENT, Stage.CONTENT)
        return Expectation(kinds=_KINDS_OF_ASSET[self.form], stages=stages)


class PostError(Knob, frozen=True, tag="post_error"):
    """Fail the making of a media post."""

    form: Literal["invalid_parent", "empty_id"] = "invalid_parent"

    @property
    def expected(self) -> Expectation:
        """The call that needs the post never went out."""
        if self.form == "invalid_parent":
            return expect(Kind.BAD_REQUEST, Stage.REFUSED, Stage.UNSENT)
        kinds = (Kind.MALFORMED, Kind.TRANSIENT)
        return Expectation(kinds=kinds, stages=(Stage.UNSENT, Stage.SENT))


class Grpc(Knob, frozen=True, tag="grpc"):
    """Answer a gRPC-web call with a status, or in another form."""

    status: Annotated[int, Meta(ge=0, le=16)] = 7
    place: Literal["trailer", "header", "missing"] = "trailer"
    """Frame after the message; HTTP headers without a body; nowhere."""
    form: Literal["plain", "text", "compressed", "truncated"] = "plain"
    """Base64 as a whole; a compressed message; a frame that ends too early."""
    message: str = "not allowed"
    """Percent-encoded on the wire."""

    @property
    def expected(self) -> Expectation:
        """By the status (8.4); frames that cannot be read are no success."""
        if self.place != "header" and self.form in ("compressed", "truncated"):
            return Expectation(
                kinds=(Kind.MALFORMED, Kind.TRANSIENT), stages=(Stage.SENT, Stage.CONTENT)
            )
        if self.place == "missing" or self.status == 0:
            return UNHARMED
        kinds = _KINDS_OF_GRPC.get(self.status, (Kind.TRANSIENT,))
        return Expectation(kinds=kinds, stages=(Stage.REFUSED, Stage.SENT))


class BadPaging(Knob, frozen=True, tag="bad_paging"):
    """Lead a reader of the asset list astray."""

    form: Literal["repeated", "endless", "empty_page"] = "repeated"
    """The same token again; ever new tokens; pages without entries that name a next one."""
    pages: Count = 3
    """Empty pages before the real ones."""

    @property
    def expected(self) -> Expectation:
        """A reader stops by itself; what it read is right."""
        if self.form == "endless":
            return Expectation(kinds=(Kind.OK, Kind.MALFORMED), stages=(Stage.CONTENT,))
        return UNHARMED


MediaAction: TypeAlias = (
    Moderation | PartialImages | ImagineError | AssetError | PostError | Grpc | BadPaging
)

_KIND_OF_IMAGINE: Mapping[str, Kind] = {
    "rate_limit_exceeded": Kind.QUOTA,
    "unauthorized": Kind.AUTH_FAIL,
    "internal_error": Kind.TRANSIENT,
}
_KINDS_OF_ASSET: Mapping[str, tuple[Kind, ...]] = {
    "403": (Kind.FORBIDDEN, Kind.MODERATION),
    "404": (Kind.BAD_REQUEST, Kind.TRANSIENT),
    "slow": (Kind.OK,),
    "content_type": (Kind.MALFORMED,),
    "short": (Kind.TRUNCATED, Kind.TRANSIENT),
    "changed": (Kind.MALFORMED, Kind.TRUNCATED, Kind.TRANSIENT),
    "redirect": (Kind.MALFORMED, Kind.BAD_REQUEST, Kind.TRANSIENT, Kind.FORBIDDEN),
}
_KINDS_OF_GRPC: Mapping[int, tuple[Kind, ...]] = {
    4: (Kind.TRANSIENT, Kind.TIMEOUT),
    7: (Kind.NOT_ENTITLED, Kind.FORBIDDEN),
    8: (Kind.QUOTA,),
    9: (Kind.NOT_ENTITLED,),
    14: (Kind.TRANSIENT,),
    16: (Kind.AUTH_FAIL,),
}
