"""An answer of the simulated upstream in neutral steps; encoders turn them into wire forms."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from msgspec import Struct


class Say(Struct, frozen=True, gc=False):
    """A token of the answer."""

    text: str
    stop: bool = False
    """Carries the soft stop itself, instead of an empty token after it."""


class Think(Struct, frozen=True, kw_only=True):
    """A token of the reasoning."""

    text: str
    tag: Literal["header", "summary"] = "summary"
    step: int = 0
    agent: str | None = None
    """``rolloutId``."""


class UseTool(Struct, frozen=True, kw_only=True):
    """The upstream's own tool is called, within the reasoning."""

    card_id: str
    tool: str
    """Key of the structured card, such as ``webSearch``."""
    args: Mapping[str, str]
    extra_args: Mapping[str, str | int] = {}
    """Arguments that stand in the XML form only."""
    step: int = 1
    agent: str | None = None


class ToolResult(Struct, frozen=True, kw_only=True):
    """What the upstream's own search found."""

    card_id: str
    results: tuple[Mapping[str, str], ...]
    step: int = 1


class Cite(Struct, frozen=True, kw_only=True):
    """A card that the text refers to with a mark."""

    card_id: str
    url: str


class Mark(Struct, frozen=True, kw_only=True):
    """The place in the text where a card is cited."""

    card_id: str
    number: int
    split: int = 0
    """Characters per token, where the mark is text; 0: whole."""


class Picture(Struct, frozen=True, kw_only=True):
    """News of a picture that is being made."""

    id: str
    url: str
    """Path below the asset host."""
    index: int
    prompt: str
    progress: int = 100
    moderated: bool = False
    error: str = ""
    """``systemErrCode``."""


class PicturesFollow(Struct, frozen=True):
    """Marks the answer as one of pictures."""


class Film(Struct, frozen=True, kw_only=True):
    """News of a video that is being made, in words of the wire (7.3)."""

    news: Mapping[str, str | int | bool]


class Snapshot(Struct, frozen=True, kw_only=True):
    """An early ``modelResponse`` with what was said so far."""

    partial: bool


Step: TypeAlias = (
    Say | Think | UseTool | ToolResult | Cite | Mark | PicturesFollow | Picture | Film | Snapshot
)


class Answer(Struct, frozen=True, kw_only=True):
    """A whole answer."""

    steps: Iterable[Step]
    """Read once."""
    message: str | None = None
    """Final message; None: all that was said."""
    title: str = "Sandbox conversation"
    follow_ups: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    """Finished pictures, as paths below the asset host."""
    attachments: tuple[str, ...] = ()
    """Ids of files that are the answer, such as a video."""
    effort: Literal["LOW", "HIGH"] = "LOW"
    ends: bool = True
    """False: no soft stop, as in an answer without tokens."""
    chunk_bytes: int = 0
    """Largest write; 0: a line."""


def render_mark(card_id: str, number: int) -> str:
    """Write the mark by which the text refers to a citation card."""
    return (
        f'<grok:render card_id="{card_id}" card_type="citation_card" type="render_inline_citation">'
        f'<argument name="citation_id">{number}</argument></grok:render>'
    )


def citation_card(cite: Cite) -> dict[str, Any]:
    """Describe a citation as ``jsonData`` of a card does (2.6)."""
    return {
        "id": cite.card_id,
        "type": "render_inline_citation",
        "cardType": "citation_card",
        "url": cite.url,
    }


def picture_card(picture: Picture) -> dict[str, Any]:
    """Describe a picture as ``jsonData`` of a card does (2.6)."""
    prompts = {"prompt": picture.prompt, "upsampledPrompt": picture.prompt}
    return {
        "id": f"card-{picture.id}",
        "type": "render_generated_image",
        "cardType": "generated_image_card",
        "url": "",
        "prompt": picture.prompt,
        "orientation": "portrait",
        "image_chunk": {
            "imageUuid": picture.id,
            "imageUrl": picture.url,
            "progress": picture.progress,
            "moderated": picture.moderated,
            "imageModel": "imagine",
            "imagePrompt": prompts,
            "systemErrCode": picture.error,
        },
    }
