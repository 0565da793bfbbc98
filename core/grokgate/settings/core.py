"""The core's own sections: what several plugins read, and what no plugin could own."""

import ipaddress
from collections.abc import Iterable
from typing import Annotated, Literal, TypeAlias
from urllib.parse import urlsplit

from msgspec import Meta

from grokgate.plugin.records import Settings
from grokgate.settings.fields import Declaration, collect_fields, described
from grokgate.settings.media import MEDIA
from grokgate.settings.startup import BOOT, OWNER

StatusCode: TypeAlias = Annotated[int, Meta(ge=100, le=599)]


def _networks(texts: Iterable[str]) -> None:
    """Check a list of addresses and networks."""
    for text in texts:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError("must hold addresses or networks such as 10.0.0.0/8") from None


def _origin(text: str) -> None:
    """Check the address that links begin with."""
    try:
        place = urlsplit(text)
        is_origin = place.scheme in {"http", "https"} and bool(place.hostname)
    except ValueError:
        is_origin = False
    if text and (not is_origin or place.query or place.fragment or "@" in place.netloc):
        raise ValueError("must be an address such as https://gateway.example")


class AppSettings(Settings, frozen=True, kw_only=True):
    """Section ``app``: who may use the gateway, and where it is found."""

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
            "Offer Prometheus text at /metrics, to whoever has metrics_key; without one it is off.",
            "在 /metrics 提供监控指标，需要 metrics_key；未设置则不提供。",
        ),
    ] = True
    metrics_key: Annotated[
        str,
        described("Bearer key for /metrics.", "访问 /metrics 所需的 Bearer 密钥。", secret=True),
    ] = ""


class GrokSettings(Settings, frozen=True, kw_only=True):
    """The core's part of section ``grok``; the rest belongs to plugins. Times are seconds."""

    stream: Annotated[
        bool,
        described(
            "Stream chat answers when the request does not say; only for old front ends.",
            "请求未指明时以流式返回聊天结果，仅供旧前端使用。",
        ),
    ] = False
    thinking: Annotated[
        bool,
        described(
            "Show the reasoning when the request does not say.", "请求未指明时显示思考过程。"
        ),
    ] = True
    thinking_format: Annotated[
        Literal["reasoning_content", "think_tag", "both"],
        described("Where the reasoning goes in chat answers.", "思考过程的输出位置。"),
    ] = "reasoning_content"
    thinking_summary: Annotated[
        bool,
        described(
            "Show the upstream's short step titles instead of the full reasoning.",
            "只显示上游的步骤标题，不显示完整思考过程。",
        ),
    ] = False
    show_search_sources: Annotated[
        bool,
        described("Append a list of sources to answers.", "在回答末尾附上搜索来源。"),
    ] = False
    timeout: Annotated[
        float,
        described("Seconds for a whole unary call.", "非流式调用的总时限（秒）。", gt=0),
    ] = 120
    stream_first_byte_timeout: Annotated[
        float,
        described(
            "Seconds until the upstream's first line or frame.", "等待上游首个数据的秒数。", gt=0
        ),
    ] = 30
    stream_idle_timeout: Annotated[
        float,
        described(
            "Seconds between two lines of the upstream.", "上游两次数据之间的最长间隔（秒）。", gt=0
        ),
    ] = 120
    stream_total_timeout: Annotated[
        float,
        described(
            "Seconds for a whole streamed call; 0: none.",
            "流式调用的总时限（秒），0 表示不限。",
            ge=0,
        ),
    ] = 600
    sse_keepalive_sec: Annotated[
        float,
        described(
            "Seconds of silence before a ping in an event stream; 0: off.",
            "事件流静默多少秒后发送 ping，0 表示关闭。",
            ge=0,
        ),
    ] = 15
    unary_keepalive: Annotated[
        bool,
        described(
            "Send blanks before a unary answer that takes longer than sse_keepalive_sec, for"
            " proxies that give up on silence; an error after that has the status 200.",
            "非流式回答超过 sse_keepalive_sec 秒时先发送空格，避免代理因静默而断开；"
            "此后的错误状态码为 200。",
        ),
    ] = False
    max_retry: Annotated[
        int,
        described("Further attempts after a failed one.", "失败后的重试次数。", ge=0, le=10),
    ] = 3
    retry_status_codes: Annotated[
        tuple[StatusCode, ...],
        described(
            "Upstream statuses after which another token is tried.",
            "上游返回这些状态码时换用其他令牌重试。",
        ),
    ] = (401, 429, 403)
    image_generation_method: Annotated[
        Literal["legacy", "imagine_ws_experimental"],
        described(
            "How pictures are made: drawn in a conversation, or over the image socket.",
            "图片生成方式：对话绘图（legacy）或图片 WebSocket（imagine_ws_experimental）。",
            synonyms=dict.fromkeys(
                ("imagine_ws", "experimental", "new", "new_method"), "imagine_ws_experimental"
            ),
        ),
    ] = "legacy"
    legacy_size_hint: Annotated[
        bool,
        described(
            "Put a size that a client names into words where a conversation draws.",
            "对话绘图时把客户端指定的尺寸写进提示词。",
        ),
    ] = True
    video_extension: Annotated[
        bool,
        described(
            "Make longer videos (12, 16, 20, 30 seconds) in rounds that continue one another, where"
            " the upstream can; each is a call of its own.",
            "在上游支持时，用多轮续写生成更长的视频（12、16、20、30 秒），每轮单独计一次调用。",
        ),
    ] = True
    video_poster_preview: Annotated[
        bool,
        described(
            "Show videos in chat answers as their first picture, which leads to them.",
            "在聊天结果中用首帧图片加链接代替视频标签。",
        ),
    ] = False
    video_timeout: Annotated[
        float,
        described("Seconds for a whole video.", "生成一个视频的总时限（秒）。", gt=0),
    ] = 900
    mode_fallback: Annotated[
        bool,
        described(
            "Try another mode of the model when the usual one is out of quota.",
            "常用模式额度用尽时改用其他模式。",
        ),
    ] = True


