"""Wire types of ``/v1/videos`` in the shapes of OpenAI and xAI (`openai-contract.md` 7)."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType, field

MOST_PROMPT = 32_000
Prompt: TypeAlias = Annotated[str, Meta(max_length=MOST_PROMPT)]
Seconds: TypeAlias = int | str


class InputReference(Struct, frozen=True, kw_only=True):
    """A picture that is named rather than sent."""

    image_url: str | None = None
    file_id: str | None = None


class VideoOptionsRequest(Struct, frozen=True, kw_only=True):
    """What both forms of a request may say. None stands for absence everywhere."""

    prompt: Prompt
    model: str | None = None
    seconds: Seconds | None = None
    size: str | None = None
    resolution_name: str | None = None
    preset: str | None = None
    aspect_ratio: str | None = None
    image_url: str | None = None


class VideoRequest(VideoOptionsRequest, frozen=True, kw_only=True):
    """A video as JSON asks for it."""

    input_reference: str | InputReference | Sequence[str | InputReference] | None = None


class VideoForm(VideoOptionsRequest, frozen=True, kw_only=True):
    """A video as a form asks for it: the texts; pictures may come as files beside them."""

    reference: str | None = field(default=None, name="input_reference")
    references: str | None = field(default=None, name="input_reference[]")
    reference_url: str | None = field(default=None, name="input_reference[image_url]")
    reference_file: str | None = field(default=None, name="input_reference[file_id]")


class RemixRequest(Struct, frozen=True, kw_only=True):
    """A change of a finished video."""

    prompt: Prompt


class Address(Struct, frozen=True, kw_only=True):
    """Where something lies."""

    url: str


class XaiRequest(Struct, frozen=True, kw_only=True):
    """A video in the shape of xAI."""

    __ignored__: ClassVar[frozenset[str]] = frozenset({"user"})
    """Fields that are checked but have no effect."""

    model: str
    prompt: Prompt
    duration: int | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    image: Address | None = None
    reference_images: Sequence[Address] | None = None
    preset: str | None = None
    user: str | None = None


class VideoSource(Struct, frozen=True, kw_only=True):
    """A finished video: by its link in the shape of xAI, by its id in that of OpenAI."""

    url: str | None = None
    id: str | None = None


class ExtensionRequest(Struct, frozen=True, kw_only=True):
    """The continuation of a finished video."""

    prompt: Prompt
    video: VideoSource
    model: str | None = None
    duration: int | None = None
    seconds: Seconds | None = None


class ExtensionForm(Struct, frozen=True, kw_only=True):
    """The same as a form."""

    prompt: Prompt
    video_id: str | None = field(default=None, name="video[id]")
    """Absent: the video itself was sent."""
    model: str | None = None
    seconds: Seconds | None = None


class DirectRequest(Struct, frozen=True, kw_only=True):
    """The continuation of a finished video that is waited for (F-VID-13)."""

    prompt: Prompt
    model: str | None = None
    reference_id: str | None = None
    """Id of the job that made the video."""
    video_url: str | None = None
    """Its link, if it is not named by an id."""
    video: VideoSource | None = None
    """The same as the other routes say it."""
    start_time: float | None = None
    """Seconds of the video that stay; None: all of it."""
    ratio: str | None = None
    length: Seconds | None = None
    """Seconds to be added."""
    resolution: str | None = None


class ExtendedVideo(Struct, frozen=True, kw_only=True):
    """A video that was continued; times are Unix seconds."""

    id: str
    object: Literal["video"] = "video"
    model: str
    status: Literal["completed"] = "completed"
    created_at: int
    completed_at: int | None
    expires_at: int | None
    prompt: str
    reference_id: str
    """As the request names the video."""
    start_time: float
    ratio: str | None
    length: int
    """Seconds that were added."""
    seconds: str
    """Length of the whole video."""
    resolution: str | None
    url: str
    """Needs no key; holds as long as links do."""
    thumbnail_url: str | UnsetType = UNSET
    """The same of its first picture."""


class JobError(Struct, frozen=True, kw_only=True):
    """Why there is no video."""

    code: str
    message: str


Status: TypeAlias = Literal["queued", "in_progress", "completed", "failed"]


class VideoObject(Struct, frozen=True, kw_only=True):
    """A job in the shape of OpenAI; times are Unix seconds."""

    id: str
    object: Literal["video"] = "video"
    model: str
    status: Status
    progress: int
    """Percent; never falls."""
    created_at: int
    completed_at: int | None
    expires_at: int | None
    prompt: str
    seconds: str
    size: str
    remixed_from_video_id: None = None
    error: JobError | None


class VideoList(Struct, frozen=True, kw_only=True):
    """A page of jobs."""

    object: Literal["list"] = "list"
    data: Sequence[VideoObject]
    first_id: str | None
    last_id: str | None
    has_more: bool


class VideoDeleted(Struct, frozen=True, kw_only=True):
    """What is left of a job."""

    id: str
    object: Literal["video.deleted"] = "video.deleted"
    deleted: Literal[True] = True


class XaiAccepted(Struct, frozen=True, kw_only=True):
    """A job that was begun, in the shape of xAI."""

    request_id: str


class XaiVideo(Struct, frozen=True, kw_only=True):
    """A finished video."""

    url: str
    """Needs no key; holds as long as links do."""
    duration: int
    """Seconds."""
    respect_moderation: Literal[True] = True


class XaiJob(Struct, frozen=True, kw_only=True):
    """A job in the shape of xAI."""

    status: Literal["pending", "done", "failed"]
    progress: int
    model: str
    video: XaiVideo | UnsetType = UNSET
    error: JobError | UnsetType = UNSET
