"""The core's sections that are known before any plugin is loaded."""

import ipaddress
from collections.abc import Iterable
from typing import Annotated, Literal

from grokgate.plugin.records import Settings
from grokgate.settings.fields import Declaration, described

OWNER = "core"

_LEVELS = {"trace": "debug", "warn": "warning", "critical": "error", "fatal": "error"}


def check_networks(texts: Iterable[str]) -> None:
    """Check a list of addresses and networks."""
    for text in texts:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError("must hold addresses or networks such as 10.0.0.0/8") from None


class LogSettings(Settings, frozen=True, kw_only=True):
    """Section ``log``."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"],
        described("Least severe level that is logged.", "日志级别。", synonyms=_LEVELS),
    ] = "info"
    file_enabled: Annotated[
        bool,
        described(
            "Write JSON lines into the log folder.", "在日志目录写入 JSON 日志。", startup=True
        ),
    ] = True
    max_file_mb: Annotated[
        int,
        described("Size of a log file, MB.", "单个日志文件的大小（MB）。", startup=True, ge=1),
    ] = 100
    max_files: Annotated[
        int, described("Log files kept.", "保留的日志文件数。", startup=True, ge=1)
    ] = 7
    health_requests: Annotated[
        bool,
        described(
            "Log requests to /health, /ready and /metrics as well.",
            "同时记录对 /health、/ready 和 /metrics 的请求。",
        ),
    ] = False
    slow_ms: Annotated[
        int,
        described(
            "Milliseconds from which on the log calls a request slow; 0: never.",
            "请求超过多少毫秒时在日志中标记为慢请求，0 表示不标记。",
            ge=0,
        ),
    ] = 3000
    requests_keep_days: Annotated[
        float,
        described("Days for which the request log is kept.", "请求日志的保留天数。", ge=0, le=3650),
    ] = 14
    requests_max_rows: Annotated[
        int,
        described(
            "Rows of the request log that are kept; 0: none is written.",
            "请求日志最多保留的行数，0 表示不记录。",
            ge=0,
            le=10_000_000,
        ),
    ] = 100_000


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
            "Server processes of one start, in one data folder. More than one needs PostgreSQL and"
            " SERVER_REDIS_URL.",
            "一次启动在同一数据目录中运行的服务进程数。大于 1 时需要 PostgreSQL 和"
            " SERVER_REDIS_URL。",
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
    trusted_proxies: Annotated[
        tuple[str, ...],
        described(
            "Addresses or networks of proxies whose X-Forwarded-For and X-Forwarded-Proto count.",
            "受信任代理的地址或网段，其 X-Forwarded-For 与 X-Forwarded-Proto 才有效。",
            startup=True,
            check=check_networks,
        ),
    ] = ()
    max_connections: Annotated[
        int,
        described("Open connections of a process.", "每个进程的连接数上限。", startup=True, ge=1),
    ] = 8192


_POSTGRESQL = frozenset({"pgsql", "postgres", "postgresql"})


class StorageSettings(Settings, frozen=True, kw_only=True):
    """Section ``storage``; all of it is fixed at start."""

    type: Annotated[
        str,
        described(
            "Kind of database: local (SQLite), or pgsql (PostgreSQL; pip install"
            " 'grokgate[postgresql]').",
            "数据库类型：local（SQLite）或 pgsql（PostgreSQL；需 pip install"
            " 'grokgate[postgresql]'）。",
            startup=True,
        ),
    ] = "local"
    url: Annotated[
        str,
        described(
            "Path of the SQLite file; empty: grokgate.db in the data folder. For pgsql:"
            " postgresql://USER:PASSWORD@HOST/DATABASE, with ?sslmode=verify-full and the like.",
            "SQLite 文件路径，留空则为数据目录中的 grokgate.db。pgsql 时为"
            " postgresql://用户:密码@主机/数据库，可加 ?sslmode=verify-full 等参数。",
            startup=True,
            secret=True,
        ),
    ] = ""
    config: Annotated[
        Literal["file", "database"],
        described(
            "Where changes made in the admin page or API go: config.toml, or the database, which"
            " then wins over the file. Secrets always go to the database, encrypted. Of replicas"
            " it is always the database.",
            "管理页面或 API 所做更改的存放位置：config.toml，或数据库（此时优先于文件）。"
            "机密始终加密存入数据库。多个副本时总是数据库。",
            startup=True,
        ),
    ] = "file"
    media_url: Annotated[
        str,
        described(
            "Where pictures, videos and files lie: a folder, or s3://BUCKET/PREFIX with the usual"
            " AWS_ variables; empty: the data folder. Replicas need one that they share.",
            "图片、视频和文件的存放位置：文件夹，或 s3://桶/前缀（使用常规 AWS_ 变量）；"
            "留空则为数据目录。多个副本需使用共享的位置。",
            startup=True,
        ),
    ] = ""

    @property
    def is_on_server(self) -> bool:
        """Whether the data lies in PostgreSQL; False: in a SQLite file."""
        return self.type.strip().lower() in _POSTGRESQL


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