class TokenSettings(Settings, frozen=True, kw_only=True):
    """Section ``token``: how the pooled accounts are picked, kept and refreshed."""

    auto_refresh: Annotated[
        bool, described("Refresh quotas in the background.", "后台自动刷新额度。")
    ] = True
    refresh_interval_hours: Annotated[
        float,
        described(
            "Hours between refreshes of basic accounts.",
            "基础账号的刷新间隔（小时）。",
            ge=0.1,
            le=168,
        ),
    ] = 8
    super_refresh_interval_hours: Annotated[
        float,
        described(
            "Hours between refreshes of super and heavy accounts.",
            "Super 与 Heavy 账号的刷新间隔（小时）。",
            ge=0.1,
            le=168,
        ),
    ] = 2
    fail_threshold: Annotated[
        int,
        described(
            "Counted 401 answers before a token expires.",
            "累计多少次 401 后令牌视为失效。",
            ge=1,
            le=1000,
        ),
    ] = 5
    save_delay_ms: Annotated[
        int,
        described(
            "Milliseconds for which writes are collected; larger values count as 250.",
            "合并写入的等待毫秒数，大于 250 时按 250 处理。",
            clamp=True,
            ge=0,
            le=250,
        ),
    ] = 250
    selection: Annotated[
        Literal["max_quota", "score", "least_consumed", "random"],
        described(
            "How a token is picked: most quota left, best score, least used so far, any.",
            "选择令牌的方式：剩余额度最多、评分最高、本地消耗最少或随机。",
        ),
    ] = "max_quota"
    unknown_first: Annotated[
        bool,
        described(
            "With max_quota, pick tokens of unknown quota before all others.",
            "max_quota 时优先选择额度未知的令牌。",
        ),
    ] = False
    max_inflight: Annotated[
        int,
        described("Parallel calls per token; 0: no cap.", "每个令牌的并发上限，0 表示不限。", ge=0),
    ] = 8
    on_demand_refresh: Annotated[
        bool, described("Refresh quotas when no token is left.", "无可用令牌时刷新额度。")
    ] = True
    on_demand_min_interval_sec: Annotated[
        float,
        described("Seconds between two such refreshes.", "两次按需刷新的最短间隔（秒）。", ge=0),
    ] = 300
    on_demand_max_tokens: Annotated[
        int,
        described("Tokens tried per such refresh.", "每次按需刷新的令牌数上限。", ge=1),
    ] = 100
    deleted_keep_days: Annotated[
        float,
        described(
            "Days a removed token can be restored; erased at the first start after that.",
            "已移除的令牌可恢复的天数，此后首次启动时彻底删除。",
            ge=0,
        ),
    ] = 7


