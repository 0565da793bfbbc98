"""Stored pictures and videos as operators see them (F-CACHE, F-ADM-20 to F-ADM-23)."""

from typing import Annotated, Any, Final, Literal, TypeAlias

from litestar import Request, get, post
from litestar.params import FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.errors import InvalidRequest
from grokgate.gateway import Gateway
from grokgate.media import EXTENSIONS, not_found
from grokgate.plugin.delivery import Content, FileReply, deliver
from grokgate.storage.media import MediaKind, MediaRow, MediaUsage

Chosen: TypeAlias = Literal["image", "video", "all"]
_MB: Final = 1 << 20
_MOST_NAMES: Final = 5000
_FILE_PATH: Final = "/cache/file"


class Kept(Struct, frozen=True, kw_only=True):
    """What one kind takes."""

    count: int
    size_bytes: Annotated[int, Meta(examples=[13107200])]
    size_mb: Annotated[float, Meta(description="Two decimals.", examples=[12.5])]
    limit_mb: int | None = None
    """Of this kind alone, or of both; null: none."""
    percent: float | None = None
    """Of the limit."""


class LocalCache(Struct, frozen=True, kw_only=True):
    """What lies in the media store."""

    local_image: Kept
    local_video: Kept


class MediaItem(Struct, frozen=True, kw_only=True):
    """One stored picture or video."""

    name: Annotated[str, Meta(examples=["vJ2cXH8fW0wq.jpg"])]
    size_bytes: int
    mtime_ms: int
    """When it was stored, Unix milliseconds."""
    view_url: str
    """For whoever is logged in."""
    link: str
    """Signed, for others; it expires."""
    preview_url: str | UnsetType = UNSET
    """Of a video: its picture."""


class MediaPage(Struct, frozen=True, kw_only=True):
    """Some of the stored pictures or videos, the newest first."""

    total: int
    page: int
    page_size: int
    items: list[MediaItem]
    status: str = "success"


class ClearRequest(Struct, frozen=True):
    """Which kind is to go; unknown fields are ignored, as the predecessors did."""

    type: Chosen = "image"


class ItemRequest(Struct, frozen=True):
    """One file that is to go."""

    type: MediaKind
    name: str


class ItemsRequest(Struct, frozen=True):
    """Files that are to go."""

    type: MediaKind
    names: Annotated[list[str], Meta(min_length=1, max_length=_MOST_NAMES)]


class Cleared(Struct, frozen=True, kw_only=True):
    """What went."""

    result: Kept
    status: str = "success"


class Deletion(Struct, frozen=True, kw_only=True):
    """How many files went."""

    deleted: Annotated[int, Meta(examples=[3])]


class Deleted(Struct, frozen=True, kw_only=True):
    """What went; a name that was not there is not counted."""

    result: Deletion
    status: str = "success"


async def local_cache(gateway: Gateway) -> LocalCache:
    """Return what the media store holds, and its limits (F-CACHE-03)."""
    usage = await gateway.cleaning.usage()
    cache = gateway.settings.snapshot.cache
    return LocalCache(
        local_image=_kept(usage["image"], cache.image_max_mb or cache.limit_mb),
        local_video=_kept(usage["video"], cache.video_max_mb or cache.limit_mb),
    )


@get("/cache/local", summary="Tell what stored pictures and videos take")
async def get_local_cache(gateway: CurrentGateway) -> LocalCache:
    """Return counts, sizes and limits."""
    return await local_cache(gateway)


@get("/cache/list", summary="List stored pictures or videos")
async def list_cache(
    request: Request[Any, Any, Any],
    gateway: CurrentGateway,
    *,
    kind: Annotated[MediaKind, QueryParameter(name="type")] = "image",
    page: Annotated[int, QueryParameter(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int, QueryParameter(ge=1, le=5000)] = 1000,
) -> MediaPage:
    """Return one page, the newest first."""
    usage = await gateway.cleaning.usage()
    rows = await gateway.media.page(kind, offset=(page - 1) * page_size, limit=page_size)
    previews = await gateway.media.previews(rows)
    base = request.url.path.removesuffix("/cache/list")
    return MediaPage(
        total=usage[kind].count,
        page=page,
        page_size=page_size,
        items=[_item(gateway, row, previews.get(row.name), base) for row in rows],
    )


@get(_FILE_PATH, summary="Show a stored picture or video")
async def open_cached(
    request: Request[Any, Any, Any],
    gateway: CurrentGateway,
    *,
    kind: Annotated[MediaKind, QueryParameter(name="type")],
    name: FromQuery[str],
) -> FileReply:
    """Send the bytes, in ranges if asked; only what browsers may show is shown (S12)."""
    rows = await gateway.media.find(kind, [name])
    if not rows:
        raise not_found()
    (row,) = rows
    content = Content(
        name=row.name,
        mime=row.mime,
        size=row.size,
        etag=f'"{row.name}"',
        disposition="inline" if row.mime in EXTENSIONS else "attachment",
        cache_control="private, no-store",
    )
    return await deliver(
        request, content, lambda start, end: gateway.media.read(row, start=start, end=end)
    )


@post("/cache/clear", status_code=200, summary="Remove stored pictures or videos")
async def clear_cache(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[ClearRequest]
) -> Cleared:
    """Remove a kind, or both; results of video jobs stay until they expire."""
    act.target = data.type
    kinds: tuple[MediaKind, ...] = ("image", "video") if data.type == "all" else (data.type,)
    return Cleared(result=_kept(await gateway.cleaning.clear(kinds), None))


@post("/cache/item/delete", status_code=200, summary="Remove one stored picture or video")
async def delete_cached(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[ItemRequest]
) -> Deleted:
    """Remove one file by name."""
    return await _delete(gateway, act, data.type, [data.name])


@post("/cache/items/delete", status_code=200, summary="Remove stored pictures or videos")
async def delete_many_cached(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[ItemsRequest]
) -> Deleted:
    """Remove files by name."""
    return await _delete(gateway, act, data.type, data.names)


HANDLERS: Final = (
    get_local_cache,
    list_cache,
    open_cached,
    clear_cache,
    delete_cached,
    delete_many_cached,
)


async def _delete(gateway: Gateway, act: CurrentAct, kind: MediaKind, names: list[str]) -> Deleted:
    if not all(names):
        raise InvalidRequest.missing("name")
    rows = await gateway.media.find(kind, names)
    act.target = f"{len(rows)} of {kind}"
    if rows:
        await gateway.media.forget(rows)
    return Deleted(result=Deletion(deleted=len(rows)))


def _kept(usage: MediaUsage, limit_mb: int | None) -> Kept:
    size_mb = usage.size / _MB
    return Kept(
        count=usage.count,
        size_bytes=usage.size,
        size_mb=round(size_mb, 2),
        limit_mb=limit_mb or None,
        percent=round(100 * size_mb / limit_mb, 1) if limit_mb else None,
    )


def _item(gateway: Gateway, row: MediaRow, preview: MediaRow | None, base: str) -> MediaItem:
    return MediaItem(
        name=row.name,
        size_bytes=row.size,
        mtime_ms=row.created_at,
        view_url=_view(base, row),
        link=gateway.media.reference(row).link,
        preview_url=UNSET if preview is None else _view(base, preview),
    )


def _view(base: str, row: MediaRow) -> str:
    return f"{base}{_FILE_PATH}?type={row.kind}&name={row.name}"
