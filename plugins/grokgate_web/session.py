"""The upstream acting as one account: payload → transport → decoder."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, NoReturn

import msgspec

from grokgate.upstream import (
    Account,
    Asset,
    Attempt,
    Blob,
    Conversation,
    Event,
    ImageRequest,
    Kind,
    Observation,
    RemoteFile,
    Scalar,
    Stage,
    UpstreamFailure,
    VideoRequest,
    Wire,
)
from grokgate_web.caller import Caller, Post
from grokgate_web.classify import in_band_evidence
from grokgate_web.decode.chat import ChatDecoder
from grokgate_web.decode.lines import LineTooLong
from grokgate_web.identity import Identity
from grokgate_web.parallel import in_parallel
from grokgate_web.payload import Base64Upload, attachments, chat_body, flatten, modes
from grokgate_web.transport import Exchange, TransportError

MAX_ANSWER = 256 * 1024 * 1024
"""Decoded bytes of one answer; a line of the wire carries a few characters of text."""

_CHAT = "converse"
_UPLOAD = "upload"
_UPLOAD_S = 120.0
_UPLOADS_AT_ONCE = 5
_AFTERMATH_S = 1.0
"""Seconds that are waited for more after an end mark, unless the final message was seen too."""
_CLOSING_S = 0.25
"""Seconds an answer that was read has to end by itself, so that its connection can be reused.

