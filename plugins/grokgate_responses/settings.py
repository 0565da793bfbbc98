"""What an operator may say about responses (F-CFG-147)."""

from typing import Annotated

from msgspec import Meta

from grokgate.plugin import Settings


class ResponsesSettings(Settings, frozen=True, kw_only=True):
    """The plugin's settings."""

    store_ttl_hours: Annotated[
        int,
        Meta(
            ge=1,
            le=8760,
            description="Hours that a response can be retrieved and continued.",
            extra={
                "key": "responses.store_ttl_hours",
                "zh": "响应可被读取和续接的小时数。",
            },
        ),
    ] = 720
    store_max_mb: Annotated[
        int,
        Meta(
            ge=1,
            le=65536,
            description="Most megabytes of stored responses per key; the oldest are dropped first.",
            extra={
                "key": "responses.store_max_mb",
                "zh": "每个密钥的已存储响应的最大兆字节数；最旧的先被丢弃。",
            },
        ),
    ] = 256
