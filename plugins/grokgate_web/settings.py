"""The upstream half of the section ``grok``: protocol, identity, connections (F-CFG-30 to 64).

The keys of ``images_nsfw`` at the end stood in older configurations under ``image`` (F-MIG-09).
"""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from grokgate.plugin import Settings
from grokgate_web.profile_files import check_form

_Positive: TypeAlias = Annotated[float, Meta(gt=0)]
_Length: TypeAlias = Annotated[int, Meta(ge=1)]


class WebSettings(Settings, frozen=True, kw_only=True):
    """What an operator may say about the web upstream. Keys are the historic ones."""

    protocol: Annotated[
        str,
        Meta(
            description="Protocol profile, bundled or in DATA_DIR/profiles; auto: newest.",
            extra={
                "key": "grok.protocol",
                "zh": "协议版本，内置或位于 DATA_DIR/profiles；auto 表示最新的内置版本。",
                "check": check_form,
            },
        ),
    ] = "auto"
    temporary: Annotated[
        bool,
        Meta(
            description="Ask for temporary conversations, which leave no history.",
            extra={"key": "grok.temporary", "zh": "使用临时会话，不保留历史记录。"},
        ),
    ] = True
    disable_memory: Annotated[
        bool,
        Meta(
            description="Keep the account's memory out of conversations.",
            extra={"key": "grok.disable_memory", "zh": "会话中不使用账号记忆。"},
        ),
    ] = True
    custom_instruction: Annotated[
        str,
        Meta(
            description="Personalisation text sent with every conversation; empty: none.",
            extra={
                "key": "grok.custom_instruction",
                "zh": "随每个会话发送的个性化指令；留空则不发送。",
            },
        ),
    ] = ""
    dynamic_statsig: Annotated[
        bool,
        Meta(
            description="Vary the legacy x-statsig-id; off: always its fixed text.",
            extra={"key": "grok.dynamic_statsig", "zh": "旧式 x-statsig-id 每次变化；关闭则固定。"},
        ),
    ] = True
    statsig: Annotated[
        str,
        Meta(
            description="x-statsig-id: empty as the profile says, off, legacy, or a pasted value.",
            extra={
                "key": "grok.statsig",
                "zh": "x-statsig-id：留空按协议版本，off、legacy，或粘贴的值。",
                "secret": True,
            },
        ),
    ] = ""
    filter_tags: Annotated[
        tuple[str, ...],
        Meta(
            description="Markup removed from answers, by tag.",
            extra={"key": "grok.filter_tags", "zh": "从回答中移除的标签。"},
        ),
    ] = ("xaiartifact", "xai:tool_usage_card", "grok:render")
    base_proxy_url: Annotated[
        str,
        Meta(
            description="Proxy for calls: http, https, socks5 or socks5h; empty: direct.",
            pattern=r"^$|^(https?|socks5h?)://\S+$",
            extra={
                "key": "grok.base_proxy_url",
                "zh": "请求代理：http、https、socks5 或 socks5h；留空直连。",
                "secret": True,
            },
        ),
    ] = ""
    proxy_pool: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(https?|socks5h?)://\S+$")], ...],
        Meta(
            description="Several proxies; a token leaves its one after 3 failures in a row.",
            extra={
                "key": "grok.proxy_pool",
                "zh": "多个代理；每个令牌固定使用一个，连续 3 次失败后换下一个。",
                "secret": True,
            },
        ),
    ] = ()
    asset_proxy_url: Annotated[
        str,
        Meta(
            description="Proxy for the transfer of files; empty: as for calls.",
            pattern=r"^$|^(https?|socks5h?)://\S+$",
            extra={
                "key": "grok.asset_proxy_url",
                "zh": "文件传输代理；留空与请求代理相同。",
                "secret": True,
            },
        ),
    ] = ""
    asset_proxy_pool: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^(https?|socks5h?)://\S+$")], ...],
        Meta(
            description="Several proxies for the transfer of files; empty: as for calls.",
            extra={
                "key": "grok.asset_proxy_pool",
                "zh": "多个文件传输代理；留空与请求代理相同。",
                "secret": True,
            },
        ),
    ] = ()
    cf_clearance: Annotated[
        str,
        Meta(
            description="Cloudflare clearance cookie, obtained in a browser with the same address.",
            extra={"key": "grok.cf_clearance", "zh": "Cloudflare 验证 Cookie。", "secret": True},
        ),
    ] = ""
    cf_cookies: Annotated[
        str,
        Meta(
            description="Further Cloudflare cookies, pasted as header text.",
            extra={
                "key": "grok.cf_cookies",
                "zh": "其他 Cloudflare Cookie（请求头文本）。",
                "secret": True,
            },
        ),
    ] = ""
    impersonate: Annotated[
        str,
        Meta(
            description="Browser whose fingerprint connections have, such as chrome136.",
            extra={
                "key": "grok.impersonate",
                "zh": "连接所模拟的浏览器指纹，如 chrome136。",
                "alias": ("grok.wreq_emulation",),
            },
        ),
    ] = "chrome136"
    impersonate_usage: Annotated[
        str,
        Meta(
            description="Fingerprint of quota calls; empty: as grok.impersonate.",
            extra={
                "key": "grok.impersonate_usage",
                "zh": "配额查询的指纹；留空与 grok.impersonate 相同。",
                "alias": ("grok.wreq_emulation_usage",),
            },
        ),
    ] = ""
    impersonate_nsfw: Annotated[
        str,
        Meta(
            description="Fingerprint of content preference calls; empty: as grok.impersonate.",
            extra={
                "key": "grok.impersonate_nsfw",
                "zh": "内容偏好请求的指纹；留空与 grok.impersonate 相同。",
                "alias": ("grok.wreq_emulation_nsfw",),
            },
        ),
    ] = ""
    user_agent: Annotated[
        str,
        Meta(
            description="User agent; empty: the one of the fingerprint.",
            extra={"key": "grok.user_agent", "zh": "User-Agent；留空按指纹生成。"},
        ),
    ] = ""
    ca_file: Annotated[
        str,
        Meta(
            description="PEM file with further certificate authorities.",
            extra={"key": "grok.ca_file", "zh": "额外 CA 证书的 PEM 文件。"},
        ),
    ] = ""
    web_base: Annotated[
        str,
        Meta(
            description="Address of the upstream's site; empty: as the profile says.",
            pattern=r"^$|^https?://[^/?#\s]+[^?#\s]*$",
            extra={
                "key": "grok.web_base",
                "zh": "上游站点地址；留空按协议版本。",
                "file_only": True,
            },
        ),
    ] = ""
    assets_base: Annotated[
        str,
        Meta(
            description="Address of the upstream's files; empty: as the profile says.",
            pattern=r"^$|^https?://[^/?#\s]+[^?#\s]*$",
            extra={
                "key": "grok.assets_base",
                "zh": "上游文件地址；留空按协议版本。",
                "file_only": True,
            },
        ),
    ] = ""
    public_media_base: Annotated[
        str,
        Meta(
            description="Address of published pictures and videos; empty: as the profile says.",
            pattern=r"^$|^https?://[^/?#\s]+[^?#\s]*$",
            extra={
                "key": "grok.public_media_base",
                "zh": "上游公开媒体地址；留空按协议版本。",
                "file_only": True,
            },
        ),
    ] = ""
    connection_sharing: Annotated[
        Literal["account", "egress"],
        Meta(
            description="Who shares connections: only the account itself, or all of an egress.",
            extra={
                "key": "grok.connection_sharing",
                "zh": "连接复用范围：单个账号，或同一出口的全部账号。",
            },
        ),
    ] = "account"
    nsfw_final_s: Annotated[
        _Positive | None,
        Meta(
            description="Seconds to an adult picture's final form before it counts as blocked;"
            " unset: as the profile says.",
            extra={
                "key": "plugins.images_nsfw.final_timeout",
                "zh": "成人图片等待成品的秒数，超过则视为被拦截；不设则按协议版本。",
                "file_only": True,
            },
        ),
    ] = None
    nsfw_grace_s: Annotated[
        _Positive | None,
        Meta(
            description="Seconds of silence after which no further adult picture is waited for;"
            " unset: as the profile says.",
            extra={
                "key": "plugins.images_nsfw.blocked_grace_seconds",
                "zh": "静默多少秒后不再等待更多成人图片；不设则按协议版本。",
                "file_only": True,
            },
        ),
    ] = None
    nsfw_medium_over: Annotated[
        _Length | None,
        Meta(
            description="Characters in base64 over which an adult picture is more than a preview;"
            " unset: as the profile says.",
            extra={
                "key": "plugins.images_nsfw.medium_min_bytes",
                "zh": "成人图片的 base64 超过多少字符不再算预览；不设则按协议版本。",
                "file_only": True,
            },
        ),
    ] = None
    nsfw_final_over: Annotated[
        _Length | None,
        Meta(
            description="Characters in base64 over which an adult picture can be final;"
            " unset: as the profile says.",
            extra={
                "key": "plugins.images_nsfw.final_min_bytes",
                "zh": "成人图片的 base64 超过多少字符可算成品；不设则按协议版本。",
                "file_only": True,
            },
        ),
    ] = None
