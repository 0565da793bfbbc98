"""Where the command line works: folders, environment, ports."""

import errno
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from grokgate.errors import StartupError
from grokgate.run_options import SANDBOX_FOLDER


def environment() -> Mapping[str, str]:
    """Return the environment with ``.env`` and its aliases resolved (F-ENV)."""
    from grokgate.settings import load_environment  # noqa: PLC0415 - keeps --help fast

    return load_environment(Path.cwd(), os.environ)


def data_dir(environ: Mapping[str, str], *, sandbox: bool = False) -> Path:
    """Return the data folder; the sandbox has its own inside it, so real accounts are safe.

    Raises:
        StartupError: The sandbox's own folder is named where the one around it is wanted.
    """
    from grokgate.stores import DATABASE_FILE  # noqa: PLC0415 - the sandbox alone starts faster

    folder = Path(environ.get("DATA_DIR") or "data")
    if sandbox and folder.name == SANDBOX_FOLDER and (folder / DATABASE_FILE).exists():
        raise StartupError(
            f"DATA_DIR={folder} is the folder of a sandbox already; --sandbox makes its own in the "
            f"data folder. Set DATA_DIR={folder.parent}."
        )
    return folder / SANDBOX_FOLDER if sandbox else folder


def start_command(folder: Path) -> str:
    """Return the command that starts a service on the data folder *folder*."""
    made_up = folder.name == SANDBOX_FOLDER
    return f"DATA_DIR={folder.parent} grokgate serve --sandbox" if made_up else "grokgate serve"


def log_dir(environ: Mapping[str, str]) -> Path:
    """Return the folder of the log files."""
    return Path(environ.get("LOG_DIR") or "logs")


def require_port(host: str, port: int) -> int:
    """Make sure that *host* and *port* can be listened on; return the port, a free one for 0.

    Raises:
        StartupError: They cannot; names the remedy.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.create_server((host, port), family=family) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        # Of a name that cannot be resolved the number is none of the system's.
        known = error.errno in errno.errorcode
        reason = os.strerror(error.errno or 0) if known else error.strerror
        raise StartupError(
            f"cannot listen on {host} port {port} ({reason}). Choose another with --host "
            "and --port, or stop what listens there."
        ) from error