The client waits for its last frames meanwhile. Not longer; and not in the background either: the
account's next call would begin while this one is still open (V13).
"""
_MODE_REFUSED = (400, 404)


class WebSession:
    """Conversations of one account over HTTP lines."""

    native: frozenset[str] = frozenset()

    def __init__(
        self,
        account: Account,
        wire: Wire | None,
        attempt: Attempt,
        *,
        identity: Identity,
        caller: Caller,
    ) -> None:
        self._account = account
        self._wire = wire
        self._attempt = attempt
        self._identity = identity
        self._caller = caller
        self._sent = False

    async def converse(self, request: Conversation, /) -> AsyncGenerator[Event, None]:
        """Upload the attachments, send the conversation, and pass the answer's events on."""
        stream = self._identity.profile.stream
        decoder = ChatDecoder(stream, filter_tags=self._identity.settings.filter_tags)
        exchange, first_until = await self._open_chat(request)
        try:
            while not (decoder.done or decoder.settled):
                chunk = await self._read(exchange, decoder, first_until)
                if not chunk:
                    break
                for event in self._decoded(decoder, chunk):
                    yield event
            if decoder.error is None and (decoder.settled or decoder.done):
                await exchange.finish(_CLOSING_S)
            for event in decoder.finish():
                yield event
        finally:
            exchange.close()
            self._report_drift(decoder)
        self._judge_end(decoder, request)

    def imagine(self, request: ImageRequest, /) -> AsyncGenerator[Event, None]:
        """Refuse: not offered."""
        _not_offered("imagine")

    def film(self, request: VideoRequest, /) -> AsyncGenerator[Event, None]:
        """Refuse: not offered."""
        _not_offered("film")

    def fetch(self, asset: Asset, /) -> AsyncGenerator[bytes, None]:
        """Refuse: not offered."""
        _not_offered("fetch")

    def files(self) -> AsyncGenerator[RemoteFile, None]:
        """Refuse: not offered."""
        _not_offered("files")

    async def delete_file(self, file_id: str, /) -> None:
        """Refuse: not offered."""
        _not_offered("delete_file")

    async def prefer_nsfw(self, on: bool, /) -> None:  # noqa: FBT001 - protocol of the upstream
        """Refuse: not offered."""
        _not_offered("prefer_nsfw")

    async def special(self, operation: str, body: Mapping[str, Scalar], /) -> Mapping[str, Any]:
        """Refuse: not offered."""
        _not_offered(operation)

    async def _open_chat(self, request: Conversation) -> tuple[Exchange, float]:
        """Send the conversation, under the next mode name where the upstream refuses one."""
        chat, wire, blobs = self._identity.profile.chat, self._wire, attachments(request)
        prompt = flatten(request.messages) or (chat.only_attachments if blobs else "")
        if wire is None or not prompt:
            raise UpstreamFailure(
                Observation(operation=_CHAT, kind=Kind.BAD_REQUEST, stage=Stage.UNSENT)
            )
        uploaded = await in_parallel(
            [partial(self._upload, blob) for blob in blobs], limit=_UPLOADS_AT_ONCE
        )
        *others, last = modes(wire)
        for mode in (*others, last):
            body = chat_body(
                chat,
                request,
                wire=wire,
                mode=mode,
                prompt=prompt,
                uploaded=uploaded,
                settings=self._identity.settings,
            )
            try:
                return await self._caller.open(self._chat_post(body))
            except UpstreamFailure as failure:
                if mode == last or not _mode_refused(failure.observation):
                    raise
        raise AssertionError("the last mode either answers or raises")

    def _chat_post(self, body: bytes) -> Post:
        chat = self._identity.profile.chat
        return Post(
            operation=_CHAT,
            path=chat.path,
            referer=chat.referer,
            body=body,
            first_s=self._attempt.first_s,
            max_bytes=MAX_ANSWER,
            on_sent=self._on_sent,
        )

    def _on_sent(self) -> None:
        if not self._sent:
            self._sent = True
            self._attempt.sent()

    async def _read(self, exchange: Exchange, decoder: ChatDecoder, first_until: float) -> bytes:
        """Read on; an answer whose end was seen may break off as it likes."""
        until = first_until
        if decoder.seen:
            idle_s = self._attempt.idle_s
            limit_s = min(idle_s, _AFTERMATH_S) if decoder.complete else idle_s
            until = asyncio.get_running_loop().time() + limit_s
        try:
            return await exchange.read(until)
        except TransportError as error:
            if decoder.complete and error.reason != "too_large":
                return b""
            failure = self._caller.broken(error, _CHAT, _stage(decoder), first=not decoder.seen)
            raise failure from error

    def _decoded(self, decoder: ChatDecoder, chunk: bytes) -> list[Event]:
        try:
            return decoder.feed(chunk)
        except LineTooLong as error:
            raise UpstreamFailure(
                Observation(operation=_CHAT, kind=Kind.MALFORMED, stage=_stage(decoder))
            ) from error

    def _judge_end(self, decoder: ChatDecoder, request: Conversation) -> None:
        """Raise what an answer that ended stands for, unless it is a complete one."""
        stage = _stage(decoder)
        if decoder.error is not None:
            evidence = in_band_evidence(decoder.error)
            raise self._caller.judged(evidence, _CHAT, stage)
        if decoder.complete and decoder.answered:
            return
        if decoder.complete or not decoder.seen:
            kind = Kind.EMPTY
        else:
            kind = Kind.TRUNCATED if decoder.output else Kind.TRANSIENT
        drift = tuple(sorted(decoder.drift))
        raise UpstreamFailure(Observation(operation=_CHAT, kind=kind, stage=stage, drift=drift))

    def _report_drift(self, decoder: ChatDecoder) -> None:
        for path in sorted(decoder.drift):
            self._attempt.drifted(_CHAT, path)

    async def _upload(self, blob: Blob) -> str:
        """Upload a file to the account; returns its id."""
        upload = self._identity.profile.upload
        body = Base64Upload(blob)
        async with aclosing(blob.open()) as pieces:
            async for piece in pieces:
                body.add(piece)
                await asyncio.sleep(0)  # a piece takes a millisecond to encode
        answer = await self._caller.fetch(
            Post(
                operation=_UPLOAD,
                path=upload.path,
                referer=upload.referer,
                body=body.finish(),
                first_s=_UPLOAD_S,
                sent_stage=Stage.UNSENT,
            )
        )
        return _upload_id(answer, upload.id_fields)


def _upload_id(answer: bytes, names: tuple[str, ...]) -> str:
    try:
        fields = msgspec.json.decode(answer, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        fields = {}
    for name in names:
        if isinstance(fields.get(name), str) and fields[name]:
            return str(fields[name])
    raise UpstreamFailure(
        Observation(operation=_UPLOAD, kind=Kind.MALFORMED, stage=Stage.UNSENT, drift=names[:1])
    )


def _stage(decoder: ChatDecoder) -> Stage:
    return Stage.CONTENT if decoder.output else Stage.SENT


def _mode_refused(observation: Observation) -> bool:
    return observation.kind is Kind.BAD_REQUEST and observation.status in _MODE_REFUSED


def _not_offered(operation: str) -> NoReturn:
    raise UpstreamFailure(
        Observation(operation=operation, kind=Kind.BAD_REQUEST, stage=Stage.UNSENT)
    )
