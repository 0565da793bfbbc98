"""One account calling the upstream: headers, way out, deadlines, and what refusals mean."""

import asyncio
import random
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from grokgate.upstream import Account, Clock, Kind, Observation, Stage, UpstreamFailure
from grokgate_web.classify import MAX_BODY, Evidence, http_evidence, judge
from grokgate_web.egress import EgressTable
from grokgate_web.headers import cookie_header, request_id, statsig
from grokgate_web.identity import Guise, Identity
from grokgate_web.transport import Exchange, Request, Route, Transport, TransportError

MAX_ANSWER = 1024 * 1024
"""Bytes of an answer that is read as a whole."""

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


class Post(Struct, frozen=True, kw_only=True):
    """A POST in the upstream's own terms."""

    operation: str
    path: str
    referer: str
    body: bytes
    first_s: float
    """Seconds to the first line of the answer."""
    max_bytes: int = MAX_ANSWER
    on_sent: Callable[[], None] | None = None
    sent_stage: Stage = Stage.SENT
    """Stage of the attempt once this body is out; an upload alone commits to nothing."""


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
    """

    def __init__(self, account: Account, identity: Identity, guise: Guise, tools: Toolbox) -> None:
        self._account = account
        self._identity = identity
        self._guise = guise
        self._tools = tools

    async def open(self, post: Post) -> tuple[Exchange, float]:
        """Send *post* and wait for an answer that is no refusal.

        Returns:
            The exchange, which the caller must close, and the deadline of its first line (loop
            time).

        Raises:
            UpstreamFailure: Refused, or the call failed; the exchange is closed.
        """
        sent = [False]

        def on_sent() -> None:
            sent[0] = True
            if post.on_sent is not None:
                post.on_sent()

        until = asyncio.get_running_loop().time() + post.first_s
        exchange: Exchange | None = None
        try:
            exchange = self._start(post, on_sent)
            await exchange.head(until)
            if exchange.status in _OK:
                self._tools.egress.worked(self._account.id)
                return exchange, until
            raise await self._refusal(post, exchange)
        except TransportError as error:
            _close(exchange)
            if not sent[0]:
                unsent = TransportError("connect")
                raise self.broken(unsent, post.operation, Stage.UNSENT) from error
            raise self.broken(error, post.operation, post.sent_stage, first=True) from error
        except BaseException:
            _close(exchange)
            raise

    async def fetch(self, post: Post) -> bytes:
        """Send *post* and return the whole answer.

        Raises:
            UpstreamFailure: As `open`.
        """
        exchange, until = await self.open(post)
        try:
            pieces = []
            while piece := await exchange.read(until):
                pieces.append(piece)
            return b"".join(pieces)
        except TransportError as error:
            raise self.broken(error, post.operation, post.sent_stage) from error
        finally:
            exchange.close()

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
        account, egress = self._account.id, self._tools.egress
        if observation.kind not in _EGRESS_FAULTS:
            if observation.status is not None:
                egress.worked(account)
        elif egress.failed(account):
            self._tools.log.warning("egress_struck", account=account, kind=observation.kind)
        return UpstreamFailure(observation)

    def _start(self, post: Post, on_sent: Callable[[], None]) -> Exchange:
        settings, route = self._identity.settings, self._route()
        shared = settings.connection_sharing == "egress"
        request = Request(
            url=self._identity.web_base + post.path,
            headers=self._headers(post.referer),
            body=post.body,
            max_bytes=post.max_bytes,
        )
        owner = "" if shared else self._account.id
        return self._tools.transport.start(owner, route, request, on_sent=on_sent)

    def _route(self) -> Route:
        settings, own = self._identity.settings, self._account.proxy_url
        proxy = self._tools.egress.proxy(
            self._account.id,
            own=own.reveal() if own else "",
            pool=settings.proxy_pool,
            single=settings.base_proxy_url,
        )
        return Route(proxy=proxy, target=self._guise.fingerprint.target, ca_file=settings.ca_file)

    def _headers(self, referer: str) -> tuple[tuple[str, str], ...]:
        identity, rng = self._identity, self._tools.rng
        settings = identity.settings
        values = {
            "uuid": request_id(rng),
            "referer": identity.web_base + referer,
            "statsig": statsig(
                settings.statsig,
                identity.profile.statsig.mode,
                dynamic=settings.dynamic_statsig,
                rng=rng,
            ),
        }
        cookie = cookie_header(self._account.credential.reveal(), identity.cookies)
        return (*self._guise.headers.render(values), ("Cookie", cookie))

    async def _refusal(self, post: Post, exchange: Exchange) -> UpstreamFailure:
        if exchange.status == _FORBIDDEN:
            exchange.retire()
        evidence = http_evidence(
            exchange.status,
            exchange.headers,
            await _error_body(exchange),
            now=self._tools.clock.now(),
        )
        return self.judged(evidence, post.operation, post.sent_stage)


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
