"""What is known before any plugin is loaded: the environment, and how to start (F-ENV)."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from grokgate.errors import ConfigFileError, StartupError
from grokgate.settings.fields import collect_fields
from grokgate.settings.resolve import resolve, resolve_fixed
from grokgate.settings.sources import (
    environment_layer,
    read_bytes,
    read_file_layer,
    secret_file,
)
from grokgate.settings.startup import (
    BOOT,
    LogSettings,
    PluginsSettings,
    ServerSettings,
    StorageSettings,
)
from grokgate.upstream import Secret

_SECRETS = (
    "GROKGATE_SECRET_KEY",
    "SERVER_STORAGE_URL",
    "SERVER_REDIS_URL",
    "ACCOUNT_POSTGRESQL_URL",
    "ACCOUNT_REDIS_URL",
)
"""Each may be given as ``<NAME>_FILE`` (F-ENV-14); secret settings are read by their fields."""

_NOTHING: Mapping[str, Any] = MappingProxyType({})
_SQLITE = {"local", "sqlite"}
_GONE = {"redis", "mysql"}


class Boot(Struct, frozen=True, kw_only=True):
    """How this process starts. Folders are as given, relative to the working folder."""

    data_dir: Path
    log_dir: Path
    server: ServerSettings
    storage: StorageSettings
    log: LogSettings
    plugins: PluginsSettings
    storage_wait_timeout_s: float
    """Seconds to wait for the database at start."""
    storage_wait_interval_s: float
    """Seconds between two tries."""
    redis_url: Secret | None = None
    """Of the server by which processes share what they lease; None: there is one process."""

    @property
    def shared(self) -> bool:
        """Whether other processes of the installation may run."""
        return self.redis_url is not None


def load_environment(cwd: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment: ``.env`` of *cwd* below *environ*, old names under today's.

    Raises:
        ConfigFileError: ``.env``, or a file named by a ``…_FILE`` variable, cannot be read.
    """
    merged = {**_dotenv(cwd / ".env"), **environ}
    for name in _SECRETS:
        path = merged.get(f"{name}_FILE")
        stronger = f"{name}_FILE" in environ and not environ.get(name)  # than a value of ``.env``
        if path and (stronger or not merged.get(name)):
            merged[name] = secret_file(f"{name}_FILE", path)
    for name, value in _aliased(merged):
        if value and not merged.get(name):
            merged[name] = value
    return merged


def read_boot(
    data_dir: Path | None,
    environ: Mapping[str, str],
    overlay: Mapping[str, Any] = _NOTHING,
) -> Boot:
    """Read what a start needs: where to listen, what to log, which plugins to load.

    Nothing is written. Bad values count as absent; `SettingsStore.load` warns about them.

    Args:
        data_dir: None: ``DATA_DIR``, else ``data``.
        environ: As `load_environment` returns it.
        overlay: Full keys → values of this run; keys of other sections are ignored.

    Raises:
        ConfigFileError: The file is not TOML or cannot be read.
        StartupError: A storage or number of workers that this program does not have.
    """
    data_dir = data_dir or Path(environ.get("DATA_DIR") or "data")
    fields = collect_fields(BOOT, ())
    ours = {key: value for key, value in overlay.items() if key in fields}
    fixed = resolve_fixed(fields, environment_layer(environ, fields), ours)
    filed = read_file_layer(data_dir, fields).values
    values = resolve(fields, filed, fixed, last_good={}, held={}).values

    def section(name: str) -> dict[str, Any]:
        return {field.name: values[key] for key, field in fields.items() if key.startswith(name)}

    boot = Boot(
        data_dir=data_dir,
        log_dir=Path(environ.get("LOG_DIR") or "logs"),
        server=ServerSettings(**section("server.")),
        storage=StorageSettings(**section("storage.")),
        log=LogSettings(**section("log.")),
        plugins=PluginsSettings(**section("plugins.")),
        storage_wait_timeout_s=_seconds(environ, "STORAGE_WAIT_TIMEOUT", default=60),
        storage_wait_interval_s=_seconds(environ, "STORAGE_WAIT_INTERVAL", default=0.5),
        redis_url=Secret(url) if (url := environ.get("SERVER_REDIS_URL", "").strip()) else None,
    )
    _refuse_unsupported(boot)
    return boot


def _dotenv(path: Path) -> dict[str, str]:
    content = read_bytes(path)
    if content is None:
        return {}
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"{path}: not UTF-8 text. Correct or remove the file.") from error
    return dict(filter(None, map(_assignment, lines)))


def _assignment(line: str) -> tuple[str, str] | None:
    """Parse ``NAME=value``, ``export NAME="value"`` or ``NAME=value # comment``."""
    name, equals, value = line.strip().removeprefix("export ").partition("=")
    name, value = name.strip(), value.strip()
    if not equals or not name or name.startswith("#"):
        return None
    quote = value[:1]
    if quote in ("'", '"') and quote in value[1:]:
        return name, value[1 : value.index(quote, 1)]
    return name, value.partition(" #")[0].rstrip()


def _aliased(environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield today's names with the values of py2's (F-ENV-11)."""
    kind = environ.get("ACCOUNT_STORAGE", "")
    wanted = (environ.get("SERVER_STORAGE_TYPE") or kind or "local").strip().lower()
    address = "ACCOUNT_LOCAL_PATH" if wanted in _SQLITE else "ACCOUNT_POSTGRESQL_URL"
    yield "SERVER_STORAGE_TYPE", kind
    yield "SERVER_STORAGE_URL", environ.get(address, "")
    yield "SERVER_REDIS_URL", environ.get("ACCOUNT_REDIS_URL", "")


def _seconds(environ: Mapping[str, str], name: str, *, default: float) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds <= 86400:  # noqa: PLR2004 - a day, as good as for ever
        raise StartupError(f"{name} must be a number of seconds from 0 to 86400.")
    return seconds


def _refuse_unsupported(boot: Boot) -> None:
    """Refuse what would otherwise silently be another set-up than the operator asked for."""
    kind = boot.storage.type.strip().lower()
    remedy = "Set SERVER_STORAGE_TYPE=local or pgsql (storage.type in config.toml)"
    if kind in _GONE:
        raise StartupError(
            f"Accounts are no longer stored in {kind}. {remedy} and read the old accounts:"
            " grokgate migrate --from ADDRESS."
        )
    if kind not in _SQLITE and not boot.storage.is_on_server:
        raise StartupError(f"Unknown kind of storage. {remedy}.")
    if boot.shared and not boot.storage.is_on_server:
        raise StartupError(
            "SERVER_REDIS_URL is for processes that share a PostgreSQL database. Set"
            " SERVER_STORAGE_TYPE=pgsql and SERVER_STORAGE_URL too, or unset SERVER_REDIS_URL."
        )
    if boot.server.workers > 1 and not boot.shared:
        raise StartupError(
            "Several workers share a PostgreSQL database and Redis. Set SERVER_STORAGE_TYPE=pgsql,"
            " SERVER_STORAGE_URL and SERVER_REDIS_URL too, or SERVER_WORKERS=1 (server.workers in"
            " config.toml)."
        )
