"""Pictures of an answer, as ``image_generation_call`` items (`openai-contract.md` 4.5, 4.8)."""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct, structs

from grokgate_responses.answer.encode import Encoder
from grokgate_responses.answer.events import (
    ImageCompleted,
    ImageGenerating,
    ImageInProgress,
    ImagePartial,
)
from grokgate_responses.answer.objects import ImageItem
from grokgate_responses.answer.writing import begin, end


class Picture(Struct, frozen=True, kw_only=True):
    """A picture of one slot, fetched."""

    slot: int
    data: str | None
    """Base64; None: there is none, it was withheld or could not be fetched."""
    format: str = "png"
    """``png``, ``jpeg``, ``webp`` or ``gif``."""
    preview: bool = False
    """Unfinished."""


class PictureOptions(Struct, frozen=True, kw_only=True):
    """What the declared tool says, as far as it is repeated to the client."""

    previews: int = 0
    """The most that are sent of each picture."""
    size: str = "auto"
    quality: str = "auto"
    background: str = "auto"


def picture_options(tool: Mapping[str, Any]) -> PictureOptions:
    """Read the declaration of the tool ``image_generation``."""
    texts = {
        name: value
        for name in ("size", "quality", "background")
        if isinstance(value := tool.get(name), str)
    }
    previews = tool.get("partial_images")
    return PictureOptions(previews=previews if isinstance(previews, int) else 0, **texts)


class OpenPicture:
    """A picture being written."""

    def __init__(self, out: Encoder, place: int, slot: int, options: PictureOptions) -> None:
        self.slot = slot
        self._out = out
        self._place = place
        self._options = options
        self._previews = 0
        self._item = ImageItem(id=out.new_id("ig_"), status="in_progress")
        begin(out, place, self._item)
        for step in (ImageInProgress, ImageGenerating):
            self._step(step)

    def preview(self, picture: Picture) -> None:
        """Write an unfinished picture, unless enough of them were."""
        if picture.data is None or self._previews >= self._options.previews:
            return
        self._out.put(
            ImagePartial(
                sequence_number=self._out.number(),
                item_id=self._item.id,
                output_index=self._place,
                partial_image_index=self._previews,
                partial_image_b64=picture.data,
                size=self._options.size,
                quality=self._options.quality,
                background=self._options.background,
                output_format=picture.format,
            )
        )
        self._previews += 1

    def end(self, picture: Picture | None) -> ImageItem:
        """End the item with the finished picture; None or one without data: it failed."""
        self._step(ImageCompleted)
        item = self._done(picture)
        end(self._out, self._place, item)
        return item

    def _done(self, picture: Picture | None) -> ImageItem:
        if picture is None or picture.data is None:
            return structs.replace(self._item, status="failed")
        return structs.replace(
            self._item,
            status="completed",
            result=picture.data,
            revised_prompt=None,
            size=self._options.size,
            quality=self._options.quality,
            background=self._options.background,
            output_format=picture.format,
            action="generate",
        )

    def _step(self, step: type[ImageInProgress | ImageGenerating | ImageCompleted]) -> None:
        number = self._out.number()
        self._out.put(step(sequence_number=number, item_id=self._item.id, output_index=self._place))
