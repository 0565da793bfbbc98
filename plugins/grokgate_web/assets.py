"""The files an account has: listing and deleting them (`upstream-protocol.md` 5.4, 5.5)."""

import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from urllib.parse import quote

import msgspec
from msgspec import Raw, Struct

from grokgate.upstream import Attempt, Kind, Observation, RemoteFile, Stage, UpstreamFailure
from grokgate_web.call import WebCall
from grokgate_web.caller import Caller
from grokgate_web.decode import known
from grokgate_web.profile import Assets

MAX_PAGES = 2000
MAX_PAGE = 4 * 1024 * 1024
"""Bytes."""
MAX_FILES = 100_000
"""Of one account: `MAX_PAGES` pages of 50."""

_LIST = "files"
_DELETE = "delete_file"
_BARREN_PAGES = 20
"""In a row, without anything new: the list leads astray."""
_GONE = frozenset((404, 410))
_FILE_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")


class _Page(Struct, rename="camel"):
    assets: list[Raw] = []
    next_page_token: str | None = None


class _Row(Struct, rename="camel", kw_only=True):
    asset_id: str
    name: str = ""
    mime_type: str = ""
    size_bytes: int | str = 0
    create_time: str | None = None
    key: str = ""


async def list_files(
    caller: Caller, assets: Assets, attempt: Attempt
) -> AsyncGenerator[RemoteFile, None]:
    """Yield the account's files, each once, page by page.

    A page token that was seen before ends the list; a list without end is an error. Rows
    that cannot be read are left out.

    Raises:
        UpstreamFailure: A page was refused or cannot be read.
    """
    token, tokens, told, barren = "", {""}, set[str](), 0
    for _ in range(MAX_PAGES):
        page = await _page(caller, assets, attempt, token)
        found = [file for file in _rows(page, attempt) if file.id not in told]
        for file in found:
            if file.id not in told:
                told.add(file.id)
                yield file
        token = page.next_page_token or ""
        barren = 0 if found else barren + 1
        if token in tokens:
            return
        if barren > _BARREN_PAGES or len(told) > MAX_FILES:
            break
        tokens.add(token)
    raise _malformed(Stage.CONTENT)


async def delete_file(caller: Caller, assets: Assets, file_id: str, attempt: Attempt) -> None:
    """Delete a file; one that is gone already is no error.

    Raises:
        UpstreamFailure: Refused.
    """
    if not _FILE_ID.fullmatch(file_id):
        raise UpstreamFailure(
            Observation(operation=_DELETE, kind=Kind.BAD_REQUEST, stage=Stage.UNSENT)
        )
    call = WebCall(
        operation=_DELETE,
        method="DELETE",
        path=assets.delete_path.replace("{id}", file_id),
        referer=assets.referer,
        answers=_GONE,
        first_s=attempt.first_s,
    )
    await caller.fetch(call)


async def _page(caller: Caller, assets: Assets, attempt: Attempt, token: str) -> _Page:
    more = f"&{assets.page_field}={quote(token, safe='')}" if token else ""
    call = WebCall(
        operation=_LIST,
        method="GET",
        path=assets.list_path + more,
        referer=assets.referer,
        first_s=attempt.first_s,
        max_bytes=MAX_PAGE,
        known=known.ASSETS,
    )
    try:
        return msgspec.json.decode((await caller.fetch(call)).body, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed(Stage.SENT) from error


def _rows(page: _Page, attempt: Attempt) -> list[RemoteFile]:
    files = []
    for raw in page.assets:
        try:
            files.append(_file(raw))
        except (ValueError, RecursionError):
            attempt.drifted(_LIST, "assets[]")
    return files


def _file(raw: Raw) -> RemoteFile:
    row = msgspec.json.decode(raw, type=_Row)
    if not _FILE_ID.fullmatch(row.asset_id):
        raise ValueError("no id of a file")
    return RemoteFile(
        id=row.asset_id,
        ref=row.key,
        name=row.name,
        mime=row.mime_type,
        size=max(0, int(row.size_bytes)),
        created_at=_epoch_s(row.create_time),
    )


def _epoch_s(text: str | None) -> float | None:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _malformed(stage: Stage) -> UpstreamFailure:
    return UpstreamFailure(Observation(operation=_LIST, kind=Kind.MALFORMED, stage=stage))
