"""What an operator may see of the health of accounts, and do about it, with and without a service.

A running service knows more than the store: calls in flight, surveys that failed, states not yet
written. Only it can ask accounts.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Protocol

from msgspec import Struct
from msgspec.structs import replace

from grokgate.refresh import Refresh, Surveyed
from grokgate.tokens import TokenState, TokenStore, TokenView


class LiveHome(Protocol):
    """What is shown of a running ledger; see `scheduler.home.Home`."""

    def state(self, token: str, /) -> TokenState | None:
        """Return a token's state now; None: there is no such token."""
        ...

    def inflight(self, token: str, /) -> int:
        """Return how many calls a token has in flight."""
        ...

    async def flush(self) -> None:
        """Write all changed states now."""
        ...


class Live(Struct, frozen=True):
    """What only a running service has."""

    home: LiveHome
    refresh: Refresh


class Details(Struct, frozen=True, kw_only=True):
    """Everything about one account but its credential."""

    account: TokenView
    inflight: int | None
    """None: no service runs."""


class Enabled(Struct, frozen=True, kw_only=True):
    """What became of accounts that were to be enabled."""

    found: Sequence[str]
    """Now active."""
    expired: Sequence[str]
    """Left as they are: they have to answer first, see `Health.refresh`."""


class Asked(Struct, frozen=True, kw_only=True):
    """How asking one of several accounts ended."""

    id: str
    of: int
    """Accounts to be asked in all."""
    before: TokenState | None
    after: TokenState | None
    """Both None: there is no such account."""
    failure: str | None


class Health:
    """Looks at accounts and brings them back.

    Args:
        tokens: The accounts.
        live: Of the running service; None: there is none.
    """

    def __init__(self, tokens: TokenStore, live: Live | None) -> None:
        self._tokens = tokens
        self._live = live

    def listing(self) -> list[TokenView]:
        """Return all accounts, masked, as they are now."""
        return [self._marked(view) for view in self._tokens.listing(state_of=self._state)]

    def show(self, token: str) -> Details:
        """Return one account as it is now.

        Raises:
            ValueError: There is none with this id.
        """
        view = self._tokens.view(token, self._state(token))
        if view is None:
            raise ValueError(f"no account has the id {token!a}, see grokgate tokens list")
        inflight = None if self._live is None else self._live.home.inflight(token)
        return Details(account=self._marked(view), inflight=inflight)

    async def enable(self, tokens: Collection[str]) -> Enabled:
        """Make disabled and cooling accounts active, and forget their failures."""
        expired = [token for token in dict.fromkeys(tokens) if self._is_expired(token)]
        others = [token for token in tokens if token not in expired]
        if self._live is not None:
            # An edit starts from what is stored: a cool-down that just began must be in it.
            await self._live.home.flush()
        return Enabled(found=await self._tokens.set_enabled(others, enabled=True), expired=expired)

    async def refresh(
        self,
        tokens: Sequence[str] | None,
        *,
        pool: str | None,
        report: Callable[[Asked], Awaitable[None]],
    ) -> None:
        """Ask accounts for their quota; an expired one that answers becomes active.

        Args:
            tokens: Those; None: all that are not disabled.
            pool: Then only of this pool; None: of every pool.
            report: Told of each as it ends.

        Raises:
            ValueError: No service runs, or there is no account in *pool*.
        """
        if self._live is None:
            raise ValueError("only a running service can ask accounts: grokgate serve")
        if tokens is None:
            views = self._tokens.listing(pool=pool)
            tokens = [view.id for view in views if view.state.status != "disabled"]
            if not views:
                raise ValueError("there is no account" + (f" in the pool {pool!a}" if pool else ""))
        wanted = tuple(dict.fromkeys(tokens))

        async def tell(outcome: Surveyed) -> None:
            await report(
                Asked(
                    id=outcome.token,
                    of=len(wanted),
                    before=outcome.before,
                    after=outcome.after,
                    failure=outcome.failure,
                )
            )

        await self._live.refresh.ask(wanted, tell)

    def _state(self, token: str) -> TokenState | None:
        """Return the state now, or as it was last written where no service runs."""
        if self._live is not None:
            return self._live.home.state(token)
        record = self._tokens.records.get(token)
        return record.state if record else None

    def _is_expired(self, token: str) -> bool:
        state = self._state(token)
        return state is not None and state.status == "expired"

    def _marked(self, view: TokenView) -> TokenView:
        """Add what the running service knows of the last surveys."""
        if self._live is None:
            return view
        stale = view.id in self._live.refresh.failing
        return replace(view, stale=True) if stale else view
