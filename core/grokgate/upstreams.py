"""The open drivers of all upstreams, and the accounts they act as."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any

from grokgate.errors import StartupError
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import (
    Account,
    AccountFacts,
    Asset,
    UpstreamContext,
    UpstreamDriver,
    UpstreamSession,
    UpstreamSpec,
    Wire,
)


def order(loaded: Iterable[str], configured: Sequence[str]) -> tuple[str, ...]:
    """Return upstream ids in the order they are tried: as configured, the rest as loaded."""
    ids = list(loaded)
    return (*(name for name in configured if name in ids), *(n for n in ids if n not in configured))


class UnknownAccount(LookupError):
    """No token has this id, or none any more."""


OPEN_S = 30.0
"""Seconds a driver has to open, and again to close."""


class Line:
    """An `Attempt` made of callbacks; those not given do nothing.

    Args:
        first_s: Seconds the upstream has for its first line.
        idle_s: Seconds it has between two reads.
        sent: Called when the body is going out.
        learned: Called with quota numbers seen in passing.
        drifted: Called with an operation and a key path.
    """

    def __init__(
        self,
        *,
        first_s: float,
        idle_s: float,
        sent: Callable[[], None] | None = None,
        learned: Callable[[AccountFacts], None] | None = None,
        drifted: Callable[[str, str], None] | None = None,
    ) -> None:
        self.first_s = first_s
        self.idle_s = idle_s
        self._sent = sent
        self._learned = learned
        self._drifted = drifted

    def sent(self) -> None:
        """Pass the note on."""
        if self._sent is not None:
            self._sent()

    def learned(self, facts: AccountFacts, /) -> None:
        """Pass the numbers on."""
        if self._learned is not None:
            self._learned(facts)

    def drifted(self, operation: str, path: str, /) -> None:
        """Pass the key path on."""
        if self._drifted is not None:
            self._drifted(operation, path)


class Upstreams:
    """All drivers of one process.

    Args:
        specs: Loaded upstreams, by id.
        contexts: What each driver is opened with, by upstream id.
        records: Tokens by id, always current.
        plugins: Name of the plugin that declares an upstream, by upstream id; default: the same.
    """

    def __init__(
        self,
        specs: Mapping[str, UpstreamSpec],
        contexts: Mapping[str, UpstreamContext[Any]],
        records: Mapping[str, TokenRecord],
        *,
        plugins: Mapping[str, str] | None = None,
    ) -> None:
        self.specs = specs
        self._plugins = plugins or {}
        self._contexts = contexts
        self._records = records
        self._drivers: dict[str, UpstreamDriver] = {}

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Upstreams"]:
        """Open every driver; leaving closes them in reverse order.

        A driver that fails to open costs its upstream and is logged; only what it raises as
        `StartupError` stops the start.
        """
        async with AsyncExitStack() as stack:
            for name in self.specs:
                log = self._contexts[name].log
                try:
                    await stack.enter_async_context(self._opened(name))
                except StartupError:
                    raise
                except Exception:  # a fence: one upstream's fault is its own
                    log.exception("upstream_not_opened", upstream=name)
            yield self

    def account(self, token: str) -> Account:
        """Return the account of a token.

        Raises:
            UnknownAccount: There is no such token.
        """
        record = self._record(token)
        return Account(
            id=record.id,
            pool=record.pool,
            credential=record.credential,
            proxy_url=record.proxy_url,
            kept=record.state.kept,
        )

    def is_open(self, upstream: str) -> bool:
        """Tell whether *upstream* has an open driver."""
        return upstream in self._drivers

    def plugin_of(self, upstream: str) -> str:
        """Name the plugin that declares *upstream*."""
        return self._plugins.get(upstream, upstream)

    def driver(self, upstream: str) -> UpstreamDriver:
        """Return the open driver of *upstream*."""
        return self._drivers[upstream]

    @asynccontextmanager
    async def visit(
        self, token: str, line: Line, *, wire: Wire | None = None
    ) -> AsyncIterator[UpstreamSession]:
        """Act as one given account, without a lease: for chores.

        Raises:
            UnknownAccount: There is no such token, or its upstream is not loaded.
        """
        driver = self._driver_of(token)
        async with driver.session(self.account(token), wire, line) as session:
            yield session

    async def survey(self, token: str, line: Line, *, buckets: frozenset[str]) -> AccountFacts:
        """Ask for the quota of one account.

        Raises:
            UpstreamFailure: Nothing was learned.
            UnknownAccount: There is no such token, or its upstream is not loaded.
        """
        return await self._driver_of(token).survey(self.account(token), line, buckets=buckets)

    async def fetch(self, asset: Asset, line: Line) -> AsyncGenerator[bytes, None]:
        """Stream an asset with the account that owns it."""
        async with (
            self.visit(asset.account, line) as session,
            aclosing(session.fetch(asset)) as pieces,
        ):
            async for piece in pieces:
                yield piece

    def upstream_of(self, token: str) -> str:
        """Return the upstream of a token.

        Raises:
            UnknownAccount: There is no such token.
        """
        return self._record(token).upstream

    @asynccontextmanager
    async def _opened(self, upstream: str) -> AsyncIterator[None]:
        """Keep one driver open; what it raises when it is closed is logged."""
        context = self._contexts[upstream]
        log, opening = context.log, self.specs[upstream].open(context)
        # No scope of anyio: a driver may open a task group that outlives its entry.
        async with asyncio.timeout(OPEN_S):
            self._drivers[upstream] = await opening.__aenter__()
        try:
            yield
        finally:
            del self._drivers[upstream]
            try:
                async with asyncio.timeout(OPEN_S):
                    await opening.__aexit__(None, None, None)
            except Exception:
                log.exception("upstream_not_closed", upstream=upstream)

    def _driver_of(self, token: str) -> UpstreamDriver:
        try:
            return self._drivers[self._record(token).upstream]
        except KeyError:
            raise UnknownAccount(f"the upstream of {token} is not loaded") from None

    def _record(self, token: str) -> TokenRecord:
        try:
            return self._records[token]
        except KeyError:
            raise UnknownAccount(token) from None
