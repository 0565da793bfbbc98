"""The layers as they are found: a file, the environment (F-CFG-01, F-ENV-12).

Values stay raw here; `resolve` converts them. What is unknown is reported, never an error.
"""

import errno
import os
import re
import stat
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from msgspec import Struct

from grokgate.errors import ConfigFileError
from grokgate.legacy.config import Converted, convert_config, convert_setting_toml
from grokgate.settings.aliases import by_key, spellings
from grokgate.settings.fields import Field

Opener: TypeAlias = Callable[[str, int], int]

FILE = "config.toml"
OLD_FILE = "setting.toml"

_VARIABLES = {
    "SERVER_HOST": "server.host",
    "SERVER_PORT": "server.port",
    "SERVER_WORKERS": "server.workers",
    "SERVER_STORAGE_TYPE": "storage.type",
    "SERVER_STORAGE_URL": "storage.url",
    "LOG_LEVEL": "log.level",
    "CACHE_RESET_TZ_OFFSET_MINUTES": "quota.tz_offset_minutes",
    "RUST_LOG": "log.level",
    "LOG_FILE_ENABLED": "log.file_enabled",
}
"""Names of F-ENV besides those made from the keys."""

_LEVEL_WORDS = {"trace", "debug", "info", "warn", "warning", "error", "critical", "fatal"}


class FileLayer(Struct, frozen=True, kw_only=True):
    """What the configuration file says."""

    content: bytes | None
    """None: there is no file yet."""
    written: Mapping[str, Any]
    """The tree as it stands in the file."""
    tree: Mapping[str, Any]
    """The same in today's keys; of the oldest file, where there is no other."""
    values: Mapping[str, Any]
    """Raw values by key."""
    notes: tuple[str, ...]
    """What became of keys of the predecessors."""
    warnings: tuple[str, ...]


class EnvironmentLayer(Struct, frozen=True, kw_only=True):
    """What the environment says."""

    values: Mapping[str, str]
    """Raw texts by key."""
    variables: Mapping[str, str]
    """Key → name of the variable that sets it."""
    warnings: tuple[str, ...]


def read_bytes(path: Path, *, opener: Opener | None = None) -> bytes | None:
    """Return the content of *path*; None: there is no such file.

    Args:
        path: May be a pipe.
        opener: As `open` takes it.

    Raises:
        ConfigFileError: It exists and cannot be read.
    """
    try:
        with open(path, "rb", opener=opener) as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigFileError(
            f"{path}: cannot be read ({reason}). Correct its kind and permissions."
        ) from error


def read_config(path: Path) -> bytes | None:
    """Return the content of a configuration file; None: there is no such file.

    Raises:
        ConfigFileError: It exists and cannot be read, or is no plain file.
    """
    return read_bytes(path, opener=_open_plain)


def parse(content: bytes, path: Path) -> dict[str, Any]:
    """Parse TOML bytes that came from *path*.

    Raises:
        ConfigFileError: They are not TOML; names the line and the remedy.
    """
    remedy = "Correct the file or restore a copy; it was left untouched."
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigFileError(f"{path}: not UTF-8 text (at line {line}). {remedy}") from error
    except RecursionError as error:
        raise ConfigFileError(f"{path}: nested too deeply. {remedy}") from error
    except ValueError as error:
        raise ConfigFileError(f"{path}: not valid TOML: {_place(error)}. {remedy}") from error


def read_file_layer(data_dir: Path, fields: Mapping[str, Field]) -> FileLayer:
    """Read ``config.toml`` of *data_dir*, or where there is none ``setting.toml``.

    Raises:
        ConfigFileError: The file cannot be read.
    """
    content = read_config(data_dir / FILE)
    if content is not None:
        return file_layer(content, data_dir / FILE, fields)
    oldest = read_config(data_dir / OLD_FILE)
    if oldest is None:
        return _layer(None, {}, Converted(tree={}), fields)
    return _layer(None, {}, convert_setting_toml(parse(oldest, data_dir / OLD_FILE)), fields)


def file_layer(content: bytes, path: Path, fields: Mapping[str, Field]) -> FileLayer:
    """Parse the content of ``config.toml``.

    Raises:
        ConfigFileError: It is not TOML.
    """
    written = parse(content, path)
    aliases = {field.key: field.aliases for field in fields.values() if field.aliases}
    return _layer(content, written, convert_config(written, aliases=aliases), fields)


