"""What an operator may say about chat completions (F-CFG-107)."""

from typing import Annotated

from msgspec import Meta

from grokgate.plugin import Settings


class ChatSettings(Settings, frozen=True, kw_only=True):
    """The plugin's settings."""

    max_choices: Annotated[
        int,
        Meta(
            ge=1,
            le=16,
            description="Most answers to one chat request (n); each is a call of its own.",
            extra={
                "key": "limits.max_choices",
                "zh": "单个聊天请求的最多回答数（n）；每个回答都是一次单独调用。",
            },
        ),
    ] = 4
