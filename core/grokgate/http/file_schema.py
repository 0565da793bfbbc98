"""What ``/v1/files`` and ``/v1/uploads/image`` take and answer (`openai-contract.md` 8)."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType, field

from grokgate.media import Purpose


class UploadRequest(Struct, frozen=True, kw_only=True):
    """The texts of an upload's form."""

    purpose: Purpose
    anchor: Literal["created_at"] | None = field(default=None, name="expires_after[anchor]")
    seconds: Annotated[int, Meta(ge=3600, le=2_592_000)] | None = field(
        default=None, name="expires_after[seconds]"
    )


class FileObject(Struct, frozen=True, kw_only=True):
    """One file as the API shows it."""

    id: str
    object: Literal["file"] = "file"
    bytes: int
    created_at: int
    """Unix seconds."""
    filename: str
    purpose: str
    status: Literal["processed"] = "processed"
    expires_at: int | UnsetType = UNSET
    """Absent, never null, for a file that stays."""


class FileList(Struct, frozen=True, kw_only=True):
    """A page of files."""

    object: Literal["list"] = "list"
    data: list[FileObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeleted(Struct, frozen=True, kw_only=True):
    """What is left of a file."""

    id: str
    object: Literal["file"] = "file"
    deleted: Literal[True] = True


class UploadedImage(Struct, frozen=True, kw_only=True):
    """A picture that can be opened through a link."""

    url: str
    name: str
    size_bytes: int
