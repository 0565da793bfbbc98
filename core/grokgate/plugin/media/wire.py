"""Wire types of requests for pictures and of their answers (`openai-contract.md` 5, 6)."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

MOST_PROMPT = 32_000


class PictureOptions(Struct, frozen=True, kw_only=True):
    """How pictures are wanted. None stands for absence everywhere."""

    __ignored__: ClassVar[frozenset[str]] = frozenset(
        {
            "background",
            "complexity",
            "input_fidelity",
            "moderation",
            "output_compression",
            "output_format",
            "quality",
            "resolution",
            "safety_identifier",
            "style",
            "user",
        }
    )
    """Fields that are checked but have no effect."""

    model: str | None = None
    n: Annotated[int, Meta(ge=1, le=10)] | None = None
    size: str | None = None
    """``auto``, ``WxH`` or ``W:H``."""
    aspect_ratio: str | None = None
    """The same; wins over *size*."""
    response_format: Literal["url", "b64_json", "base64"] | None = None
    stream: bool | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None
    concurrency: Annotated[int, Meta(ge=1, le=3)] | None = None

    background: str | None = None
    output_format: str | None = None
    svg: Any = None
    frame_count: Any = None
    frame_duration_ms: Any = None

    complexity: Any = None
    input_fidelity: str | None = None
    moderation: str | None = None
    output_compression: int | None = None
    quality: str | None = None
    resolution: str | None = None
    safety_identifier: str | None = None
    style: str | None = None
    user: str | None = None


class PromptedRequest(PictureOptions, frozen=True, kw_only=True):
    """Pictures as a prompt describes them."""

    prompt: Annotated[str, Meta(max_length=MOST_PROMPT)]


class InputDetails(Struct, frozen=True, kw_only=True):
    """Parts of the input's count."""

    text_tokens: int
    image_tokens: int


class Provenance(Struct, frozen=True, kw_only=True):
    """Whether the gateway counted, because the upstream did not say (extension)."""

    estimated: bool = True


class ImageUsage(Struct, frozen=True, kw_only=True):
    """Units used; the names of chat stand beside those of this API (F-IMG-09)."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    total_tokens: int
    prompt_tokens: int
    completion_tokens: int
    grokgate: Provenance = Provenance()


class ImageData(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One picture: its link, or its bytes in base64."""

    url: str | UnsetType = UNSET
    b64_json: bytes | UnsetType = UNSET
    revised_prompt: str | UnsetType = UNSET


class ImagesReply(Struct, frozen=True, kw_only=True):
    """The pictures made; what is said of them all is that of the first."""

    created: int
    background: Literal["opaque"] = "opaque"
    output_format: str
    quality: Literal["high"] = "high"
    size: str
    """``WxH``, or ``auto`` where the picture does not tell."""
    data: Sequence[ImageData]
    usage: ImageUsage


class ImageEvent(Struct, frozen=True, kw_only=True):
    """What every event of a stream says of its picture."""

    type: str
    b64_json: bytes
    created_at: int
    size: str
    quality: Literal["high"] = "high"
    background: Literal["opaque"] = "opaque"
    output_format: str
    index: int
    """Number of the picture, from 0 (extension)."""
    progress: int
    """Percent (extension)."""


class PartialImage(ImageEvent, frozen=True, kw_only=True):
    """An unfinished picture."""

    partial_image_index: int


class CompletedImage(ImageEvent, frozen=True, kw_only=True):
    """A finished picture."""

    usage: ImageUsage
    url: str | UnsetType = UNSET
    """With ``response_format`` url."""
