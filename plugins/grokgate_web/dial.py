"""Opening sockets as one account (`upstream-protocol.md` 1.7, 2.12, 6.2)."""

import asyncio

from grokgate.upstream import AccountFacts, Attempt, Kind, Observation, Stage, UpstreamFailure
from grokgate_web.call import WebCall
from grokgate_web.caller import Caller
from grokgate_web.decode import known
from grokgate_web.decode.account import DeadAccount, is_user_id, user_id
from grokgate_web.identity import Identity
from grokgate_web.profile import Gateway
from grokgate_web.transport import MAX_MESSAGE, Request, Socket, TransportError

MAX_CONVERSATION = 256 * 1024 * 1024
"""Bytes of one socket."""
USER_ID = "user_id"
"""Name of the note that is kept with the token."""

_CHAT = "converse"
_ASK_AGAIN = frozenset((Kind.AUTH_FAIL, Kind.FORBIDDEN, Kind.BAD_REQUEST))
"""What a refused socket may mean that asking whose account it is can tell apart."""
_MAX_ACCOUNT = 64 * 1024


class SocketCaller(Caller):
    """A caller that can open sockets too."""

    async def dial(
        self,
        path: str,
        *,
        operation: str,
        until: float,
        cookie: str = "",
        max_message: int = MAX_MESSAGE,
    ) -> Socket:
        """Open a socket as the account; the caller must close it.

        Args:
            path: Below the site's address.
            operation: What is asked.
            until: Deadline, loop time.
            cookie: Sent besides those of every call.
            max_message: Bytes of one message.

        Raises:
            UpstreamFailure: Refused, or no connection; the stage is never later than refused.
        """
        request = Request(
            url=self._identity.web_base + path,
            headers=self._socket_headers(cookie),
            max_bytes=MAX_CONVERSATION,
        )
        socket: Socket | None = None
        try:
            socket = self._tools.transport.connect(
                self._owner(), self._route(), request, max_message=max_message
            )
            if not await socket.open(until):
                raise await self._refusal(_unbound(path, operation), socket.exchange)
        except TransportError as error:
            stood = socket is not None and socket.connected
            _close(socket)
            what = error if stood else TransportError("connect")
            raise self.broken(what, operation, Stage.UNSENT, first=True) from error
        except BaseException:
            _close(socket)
            raise
        self._tools.egress.worked(self._lane)
        return socket

    def _socket_headers(self, cookie: str) -> tuple[tuple[str, str], ...]:
        cookies = f"{self._cookies()}; {cookie}" if cookie else self._cookies()
        return (*self._guise.sets["socket"].render({}), ("Cookie", cookies))


class GatewayCaller(SocketCaller):
    """A caller that can open the gateway socket, which asks whose account it is."""

    async def connect(self, attempt: Attempt, until: float) -> Socket:
        """Open the socket as the account; the caller must close it.

        Args:
            attempt: Learns the user id.
            until: Deadline, loop time.

        Raises:
            UpstreamFailure: Refused, or no connection; the stage is never later than refused.
        """
        noted = self._account.kept.get(USER_ID, "")
        kept = noted if is_user_id(noted) else ""
        uid = kept or await self._ask_user_id(attempt, until)
        try:
            return await self._dial(uid, until)
        except UpstreamFailure as failure:
            if failure.observation.kind not in _ASK_AGAIN:
                raise
            asked = await self._ask_user_id(attempt, until) if kept else uid
            if asked == uid:
                raise
        return await self._dial(asked, until)

    async def _ask_user_id(self, attempt: Attempt, until: float) -> str:
        """Ask whose account it is.

        Raises:
            UpstreamFailure: Refused, or the account is dead.
        """
        identity = self._identity.profile.identity
        try:
            uid = user_id(await self._get(identity.path, identity.referer, until), identity)
        except DeadAccount as error:
            raise self._unsent(Kind.AUTH_DEAD, Stage.REFUSED) from error
        except ValueError as error:
            raise self._unsent(Kind.MALFORMED) from error
        attempt.learned(AccountFacts(keep={USER_ID: uid}))
        return uid

    async def _get(self, path: str, referer: str, until: float) -> bytes:
        call = WebCall(
            operation=_CHAT,
            method="GET",
            path=path,
            referer=referer,
            headers="get",
            first_s=until - asyncio.get_running_loop().time(),
            max_bytes=_MAX_ACCOUNT,
            sent_stage=Stage.UNSENT,
            known=known.ACCOUNT,
        )
        return (await self.fetch(call)).body

    async def _dial(self, uid: str, until: float) -> Socket:
        gateway = gateway_of(self._identity)
        return await self.dial(
            gateway.path.replace("{uid}", uid),
            operation=_CHAT,
            until=until,
            cookie=f"{gateway.user_cookie}={uid}",
        )

    def _unsent(self, kind: Kind, stage: Stage = Stage.UNSENT) -> UpstreamFailure:
        return self.failed(Observation(operation=_CHAT, kind=kind, stage=stage))


def gateway_of(identity: Identity) -> Gateway:
    """Return the socket's data; profiles of this shape have them."""
    gateway = identity.profile.gateway
    assert gateway is not None
    return gateway


def _unbound(path: str, operation: str) -> WebCall:
    """Describe a call for `Caller`: one that commits to nothing."""
    return WebCall(operation=operation, path=path, referer="", first_s=0, sent_stage=Stage.UNSENT)


def _close(socket: Socket | None) -> None:
    if socket is not None:
        socket.close()
