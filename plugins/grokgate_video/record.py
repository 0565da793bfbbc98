"""A video job as it is kept, and what it looks like from outside. Pure.

```text
queued ──> in_progress ──> completed
   └────────────┴────────> failed
   └────────────┴─ end of the process ──> failed, interrupted
```
"""

from typing import Final, Literal, TypeAlias

from msgspec import UNSET, Struct
from msgspec.structs import replace

from grokgate.errors import (
    ContentRefused,
    GatewayError,
    LimitExceeded,
    NoTokenAvailable,
    UpstreamError,
    UpstreamTimeout,
)
from grokgate.plugin import MediaRef
from grokgate.plugin.media import Continued, Plan, Video
from grokgate_video.schema import JobError, Status, VideoObject, XaiJob, XaiVideo

Shape: TypeAlias = Literal["openai", "xai"]

KEPT_S: Final = 24 * 3600
"""Seconds a job is kept after its end (F-VID-12)."""
UNDER_WAY: Final = frozenset({"queued", "in_progress"})
_ALL: Final = 100
_CUT_OFF: Final = "The gateway was restarted while the video was being made."
_CODES: Final[tuple[tuple[type[GatewayError], str], ...]] = (
    (ContentRefused, "content_policy_violation"),
    (UpstreamTimeout, "upstream_timeout"),
    (UpstreamError, "upstream_error"),
    (NoTokenAvailable, "rate_limit_exceeded"),
    (LimitExceeded, "rate_limit_exceeded"),
)
"""The first that fits."""


class Kept(Struct, frozen=True, kw_only=True):
    """A file of a finished job."""

    name: str
    link: str
    mime: str
    size: int
    """Bytes."""

    @classmethod
    def of(cls, ref: MediaRef) -> "Kept":
        """Note what was saved."""
        return cls(name=ref.name, link=ref.link, mime=ref.mime, size=ref.size)


class Job(Struct, frozen=True, kw_only=True):
    """One video job; belongs to the key under which it is kept. Times are Unix seconds."""

    id: str
    shape: Shape
    """It answers in the shape it was created with."""
    model: str
    """As the client named it."""
    prompt: str
    seconds: int
    """What the video really has, or will have."""
    size: str
    ratio: str | None
    created_at: int
    touched_at: int
    """When it was last kept."""
    status: Status = "queued"
    progress: int = 0
    ended_at: int | None = None
    error: JobError | None = None
    video: Kept | None = None
    poster: Kept | None = None
    plan: Plan | None = None
    """How it was made; filled in when an account has begun."""
    made: Continued | None = None
    """What continues it."""


def moved(job: Job, percent: int) -> Job:
    """Return *job* under way; its progress never falls, and is complete only in the end."""
    progress = max(job.progress, min(percent, _ALL - 1))
    return replace(job, status="in_progress", progress=progress)


def completed(job: Job, video: Video, *, now: int) -> Job:
    """Return *job* with its video."""
    return replace(
        job,
        status="completed",
        progress=_ALL,
        ended_at=now,
        seconds=video.seconds,
        video=Kept.of(video.ref),
        poster=None if video.poster is None else Kept.of(video.poster),
        made=video.made,
    )


def failed(job: Job, error: GatewayError, *, now: int) -> Job:
    """Return *job* without a video."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), "server_error")
    return replace(
        job, status="failed", ended_at=now, error=JobError(code=code, message=error.message)
    )


def interrupted(job: Job) -> Job:
    """Return what became of a job that nobody works on any more: it ended when last heard of."""
    if job.status not in UNDER_WAY:
        return job
    error = JobError(code="interrupted", message=_CUT_OFF)
    return replace(job, status="failed", ended_at=job.touched_at, error=error)


def to_video(job: Job) -> VideoObject:
    """Show a job in the shape of OpenAI."""
    return VideoObject(
        id=job.id,
        model=job.model,
        status=job.status,
        progress=job.progress,
        created_at=job.created_at,
        completed_at=job.ended_at if job.status == "completed" else None,
        expires_at=None if job.ended_at is None else job.ended_at + KEPT_S,
        prompt=job.prompt,
        seconds=str(job.seconds),
        size=job.size,
        error=job.error,
    )


def to_xai(job: Job) -> XaiJob:
    """Show a job in the shape of xAI."""
    if job.status in UNDER_WAY:
        return XaiJob(status="pending", progress=job.progress, model=job.model)
    if job.video is None:
        return XaiJob(
            status="failed", progress=job.progress, model=job.model, error=job.error or UNSET
        )
    video = XaiVideo(url=job.video.link, duration=job.seconds)
    return XaiJob(status="done", progress=job.progress, model=job.model, video=video)
