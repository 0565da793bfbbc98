"""What chat calls say of picture edits and videos, in both shapes (upstream-protocol.md 6.5 on)."""

from typing import Literal, TypeAlias

from msgspec import Struct

Ratio: TypeAlias = Literal["16:9", "9:16", "1:1", "2:3", "3:2"]


class EditConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """An edit in the older shape."""

    image_references: list[str] = []
    parent_post_id: str = ""


class VideoConfig(Struct, frozen=True, kw_only=True, rename="camel"):
    """A video in the older shape."""

    parent_post_id: str = ""
    aspect_ratio: Ratio = "3:2"
    video_length: int = 6
    video_resolution: Literal["SD", "HD"] | None = None
    resolution_name: Literal["480p", "720p"] | None = None
    image_references: list[str] = []
    is_video_extension: bool = False
    extend_post_id: str = ""
    original_post_id: str = ""


class ModelMap(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where the older shape stands."""

    image_edit_model_config: EditConfig | None = None
    video_gen_model_config: VideoConfig | None = None


class Override(Struct, frozen=True, kw_only=True, rename="camel"):
    """Around it."""

    model_map: ModelMap = ModelMap()


class Metadata(Struct, frozen=True, kw_only=True, rename="camel"):
    """Around that."""

    model_config_override: Override = Override()


class ImageToImage(Struct, frozen=True, kw_only=True, rename="camel"):
    """An edit in the newest shape."""

    prompt: str
    input_assets: list[str]
    aspect_ratio: str = "1:1"


class TextToVideo(Struct, frozen=True, kw_only=True, rename="camel"):
    """A video in the newest shape."""

    prompt: str
    aspect_ratio: Ratio = "16:9"
    duration: int = 6
    resolution_name: Literal["480p", "720p"] = "720p"


class MediaInput(Struct, frozen=True, kw_only=True, rename="camel"):
    """Where the newest shape stands."""

    image_to_image: ImageToImage | None = None
    text_to_video: TextToVideo | None = None


class MediaBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """The fields of a chat call that order a picture or a video."""

    message: str = ""
    model_name: str = ""
    response_metadata: Metadata = Metadata()
    media_gen_input: MediaInput = MediaInput()
