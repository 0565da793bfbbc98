"""/v1/videos*, /v1/video/extend: videos as jobs or waited for, and the cards of their models."""

from collections.abc import Iterable

from grokgate.plugin import CostRule, ModelCard, RouteSpec, hookimpl, load_cards
from grokgate.plugin.media import video_cost_rules
from grokgate_video.direct import extend_directly
from grokgate_video.routes import (
    create_video,
    delete_video,
    get_content,
    get_video,
    list_videos,
    remix_video,
)
from grokgate_video.xai import (
    edit_video,
    extend_video,
    find_character,
    generate_video,
    make_character,
)


@hookimpl
def grokgate_models() -> Iterable[ModelCard]:
    """Offer the video models (F-MOD-02, F-MOD-05)."""
    return load_cards("grokgate_video")


@hookimpl
def grokgate_cost_rules() -> Iterable[CostRule]:
    """Price a video by the calls it takes (F-TOK-30)."""
    return video_cost_rules()


@hookimpl
def grokgate_routes() -> Iterable[RouteSpec]:
    """Serve videos behind ``downstream.enable_videos``."""
    yield RouteSpec(
        id="videos",
        handlers=(
            create_video,
            list_videos,
            get_video,
            delete_video,
            get_content,
            remix_video,
            generate_video,
            extend_video,
            extend_directly,
            edit_video,
            make_character,
            find_character,
        ),
        summary="Makes videos as jobs: /v1/videos.",
        creates_work=True,
    )
