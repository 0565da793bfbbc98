"""Runs an operation where it has to run: in the running service, else here."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from grokgate import control
from grokgate.cli.notes import terminal_log
from grokgate.cli.place import data_dir, environment
from grokgate.errors import StartupError
from grokgate.offline import opened
from grokgate.operations import OperationFailed

_CREATING = frozenset({"tokens.import", "keys.create", "migrate"})
"""Operations that make a data folder where there is none; a look must not."""


def _untold(_done: Any) -> None:
    """Tell nobody."""


def perform(
    name: str, arguments: Mapping[str, Any], progress: Callable[[Any], None] = _untold
) -> Any:
    """Do operation *name* and return its result; *progress* is told what it has done so far.

    Raises:
        StartupError: It was refused, or the data folder cannot be used.
    """
    environ = environment()
    try:
        return asyncio.run(_perform(data_dir(environ), environ, name, arguments, progress))
    except OperationFailed as error:
        raise StartupError(str(error)) from error


async def _perform(
    folder: Path,
    environ: Mapping[str, str],
    name: str,
    arguments: Mapping[str, Any],
    progress: Callable[[Any], None],
) -> Any:
    async def tell(done: Any) -> None:
        progress(done)

    try:
        return await control.ask(folder, name, arguments, progress)
    except ConnectionError:
        create = name in _CREATING
        async with opened(folder, environ, create=create, log=terminal_log()) as operations:
            return await operations.run(name, arguments, tell)