def flatten(
    tree: Mapping[str, Any], names: Mapping[str, Field], at: str = ""
) -> Iterator[tuple[str, Any, Field | None]]:
    """Yield the leaves of *tree*: full name, raw value, field; None: no field has that name.

    A table is a leaf where its name is one of *names*: such a value is a map.
    """
    for part, value in tree.items():
        name = f"{at}.{part}" if at else part
        if "." in part:
            yield name, value, None
            continue
        if name in names or not isinstance(value, Mapping):
            yield name, value, names.get(name)
        else:
            yield from flatten(value, names, name)


def environment_layer(environ: Mapping[str, str], fields: Mapping[str, Field]) -> EnvironmentLayer:
    """Find the variables that set keys. An empty variable counts as absent.

    ``GROKGATE__SECTION__KEY`` wins over the names of F-ENV, these over ``GROK_SECTION_KEY``. For a
    secret, ``GROKGATE__SECTION__KEY_FILE`` names a file that holds it.

    Raises:
        ConfigFileError: Such a file cannot be read.
    """
    values: dict[str, str] = {}
    variables: dict[str, str] = {}
    known: set[str] = set()
    for field in fields.values():
        candidates = [name for spelling in field.spellings for name in _variables(spelling, field)]
        known.update(candidates)
        variable = next((name for name in candidates if environ.get(name)), None)
        if variable is not None:
            variables[field.key] = variable
            values[field.key] = _text(environ[variable], variable, field)
    unknown = sorted(
        name for name in environ if name.startswith(Field.prefix) and name not in known
    )
    return EnvironmentLayer(
        values=values,
        variables=variables,
        warnings=tuple(f"environment variable {name} names no setting" for name in unknown),
    )


def _open_plain(path: str, flags: int) -> int:
    """Open without waiting: the reload of a pipe would never return."""
    descriptor = os.open(path, flags | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no plain file")
    return descriptor


def _layer(
    content: bytes | None,
    written: Mapping[str, Any],
    converted: Converted,
    fields: Mapping[str, Field],
) -> FileLayer:
    names = spellings(fields.values())
    found: dict[str, Any] = {}
    unknown: list[str] = []
    for name, value, field in flatten(converted.tree, names):
        if field is None:
            unknown.append(f"{name} is no setting; it is kept and has no effect")
        else:
            found[name] = value
    return FileLayer(
        content=content,
        written=written,
        tree=converted.tree,
        values=by_key(found, names),
        notes=converted.notes,
        warnings=(*converted.warnings, *unknown),
    )


def _variables(spelling: str, field: Field) -> Iterable[str]:
    """Return the variables that may set a spelling, the strongest first."""
    name = spelling.replace("-", "_").upper()
    own = Field.prefix + name.replace(".", "__")
    yield own
    if field.secret:
        yield f"{own}_FILE"
    yield from (variable for variable, key in _VARIABLES.items() if key == spelling)
    yield "GROK_" + name.replace(".", "_")


def _text(text: str, variable: str, field: Field) -> str:
    if field.key == "log.level":
        return level_word(text)
    if field.secret and variable.endswith("_FILE"):
        return secret_file(variable, text)
    return text


def level_word(text: str) -> str:
    """Return the first level word of a filter expression such as ``app=debug,info`` (F-ENV-06)."""
    words = re.split(r"[\s,;=]+", text.lower())
    return next((word for word in words if word in _LEVEL_WORDS), text)


def secret_file(variable: str, path: str) -> str:
    """Return the secret in the file that *variable* names, without the line end.

    Raises:
        ConfigFileError: There is no such text file.
    """
    content = read_bytes(Path(path))
    if content is None:
        raise ConfigFileError(f"{path}: named by {variable}, does not exist. Mount or create it.")
    try:
        return content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise ConfigFileError(f"{path}: named by {variable}, is not UTF-8 text.") from error


def _place(error: ValueError) -> str:
    """Return what is wrong and where, without the text of the file, which may hold secrets."""
    text = str(error)
    if isinstance(error, tomllib.TOMLDecodeError):
        return text
    return "a number is too long"
