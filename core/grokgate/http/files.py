"""The core's own routes: media links, ``/v1/files``, ``/v1/uploads/image`` (F-FILE, F-UPL).

The first path segment decides: ids of files start with ``file-``, so they never meet the addresses
of pictures and videos.
"""

from typing import Annotated, Any, Final, TypeAlias, TypeVar, get_args

import msgspec
from litestar import Request, delete, get, post, route
from litestar.di import NamedDependency
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import FromPath, FromQuery, QueryParameter, SkipValidation
from msgspec import UNSET

from grokgate.contexts import CoreContext
from grokgate.errors import InvalidRequest
from grokgate.http.auth import identify
from grokgate.http.file_schema import (
    FileDeleted,
    FileList,
    FileObject,
    UploadedImage,
    UploadRequest,
)
from grokgate.http.forms import form_operation
from grokgate.http.validation import invalid_request
from grokgate.media import EXTENSIONS, PICTURES, UNKNOWN, Order, Purpose, not_found
from grokgate.plugin.context import CurrentCaller
from grokgate.plugin.delivery import Content, FileReply, deliver
from grokgate.plugin.form import Form
from grokgate.plugin.records import RouteSpec
from grokgate.storage.files import FileRow
from grokgate.storage.media import MediaKind
from grokgate.upstream import Blob

T = TypeVar("T")
CoreCtx: TypeAlias = NamedDependency[SkipValidation[CoreContext]]
"""What the core's routes work with."""
AnyRequest: TypeAlias = Request[Any, Any, Any]

_FILE: Final = "file"
"""Field of a form that holds the one file."""
_BYTES: Final = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
_UPLOAD: Final = form_operation(
    {
        _FILE: _BYTES,
        "purpose": Schema(type=OpenAPIType.STRING, enum=get_args(Purpose)),
        "expires_after[anchor]": Schema(type=OpenAPIType.STRING, enum=["created_at"]),
        "expires_after[seconds]": Schema(type=OpenAPIType.INTEGER, minimum=3600, maximum=2_592_000),
    },
    required=[_FILE, "purpose"],
)
_PICTURE: Final = form_operation({_FILE: _BYTES}, required=[_FILE])


@post("/v1/files", status_code=200, summary="Upload a file.", operation_class=_UPLOAD)
async def create_file(ctx: CoreCtx, caller: CurrentCaller, request: AnyRequest) -> FileObject:
    """Keep a file for the caller's key."""
    form = await _form(ctx, request)
    asked = _texts(form, UploadRequest)
    if (asked.anchor is None) != (asked.seconds is None):
        missing = "anchor" if asked.anchor is None else "seconds"
        raise InvalidRequest.missing(f"expires_after[{missing}]")
    row = await ctx.files.add(
        _only_file(form),
        owner=caller.key_id,
        purpose=asked.purpose,
        expires_after_s=asked.seconds,
    )
    return _file_object(row)


@get("/v1/files", summary="List the files of this key.")
async def list_files(
    ctx: CoreCtx,
    caller: CurrentCaller,
    *,
    limit: Annotated[int, QueryParameter(ge=1, le=10_000)] = 100,
    order: FromQuery[Order] = "desc",
    after: FromQuery[str | None] = None,
    purpose: FromQuery[Purpose | None] = None,
) -> FileList:
    """List the caller's files by age; ``after`` is the last one of the page before."""
    rows = await ctx.files.listing(
        owner=caller.key_id, limit=limit + 1, order=order, purpose=purpose, after=after
    )
    page = [_file_object(row) for row in rows[:limit]]
    return FileList(
        data=page,
        first_id=page[0].id if page else None,
        last_id=page[-1].id if page else None,
        has_more=len(rows) > limit,
    )


@get("/v1/files/{file_id:str}", summary="Describe a file.")
async def get_file(ctx: CoreCtx, caller: CurrentCaller, file_id: FromPath[str]) -> FileObject:
    """Describe one of the caller's files."""
    return _file_object(await ctx.files.get(file_id, owner=caller.key_id))


@get("/v1/files/{file_id:str}/content", summary="Read a file.")
async def get_content(
    ctx: CoreCtx, caller: CurrentCaller, request: AnyRequest, file_id: FromPath[str]
) -> FileReply:
    """Send the bytes of one of the caller's files, never for display."""
    row = await ctx.files.get(file_id, owner=caller.key_id)
    content = Content(
        name=row.filename,
        mime=UNKNOWN,
        size=row.size,
        etag=f'"{row.id}"',
        disposition="attachment",
        cache_control="private, no-store",
    )
    return await deliver(
        request, content, lambda start, end: ctx.files.read(row, start=start, end=end)
    )


@delete("/v1/files/{file_id:str}", status_code=200, summary="Delete a file.")
async def delete_file(ctx: CoreCtx, caller: CurrentCaller, file_id: FromPath[str]) -> FileDeleted:
    """Delete one of the caller's files."""
    await ctx.files.delete(file_id, owner=caller.key_id)
    return FileDeleted(id=file_id)


