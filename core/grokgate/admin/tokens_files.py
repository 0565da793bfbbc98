"""Accounts that come in and go out as files (F-ADM-17, F-UI-28, F-MIG)."""

import codecs
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeAlias, get_args

import anyio.to_thread
import msgspec
from litestar import Request, get, post
from litestar.openapi.spec import Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType
from litestar.params import FromQuery, JSONBody, QueryParameter
from litestar.response import Stream

from grokgate.admin.chores import Started, started
from grokgate.admin.context import CurrentAct, CurrentGateway, CurrentOperator
from grokgate.admin.reauth import require_password
from grokgate.admin.tokens_choice import ListedStatus, TokenFilter, chosen
from grokgate.admin.tokens_edit import import_text, labels_of
from grokgate.admin.tokens_files_schema import (
    ExportRequest,
    FileForm,
    Imported,
    ImportRequest,
    ImportResult,
)
from grokgate.admin.tokens_view import in_thread, lines, parted, settled_records
from grokgate.chores import Task
from grokgate.errors import InvalidRequest
from grokgate.gateway import Gateway
from grokgate.http.body import JSON, MULTIPART
from grokgate.http.forms import form_operation
from grokgate.http.validation import invalid_request, printable
from grokgate.storage.acting import Act
from grokgate.tokens import ExportForm, ImportMode, ImportReport, Labels
from grokgate.tokens.exporting import export_parts
from grokgate.upstream import Blob

AnyRequest: TypeAlias = Request[Any, Any, Any]
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
    return _imported(await _take_in(gateway, data, _labels(data)), dry_run=False)


@post(
    "/tokens/import/async",
    status_code=200,
    summary="Import accounts, as a job",
    operation_class=ImportOperation,
)
async def import_tokens_async(
    request: AnyRequest, gateway: CurrentGateway, act: CurrentAct
) -> Started:
    """Start a job that takes in all usable entries or none; how many there are its end tells."""
    data = await _read(request, gateway)
    if data.dry_run:
        raise InvalidRequest("Nothing would be done; ask /tokens/import.", param="dry_run")
    _check_pool(gateway, data.pool)
    labels, reports = _labels(data), list[ImportReport]()

    async def take_in() -> ImportReport:
        reports.append(await _take_in(gateway, data, labels))
        return reports[-1]

    async def conclude(task: Task) -> ImportResult:
        report = _imported(reports[-1], dry_run=False)
        return ImportResult(summary=task.result().summary, report=report)

    act.target, act.detail = "import", {"mode": data.mode}
    task = await gateway.chores.start(
        "tokens_import", (), options=take_in, conclude=conclude, actor=act.actor
    )
    return started(task)


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
    filter_ = TokenFilter(pool=pool, status=status, tag=tag, q=q)
    names = [one for one in ids.split(",") if one]
    await require_password(gateway, operator)
    if not names and filter_ == TokenFilter():
        filter_ = TokenFilter(all=True)
    return await _export(gateway, act, ExportRequest(format=form, ids=names, filter=filter_))


@post("/tokens/export", status_code=200, summary="Export accounts that are named in a body")
async def export_chosen(
    gateway: CurrentGateway,
    operator: CurrentOperator,
    act: CurrentAct,
    data: JSONBody[ExportRequest],
) -> Stream:
    """Send credentials to who has just given the password, for selections too long for a query."""
    await require_password(gateway, operator)
    return await _export(gateway, act, data)


HANDLERS: Final = (import_tokens, import_tokens_async, export_tokens, export_chosen)


async def _export(gateway: Gateway, act: Act, data: ExportRequest) -> Stream:
    """Make the file of the chosen accounts, and note that in the audit trail."""
    everything = not data.ids and data.filter == TokenFilter(all=True)
    records = await settled_records(gateway)
    if everything:
        wanted = list(records.values())
    else:
        found = await chosen(gateway, data.ids, data.filter, deleted=True)
        known = (records.get(token) or gateway.tokens.deleted.get(token) for token in found.ids)
        wanted = [record for record in known if record is not None]
    act.action, act.target = "tokens.export", f"{len(wanted)} accounts"
    act.detail = {"format": data.format}
    written, ending = _FORMS[data.format]
    scope = "all" if everything else "selected"
    name = f"tokens_export_{scope}_{gateway.clock.now():%Y-%m-%d}.{ending}"
    return Stream(
        in_thread(export_parts(wanted, written, gateway.tokens.pools)),
        media_type=JSON if ending == "json" else "text/plain",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


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


def _labels(data: ImportRequest) -> Labels:
    return labels_of(data.tags, data.note)


def _check_pool(gateway: Gateway, pool: str) -> None:
    """Refuse a pool that no upstream declares, before anything is begun."""
    try:
        if pool:
            gateway.tokens.pools.check(pool)
    except ValueError as error:
        raise InvalidRequest(printable(str(error)), param="pool") from None


async def _take_in(gateway: Gateway, data: ImportRequest, labels: Labels) -> ImportReport:
    await gateway.home.flush()
    return await import_text(
        gateway, data.text, pool=data.pool, mode=data.mode, labels=labels, plausible=True
    )


async def _preview(gateway: Gateway, data: ImportRequest) -> ImportReport:
    try:
        return await gateway.tokens.preview_import(
            data.text, pool=data.pool or None, mode=data.mode, plausible=True
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
