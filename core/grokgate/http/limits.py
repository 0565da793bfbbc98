"""What a key may use, from where and how often: the limits of downstream keys (F-KEY-08)."""

from collections.abc import Callable, Sequence
from ipaddress import ip_address

from litestar.enums import ScopeType
from litestar.handlers import BaseRouteHandler

from grokgate.errors import PermissionDenied
from grokgate.http.auth import Connection
from grokgate.http.origin import client_address
from grokgate.keys import Rates, networks
from grokgate.plugin.records import Caller


class Turnstile:
    """Lets requests of keys in and out; one per process.

    A request is inside from its guards to the end of its reply, a socket during each of its turns.

    Args:
        rates: Counts them.
        over: Told the caller of every request that has been answered.
        trusted_proxies: Returns whose word about a client's address counts now.
    """

    def __init__(
        self,
        rates: Rates,
        *,
        over: Callable[[Caller], None],
        trusted_proxies: Callable[[], Sequence[str]],
    ) -> None:
        self._rates = rates
        self._over = over
        self._trusted_proxies = trusted_proxies

    async def guard(self, connection: Connection, handler: BaseRouteHandler) -> None:
        """Refuse what the caller's key may not do; a guard.

        Raises:
            PermissionDenied: ``endpoint_not_allowed`` or ``ip_not_allowed``.
            LimitExceeded: The key asks too often, or has too many requests under way.
            StoreUnavailable: Nobody can tell.
        """
        scope = connection.scope
        caller: Caller = scope["state"]["caller"]
        allowed = caller.allowed_endpoints
        if allowed is not None and handler.opt["route_id"] not in allowed:
            raise PermissionDenied(
                "This key may not use this endpoint.", code="endpoint_not_allowed"
            )
        if caller.allowed_ips:
            self._check_address(caller, client_address(scope, self._trusted_proxies()))
        if scope["type"] == ScopeType.HTTP:
            try:
                await self.enter(caller)
            finally:
                scope["state"]["rate"] = self._rates.rate(caller)
            scope["state"]["admitted"] = caller

    async def enter(self, caller: Caller) -> None:
        """Let a request in; it has to `leave`.

        Raises:
            LimitExceeded: The key asks too often, or has too many requests under way.
            StoreUnavailable: Nobody can tell.
        """
        await self._rates.enter(caller)

    def leave(self, caller: Caller) -> None:
        """Let a request out, whatever became of it."""
        self._rates.leave(caller)
        self._over(caller)

    def _check_address(self, caller: Caller, address: str) -> None:
        client = ip_address(address) if address else None
        if client is None or not any(client in network for network in networks(caller.allowed_ips)):
            raise PermissionDenied(
                "This key may not be used from this address.", code="ip_not_allowed"
            )