class LimitsSettings(Settings, frozen=True, kw_only=True):
    """Section ``limits``: how much a client may send, and how much runs at once."""

    json_body_mb: Annotated[
        float, described("Largest JSON body, MB.", "JSON 请求体上限（MB）。", gt=0)
    ] = 64
    multipart_body_mb: Annotated[
        float,
        described("Largest multipart body, MB.", "multipart 请求体上限（MB）。", gt=0),
    ] = 900
    file_mb: Annotated[
        float, described("Largest file of a request, MB.", "单个文件上限（MB）。", gt=0)
    ] = 50
    remote_fetch_mb: Annotated[
        float,
        described(
            "Largest file fetched from a client's URL, MB.",
            "下载客户端 URL 的大小上限（MB）。",
            gt=0,
        ),
    ] = 50
    remote_fetch_timeout: Annotated[
        float,
        described("Seconds for such a fetch.", "下载客户端 URL 的时限（秒）。", gt=0),
    ] = 30
    remote_fetch_http: Annotated[
        bool, described("Allow http URLs besides https.", "除 https 外也允许 http 地址。")
    ] = False
    remote_fetch_cidrs: Annotated[
        tuple[str, ...],
        described(
            "Networks that may be fetched from although they are not public.",
            "允许下载的非公网网段。",
            check=_networks,
        ),
    ] = ()
    max_inflight: Annotated[
        int, described("Parallel requests of the gateway.", "网关的并发请求上限。", ge=1)
    ] = 1000
    queue_size: Annotated[
        int, described("Places in the waiting list.", "等待队列的长度。", ge=0)
    ] = 256
    queue_wait_sec: Annotated[
        float,
        described("Longest wait in the list, seconds.", "在队列中等待的最长秒数。", ge=0),
    ] = 10


class PerformanceSettings(Settings, frozen=True, kw_only=True):
    """Section ``performance``: how much runs at once."""

    media_max_concurrent: Annotated[
        int,
        described(
            "Pictures and videos being made at once, in requests.",
            "同时进行的图片与视频生成请求数。",
            ge=1,
        ),
    ] = 50

    usage_max_concurrent: Annotated[
        int, described("Parallel quota calls.", "额度查询的并发数。", ge=1)
    ] = 25
    usage_batch_size: Annotated[
        int,
        described(
            "Accounts per step of a quota refresh; a second passes between two steps.",
            "额度刷新每一步的账号数，步与步之间间隔一秒。",
            ge=1,
        ),
    ] = 50


class UpstreamsSettings(Settings, frozen=True, kw_only=True):
    """Section ``upstreams``."""

    order: Annotated[
        tuple[str, ...],
        described(
            "Order in which upstreams are tried; empty: as loaded.",
            "尝试上游的顺序，留空则按加载顺序。",
        ),
    ] = ()


class ModelsSettings(Settings, frozen=True, kw_only=True):
    """Section ``models``."""

    only_usable: Annotated[
        bool,
        described("List only models that some token could serve.", "只列出有令牌可用的模型。"),
    ] = False


class CompatSettings(Settings, frozen=True, kw_only=True):
    """Section ``compat``."""

    strict_params: Annotated[
        bool,
        described(
            "Refuse request fields that have no effect instead of ignoring them.",
            "拒绝无效果的请求字段，而不是忽略。",
        ),
    ] = False


CORE = (
    Declaration(OWNER, AppSettings, "app"),
    Declaration(OWNER, GrokSettings, "grok"),
    Declaration(OWNER, TokenSettings, "token"),
    Declaration(OWNER, LimitsSettings, "limits"),
    Declaration(OWNER, PerformanceSettings, "performance"),
    *MEDIA,
    *BOOT,
    Declaration(OWNER, UpstreamsSettings, "upstreams"),
    Declaration(OWNER, ModelsSettings, "models"),
    Declaration(OWNER, CompatSettings, "compat"),
)


def setting_keys(owner: str, section: type[Settings]) -> tuple[str, ...]:
    """Return every key and older spelling that a plugin's section takes.

    Raises:
        PluginError: One of them is the core's, or the section is not well declared.
    """
    fields = collect_fields([*CORE, Declaration(owner, section)], ())
    return tuple(
        key for field in fields.values() if field.owner == owner for key in field.spellings
    )


def cautions(grok: GrokSettings) -> tuple[str, ...]:
    """Return what an operator should know about values that are allowed but unwise."""
    if grok.stream:
        return ("grok.stream is on: chat clients that do not ask for a stream get one (F-API-05)",)
    return ()
