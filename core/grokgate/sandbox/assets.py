"""An account's files: list, delete, download, and what is published (protocol 5.4 to 5.6)."""

import asyncio
import base64
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from grokgate.sandbox.accounts import Account, StoredFile
from grokgate.sandbox.encode_http import stamp
from grokgate.sandbox.faults_media import AssetError, BadPaging
from grokgate.sandbox.request import (
    AbruptClose,
    Answered,
    Reply,
    Request,
    Stream,
    invalid,
    json_reply,
)
from grokgate.sandbox.routes import FREE, PublicRoute, Route
from grokgate.sandbox.world import Visit, World

PAGE_LIMIT = 50


async def list_assets(visit: Visit) -> Answered:
    """Return a page of the account's files, last used first."""
    query = visit.request.query
    try:
        size = int(query.get("pageSize", PAGE_LIMIT))
        start, astray = _read_token(query.get("pageToken", ""))
    except (ValueError, msgspec.DecodeError):
        visit.exchange.refusal = "invalid"
        return invalid("Invalid page")
    size = min(max(size, 1), PAGE_LIMIT)
    files = sorted(visit.account.files.values(), key=lambda file: -file.used_at)
    page = files[start : start + size]
    following = _page_token(start + size) if start + size < len(files) else ""
    knob = next((action for action in visit.actions if isinstance(action, BadPaging)), None)
    if knob is not None:
        return json_reply(_led_astray(visit.account, page, following, knob, astray=astray))
    return json_reply(_page(visit.account, page, following))


async def delete_asset(visit: Visit) -> Answered:
    """Delete a file of the account; 200, in the newest generation 204."""
    file_id = visit.params["id"]
    if visit.account.files.pop(file_id, None) is None:
        foreign = any(file_id in account.files for account in visit.world.accounts)
        return visit.world.refuse(visit.exchange, "not_owner" if foreign else "not_found")
    return Reply(status=204) if visit.account.protocol == "2026-08" else json_reply({})


async def download(visit: Visit) -> Answered:
    """Return the bytes of a file, or a range of them, to its owner."""
    owner, file = _find(visit.world, visit.params["key"])
    if owner is None or file is None:
        return visit.world.refuse(visit.exchange, "not_found")
    if owner is not visit.account:
        return visit.world.refuse(visit.exchange, "not_owner")
    file.used_at = visit.world.clock.epoch_s()
    knob = next((action for action in visit.actions if isinstance(action, AssetError)), None)
    if knob is not None:
        return await _spoilt(visit, file, knob)
    return _ranged(file, visit.request)


async def show(world: World, request: Request, params: Mapping[str, str]) -> Answered:
    """Return the bytes of a published file to anyone."""
    file_id = params["name"].rpartition(".")[0]
    for account in world.accounts:
        file = account.files.get(file_id)
        if file is not None and file.public:
            return _ranged(file, request)
    return world.refusal("not_found")


def own_file(visit: Visit, url: str) -> StoredFile | None:
    """Look up the file of the account that an address at one of our hosts means."""
    for root in ("/__assets/", "/__imgen/"):
        if url.startswith(visit.request.origin + root):
            return visit.account.file_at(url.removeprefix(visit.request.origin + root))
    return None


def asset_url(visit: Visit, file: StoredFile) -> str:
    """Return the address of a file at the asset host."""
    return f"{visit.request.origin}/__assets/{visit.account.key(file)}"


def _page(account: Account, files: list[StoredFile], following: str) -> dict[str, Any]:
    return {"assets": [_asset(account, file) for file in files], "nextPageToken": following}


def _led_astray(
    account: Account, page: list[StoredFile], following: str, knob: BadPaging, *, astray: int
) -> dict[str, Any]:
    """Answer with a page whose token is no good way on."""
    match knob.form:
        case "repeated":
            return _page(account, page, _page_token(0, astray=1))
        case "endless":
            return _page(account, page, _page_token(0, astray=astray + 1))
        case "empty_page":
            if astray < knob.pages:
                return _page(account, [], _page_token(0, astray=astray + 1))
            return _page(account, page, following)


