"""The core's section ``limits``: how much a client may send, and how much runs at once."""

from typing import Annotated

from grokgate.plugin.records import Settings
from grokgate.settings.fields import described
from grokgate.settings.startup import check_networks


class LimitsSettings(Settings, frozen=True, kw_only=True):
    """Section ``limits``."""

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
            check=check_networks,
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
