"""What clients attach: data URIs, bare base64, addresses, file ids (`openai-contract.md` 3.2).

Data is decoded here. What has to be fetched or opened is done by services of the core, and `accept`
then holds what came back to the same rules.
"""

import binascii
import mimetypes
import re
from collections.abc import Sequence
from typing import Literal, NoReturn
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from grokgate.errors import BodyTooLarge, InvalidRequest
from grokgate.openai.parts import (
    AttachedPart,
    AudioPart,
    FilePart,
    FileSource,
    ImagePart,
    ImageUrl,
    InputFilePart,
    InputImagePart,
)
from grokgate.upstream import Blob

MAX_ATTACHMENTS = 20
MAX_ADDRESSES = 16
"""Attachments of one request that may have to be fetched (S9)."""

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_IMAGE_TYPES = frozenset({*(mime for _, mime in _MAGIC), "image/webp"})
_UNKNOWN = "application/octet-stream"
_NAME_LENGTH = 200


class Source(Struct, frozen=True, kw_only=True):
    """One attachment as the client gave it."""

    text: str = ""
    """An address, a data URI, or bare base64; empty beside a *file_id*."""
    param: str
    """Path of the field it stands in, for error messages."""
    kind: Literal["image", "file"]
    filename: str | None = None
    file_id: str | None = None
    """Of a file the client uploaded before."""

    @property
    def is_address(self) -> bool:
        """Whether it has to be fetched; the guarded fetch refuses schemes it does not like."""
        return _ADDRESS.match(self.text) is not None


def source_of(part: AttachedPart, path: str) -> Source:
    """Find what *part*, which stands at *path*, attaches.

    Raises:
        InvalidRequest: It names nothing, or a sound, which no upstream takes.
    """
    match part:
        case ImagePart():
            return _image(part.image_url, path)
        case InputImagePart():
            return _input_image(part, path)
        case FilePart():
            return _file(part.file, f"{path}.file")
        case InputFilePart():
            return _input_file(part, path)
        case AudioPart():
            raise InvalidRequest(
                "Audio input is not supported.", code="unsupported_value", param=f"{path}.type"
            )


def check_count(sources: Sequence[Source], *, param: str = "messages") -> None:
    """Refuse more attachments, or more addresses among them, than one request may have."""
    addresses = sum(source.is_address for source in sources)
    if len(sources) > MAX_ATTACHMENTS or addresses > MAX_ADDRESSES:
        raise InvalidRequest(
            f"A request may hold at most {MAX_ATTACHMENTS} attachments, "
            f"{MAX_ADDRESSES} of them as addresses.",
            code="too_many_attachments",
            param=param,
        )


def decode(source: Source, *, limit: int) -> Blob:
    """Decode the data that *source* holds itself.

    Args:
        source: Not an address.
        limit: Bytes one file may have.

    Raises:
        InvalidRequest: ``invalid_base64``, ``invalid_image`` or ``unsupported_file_type``.
        BodyTooLarge: ``file_too_large``.
    """
    declared, data = _split(source, limit)
    if not data:
        _refuse(source, "invalid_base64", "The attached data is empty.")
    mime = image_type(data)
    if mime is None and source.kind == "image":
        _refuse_image(source, declared)
    mime = mime or declared or _guess(source.filename)
    return Blob.of_bytes(data, mime=mime, name=_name(source.filename, mime))


def accept(blob: Blob, source: Source, *, limit: int) -> Blob:
    """Return *blob*, fetched or opened for *source*, if it is what was asked for.

    Raises:
        InvalidRequest: No picture where one is needed, or fetched and too large.
        BodyTooLarge: Opened and too large.
    """
    is_fit = source.kind == "file" or blob.mime in _IMAGE_TYPES
    if source.file_id is None:
        if blob.size > limit or not is_fit:
            raise unreadable(source)
    elif blob.size > limit:
        _refuse_size(source, limit)
    elif not is_fit:
        _refuse_image(source, blob.mime)
    return blob


def unreadable(source: Source) -> InvalidRequest:
    """Describe an address that could not be used; one text for every cause (S9)."""
    return InvalidRequest(
        "The address could not be fetched.", code="invalid_image_url", param=source.param
    )


