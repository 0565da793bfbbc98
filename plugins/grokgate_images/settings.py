"""What an operator may say about images (F-CFG-140, F-CFG-144, contract 6)."""

from typing import Annotated

from msgspec import Meta

from grokgate.plugin.media import FastSettings


class ImagesSettings(FastSettings, frozen=True, kw_only=True):
    """The plugin's settings, and those of the fast model."""

    edit_event_names: Annotated[
        bool,
        Meta(
            description="Name the events of streamed edits image_edit.*; off: image_generation.*,"
            " as older front ends know them.",
            extra={
                "key": "grok.edit_event_names",
                "zh": "流式编辑的事件名用 image_edit.*；关闭则用旧前端认识的 image_generation.*。",
            },
        ),
    ] = True
    variations: Annotated[
        bool,
        Meta(
            description="Offer POST /v1/images/variations, as an edit with a prompt of its own.",
            extra={
                "key": "images.variations",
                "zh": "提供 POST /v1/images/variations（以固定提示词进行编辑）。",
            },
        ),
    ] = False
