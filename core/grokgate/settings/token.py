"""The core's section ``token``: how the pooled accounts are picked, kept and refreshed."""

from typing import Annotated, Literal

from grokgate.plugin.records import Settings
from grokgate.settings.fields import described


class TokenSettings(Settings, frozen=True, kw_only=True):
    """Section ``token``."""

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
    file_sync: Annotated[
        Literal["import", "off"],
        described(
            "Follow token.json in the data folder: what is new in it is added, notes and tags of"
            " known accounts follow it; it is never written.",
            "跟随数据目录中的 token.json：新增的账号会被导入，已有账号的备注和标签随之更新；"
            "不会写入该文件。",
        ),
    ] = "import"
    reload_interval_sec: Annotated[
        float,
        described(
            "Seconds between two looks at token.json.",
            "检查 token.json 的间隔（秒）。",
            ge=0.1,
            le=3600,
        ),
    ] = 30
