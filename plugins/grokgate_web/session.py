"""The upstream acting as one account: payload → talk → events."""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

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
    UpstreamFailure,
    VideoRequest,
    Wire,
)
from grokgate_web.actor import Actor, unfit
from grokgate_web.assets import delete_file, list_files
from grokgate_web.caller import Caller
from grokgate_web.classify import in_band_evidence
from grokgate_web.downloads import download
from grokgate_web.film import film
from grokgate_web.hosts import TrustedHosts
from grokgate_web.identity import Identity
from grokgate_web.imagine import imagine
from grokgate_web.inline import read_inline
from grokgate_web.making import CLOSING_S, moderated, stopped
from grokgate_web.opening import open_chat
from grokgate_web.pictures import draw, edit
from grokgate_web.preference import prefer_nsfw
from grokgate_web.talk import Talk

_CHAT = "converse"


class WebSession:
    """What one account can be asked in one attempt."""

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
        self._attempt = attempt
        self._identity = identity
        self._caller = caller
        self._actor = Actor(
            account=account, wire=wire, attempt=attempt, identity=identity, caller=caller
        )

    async def converse(self, request: Conversation, /) -> AsyncGenerator[Event, None]:
        """Upload the attachments, send the conversation, and pass the answer's events on."""
        talk: Talk | None = None
        try:
            talk = await open_chat(self._actor, request, sought=self._actor.sought())
            decoder = talk.decoder
            while not (decoder.done or decoder.settled):
                events = await talk.read()
                if events is None:
                    break
                for event in events:
                    yield event
            if decoder.error is None and (decoder.settled or decoder.done):
                await talk.finish(CLOSING_S)
            for event in decoder.finish():
                yield event
        finally:
            if talk is not None:
                talk.close()
                self._actor.report_drift(_CHAT, talk.decoder.drift)
        self._judge_end(talk)

    def imagine(self, request: ImageRequest, /) -> AsyncGenerator[Event, None]:
        """Make pictures from the prompt, or change those it comes with."""
        match request.method:
            case "socket":
                return imagine(self._actor, request)
            case "edit":
                return edit(self._actor, request)
            case "chat":
                return draw(self._actor, request)

    def film(self, request: VideoRequest, /) -> AsyncGenerator[Event, None]:
        """Make a video, or the continuation of one."""
        return film(self._actor, request)

    def fetch(self, asset: Asset, /) -> AsyncGenerator[bytes, None]:
        """Download a file of the account; one that came with its message is at hand."""
        if asset.content is not None:
            return read_inline(asset.content)
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
        """Switch the account's own content preference, and nothing else (D3)."""
        await prefer_nsfw(self._actor, on=on)

    async def special(self, operation: str, body: Mapping[str, Scalar], /) -> Mapping[str, Any]:
        """Refuse: not offered."""
        raise unfit(operation)

    def _judge_end(self, talk: Talk) -> None:
        """Raise what an answer that ended stands for, unless it is a complete one."""
        decoder = talk.decoder
        if decoder.error is not None:
            evidence = in_band_evidence(decoder.error)
            raise self._caller.judged(evidence, _CHAT, talk.stage)
        if decoder.complete and decoder.answered:
            return
        if decoder.complete and moderated(decoder.answer):
            raise stopped(decoder.answer.pictures.refusals(), _CHAT)
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
