"""Runs an operation where it has to run: in the running service, else here."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grokgate import control
from grokgate.cli.notes import terminal_log
from grokgate.cli.place import data_dir, environment
from grokgate.errors import StartupError
from grokgate.offline import opened
from grokgate.operations import OperationFailed

_CREATING = frozenset({"tokens.import", "keys.create"})
"""Operations that make a data folder where there is none; a look must not."""


def perform(name: str, arguments: Mapping[str, Any]) -> Any:
    """Do operation *name* and return its result.

    Raises:
        StartupError: It was refused, or the data folder cannot be used.
    """
    environ = environment()
    try:
        return asyncio.run(_perform(data_dir(environ), environ, name, arguments))
    except OperationFailed as error:
        raise StartupError(str(error)) from error


async def _perform(
    folder: Path, environ: Mapping[str, str], name: str, arguments: Mapping[str, Any]
) -> Any:
    try:
        return await control.ask(folder, name, arguments)
    except ConnectionError:
        create = name in _CREATING
        async with opened(folder, environ, create=create, log=terminal_log()) as operations:
            return await operations.run(name, arguments)
