"""How the operator wants pictures and videos to stand in an answer that is text. Pure."""

from typing import Any, Protocol

from grokgate.plugin.context import Media, MediaRef
from grokgate.plugin.media.markdown import poster_link, video_tag


class Shared(Protocol):
    """What the operator says: ``ctx.shared``."""

    @property
    def app(self) -> Any:
        """Section ``app``: ``video_format``."""
        ...

    @property
    def grok(self) -> Any:
        """Section ``grok``: ``video_poster_preview``."""
        ...


def has_links(app: Any, media: Media) -> bool:
    """Tell whether pictures are named by links; else the text holds them (F-CHAT-25, F-IMG-06).

    Args:
        app: Section ``app``: ``image_format``.
        media: Knows whether a link would have a host.
    """
    return app.image_format == "url" and media.has_base


def video_text(shared: Shared, video: MediaRef, poster: MediaRef | None) -> str:
    """Render a video as text of an answer (F-VID-07, F-VID-08)."""
    if shared.app.video_format == "plain_url":
        return video.link
    if poster is not None and shared.grok.video_poster_preview:
        return poster_link(video.link, poster=poster.link)
    return video_tag(video.link, poster=None if poster is None else poster.link)
