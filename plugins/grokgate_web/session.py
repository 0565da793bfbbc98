"""The upstream acting as one account: payload → talk → events."""

from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Any, NoReturn

from grokgate.upstream import (
    Account,
    Asset,
    Attempt,
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
from grokgate_web.assets import delete_file, list_files
from grokgate_web.caller import Caller
from grokgate_web.classify import in_band_evidence
from grokgate_web.downloads import download
from grokgate_web.gateway import GatewayTalk
from grokgate_web.hosts import TrustedHosts
from grokgate_web.identity import Identity
from grokgate_web.parallel import in_parallel
from grokgate_web.payload import attachments, chat_body, flatten, modes
from grokgate_web.talk import Decoder, LinesTalk, Talk
from grokgate_web.uploads import upload_file

_CHAT = "converse"
_UPLOADS_AT_ONCE = 5
_CLOSING_S = 0.25
"""Seconds an answer that was read has to end by itself, so that its connection can be reused.

The client waits for its last frames meanwhile. Not longer; and not in the background either: the
account's next call would begin while this one is still open (V13).
"""
_MODE_REFUSED = (400, 404)


class WebSession:
    """Conversations of one account."""

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

    async def converse(self, request: Conversation, /) -> AsyncGenerator[Event, None]:
        """Upload the attachments, send the conversation, and pass the answer's events on."""
        talk: Talk | None = None
        try:
            talk = await self._open_chat(request)
            decoder = talk.decoder
            while not (decoder.done or decoder.settled):
                events = await talk.read()
                if events is None:
                    break
                for event in events:
                    yield event
            if decoder.error is None and (decoder.settled or decoder.done):
                await talk.finish(_CLOSING_S)
            for event in decoder.finish():
                yield event
        finally:
            if talk is not None:
                talk.close()
                self._report_drift(talk.decoder)
        self._judge_end(talk)

    def imagine(self, request: ImageRequest, /) -> AsyncGenerator[Event, None]:
        """Refuse: not offered."""
        _not_offered("imagine")

    def film(self, request: VideoRequest, /) -> AsyncGenerator[Event, None]:
        """Refuse: not offered."""
        _not_offered("film")

    def fetch(self, asset: Asset, /) -> AsyncGenerator[bytes, None]:
        """Download a file of the account."""
        identity = self._identity
        trusted = TrustedHosts.of(identity.settings, identity.profile.hosts)
        caller, assets = self._caller.become(Caller, assets=True), identity.profile.assets
        return download(caller, assets, trusted, asset, self._attempt)

    def files(self) -> AsyncGenerator[RemoteFile, None]:
        """List the account's files, last used first."""
        return list_files(self._caller, self._identity.profile.assets, self._attempt)

    async def delete_file(self, file_id: str, /) -> None:
        """Delete a file of the account; one that is gone already is no error."""
        await delete_file(self._caller, self._identity.profile.assets, file_id, self._attempt)

    async def prefer_nsfw(self, on: bool, /) -> None:  # noqa: FBT001 - protocol of the upstream
        """Refuse: not offered."""
        _not_offered("prefer_nsfw")

    async def special(self, operation: str, body: Mapping[str, Scalar], /) -> Mapping[str, Any]:
        """Refuse: not offered."""
        _not_offered(operation)

    async def _open_chat(self, request: Conversation) -> Talk:
        """Say the conversation, however the profile says it.

        Raises:
            UpstreamFailure: Refused, or the call failed; nothing is left open.
        """
        chat, wire, blobs = self._identity.profile.chat, self._wire, attachments(request)
        prompt = flatten(request.messages) or (chat.only_attachments if blobs else "")
        if wire is None or not prompt:
            raise UpstreamFailure(
                Observation(operation=_CHAT, kind=Kind.BAD_REQUEST, stage=Stage.UNSENT)
            )
        upload = self._identity.profile.upload
        files = await in_parallel(
            [partial(upload_file, self._caller, upload, blob) for blob in blobs],
            limit=_UPLOADS_AT_ONCE,
        )
        uploaded = [file.id for file in files]
        if chat.shape == "gateway":
            return await self._over_gateway(request, wire, prompt, uploaded)
        return await self._over_lines(request, wire, prompt, uploaded)

    async def _over_gateway(
        self, request: Conversation, wire: Wire, prompt: str, uploaded: list[str]
    ) -> Talk:
        talk = GatewayTalk(self._caller, self._identity, self._attempt)
        try:
            await talk.open(request, wire=wire, prompt=prompt, uploaded=uploaded)
        except BaseException:
            talk.close()
            self._report_drift(talk.decoder)
            raise
        return talk

    async def _over_lines(
        self, request: Conversation, wire: Wire, prompt: str, uploaded: list[str]
    ) -> Talk:
        """Send the conversation, under the next mode name where the upstream refuses one."""
        talk = LinesTalk(self._caller, self._identity, self._attempt)
        *others, last = modes(wire)
        for mode in (*others, last):
            body = chat_body(
                self._identity.profile.chat,
                request,
                wire=wire,
                mode=mode,
                prompt=prompt,
                uploaded=uploaded,
                settings=self._identity.settings,
            )
            try:
                await talk.open(body)
            except UpstreamFailure as failure:
                if mode == last or not _mode_refused(failure.observation):
                    raise
            else:
                return talk
        raise AssertionError("the last mode either answers or raises")

    def _judge_end(self, talk: Talk) -> None:
        """Raise what an answer that ended stands for, unless it is a complete one."""
        decoder = talk.decoder
        if decoder.error is not None:
            evidence = in_band_evidence(decoder.error)
            raise self._caller.judged(evidence, _CHAT, talk.stage)
        if decoder.complete and decoder.answered:
            return
        if decoder.complete or decoder.blank:
            kind = Kind.EMPTY
        else:
            kind = Kind.TRUNCATED if decoder.output else Kind.TRANSIENT
        ended = Observation(
            operation=_CHAT,
            kind=kind,
            stage=talk.stage,
            status=talk.close_code,
            drift=tuple(sorted(decoder.drift)),
        )
        raise UpstreamFailure(ended)

    def _report_drift(self, decoder: Decoder) -> None:
        for path in sorted(decoder.drift):
            self._attempt.drifted(_CHAT, path)


def _mode_refused(observation: Observation) -> bool:
    return observation.kind is Kind.BAD_REQUEST and observation.status in _MODE_REFUSED


def _not_offered(operation: str) -> NoReturn:
    raise UpstreamFailure(
        Observation(operation=operation, kind=Kind.BAD_REQUEST, stage=Stage.UNSENT)
    )
