"""The core's sections that are known before any plugin is loaded."""

from typing import Annotated, Literal

from grokgate.plugin.records import Settings
from grokgate.settings.fields import Declaration, described

OWNER = "core"

_LEVELS = {"trace": "debug", "warn": "warning", "critical": "error", "fatal": "error"}


class LogSettings(Settings, frozen=True, kw_only=True):
    """Section ``log``."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        described("Least severe level that is logged.", "日志级别。", synonyms=_LEVELS),
    ] = "info"
    file_enabled: Annotated[
        bool,
        described("Write JSON lines into the log folder.", "在日志目录写入 JSON 日志。"),
    ] = True
    max_file_mb: Annotated[
        int, described("Size of a log file, MB.", "单个日志文件的大小（MB）。", ge=1)
    ] = 100
    max_files: Annotated[int, described("Log files kept.", "保留的日志文件数。", ge=1)] = 7


class ServerSettings(Settings, frozen=True, kw_only=True):
    """Section ``server``; all of it is fixed at start."""

    host: Annotated[str, described("Listen address.", "监听地址。", startup=True, min_length=1)] = (
        "127.0.0.1"
    )
    port: Annotated[
        int,
        described(
            "Listen port; 0: any free one.",
            "监听端口，0 表示任意空闲端口。",
            startup=True,
            ge=0,
            le=65535,
        ),
    ] = 8000
    workers: Annotated[
        int,
        described(
            "Server processes; more than one needs Redis.",
            "服务进程数，大于 1 时需要 Redis。",
            startup=True,
            ge=1,
        ),
    ] = 1
    shutdown_grace_sec: Annotated[
        float,
        described(
            "Seconds that running streams get at shutdown.",
            "停止时留给运行中流的秒数。",
            startup=True,
            ge=0,
        ),
    ] = 30
    max_connections: Annotated[
        int,
        described("Open connections of a process.", "每个进程的连接数上限。", startup=True, ge=1),
    ] = 8192


class StorageSettings(Settings, frozen=True, kw_only=True):
    """Section ``storage``; all of it is fixed at start."""

    type: Annotated[
        str,
        described(
            "Kind of database: local (SQLite).", "数据库类型：local（SQLite）。", startup=True
        ),
    ] = "local"
    url: Annotated[
        str,
        described(
            "Path of the SQLite file; empty: grokgate.db in the data folder.",
            "SQLite 文件路径，留空则为数据目录中的 grokgate.db。",
            startup=True,
            secret=True,
        ),
    ] = ""
    media_url: Annotated[
        str,
        described(
            "Where pictures, videos and files lie: a folder, or s3://BUCKET/PREFIX with the usual"
            " AWS_ variables; empty: the data folder.",
            "图片、视频和文件的存放位置：文件夹，或 s3://桶/前缀（使用常规 AWS_ 变量）；"
            "留空则为数据目录。",
            startup=True,
        ),
    ] = ""


class PluginsSettings(Settings, frozen=True, kw_only=True):
    """The core's part of section ``plugins``; fixed at start."""

    enabled: Annotated[
        tuple[str, ...],
        described("Foreign plugins to load.", "要加载的第三方插件。", startup=True),
    ] = ()
    disabled: Annotated[
        tuple[str, ...],
        described("Bundled plugins to leave out.", "不加载的内置插件。", startup=True),
    ] = ()


BOOT = (
    Declaration(OWNER, LogSettings, "log"),
    Declaration(OWNER, ServerSettings, "server"),
    Declaration(OWNER, StorageSettings, "storage"),
    Declaration(OWNER, PluginsSettings, "plugins"),
)
"""Sections known before any plugin is loaded."""
