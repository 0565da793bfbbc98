"""Content parts as clients write them (`openai-contract.md` 3.2), told apart by ``type``.

Extra keys are ignored. The ``input_…`` and ``output_text`` types of the Responses API are accepted
as twins of their chat forms.
"""

from typing import TypeAlias

from msgspec import Struct


class _Part(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Base of all parts."""


class TextPart(_Part, frozen=True, kw_only=True, tag="text"):
    """A piece of text."""

    text: str


class InputTextPart(TextPart, frozen=True, kw_only=True, tag="input_text"):
    """`TextPart` under its other name."""


class OutputTextPart(TextPart, frozen=True, kw_only=True, tag="output_text"):
    """`TextPart` as an earlier answer had it."""


class RefusalPart(_Part, frozen=True, kw_only=True, tag="refusal"):
    """Words with which an earlier answer refused."""

    refusal: str


class ImageUrl(Struct, frozen=True, kw_only=True):
    """Where a picture is."""

    url: str
    """An http(s) address, a data URI, or bare base64."""


class ImagePart(_Part, frozen=True, kw_only=True, tag="image_url"):
    """A picture."""

    image_url: ImageUrl | str


class InputImagePart(_Part, frozen=True, kw_only=True, tag="input_image"):
    """A picture, given or stored earlier."""

    image_url: ImageUrl | str | None = None
    file_id: str | None = None


class FileSource(Struct, frozen=True, kw_only=True):
    """Where a file is; the first field given counts, in the order of this list."""

    file_id: str | None = None
    file_data: str | None = None
    """A data URI or bare base64; an address is accepted too."""
    data: str | None = None
    url: str | None = None
    file_url: str | None = None
    filename: str | None = None


class FilePart(_Part, frozen=True, kw_only=True, tag="file"):
    """A file."""

    file: FileSource


class InputFilePart(_Part, frozen=True, kw_only=True, tag="input_file"):
    """A file whose source stands in the part itself or, as in chat, below ``file``."""

    file: FileSource | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None


class AudioSource(Struct, frozen=True, kw_only=True):
    """A sound in base64."""

    data: str
    format: str | None = None


class AudioPart(_Part, frozen=True, kw_only=True, tag="input_audio"):
    """A sound."""

    input_audio: AudioSource


TextualPart: TypeAlias = TextPart | InputTextPart | OutputTextPart
AnswerPart: TypeAlias = TextPart | InputTextPart | OutputTextPart | RefusalPart
AttachedPart: TypeAlias = ImagePart | InputImagePart | FilePart | InputFilePart | AudioPart
UserPart: TypeAlias = (
    TextPart
    | InputTextPart
    | OutputTextPart
    | ImagePart
    | InputImagePart
    | FilePart
    | InputFilePart
    | AudioPart
)
