"""Wire types of edits, and what is documented of bodies the framework does not see (contract 6)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

from litestar.openapi.spec import OpenAPIMediaType, Operation, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from msgspec import Meta, Struct

from grokgate.plugin.media import PromptedRequest

MOST_PICTURES: Final = 16


class PictureSource(Struct, frozen=True, kw_only=True):
    """A picture to change: where it is, or which uploaded file it is."""

    image_url: str | None = None
    """Address or data URI."""
    url: str | None = None
    """The same, in the form of xAI."""
    file_id: str | None = None


class EditForm(PromptedRequest, frozen=True, kw_only=True):
    """The texts of an edit's form."""


class EditRequest(PromptedRequest, frozen=True, kw_only=True):
    """An edit as JSON."""

    images: Annotated[Sequence[PictureSource | str], Meta(max_length=MOST_PICTURES)] | None = None
    image: (
        PictureSource
        | str
        | Annotated[Sequence[PictureSource | str], Meta(max_length=MOST_PICTURES)]
        | None
    ) = None
    mask: Any = None
    markup: Any = None


class MethodReply(Struct, frozen=True, kw_only=True):
    """How pictures are made now."""

    image_generation_method: Literal["legacy", "imagine_ws_experimental"]


_TEXT: Final = Schema(type=OpenAPIType.STRING)
_WHOLE: Final = Schema(type=OpenAPIType.INTEGER)
_PICTURES: Final = Schema(
    type=OpenAPIType.ARRAY,
    items=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY),
)
_SOURCES: Final = Schema(
    type=OpenAPIType.ARRAY,
    items=Schema(
        type=OpenAPIType.OBJECT,
        properties={"image_url": _TEXT, "file_id": _TEXT},
    ),
)
_OPTIONS: Final = {
    "model": _TEXT,
    "n": Schema(type=OpenAPIType.INTEGER, minimum=1, maximum=10),
    "size": _TEXT,
    "response_format": Schema(type=OpenAPIType.STRING, enum=["url", "b64_json"]),
    "stream": Schema(type=OpenAPIType.BOOLEAN),
    "partial_images": _WHOLE,
    "concurrency": _WHOLE,
}


def _operation(bodies: Mapping[str, Mapping[str, Schema]], required: Collection[str]) -> Any:
    """Make the operation class of a handler that takes these *bodies*, by media type."""
    content = {
        media_type: OpenAPIMediaType(
            schema=Schema(
                type=OpenAPIType.OBJECT,
                properties={**fields, **_OPTIONS},
                required=sorted(fields.keys() & set(required)),
            )
        )
        for media_type, fields in bodies.items()
    }

    @dataclass
    class BodyOperation(Operation):
        def __post_init__(self) -> None:
            self.request_body = RequestBody(required=True, content=content)

    return BodyOperation


EDIT_OPERATION: Final = _operation(
    {
        "multipart/form-data": {"image": _PICTURES, "prompt": _TEXT},
        "application/json": {"images": _SOURCES, "prompt": _TEXT},
    },
    required=("image", "images", "prompt"),
)
VARIATION_OPERATION: Final = _operation(
    {"multipart/form-data": {"image": _PICTURES}}, required=("image",)
)
