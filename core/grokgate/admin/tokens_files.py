"""Accounts that come in and go out as files (F-ADM-17, F-UI-28, F-MIG)."""

import codecs
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

import anyio.to_thread
import msgspec
from litestar import Request, get, post
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from grokgate.admin.context import CurrentAct, CurrentGateway, CurrentOperator
from grokgate.admin.reauth import require_password
from grokgate.admin.tokens_choice import ListedStatus, TokenFilter, chosen
from grokgate.admin.tokens_edit import import_text, labels_of
from grokgate.admin.tokens_schema import Imported, ImportRequest
from grokgate.admin.tokens_view import in_thread, lines, parted, settled_records
from grokgate.errors import InvalidRequest
from grokgate.gateway import Gateway
from grokgate.http.body import JSON, MULTIPART
from grokgate.http.forms import form_operation
from grokgate.http.validation import invalid_request, printable
from grokgate.tokens import ExportForm, ImportMode, ImportReport
from grokgate.tokens.exporting import export_parts
from grokgate.upstream import Blob

AnyRequest: TypeAlias = Request[Any, Any, Any]
FileForm: TypeAlias = Literal["json", "txt", "py2"]
_FORMS: Final[dict[str, tuple[ExportForm, str]]] = {
    "json": ("a", "json"),
    "txt": ("text", "txt"),
    "py2": ("d", "json"),
}
"""Of an export: its form, and the ending of its file."""
_FILE: Final = "file"
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_TEXT: Final = Schema(type=OpenAPIType.STRING)
_FORM: Final = form_operation(
    {
        _FILE: Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY),
        "text": _TEXT,
        "pool": _TEXT,
        "mode": Schema(type=OpenAPIType.STRING, enum=get_args(ImportMode)),
        "dry_run": Schema(type=OpenAPIType.BOOLEAN),
        "note": _TEXT,
    },
    required=[],
)


@dataclass
class ImportOperation(_FORM):  # type: ignore[valid-type, misc]  # made by a function
    """Documents that the fields may come as a form or as JSON."""

    def __post_init__(self) -> None:
        """Describe the body."""
        super().__post_init__()
        content = self.request_body.content
        content[JSON] = content[MULTIPART]


@post(
    "/tokens/import",
    status_code=200,
    summary="Import accounts from a file or a text",
    operation_class=ImportOperation,
)
async def import_tokens(request: AnyRequest, gateway: CurrentGateway, act: CurrentAct) -> Imported:
    """Take in all usable entries or none; with ``dry_run`` only tell what would happen.

    The same fields may come as JSON, without a file.
    """
    data = await _read(request, gateway)
    if data.dry_run:
        act.action = ""
        return _imported(await _preview(gateway, data), dry_run=True)
    act.target, act.detail = "import", {"mode": data.mode}
    await gateway.home.flush()
    report = await import_text(
        gateway,
        data.text,
        pool=data.pool,
        mode=data.mode,
        labels=labels_of(data.tags, data.note),
    )
    return _imported(report, dry_run=False)


@get("/tokens/export", summary="Export accounts as a file, in clear")
async def export_tokens(
    gateway: CurrentGateway,
    operator: CurrentOperator,
    act: CurrentAct,
    *,
    form: Annotated[FileForm, QueryParameter(name="format")] = "json",
    ids: Annotated[str, QueryParameter(description="Comma between them.")] = "",
    pool: FromQuery[str | None] = None,
    status: FromQuery[ListedStatus | None] = None,
    tag: FromQuery[str | None] = None,
    q: Annotated[str | None, QueryParameter(max_length=200)] = None,
) -> Stream:
    """Send credentials to who has just given the password; noted in the audit trail."""
    await require_password(gateway, operator)
    filter_ = TokenFilter(pool=pool, status=status, tag=tag, q=q)
    everything = not ids and filter_ == TokenFilter()
    records = await settled_records(gateway)
    if everything:
        wanted = list(records.values())
    else:
        found = await chosen(gateway, [one for one in ids.split(",") if one], filter_, deleted=True)
        known = (records.get(token) or gateway.tokens.deleted.get(token) for token in found.ids)
        wanted = [record for record in known if record is not None]
    act.action, act.target = "tokens.export", f"{len(wanted)} accounts"
    act.detail = {"format": form}
    written, ending = _FORMS[form]
    scope = "all" if everything else "selected"
    name = f"tokens_export_{scope}_{gateway.clock.now():%Y-%m-%d}.{ending}"
    return Stream(
        in_thread(export_parts(wanted, written, gateway.tokens.pools)),
        media_type=JSON if ending == "json" else "text/plain; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


HANDLERS: Final = (import_tokens, export_tokens)


async def _read(request: AnyRequest, gateway: Gateway) -> ImportRequest:
    """Read the fields of an import, from a form or from JSON."""
    content_type = request.headers.get("content-type", "")
    if not content_type.lower().startswith(MULTIPART):
        decoder = msgspec.json.Decoder(ImportRequest)
        return await anyio.to_thread.run_sync(decoder.decode, await request.body())
    form = await gateway.forms.read(content_type, request.stream(), file_fields=(_FILE,))
    fields: dict[str, Any] = {"text": "", **form.fields()}
    if "tags" in fields:
        fields["tags"] = [tag for tag in fields["tags"].split(",") if tag.strip()]
    content = b"".join([piece for blob in form.files_of(_FILE) for piece in await _pieces(blob)])
    if content:
        encoding = "utf-16" if content.startswith(_UTF16) else "utf-8-sig"
        fields["text"] = content.decode(encoding, "replace")
    try:
        return msgspec.convert(fields, ImportRequest, strict=False)
    except msgspec.ValidationError as error:
        raise invalid_request(error) from None


async def _pieces(blob: Blob) -> list[bytes]:
    return [piece async for piece in blob.open()]


async def _preview(gateway: Gateway, data: ImportRequest) -> ImportReport:
    try:
        return await gateway.tokens.preview_import(
            data.text, pool=data.pool or None, mode=data.mode
        )
    except ValueError as error:
        raise InvalidRequest(printable(str(error)), param="pool") from None


def _imported(report: ImportReport, *, dry_run: bool) -> Imported:
    doubles, remarks = parted(report)
    return Imported(
        dry_run=dry_run,
        added=len(report.added),
        updated=len(report.updated),
        restored=len(report.restored),
        unchanged=len(report.unchanged),
        removed=len(report.removed),
        pools=report.pools,
        rejected=lines(report.rejected),
        doubles=lines(doubles),
        remarks=lines(remarks),
    )