def _find(world: World, key: str) -> tuple[Account | None, StoredFile | None]:
    for account in world.accounts:
        if (file := account.file_at(key)) is not None:
            return account, file
    return None, None


async def _spoilt(visit: Visit, file: StoredFile, knob: AssetError) -> Answered:
    match knob.form:
        case "403":
            return visit.world.refusal("not_owner")
        case "404":
            return visit.world.refusal("not_found")
        case "slow":
            await asyncio.sleep(knob.delay_ms / 1_000)
            return _ranged(file, visit.request)
        case "content_type":
            return Reply(content_type="text/html; charset=UTF-8", body=file.content)
        case "short":
            return _cut_short(_ranged(file, visit.request))
        case "changed":
            answer = _cut_short(_ranged(file, visit.request))
            file.content = file.content.translate(_INVERTED)
            return answer
        case "redirect":
            return Reply(status=302, headers={"location": _FOREIGN})


def _cut_short(reply: Reply) -> Stream:
    """Send half of a body, and break off."""
    length = {"content-type": reply.content_type, "content-length": str(len(reply.body))}
    headers = {**reply.headers, **length}
    return Stream(pieces=_half(reply.body), status=reply.status, headers=headers)


def _half(content: bytes) -> Iterator[bytes]:
    yield content[: len(content) // 2]
    raise AbruptClose("short")


def _ranged(file: StoredFile, request: Request) -> Reply:
    """Serve one range of bytes; several or odd ones are ignored, as HTTP allows.

    So is the range of another file than the one that ``If-Range`` names.
    """
    total = len(file.content)
    etag = f'"{hashlib.sha256(file.content).hexdigest()[:32]}"'
    headers = {"accept-ranges": "bytes", "etag": etag}
    same = request.header("if-range") in {None, etag}
    bounds = _bounds(request.header("range"), total) if same else None
    if bounds is None:
        return Reply(content_type=file.mime, headers=headers, body=file.content)
    first, last = bounds
    if first > last:
        return Reply(status=416, headers={"content-range": f"bytes */{total}"})
    return Reply(
        status=206,
        content_type=file.mime,
        headers={**headers, "content-range": f"bytes {first}-{last}/{total}"},
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
        "key": account.key(file),
    }


def _page_token(offset: int, *, astray: int = 0) -> str:
    state = {"o": offset, "a": astray} if astray else {"o": offset}
    return base64.urlsafe_b64encode(msgspec.json.encode(state)).decode().rstrip("=")


def _read_token(token: str) -> tuple[int, int]:
    """Read a page token: where the page starts, and how far a reader was led astray.

    Raises:
        ValueError: It is none of ours.
    """
    if not token:
        return 0, 0
    text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    state = msgspec.json.decode(text, type=dict[str, int])
    return state.get("o", 0), state.get("a", 0)


def _stamp(epoch_s: float) -> str:
    return stamp(datetime.fromtimestamp(epoch_s, UTC))


ROUTES = (
    Route("assets", "GET", "/rest/assets", list_assets, referers=("/files",)),
    Route("delete", "DELETE", "/rest/assets-metadata/{id}", delete_asset, referers=("/files",)),
    Route("download", "GET", "/__assets/{key:path}", download, headers=FREE, statsig=False),
    Route("download", "GET", "/__imgen/{key:path}", download, headers=FREE, statsig=False),
    PublicRoute("public", "GET", "/__public/imagine-public/images/{name}", show),
    PublicRoute("public", "GET", "/__public/imagine-public/share-videos/{name}", show),
)
_INVERTED = bytes(range(255, -1, -1))
"""Every byte becomes another one."""
_FOREIGN = "https://foreign.invalid/image.jpg"