@post(
    "/v1/uploads/image",
    status_code=200,
    summary="Upload a picture, for a link to it.",
    operation_class=_PICTURE,
)
async def upload_image(ctx: CoreCtx, caller: CurrentCaller, request: AnyRequest) -> UploadedImage:
    """Keep a picture like a generated one, and link to it."""
    picture = _only_file(await _form(ctx, request))
    if picture.mime not in PICTURES:
        raise InvalidRequest(
            "The image must be PNG, JPEG, WebP or GIF.", code="invalid_image", param=_FILE
        )
    kept = await ctx.media.add(picture, owner=caller.key_id)
    return UploadedImage(url=kept.link, name=kept.name, size_bytes=kept.size)


@route(
    ["/v1/files/image/{name:str}", "/images/{name:str}"],
    http_method=["GET", "HEAD"],
    summary="Open a link to a picture.",
)
async def open_image(
    ctx: CoreCtx,
    request: AnyRequest,
    name: FromPath[str],
    exp: FromQuery[str] = "",
    sig: FromQuery[str] = "",
) -> FileReply:
    """Send a picture to whoever has a valid link."""
    return await _open(ctx, request, "image", name, exp=exp, sig=sig)


@route("/v1/files/video/{name:str}", http_method=["GET", "HEAD"], summary="Open a link to a video.")
async def open_video(
    ctx: CoreCtx,
    request: AnyRequest,
    name: FromPath[str],
    exp: FromQuery[str] = "",
    sig: FromQuery[str] = "",
) -> FileReply:
    """Send a video to whoever has a valid link."""
    return await _open(ctx, request, "video", name, exp=exp, sig=sig)


@route("/v1/files/image", http_method=["GET", "HEAD"], summary="Open a link to a picture by id.")
async def open_image_by_id(
    ctx: CoreCtx, request: AnyRequest, exp: FromQuery[str] = "", sig: FromQuery[str] = ""
) -> FileReply:
    """Send the picture whose name, without its extension, is the query's ``id`` (F-FILE-05)."""
    name = await ctx.media.name_of(request.query_params.get("id", ""))
    return await _open(ctx, request, "image", name, exp=exp, sig=sig)


@route("/v1/files/video", http_method=["GET", "HEAD"], summary="Open a link to a video by id.")
async def open_video_by_id(
    ctx: CoreCtx, request: AnyRequest, exp: FromQuery[str] = "", sig: FromQuery[str] = ""
) -> FileReply:
    """Send the video whose name, without its extension, is the query's ``id`` (F-FILE-05)."""
    name = await ctx.media.name_of(request.query_params.get("id", ""))
    return await _open(ctx, request, "video", name, exp=exp, sig=sig)


ROUTES = (
    RouteSpec(
        id="files",
        handlers=(create_file, list_files, get_file, get_content, delete_file),
        summary="Files that clients upload and use by id.",
        creates_work=True,
    ),
    RouteSpec(
        id="files",
        handlers=(open_image, open_video, open_image_by_id, open_video_by_id),
        summary="Links to stored pictures and videos.",
        access="public",
    ),
    RouteSpec(
        id="uploads",
        handlers=(upload_image,),
        summary="Pictures that clients upload, for a link.",
        creates_work=True,
    ),
)
"""What the core serves besides its probes; `grokgate.settings.media` declares the switches."""


async def _open(
    ctx: CoreContext, request: AnyRequest, kind: MediaKind, name: str, *, exp: str, sig: str
) -> FileReply:
    """Answer a link; with ``files.require_auth`` only to the key that caused the file."""
    owner = None
    if ctx.settings.files.require_auth:
        owner = identify(request.scope, ctx.find_key, ctx.anonymous).key_id
    found = await ctx.media.linked(kind, name, exp=exp, sig=sig)
    row = found.row
    if owner not in {None, row.owner}:
        raise not_found()
    content = Content(
        name=row.name,
        mime=row.mime,
        size=row.size,
        etag=f'"{row.name}"',
        disposition="inline" if row.mime in EXTENSIONS else "attachment",
        cache_control=f"private, max-age={found.left_s}",
    )
    return await deliver(
        request, content, lambda start, end: ctx.media.read(row, start=start, end=end)
    )


async def _form(ctx: CoreContext, request: AnyRequest) -> Form:
    content_type = request.headers.get("content-type", "")
    return await ctx.forms.read(content_type, request.stream(), file_fields=(_FILE,))


def _texts(form: Form, kind: type[T]) -> T:
    """Convert the texts of a form, leniently (`openai-contract.md` 1.1)."""
    try:
        return msgspec.convert(form.fields(), kind, strict=False)
    except msgspec.ValidationError as error:
        raise invalid_request(error) from None


def _only_file(form: Form) -> Blob:
    files = form.files_of(_FILE)
    if not files:
        raise InvalidRequest.missing(_FILE)
    return files[-1]


def _file_object(row: FileRow) -> FileObject:
    return FileObject(
        id=row.id,
        bytes=row.size,
        created_at=row.created_at // 1000,
        filename=row.filename,
        purpose=row.purpose,
        expires_at=UNSET if row.expires_at is None else row.expires_at // 1000,
    )
