"""Log files, and the request log as one of them (F-LOG-05, F-ADM-28)."""

from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final

from anyio import to_thread
from litestar import get
from litestar.params import QueryParameter
from msgspec import Meta, Struct

from grokgate.admin.context import CurrentGateway
from grokgate.admin.requests import portions
from grokgate.errors import ObjectNotFound
from grokgate.gateway import Gateway
from grokgate.storage.requests import RequestFilter, RequestRow
from grokgate.telemetry.reading import LogFile, list_logs, tail

REQUEST_LOG: Final = "request_log"
"""Name under which the rows of the request log are read like a file."""


class FilesReply(Struct, frozen=True, kw_only=True):
    """What can be read."""

    files: Annotated[
        list[LogFile], Meta(description="The one written last first; request_log is the table.")
    ]
    status: str = "success"


class TailReply(Struct, frozen=True, kw_only=True):
    """The end of a file."""

    file: str
    lines: Annotated[
        list[str],
        Meta(
            description="Oldest first.",
            examples=[["2026-11-22T07:51:12.004Z | INFO | grokgate - started"]],
        ),
    ]
    status: str = "success"


@get("/logs/files", summary="List log files")
async def list_files(gateway: CurrentGateway) -> FilesReply:
    """List the log files, and the request log."""
    files = await to_thread.run_sync(list_logs, gateway.options.log_dir)
    now_ms = int(gateway.clock.now().timestamp() * 1000)
    table = LogFile(name=REQUEST_LOG, size_bytes=0, mtime_ms=now_ms)
    return FilesReply(files=[*files, table])


@get("/logs/tail", summary="Read the end of a log file")
async def read_tail(
    gateway: CurrentGateway,
    file: Annotated[str | None, QueryParameter(max_length=200)] = None,
    lines: Annotated[int, QueryParameter(ge=1, le=5000)] = 500,
) -> TailReply:
    """Return the last *lines*, at most 1 MB of them; without a name those of the newest file."""
    if file == REQUEST_LOG:
        return TailReply(file=file, lines=await _rows(gateway, lines))
    directory = gateway.options.log_dir
    if file is None:
        newest = await to_thread.run_sync(list_logs, directory)
        file = newest[0].name if newest else ""
    found = await to_thread.run_sync(partial(tail, directory, file, lines))
    if found is None:
        raise ObjectNotFound("There is no such log file.", code="not_found")
    return TailReply(file=file, lines=found)


async def _rows(gateway: Gateway, lines: int) -> list[str]:
    await gateway.request_log.flush()
    shown: list[str] = []
    async with aclosing(portions(gateway.database, RequestFilter(), most=lines)) as found:
        async for rows in found:
            shown += map(_line, rows)
    return shown[::-1]


def _line(row: RequestRow) -> str:
    at = datetime.fromtimestamp(row.at_ms / 1000, UTC)
    parts = [
        f"{at:%Y-%m-%dT%H:%M:%S}.{row.at_ms % 1000:03}Z",
        "ERROR" if row.failed else "INFO",
        f"{row.endpoint} - {row.status} {row.duration_ms} ms model={row.model or '-'}"
        f" key={row.key_name or '-'} account={row.token or '-'} attempts={row.attempts}"
        f" units={row.units} ip={row.address or '-'} request_id={row.request_id}"
        + (f" error={row.error}" if row.error else ""),
    ]
    return " | ".join(parts)


HANDLERS: Final = (list_files, read_tail)
