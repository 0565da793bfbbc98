"""The socket by which the command line has the running service do things.

```text
grokgate tokens import FILE ── service running? ──yes──> DATA_DIR/control.sock ──> Operations
                                      └──no──> take the folder's lock, open storage ──> Operations
```

One request and one reply per connection, each a JSON object on one line; before its reply a long
operation sends lines of progress. The socket has mode 0600: who may open it may read the data
folder anyway, so there is no further credential.
"""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Container, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import anyio
import msgspec

from grokgate.errors import StateError
from grokgate.operations import READING, OperationFailed, Progress

__all__ = ["MAX_LINE", "SOCKET_NAME", "OperationFailed", "ask", "ask_at", "serve", "serve_at"]

SOCKET_NAME = "control.sock"
MAX_LINE = 256 << 20
"""Bytes of one request or reply; a text of a million tokens fits."""
REQUEST_S = 30.0
"""Seconds a request may take to arrive."""
REPLY_S = 600.0
"""Seconds a command waits for the next line; the longest import takes about a minute."""
STOP_S = 3.0
"""Seconds an operation may take to end when the service stops; then it is cancelled."""
_CANCELLED_S = 1.0
_MAX_SOCKET_PATH = 100
"""Characters; the kernel takes 107."""


class _Gone(Exception):
    """Whoever asked has left."""


class Answers(Protocol):
    """What can be asked for by name, such as `Operations`."""

    async def run(
        self, name: str, arguments: Mapping[str, Any], progress: Progress | None = None
    ) -> Any:
        """Return the result of *name*, in JSON types.

        Raises:
            OperationFailed: It is refused.
        """
        ...


@asynccontextmanager
async def serve(
    data_dir: Path, operations: Answers, *, log: Any, stop_s: float = STOP_S
) -> AsyncIterator[None]:
    """Answer the command line on the data folder's control socket until the context is left.

    Operations under way then have *stop_s* seconds to end; afterwards they are cancelled, so that
    none outlives what it works on.
    """
    async with serve_at(data_dir / SOCKET_NAME, operations, log=log, stop_s=stop_s):
        yield


@asynccontextmanager
async def serve_at(
    path: Path,
    operations: Answers,
    *,
    log: Any,
    stop_s: float = STOP_S,
    quiet: Container[str] = READING,
) -> AsyncIterator[None]:
    """Answer on a socket of its own, as `serve` does; one that a killed process left is replaced.

    Args:
        path: Of the socket.
        operations: What can be asked for.
        log: Told of what was done, but for what is *quiet*.
        stop_s: What operations have to end when the context is left.
        quiet: Names that are of no interest to an operator.
    """
    answering: set[asyncio.Task[Any]] = set()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def progress(done: Any) -> None:
            try:
                await _send(writer, {"progress": done})
            except OSError as error:
                raise _Gone from error

        task = asyncio.current_task()
        assert task is not None
        answering.add(task)
        task.add_done_callback(answering.discard)
        try:
            await _send(writer, await _reply(reader, operations, progress, log=log, quiet=quiet))
        except (OSError, ValueError):  # gone, too late or too long, or no JSON
            log.warning("control_request_unreadable")
        except _Gone:
            log.info("control_client_gone")
        finally:
            writer.close()

    server = await asyncio.start_unix_server(answer, sock=_bound(path), limit=MAX_LINE)
    try:
        yield
    finally:
        server.close()
        _remove(path)
        await _ended(answering, stop_s)


def _bound(path: Path) -> socket.socket:
    """Make the socket, in one go: the mask that keeps others out is the whole process's."""
    _remove(path)
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        with _short(path) as address:
            bound.bind(address)
    except OSError:
        bound.close()
        raise
    finally:
        os.umask(mask)
    return bound


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)


async def _ended(tasks: set[asyncio.Task[Any]], stop_s: float) -> None:
    """Let *tasks* end, and cancel those that do not."""
    if not tasks:
        return
    with anyio.CancelScope(shield=True):
        _, late = await asyncio.wait(tasks, timeout=stop_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=_CANCELLED_S)


async def ask(
    data_dir: Path,
    name: str,
    arguments: Mapping[str, Any],
    progress: Callable[[Any], None] | None = None,
) -> Any:
    """Let the running service do *name*; *progress* is told what it has done so far.

    Raises:
        ConnectionError: No service runs on this data folder.
        OperationFailed: The service refused.
        StateError: It was asked and did not answer.
    """
    return await ask_at(data_dir / SOCKET_NAME, name, arguments, progress)


async def ask_at(
    path: Path,
    name: str,
    arguments: Mapping[str, Any],
    progress: Callable[[Any], None] | None = None,
) -> Any:
    """Ask who answers on the socket *path*, as `ask` does."""
    try:
        with _short(path) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=MAX_LINE)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConnectionRefusedError(str(error)) from error
    try:
        await _send(writer, {"operation": name, "arguments": arguments})
        reply = await _next_line(reader)
        while "progress" in reply:
            if progress is not None:
                progress(reply["progress"])
            reply = await _next_line(reader)
    except (OSError, ValueError) as error:  # a timeout is an OSError; ValueError: line too long
        raise StateError("The running service did not answer; its log says why.") from error
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    if "error" in reply:
        raise OperationFailed(reply["error"])
    return reply["result"]


async def _next_line(reader: asyncio.StreamReader) -> dict[str, Any]:
    async with asyncio.timeout(REPLY_S):
        line = await reader.readline()
    if not line.endswith(b"\n"):
        raise StateError("The running service closed the connection; its log says why.")
    return msgspec.json.decode(line, type=dict[str, Any])


async def _send(writer: asyncio.StreamWriter, value: Mapping[str, Any]) -> None:
    writer.write(msgspec.json.encode(value) + b"\n")
    await writer.drain()


async def _reply(
    reader: asyncio.StreamReader,
    operations: Answers,
    progress: Progress,
    *,
    log: Any,
    quiet: Container[str],
) -> Mapping[str, Any]:
    async with asyncio.timeout(REQUEST_S):
        line = await reader.readline()
    request = msgspec.json.decode(line, type=dict[str, Any])
    name = str(request.get("operation", ""))
    try:
        result = await operations.run(name, request.get("arguments") or {}, progress)
    except OperationFailed as error:
        return {"error": str(error)}
    except _Gone:
        raise
    except Exception:  # a fence: one bad request must not end the socket
        log.exception("control_operation_failed", operation=name)
        return {"error": "the operation failed; the log says why"}
    note = log.debug if name in quiet else log.info
    note("control_operation", operation=name)
    return {"result": result}


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Name *path* in few enough characters for a socket address, however deep the folder lies."""
    if len(str(path)) <= _MAX_SOCKET_PATH or sys.platform != "linux":
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
