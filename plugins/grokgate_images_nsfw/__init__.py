"""POST /v1/images/generations/nsfw: adult pictures, on accounts that are entitled to them."""

from collections.abc import Iterable

from grokgate.plugin import RouteSpec, Settings, hookimpl
from grokgate_images_nsfw.routes import create_nsfw_images
from grokgate_images_nsfw.settings import NsfwSettings


@hookimpl
def grokgate_settings() -> type[Settings]:
    """Bound numbers, repetitions and the use of an account."""
    return NsfwSettings


@hookimpl
def grokgate_routes() -> Iterable[RouteSpec]:
    """Serve the endpoint behind ``downstream.enable_images_nsfw``; images must be on too."""
    yield RouteSpec(
        id="images_nsfw",
        handlers=(create_nsfw_images,),
        summary="Makes adult pictures: POST /v1/images/generations/nsfw.",
        requires=("images",),
        creates_work=True,
    )
