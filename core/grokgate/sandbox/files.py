"""Files of an account: upload, list, delete, download (upstream-protocol.md 5)."""

import base64
import binascii
import uuid
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from grokgate.sandbox.accounts import Account, StoredFile
from grokgate.sandbox.encode_http import stamp
from grokgate.sandbox.request import Answered, Reply, invalid, json_reply
from grokgate.sandbox.world import Visit, World

UPLOAD_LIMIT = 32 * 1024 * 1024
"""Bytes of one file."""
PAGE_LIMIT = 50


class UploadBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """An upload in base64."""

    file_name: str
    file_mime_type: str
    content: str


async def upload(visit: Visit) -> Answered:
    """Store a file."""
    try:
        call = msgspec.json.decode(visit.request.body, type=UploadBody)
        content = base64.b64decode(call.content, validate=True)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError):
        visit.exchange.refusal = "invalid"
        return invalid("Invalid upload")
    if len(content) > UPLOAD_LIMIT:
        return visit.world.refuse(visit.exchange, "too_large")
    now = visit.world.clock.epoch_s()
    file = StoredFile(
        id=str(uuid.uuid4()),
        name=call.file_name,
        mime=call.file_mime_type,
        content=content,
        created_at=now,
        used_at=now,
    )
    visit.account.keep(file)
    return json_reply(
        {
            "fileMetadataId": file.id,
            "fileMimeType": file.mime,
            "fileName": file.name,
            "fileUri": _key(visit.account, file),
            "parsedFileUri": "",
            "createTime": _stamp(file.created_at),
        }
    )


async def list_assets(visit: Visit) -> Answered:
    """Return a page of the account's files, last used first."""
    try:
        size = int(visit.request.query.get("pageSize", PAGE_LIMIT))
        start = _offset(visit.request.query.get("pageToken", ""))
    except ValueError:
        visit.exchange.refusal = "invalid"
        return invalid("Invalid page")
    size = min(max(size, 1), PAGE_LIMIT)
    files = sorted(visit.account.files.values(), key=lambda file: -file.used_at)
    page = files[start : start + size]
    following = _page_token(start + size) if start + size < len(files) else ""
    assets = [_asset(visit.account, file) for file in page]
    return json_reply({"assets": assets, "nextPageToken": following})


async def delete_asset(visit: Visit) -> Answered:
    """Delete a file of the account."""
    file_id = visit.request.path.rpartition("/")[2]
    if visit.account.files.pop(file_id, None) is not None:
        return json_reply({})
    foreign = any(file_id in account.files for account in visit.world.accounts)
    return visit.world.refuse(visit.exchange, "not_owner" if foreign else "not_found")


async def download(visit: Visit) -> Answered:
    """Return the bytes of a file, or a range of them, to its owner."""
    key = visit.request.path.partition("/__assets/")[2]
    owner, file = _find(visit.world, key)
    if owner is None or file is None:
        return visit.world.refuse(visit.exchange, "not_found")
    if owner is not visit.account:
        return visit.world.refuse(visit.exchange, "not_owner")
    file.used_at = visit.world.clock.epoch_s()
    return _ranged(file, visit.request.header("range"))


def _find(world: World, key: str) -> tuple[Account | None, StoredFile | None]:
    for account in world.accounts:
        for file in account.files.values():
            if _key(account, file) == key:
                return account, file
    return None, None


def _ranged(file: StoredFile, wanted: str | None) -> Reply:
    """Serve one range of bytes; several or odd ones are ignored, as HTTP allows."""
    total = len(file.content)
    bounds = _bounds(wanted, total)
    if bounds is None:
        headers = {"accept-ranges": "bytes"}
        return Reply(content_type=file.mime, headers=headers, body=file.content)
    first, last = bounds
    if first > last:
        return Reply(status=416, headers={"content-range": f"bytes */{total}"})
    return Reply(
        status=206,
        content_type=file.mime,
        headers={"accept-ranges": "bytes", "content-range": f"bytes {first}-{last}/{total}"},
        body=file.content[first : last + 1],
    )


def _bounds(wanted: str | None, total: int) -> tuple[int, int] | None:
    """Return first and last byte of a range header; the first beyond the last: unsatisfiable."""
    unit, _, span = (wanted or "").partition("=")
    first, dash, last = span.partition("-")
    if unit != "bytes" or not dash or not (first or last):
        return None
    if not all(part.isascii() and part.isdigit() for part in (first, last) if part):
        return None
    if not first:
        return max(0, total - int(last)), total - 1
    return int(first), min(int(last) if last else total - 1, total - 1)


def _asset(account: Account, file: StoredFile) -> dict[str, Any]:
    return {
        "assetId": file.id,
        "mimeType": file.mime,
        "name": file.name,
        "sizeBytes": str(len(file.content)),
        "createTime": _stamp(file.created_at),
        "lastUseTime": _stamp(file.used_at),
        "key": _key(account, file),
    }


def _key(account: Account, file: StoredFile) -> str:
    return f"users/{account.user_id}/{file.id}/content"


def _page_token(offset: int) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode({"o": offset})).decode().rstrip("=")


def _offset(token: str) -> int:
    """Read a page token.

    Raises:
        ValueError: It is none of ours.
    """
    if not token:
        return 0
    text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    return msgspec.json.decode(text, type=dict[str, int]).get("o", 0)


def _stamp(epoch_s: float) -> str:
    return stamp(datetime.fromtimestamp(epoch_s, UTC))