def image_type(data: bytes | bytearray) -> str | None:
    """Tell the type of a PNG, JPEG, GIF or WebP picture by its first bytes; None: none of them."""
    for magic, mime in _MAGIC:
        if data.startswith(magic):
            return mime
    is_webp = data.startswith(b"RIFF") and data[8:16].startswith(b"WEBP")
    return "image/webp" if is_webp else None


def _image(image: ImageUrl | str, path: str) -> Source:
    if isinstance(image, str):
        return Source(text=image, param=f"{path}.image_url", kind="image")
    return Source(text=image.url, param=f"{path}.image_url.url", kind="image")


def _input_image(part: InputImagePart, path: str) -> Source:
    if part.file_id is not None:
        return Source(file_id=part.file_id, param=f"{path}.file_id", kind="image")
    if part.image_url is None:
        raise InvalidRequest.missing(f"{path}.image_url")
    return _image(part.image_url, path)


def _input_file(part: InputFilePart, path: str) -> Source:
    if part.file is not None:
        return _file(part.file, f"{path}.file")
    flat = FileSource(
        file_id=part.file_id,
        file_data=part.file_data,
        file_url=part.file_url,
        filename=part.filename,
    )
    return _file(flat, path)


def _file(file: FileSource, path: str) -> Source:
    if file.file_id is not None:
        return Source(
            file_id=file.file_id, param=f"{path}.file_id", kind="file", filename=file.filename
        )
    given = {
        "file_data": file.file_data,
        "data": file.data,
        "url": file.url,
        "file_url": file.file_url,
    }
    field = next((field for field, text in given.items() if text is not None), None)
    if field is None:
        raise InvalidRequest.missing(f"{path}.file_data")
    text = given[field] or ""
    return Source(text=text, param=f"{path}.{field}", kind="file", filename=file.filename)


def _split(source: Source, limit: int) -> tuple[str | None, bytes]:
    """Return the declared type of the data, if any, and the data."""
    if source.text[:5].lower() != "data:":
        return None, _from_base64(source, source.text, limit)
    head, comma, body = source.text[5:].partition(",")
    if not comma:
        _refuse(source, "invalid_base64", "The data URI has no data.")
    declared = head.partition(";")[0].strip().lower() or None
    if head.lower().endswith(";base64"):
        return declared, _from_base64(source, body, limit)
    if len(body) > 3 * limit:
        _refuse_size(source, limit)
    data = unquote_to_bytes(body)
    if len(data) > limit:
        _refuse_size(source, limit)
    return declared, data


def _from_base64(source: Source, text: str, limit: int) -> bytes:
    text = "".join(text.split()).rstrip("=")
    if len(text) * 3 // 4 > limit:
        _refuse_size(source, limit)
    try:
        return binascii.a2b_base64(text + "=" * (-len(text) % 4), strict_mode=True)
    except (binascii.Error, ValueError):
        _refuse(source, "invalid_base64", "The attached data is not valid base64.")


def _guess(filename: str | None) -> str:
    return (mimetypes.guess_type(filename)[0] if filename else None) or _UNKNOWN


def _name(filename: str | None, mime: str) -> str:
    """Return a printable base name; one is made up from the type when the client gave none."""
    base = re.split(r"[/\\]", filename or "")[-1]
    base = "".join(char for char in base if char.isprintable()).strip(". ")
    return base[-_NAME_LENGTH:] or f"file{mimetypes.guess_extension(mime) or '.bin'}"


def _refuse_image(source: Source, declared: str | None) -> NoReturn:
    if declared and not declared.startswith("image/") and declared != _UNKNOWN:
        _refuse(source, "unsupported_file_type", "Only a picture can be attached here.")
    _refuse(source, "invalid_image", "The image must be PNG, JPEG, WebP or GIF.")


def _refuse_size(source: Source, limit: int) -> NoReturn:
    raise BodyTooLarge(
        f"An attachment may have at most {limit // 2**20} MB.",
        code="file_too_large",
        param=source.param,
    )


def _refuse(source: Source, code: str, message: str) -> NoReturn:
    raise InvalidRequest(message, code=code, param=source.param)
