"""One account calling the upstream: headers, way out, deadlines, and what refusals mean."""

import asyncio
import random
from collections.abc import Callable
from typing import Any, TypeVar

from msgspec import Struct

from grokgate.upstream import Account, Clock, Kind, Observation, Stage, UpstreamFailure
from grokgate_web.call import Answer, WebCall
from grokgate_web.classify import MAX_BODY, Evidence, http_evidence, judge
from grokgate_web.decode.drift import news
from grokgate_web.egress import EgressTable, lane
from grokgate_web.headers import cookie_header, request_id, statsig
from grokgate_web.identity import Guise, Identity
from grokgate_web.transport import Exchange, Request, Route, Transport, TransportError

C = TypeVar("C", bound="Caller")

_ERROR_BODY_S = 10.0
_OK = range(200, 300)
_FORBIDDEN = 403
_EGRESS_FAULTS = frozenset((Kind.CONNECT, Kind.CHALLENGE, Kind.ANTI_BOT))
_KINDS = {
    "connect": Kind.CONNECT,
    "reset": Kind.TRANSIENT,
    "too_large": Kind.MALFORMED,
    "timeout": Kind.TIMEOUT,
}


class Toolbox(Struct, frozen=True, kw_only=True):
    """What the calls of one driver share."""

    transport: Transport
    egress: EgressTable
    rng: random.Random
    clock: Clock
    log: Any


