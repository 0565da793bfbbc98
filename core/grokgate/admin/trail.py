"""The audit trail of the admin API, and the headers that all of its replies have."""

from contextlib import suppress

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from grokgate.admin.context import OpenRequests
from grokgate.errors import StoreUnavailable
from grokgate.gateway import Gateway
from grokgate.storage.acting import Act, acting
from grokgate.storage.audit import amend_act

_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_NO_STORE = (b"cache-control", b"no-store")
_FAILED = 400


class Trail:
    """Notes what operators change, at the latest before they are answered.

    Args:
        app: Serves the request; its guard tells who asks.
        gateway: Whose trail it is.
        requests: Counts those that are being served.
    """

    def __init__(self, app: ASGIApp, *, gateway: Gateway, requests: OpenRequests) -> None:
        self._app = app
        self._gateway = gateway
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or one socket."""
        changes = scope.get("method", "GET") not in _SAFE  # a socket is no change by itself
        act = Act(action=_name(scope) if changes else "")
        scope["state"]["act"] = act

        async def noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] < _FAILED:
                    await self._note(act)
                if not any(name == _NO_STORE[0] for name, _ in message["headers"]):
                    message["headers"] = [*message["headers"], _NO_STORE]
            await send(message)

        is_request = scope["type"] == ScopeType.HTTP
        self._requests.count += is_request
        try:
            with acting(act):
                await self._app(scope, receive, noted)
        finally:
            self._requests.count -= is_request

    async def _note(self, act: Act) -> None:
        database = self._gateway.database
        if act.pending:
            # An empty transaction: what was done left nothing else to be committed.
            async with database.write():
                pass
        elif act.grown:
            with suppress(StoreUnavailable):  # the change stands, and so does its line
                async with database.write() as connection:
                    await amend_act(connection, act)


def _name(scope: Scope) -> str:
    """Name an action after its handler's path: ``tokens.delete``."""
    template = str(scope.get("path_template", ""))
    for base in ("/api/v1/admin/", "/v1/admin/", "/admin/api/"):
        template = template.removeprefix(base)
    return template.strip("/").replace("/", ".")
