"""Uploads, in base64 and in parts (upstream-protocol.md 5.1, 5.2)."""

import base64
import binascii
import uuid

import msgspec
from msgspec import Struct
from multipart import (  # type: ignore[import-untyped]  # it has no types
    MultipartError,
    MultipartSegment,
    PushMultipartParser,
    parse_options_header,
)

from grokgate.sandbox.accounts import StoredFile
from grokgate.sandbox.encode_http import stamp
from grokgate.sandbox.faults_rest import UploadError
from grokgate.sandbox.request import Answered, Reply, invalid, json_reply
from grokgate.sandbox.routes import API, G1_G2, G3, MULTIPART, Route
from grokgate.sandbox.world import Visit

UPLOAD_LIMIT = 32 * 1024 * 1024
"""Bytes of one file."""
EDIT_SOURCE = "IMAGINE_SELF_UPLOAD_FILE_SOURCE"
"""``file_source`` of a picture that an edit may name."""


class UploadBody(Struct, frozen=True, kw_only=True, rename="camel"):
    """An upload in base64."""

    file_name: str
    file_mime_type: str
    content: str


class Parts(Struct, frozen=True, kw_only=True):
    """An upload in parts."""

    name: str
    mime: str
    content: bytes
    source: str


async def upload(visit: Visit) -> Answered:
    """Store a file that came in base64."""
    if _failure(visit) is not None:
        return json_reply({"fileName": "image.png", "fileMimeType": "image/png"})
    try:
        call = msgspec.json.decode(visit.request.body, type=UploadBody)
        content = base64.b64decode(call.content, validate=True)
    except (msgspec.DecodeError, UnicodeDecodeError, binascii.Error, ValueError):
        return _wrong(visit)
    if len(content) > UPLOAD_LIMIT:
        return visit.world.refuse(visit.exchange, "too_large")
    parts = Parts(name=call.file_name, mime=call.file_mime_type, content=content, source="")
    file = _store(visit, parts)
    return json_reply(
        {
            "fileMetadataId": file.id,
            "fileMimeType": file.mime,
            "fileName": file.name,
            "fileUri": visit.account.key(file),
            "parsedFileUri": "",
            "createTime": stamp(visit.world.clock.now()),
        }
    )


async def upload_parts(visit: Visit) -> Answered:
    """Store a file that came as a part of a form."""
    try:
        parts = read_parts(visit.request.header("content-type") or "", visit.request.body)
    except (MultipartError, KeyError, UnicodeDecodeError):
        return _wrong(visit)
    if len(parts.content) > UPLOAD_LIMIT:
        return visit.world.refuse(visit.exchange, "too_large")
    failure = _failure(visit)
    if failure is not None:
        error = "Upload failed" if failure.form == "terminal_error" else None
        return json_reply({"uploadId": "", "terminalError": error, "fileMetadata": {}})
    file = _store(visit, parts)
    ids = {"fileMetadataId": file.id, "fileId": file.id, "fileUri": visit.account.key(file)}
    upload_id = f"u-{uuid.UUID(file.id).hex[:4]}"
    return json_reply({"uploadId": upload_id, "terminalError": None, "fileMetadata": ids})


def read_parts(content_type: str, body: bytes) -> Parts:
    """Take an upload in parts apart.

    Raises:
        MultipartError: It is no form, or a broken one.
        KeyError: The form has no file, or has no boundary.
    """
    kind, options = parse_options_header(content_type)
    if kind != "multipart/form-data":
        raise KeyError(kind)
    found: dict[str, tuple[MultipartSegment, bytearray]] = {}
    with PushMultipartParser(options["boundary"]) as parser:
        current = bytearray()
        for event in (*parser.parse(body), *parser.parse(b"")):
            if isinstance(event, MultipartSegment):
                current = bytearray()
                found[event.name] = (event, current)
            elif event is not None:
                current += event
    head, content = found["file"]
    source = found["file_source"][1].decode() if "file_source" in found else ""
    return Parts(
        name=head.filename or "file",
        mime=head.content_type or "application/octet-stream",
        content=bytes(content),
        source=source,
    )


def _store(visit: Visit, parts: Parts) -> StoredFile:
    now = visit.world.clock.epoch_s()
    file = StoredFile(
        id=str(uuid.uuid4()),
        name=parts.name,
        mime=parts.mime,
        content=parts.content,
        created_at=now,
        used_at=now,
        source=parts.source,
    )
    visit.account.keep(file)
    return file


def _failure(visit: Visit) -> UploadError | None:
    """Return the knob that fails an upload in spite of status 200."""
    return next((action for action in visit.actions if isinstance(action, UploadError)), None)


def _wrong(visit: Visit) -> Reply:
    visit.exchange.refusal = "invalid"
    return invalid("Invalid upload")


ROUTES = (
    Route(
        "upload",
        "POST",
        "/rest/app-chat/upload-file",
        upload,
        protocols=G1_G2,
        referers=("/",),
        headers=API,
    ),
    Route(
        "upload",
        "POST",
        "/http/upload-file-v2/direct",
        upload_parts,
        protocols=G3,
        referers=("/", "/imagine"),
        headers=MULTIPART,
        statsig=False,
    ),
)
