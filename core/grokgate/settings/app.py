"""The core's section ``app``: who may use the gateway, and where it is found."""

from collections.abc import Iterable
from typing import Annotated, Literal
from urllib.parse import urlsplit

from grokgate.plugin.records import Settings
from grokgate.settings.fields import described


def _origin(text: str) -> None:
    """Check the address that links begin with."""
    try:
        place = urlsplit(text)
        is_origin = place.scheme in {"http", "https"} and bool(place.hostname)
    except ValueError:
        is_origin = False
    if text and (not is_origin or place.query or place.fragment or "@" in place.netloc):
        raise ValueError("must be an address such as https://gateway.example")


def _origins(texts: Iterable[str]) -> None:
    """Check origins as browsers write them."""
    for text in texts:
        try:
            place = urlsplit(text)
            plain = f"{place.scheme}://{place.netloc}" == text and bool(place.hostname)
        except ValueError:
            plain = False
        if not plain or place.scheme not in {"http", "https"} or "@" in text:
            raise ValueError("must hold origins such as https://console.example")


class AppSettings(Settings, frozen=True, kw_only=True):
    """Section ``app``."""

    image_format: Annotated[
        Literal["url", "base64"],
        described(
            "How pictures are returned when the request does not say: as links or as base64.",
            "请求未指明时图片的返回方式：链接或 base64。",
            synonyms={
                "b64_json": "base64",
                "grok_url": "url",
                "local_url": "url",
                "grok_md": "url",
                "local_md": "url",
            },
        ),
    ] = "url"
    video_format: Annotated[
        Literal["url", "plain_url"],
        described(
            "How videos are shown in chat answers: an HTML element that plays them (url), or their"
            " bare address (plain_url).",
            "聊天结果中视频的形式：可播放的 HTML 标签（url），或仅地址（plain_url）。",
            synonyms={
                "html": "url",
                "grok_html": "url",
                "local_html": "url",
                "grok_url": "plain_url",
                "local_url": "plain_url",
            },
        ),
    ] = "url"
    app_url: Annotated[
        str,
        described(
            "Public address of the gateway, for links to pictures and videos; empty: the listen"
            " address if it is loopback, else links without a host.",
            "网关的公开地址，用于图片和视频链接；留空时若监听本机地址则用该地址，否则链接不含主机。",
            check=_origin,
        ),
    ] = ""
    app_key: Annotated[
        str,
        described(
            "Admin password, plain or as an argon2id hash: at least 12 characters unless the"
            " listen address is loopback; empty: it is chosen through the set-up link.",
            "管理密码，明文或 argon2id 哈希；除非监听本机地址，至少 12 个字符；"
            "留空则通过初始化链接设置。",
            secret=True,
        ),
    ] = ""
    admin_username: Annotated[
        str,
        described(
            "Name of the operator; looked at only where a login sends one.",
            "管理员用户名，仅在登录请求包含用户名时检查。",
            min_length=1,
        ),
    ] = "admin"
    session_hours: Annotated[
        float,
        described(
            "Hours without a request after which a login ends; it ends after 7 days at the latest.",
            "登录会话闲置多少小时后失效，最长 7 天。",
            ge=1,
            le=168,
        ),
    ] = 8
    admin_cors_origins: Annotated[
        tuple[str, ...],
        described(
            "Origins of other pages that may call the admin API, by its Authorization header.",
            "允许通过 Authorization 请求头调用管理接口的其他网页来源。",
            check=_origins,
        ),
    ] = ()
    api_key: Annotated[
        tuple[str, ...],
        described(
            "API keys that clients may present: one key, a comma list or an array.",
            "客户端可用的 API 密钥：单个、逗号分隔或数组。",
            secret=True,
        ),
    ] = ()
    allow_anonymous: Annotated[
        bool,
        described(
            "Serve /v1 without a key; only while the listen address is loopback.",
            "允许无密钥访问 /v1，仅在监听本机地址时有效。",
        ),
    ] = False
    metrics_enabled: Annotated[
        bool,
        described(
            "Offer Prometheus text at /metrics, to operators and to whoever has metrics_key.",
            "在 /metrics 提供监控指标，管理员或持有 metrics_key 者可访问。",
        ),
    ] = True
    metrics_key: Annotated[
        str,
        described("Bearer key for /metrics.", "访问 /metrics 所需的 Bearer 密钥。", secret=True),
    ] = ""
