"""Pictures and videos in an answer that consists of text."""

from grokgate.upstream import Progress, TextDelta


class MadeText(TextDelta, frozen=True, kw_only=True, tag=True):
    """A picture or video as text of the answer; counts as one attachment, whatever its form."""


class VideoStep(Progress, frozen=True, kw_only=True, tag=True):
    """How far a video is, not a picture."""


def progress_line(event: Progress) -> str:
    """Say how far a picture or video is (F-VID-06)."""
    what = "video" if isinstance(event, VideoStep) else f"image {event.slot + 1}"
    return f"Generating {what}, {event.percent} %"
