"""The core's section ``ui``: the pages."""

from typing import Annotated

from grokgate.plugin.records import Settings
from grokgate.settings.fields import described


class UiSettings(Settings, frozen=True, kw_only=True):
    """Section ``ui``."""

    public_chat: Annotated[
        bool,
        described(
            "Offer a chat page at /chat to anybody, for which visitors give a key of their own.",
            "在 /chat 向所有访客提供聊天页面，访客需自行填写密钥。",
        ),
    ] = False
