"""Files of a client → files of an account (`upstream-protocol.md` 5.1, 5.2).

Bodies are made piece by piece while they are sent: no file is in memory as a whole.
"""

import base64
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial

import msgspec
from msgspec import Struct

from grokgate.upstream import Blob, Kind, Observation, Stage, UpstreamFailure
from grokgate_web.call import WebCall
from grokgate_web.caller import Caller
from grokgate_web.classify import in_band_evidence
from grokgate_web.decode import known
from grokgate_web.decode.fields import at, first_text
from grokgate_web.profile import Upload
from grokgate_web.transport import Pieces

MAX_ANSWER = 2 * 1024 * 1024
"""Bytes."""

_UPLOAD = "upload"
_UPLOAD_S = 120.0
_JSON = "application/json"
_ANY_TYPE = "application/octet-stream"
_MIME = re.compile(r"[\w.+-]+/[\w.+-]+", re.ASCII)
_QUOTED = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class Uploaded(Struct, frozen=True, kw_only=True):
    """A file that belongs to an account now."""

    id: str
    """Attaches it to a conversation."""
    uri: str | None
    """Where it lies below the address of files."""


async def upload_file(
    caller: Caller, upload: Upload, blob: Blob, *, purpose: str = "chat"
) -> Uploaded:
    """Upload *blob* to the account of *caller*.

    Args:
        caller: Acts as the account.
        upload: How the profile does it.
        blob: Read once.
        purpose: A word of `Upload.purposes`.

    Raises:
        UpstreamFailure: It was not taken; nothing of the conversation was sent.
    """
    meant, boundary = upload.purposes[purpose], f"----WebKitFormBoundary{caller.fresh_id()[-12:]}"
    form = upload.shape == "form"
    call = WebCall(
        operation=_UPLOAD,
        path=upload.path,
        referer=meant.referer,
        headers="form" if form else "json",
        content_type=f"multipart/form-data; boundary={boundary}" if form else _JSON,
        pieces=form_body(blob, meant.fields, boundary) if form else base64_body(blob),
        first_s=_UPLOAD_S,
        max_bytes=MAX_ANSWER,
        sent_stage=Stage.UNSENT,
        known=known.UPLOAD,
    )
    answer = _decoded((await caller.fetch(call)).body)
    error = at(answer, upload.error_field) if upload.error_field else None
    if error is not None:
        raise caller.judged(in_band_evidence(error), _UPLOAD, Stage.UNSENT)
    file_id = first_text(answer, upload.id_fields)
    if file_id is None:
        drift = upload.id_fields[:1]
        raise UpstreamFailure(
            Observation(operation=_UPLOAD, kind=Kind.MALFORMED, stage=Stage.UNSENT, drift=drift)
        )
    return Uploaded(id=file_id, uri=first_text(answer, (upload.uri_field,)))


def base64_body(blob: Blob) -> Pieces:
    """Describe *blob* as a JSON object with its content in base64."""
    name, mime = msgspec.json.encode(blob.name), msgspec.json.encode(blob.mime)
    head = b'{"fileName":' + name + b',"fileMimeType":' + mime + b',"content":"'
    tail = b'"}'
    size = len(head) + (blob.size + 2) // 3 * 4 + len(tail)
    return Pieces(size=size, open=partial(_in_base64, blob, head, tail))


def form_body(blob: Blob, fields: Mapping[str, str], boundary: str) -> Pieces:
    """Describe *blob* as the first part of a form, with text *fields* after it."""
    name = blob.name.translate(_QUOTED)
    mime = blob.mime if _MIME.fullmatch(blob.mime) else _ANY_TYPE
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: {mime}\r\n\r\n"
    ).encode()
    texts = (
        f'\r\n--{boundary}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{text}'
        for key, text in fields.items()
    )
    tail = f"{''.join(texts)}\r\n--{boundary}--\r\n".encode()
    return Pieces(size=len(head) + blob.size + len(tail), open=partial(_framed, blob, head, tail))


async def _in_base64(blob: Blob, head: bytes, tail: bytes) -> AsyncGenerator[bytes, None]:
    yield head
    rest = b""
    async with aclosing(blob.open()) as pieces:
        async for piece in pieces:
            data = rest + piece
            whole = len(data) - len(data) % 3
            rest = data[whole:]
            yield base64.b64encode(data[:whole])
    yield base64.b64encode(rest) + tail


async def _framed(blob: Blob, head: bytes, tail: bytes) -> AsyncGenerator[bytes, None]:
    yield head
    async with aclosing(blob.open()) as pieces:
        async for piece in pieces:
            yield piece
    yield tail


def _decoded(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
