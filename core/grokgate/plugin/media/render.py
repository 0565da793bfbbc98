"""What the wire types say of pictures. Pure."""

from grokgate.plugin.media.records import Picture, PictureUsage, Preview
from grokgate.plugin.media.wire import ImageUsage, InputDetails


def usage_reply(used: PictureUsage) -> ImageUsage:
    """Render usage numbers."""
    given = used.text + used.references
    return ImageUsage(
        input_tokens=given,
        input_tokens_details=InputDetails(text_tokens=used.text, image_tokens=used.references),
        output_tokens=used.output,
        total_tokens=given + used.output,
        prompt_tokens=given,
        completion_tokens=used.output,
    )


def format_of(mime: str) -> str:
    """Return the word of the API for a type."""
    return mime.removeprefix("image/")


def size_of(picture: Picture | Preview) -> str:
    """Return ``WxH``; ``auto``: the picture does not tell."""
    return f"{picture.width}x{picture.height}" if picture.width else "auto"


def link_of(picture: Picture) -> str:
    """Return the link of a picture that was wanted with one."""
    assert picture.ref is not None, "links are wanted, so the picture is kept"
    return picture.ref.link