class Caller:
    """Sends calls as one account; made anew for each attempt.

    Args:
        account: Acts in all calls.
        identity: The settings of this attempt.
        guise: Browser to look like.
        tools: Shared with the other callers of the driver.
        assets: It transfers files, by the proxies meant for that.
        drifted: Told of unknown fields, with an operation and a path.
    """

    def __init__(
        self,
        account: Account,
        identity: Identity,
        guise: Guise,
        tools: Toolbox,
        *,
        assets: bool = False,
        drifted: Callable[[str, str], None] = lambda _operation, _path: None,
    ) -> None:
        self._account = account
        self._identity = identity
        self._guise = guise
        self._tools = tools
        self._drifted = drifted
        self._lane = lane(account, identity.settings, assets=assets)

    def become(self, kind: type[C], *, assets: bool = False, guise: Guise | None = None) -> C:
        """Return a caller of another *kind* with all that this one was made with.

        Args:
            kind: Made with the same arguments.
            assets: As for the class.
            guise: Browser to look like instead.
        """
        own = (self._account, self._identity, guise or self._guise, self._tools)
        return kind(*own, assets=assets, drifted=self._drifted)

    def fresh_id(self) -> str:
        """Return a fresh UUID."""
        return request_id(self._tools.rng)

    def stamp(self) -> int:
        """Return the wall time in milliseconds, as the page numbers its events."""
        return int(self._tools.clock.now().timestamp() * 1000)

    async def open(self, call: WebCall) -> tuple[Exchange, float]:
        """Send *call* and wait for an answer that is no refusal.

        Returns:
            The exchange, which the caller must close, and the deadline of its first line (loop
            time).

        Raises:
            UpstreamFailure: Refused, or the call failed; the exchange is closed.
        """
        sent = [False]

        def on_sent() -> None:
            sent[0] = True
            if call.on_sent is not None:
                call.on_sent()

        until = asyncio.get_running_loop().time() + call.first_s
        exchange: Exchange | None = None
        try:
            exchange = self._start(call, on_sent)
            await exchange.head(until)
            if exchange.status in _OK or exchange.status in call.answers:
                self._tools.egress.worked(self._lane)
                return exchange, until
            raise await self._refusal(call, exchange)
        except TransportError as error:
            _close(exchange)
            # Of a call without a body nobody can tell when it went out.
            if not sent[0] and (call.method == "POST" or error.reason == "connect"):
                unsent = TransportError("connect")
                raise self.broken(unsent, call.operation, Stage.UNSENT) from error
            raise self.broken(error, call.operation, call.sent_stage, first=True) from error
        except BaseException:
            _close(exchange)
            raise

    async def fetch(self, call: WebCall) -> Answer:
        """Send *call* and read the whole answer.

        Raises:
            UpstreamFailure: As `open`.
        """
        exchange, until = await self.open(call)
        try:
            pieces = []
            while piece := await exchange.read(until):
                pieces.append(piece)
            body = b"".join(pieces)
            self._report_drift(call, body)
            return Answer(status=exchange.status, headers=exchange.headers, body=body)
        except TransportError as error:
            raise self.broken(error, call.operation, call.sent_stage) from error
        finally:
            exchange.close()

    def _report_drift(self, call: WebCall, body: bytes) -> None:
        for path in sorted(news(body, call.known)) if call.known else ():
            self._drifted(call.operation, path)

    def broken(
        self, error: TransportError, operation: str, stage: Stage, *, first: bool = False
    ) -> UpstreamFailure:
        """Turn a failure below HTTP into a failure of the attempt.

        Args:
            error: What happened.
            operation: What was asked.
            stage: How far the attempt came.
            first: Nothing of the answer had arrived.
        """
        kind = _KINDS[error.reason]
        if stage is Stage.SENT and kind is Kind.CONNECT:
            kind = Kind.TRANSIENT
        elif stage is Stage.CONTENT and kind is Kind.TRANSIENT:
            kind = Kind.TRUNCATED
        return self.failed(
            Observation(
                operation=operation,
                kind=kind,
                stage=stage,
                first_byte_timeout=first and kind is Kind.TIMEOUT,
            )
        )

    def judged(self, evidence: Evidence, operation: str, stage: Stage) -> UpstreamFailure:
        """Turn a refusal into a failure of the attempt, by the rules of the profile.

        The log gets what classifies it, not its text, which may repeat the prompt (P12).

        Args:
            evidence: The refusal.
            operation: What was asked.
            stage: How far the attempt came.
        """
        rules = self._identity.profile.errors
        observation = judge(rules, evidence, operation=operation, stage=stage)
        self._tools.log.info(
            "upstream_refused",
            account=self._account.id,
            operation=operation,
            status=observation.status,
            kind=observation.kind,
            marker=observation.marker,
            codes=evidence.codes,
            reason=evidence.reason,
        )
        return self.failed(observation)

    def failed(self, observation: Observation) -> UpstreamFailure:
        """Note what an outcome says of the way out, and make it raisable."""
        egress = self._tools.egress
        if observation.kind not in _EGRESS_FAULTS:
            if observation.status is not None:
                egress.worked(self._lane)
        elif egress.failed(self._lane):
            self._tools.log.warning(
                "egress_struck", account=self._account.id, kind=observation.kind
            )
        return UpstreamFailure(observation)

    def _start(self, call: WebCall, on_sent: Callable[[], None]) -> Exchange:
        whole = call.path.startswith(("http://", "https://"))
        request = Request(
            method=call.method,
            url=call.path if whole else self._identity.web_base + call.path,
            headers=self._headers(call),
            body=call.body,
            pieces=call.pieces,
            max_bytes=call.max_bytes,
        )
        return self._tools.transport.start(self._owner(), self._route(), request, on_sent=on_sent)

    def _owner(self) -> str:
        """Return whose connections are used; empty: those of all accounts of an egress (D31)."""
        shared = self._identity.settings.connection_sharing == "egress"
        return "" if shared else self._account.id

    def _route(self) -> Route:
        settings, proxy = self._identity.settings, self._tools.egress.proxy(self._lane)
        return Route(proxy=proxy, target=self._guise.fingerprint.target, ca_file=settings.ca_file)

    def _headers(self, call: WebCall) -> tuple[tuple[str, str], ...]:
        identity, rng = self._identity, self._tools.rng
        settings = identity.settings
        values = {
            "uuid": request_id(rng),
            "referer": identity.web_base + call.referer,
            "content_type": call.content_type,
            "statsig": statsig(
                settings.statsig,
                identity.profile.statsig.mode,
                dynamic=settings.dynamic_statsig,
                rng=rng,
            ),
        }
        rendered = (*self._guise.sets[call.headers].render(values), *call.further)
        if not call.signed_in:
            return rendered
        return (*rendered, ("Cookie", self._cookies()))

    def _cookies(self) -> str:
        return cookie_header(self._account.credential.reveal(), self._identity.cookies)

    async def _refusal(self, call: WebCall, exchange: Exchange) -> UpstreamFailure:
        if exchange.status == _FORBIDDEN:
            exchange.retire()
        evidence = http_evidence(
            exchange.status,
            exchange.headers,
            await _error_body(exchange),
            now=self._tools.clock.now(),
        )
        return self.judged(evidence, call.operation, call.sent_stage)


async def _error_body(exchange: Exchange) -> bytes:
    """Read as much of an error body as is looked at; a broken one is as good as its beginning."""
    until = asyncio.get_running_loop().time() + _ERROR_BODY_S
    body = b""
    try:
        while len(body) < MAX_BODY and (piece := await exchange.read(until)):
            body += piece[:MAX_BODY]
    except TransportError:
        pass
    return body[:MAX_BODY]


def _close(exchange: Exchange | None) -> None:
    if exchange is not None:
        exchange.close()
