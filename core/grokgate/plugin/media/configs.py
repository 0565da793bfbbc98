"""Wire types of ``image_config`` and ``video_config``, extensions of chat and responses."""

from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from grokgate.plugin.records import Capability, Offer

_USED: Final[dict[Capability, str]] = {
    "image": "image_config",
    "image_edit": "image_config",
    "video": "video_config",
}


class ImageConfig(Struct, frozen=True, kw_only=True):
    """How pictures are wanted; None stands for absence."""

    n: Annotated[int, Meta(ge=1, le=10)] | None = None
    size: str | None = None
    """``auto``, ``WxH`` or ``W:H``."""
    aspect_ratio: str | None = None
    """The same; wins over *size*."""
    response_format: Literal["url", "b64_json", "base64"] | None = None

    @property
    def wants_contents(self) -> bool:
        """Whether the pictures themselves are wanted instead of links."""
        return self.response_format in ("b64_json", "base64")


class VideoConfig(Struct, frozen=True, kw_only=True):
    """How a video is wanted (F-VID-01); None stands for absence."""

    aspect_ratio: str | None = None
    size: str | None = None
    video_length: int | str | None = None
    seconds: int | str | None = None
    resolution: str | None = None
    resolution_name: str | None = None
    preset: str | None = None


class Configs(Struct, frozen=True, kw_only=True):
    """What a request says besides its conversation."""

    image_config: ImageConfig | None = None
    video_config: VideoConfig | None = None

    def unused(self, offer: Offer) -> tuple[str, ...]:
        """Return the names of what has no effect on a model."""
        given = {"image_config": self.image_config, "video_config": self.video_config}
        used = _USED.get(offer.card.capability)
        return tuple(name for name, value in given.items() if value is not None and name != used)
