"""Pictures and videos as text of an answer (F-CHAT-25, F-VID-07, F-VID-08). Pure."""

import base64
from html import escape

from grokgate.plugin.media.records import Picture

_UNKEPT = "image"
"""Name of a picture that is not kept."""


def picture_line(picture: Picture) -> str:
    """Render a picture as a Markdown image: its link, or its bytes where it comes with them."""
    name = _UNKEPT if picture.ref is None else picture.ref.name.partition(".")[0]
    if picture.data is not None:
        data = base64.b64encode(picture.data).decode("ascii")
        return f"![{name}](data:{picture.mime};base64,{data})"
    return f"![{name}]({'' if picture.ref is None else picture.ref.link})"


def video_tag(link: str, *, poster: str | None) -> str:
    """Render a video as an element that plays it.

    Args:
        link: Address of the video.
        poster: Address of its first picture; None: there is none.
    """
    shown = "" if poster is None else f' poster="{escape(poster)}"'
    source = f'<source id="mp4" src="{escape(link)}" type="video/mp4">'
    return f'<video id="video" controls="" preload="none"{shown}>{source}</video>'


def poster_link(link: str, *, poster: str) -> str:
    """Render a video as its poster, which leads to it (``grok.video_poster_preview``)."""
    return f'<a href="{escape(link)}"><img src="{escape(poster)}"></a>'
