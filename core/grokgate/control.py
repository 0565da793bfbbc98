"""Commands that write, run by whoever owns the data folder.

```text
grokgate tokens import FILE ── service running? ──yes──> DATA_DIR/control.sock ──> Operations
                                      └──no──> take the folder's lock, open storage ──> Operations
```

One request and one reply per connection, each a JSON object on one line. The socket has mode 0600:
who may open it may read the data folder anyway, so there is no further credential.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import anyio.to_thread
import msgspec
from msgspec import Struct

from grokgate.errors import GatewayError, StateError
from grokgate.keys import KeyRing
from grokgate.tokens import ExportForm, ImportMode, TokenStore

SOCKET_NAME = "control.sock"
MAX_LINE = 256 << 20
"""Bytes of one request or reply; a text of a million tokens fits."""
REQUEST_S = 30.0
"""Seconds a request may take to arrive."""
REPLY_S = 600.0
"""Seconds a command waits for its reply; the longest import takes about a minute."""
_MAX_SOCKET_PATH = 100
"""Characters; the kernel takes 107."""


class OperationFailed(Exception):
    """The operation was refused; the message is for the operator's terminal."""


class _Import(Struct, frozen=True, kw_only=True):
    text: str
    pool: str | None = None
    mode: ImportMode = "add"


class _Export(Struct, frozen=True, kw_only=True):
    form: ExportForm = "a"


class _Chosen(Struct, frozen=True, kw_only=True):
    ids: tuple[str, ...]


class _NewKey(Struct, frozen=True, kw_only=True):
    name: str = ""


class _NamedKey(Struct, frozen=True, kw_only=True):
    key: str


class Operations:
    """What the command line may ask for, by name; the same code with and without a service."""

    def __init__(self, tokens: TokenStore, keys: KeyRing) -> None:
        self._tokens = tokens
        self._keys = keys
        self._table: Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Any]]] = {
            "tokens.import": self._import_tokens,
            "tokens.export": self._export_tokens,
            "tokens.list": self._list_tokens,
            "tokens.remove": self._remove_tokens,
            "tokens.disable": self._disable_tokens,
            "tokens.enable": self._enable_tokens,
            "keys.create": self._create_key,
            "keys.list": self._list_keys,
            "keys.revoke": self._revoke_key,
        }

    async def run(self, name: str, arguments: Mapping[str, Any]) -> Any:
        """Run operation *name*; the result consists of JSON types.

        Raises:
            OperationFailed: No such operation, or it was refused.
        """
        operation = self._table.get(name)
        if operation is None:
            raise OperationFailed(f"unknown operation {name!r}")
        try:
            return msgspec.to_builtins(await operation(arguments))
        except (GatewayError, ValueError) as error:
            raise OperationFailed(str(error)) from error

    async def _import_tokens(self, arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _Import)
        return await self._tokens.import_text(wanted.text, pool=wanted.pool, mode=wanted.mode)

    async def _export_tokens(self, arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _Export)
        # In a thread: a second for 100 000 accounts.
        return {"text": await anyio.to_thread.run_sync(self._tokens.export, wanted.form)}

    async def _list_tokens(self, _arguments: Mapping[str, Any]) -> Any:
        return self._tokens.listing()

    async def _remove_tokens(self, arguments: Mapping[str, Any]) -> Any:
        return await self._tokens.delete(msgspec.convert(arguments, _Chosen).ids)

    async def _disable_tokens(self, arguments: Mapping[str, Any]) -> Any:
        ids = msgspec.convert(arguments, _Chosen).ids
        return await self._tokens.set_enabled(ids, enabled=False)

    async def _enable_tokens(self, arguments: Mapping[str, Any]) -> Any:
        ids = msgspec.convert(arguments, _Chosen).ids
        return await self._tokens.set_enabled(ids, enabled=True)

    async def _create_key(self, arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _NewKey)
        record, key = await self._keys.create(wanted.name)
        return {"record": record, "key": key}

    async def _list_keys(self, _arguments: Mapping[str, Any]) -> Any:
        return self._keys.listing()

    async def _revoke_key(self, arguments: Mapping[str, Any]) -> Any:
        return await self._keys.revoke(msgspec.convert(arguments, _NamedKey).key)


@asynccontextmanager
async def serve(data_dir: Path, operations: Operations, *, log: Any) -> AsyncIterator[None]:
    """Answer the command line on the data folder's control socket until the context is left."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(await _reply(reader, operations, log=log))
            await writer.drain()
        except (OSError, ValueError):  # gone, too late or too long, or no JSON
            log.warning("control_request_unreadable")
        finally:
            writer.close()

    path = data_dir / SOCKET_NAME
    path.unlink(missing_ok=True)
    with _short(path) as address:
        mask = os.umask(0o177)
        try:
            server = await asyncio.start_unix_server(answer, address, limit=MAX_LINE)
        finally:
            os.umask(mask)
    try:
        yield
    finally:
        server.close()
        path.unlink(missing_ok=True)


async def ask(data_dir: Path, name: str, arguments: Mapping[str, Any]) -> Any:
    """Let the running service do *name*.

    Raises:
        ConnectionError: No service runs on this data folder.
        OperationFailed: The service refused.
        StateError: It was asked and did not answer.
    """
    try:
        with _short(data_dir / SOCKET_NAME) as address:
            reader, writer = await asyncio.open_unix_connection(address, limit=MAX_LINE)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConnectionRefusedError(str(error)) from error
    try:
        async with asyncio.timeout(REPLY_S):
            writer.write(msgspec.json.encode({"operation": name, "arguments": arguments}) + b"\n")
            await writer.drain()
            line = await reader.readline()
    except OSError as error:  # a timeout is one too
        raise StateError("The running service did not answer; its log says why.") from error
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    if not line:
        raise StateError("The running service closed the connection; its log says why.")
    reply = msgspec.json.decode(line, type=dict[str, Any])
    if "error" in reply:
        raise OperationFailed(reply["error"])
    return reply["result"]


async def _reply(reader: asyncio.StreamReader, operations: Operations, *, log: Any) -> bytes:
    async with asyncio.timeout(REQUEST_S):
        line = await reader.readline()
    request = msgspec.json.decode(line, type=dict[str, Any])
    name = str(request.get("operation", ""))
    try:
        result = await operations.run(name, request.get("arguments") or {})
    except OperationFailed as error:
        return msgspec.json.encode({"error": str(error)}) + b"\n"
    except Exception:  # a fence: one bad request must not end the socket
        log.exception("control_operation_failed", operation=name)
        return msgspec.json.encode({"error": "the operation failed; the log says why"}) + b"\n"
    log.info("control_operation", operation=name)
    return msgspec.json.encode({"result": result}) + b"\n"


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
