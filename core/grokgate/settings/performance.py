"""Section ``performance``: how much the gateway does at once."""

from typing import Annotated

from grokgate.plugin.records import Settings
from grokgate.settings.fields import described


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
    usage_max_tokens: Annotated[
        int,
        described(
            "Most accounts of a list that a quota refresh is asked for.",
            "一次额度刷新请求的列表最多包含的账号数。",
            ge=1,
        ),
    ] = 1000
    nsfw_max_concurrent: Annotated[
        int, described("Content preferences switched at once.", "同时切换的内容偏好数。", ge=1)
    ] = 10
    nsfw_batch_size: Annotated[
        int,
        described(
            "Accounts per step of a job that switches preferences.",
            "切换偏好的任务每一步的账号数。",
            ge=1,
        ),
    ] = 50
    nsfw_max_tokens: Annotated[
        int,
        described(
            "Most accounts of a list whose preference is switched.",
            "一次切换偏好请求的列表最多包含的账号数。",
            ge=1,
        ),
    ] = 1000
    assets_max_concurrent: Annotated[
        int,
        described(
            "Calls for the files of accounts at once, in the whole process.",
            "整个进程中同时进行的账号文件调用数。",
            ge=1,
        ),
    ] = 25
    assets_delete_batch_size: Annotated[
        int,
        described("Files of one account deleted at once.", "同一账号同时删除的文件数。", ge=1),
    ] = 10
    assets_batch_size: Annotated[
        int,
        described(
            "Accounts per step of a job about their files, all at once.",
            "账号文件任务每一步的账号数，同时处理。",
            ge=1,
            alias=("performance.admin_assets_batch_size",),
        ),
    ] = 10
    assets_max_tokens: Annotated[
        int,
        described(
            "Most accounts of a list whose files are counted or deleted.",
            "一次文件统计或删除请求的列表最多包含的账号数。",
            ge=1,
        ),
    ] = 1000
