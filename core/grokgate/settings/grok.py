"""The core's part of section ``grok``: how the upstream is called, how its answers are shown."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from grokgate.plugin.records import Settings
from grokgate.settings.fields import described

StatusCode: TypeAlias = Annotated[int, Meta(ge=100, le=599)]


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


def cautions(grok: GrokSettings) -> tuple[str, ...]:
    """Return what an operator should know about values that are allowed but unwise."""
    if grok.stream:
        return ("grok.stream is on: chat clients that do not ask for a stream get one",)
    return ()
