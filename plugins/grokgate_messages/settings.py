"""What an operator may say about the Anthropic endpoints (F-CFG-148)."""

from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta, field

from grokgate.plugin import Settings


class MessagesSettings(Settings, frozen=True, kw_only=True):
    """The plugin's settings."""

    model_map: Annotated[
        Mapping[str, str],
        Meta(
            description="Models that clients of /v1/messages name, with * and ?, and the models "
            "that answer; the first that fits counts.",
            extra={
                "key": "messages.model_map",
                "zh": "/v1/messages 客户端所用模型名（可含 * 和 ?）对应的实际模型；"
                "以第一个匹配项为准。",
            },
        ),
    ] = field(default_factory=lambda: {"claude-*": "grok-4"})
