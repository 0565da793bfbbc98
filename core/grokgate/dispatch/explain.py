"""Tells operators why a model finds an account or none, and what became of a request (F-TOK-28)."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from grokgate.catalog import Catalog
from grokgate.dispatch.desk import DispatchSettings
from grokgate.dispatch.journal import CallStory, Journal
from grokgate.dispatch.lease import want_for
from grokgate.dispatch.route import Route, routes
from grokgate.keys import KeyRing, to_caller
from grokgate.plugin.records import Call, Caller
from grokgate.scheduler.cost import CostTable
from grokgate.scheduler.home import Decision, Home, Reason, RuledOut, Scored
from grokgate.settings.token import TokenSettings
from grokgate.tokens import TokenRecord
from grokgate.tokens.pools import AUTO
from grokgate.upstream import Event, UpstreamSession, UpstreamSpec

MOST = 20
"""Accounts named one by one: candidates, and for each reason those that are out."""
_NOBODY = Caller(key_id="operator", name="operator")


class Way(Struct, frozen=True, kw_only=True):
    """One upstream and wire that could serve a model, with its accounts now."""

    upstream: str
    wire: str
    policy: str
    pools: Sequence[str]
    buckets: Sequence[str]
    units: int
    candidates: Sequence[Scored]
    """The best of them, in the order in which they would be tried."""
    out: Mapping[Reason, int]
    """Accounts that are out, by the first reason that applied."""
    ruled_out: Sequence[RuledOut]
    """Some of them for each reason, in the order in which reasons apply."""
    undetected: Sequence[str]
    """Those named that are of the pool ``auto``, and count as of another one."""
    next_reset_s: float | None
    told: str | None
    """What a client would be told; None while there is a candidate."""


class ModelView(Struct, frozen=True, kw_only=True):
    """Why a model finds an account now, or none."""

    model: Annotated[str, Meta(examples=["grok-4"])]
    ways: Sequence[Way]
    """In the order in which they are tried."""


class RequestView(Struct, frozen=True, kw_only=True):
    """What became of a request."""

    request_id: str
    calls: Sequence[CallStory]
    """Those that have ended, oldest first."""
    decisions: Sequence[Decision]
    """All that are known, oldest first."""


async def _nowhere(_request_id: str) -> Sequence[RequestView]:
    """Ask nobody."""
    return ()


class Explainer:
    """Looks, and changes nothing.

    Args:
        home: Knows the accounts.
        journal: Knows the last calls.
        catalog: Knows the models.
        keys: Knows the clients.
        records: Returns the accounts, by id.
        specs: Loaded upstreams, by id.
        rules: Prices calls.
        settings: Returns the settings now.
        elsewhere: Returns what other processes remember of a request; default: there are none.
    """

    def __init__(
        self,
        *,
        home: Home,
        journal: Journal,
        catalog: Catalog,
        keys: KeyRing,
        records: Callable[[], Mapping[str, TokenRecord]],
        specs: Mapping[str, UpstreamSpec],
        rules: CostTable,
        settings: Callable[[], DispatchSettings],
        elsewhere: Callable[[str], Awaitable[Sequence[RequestView]]] = _nowhere,
    ) -> None:
        self._home = home
        self._journal = journal
        self._catalog = catalog
        self._keys = keys
        self._records = records
        self._specs = specs
        self._rules = rules
        self._settings = settings
        self._elsewhere = elsewhere

    async def model(self, model: str, *, key: str | None = None, examples: int = MOST) -> ModelView:
        """Tell which accounts could serve *model* now, and why the others could not.

        Looks at every account, in pauses between requests.

        Args:
            model: Id or alias.
            key: Id or name of the key that asks; None: any.
            examples: How many accounts to name for each reason to be out.

        Raises:
            ModelNotFound: It is not offered, or not to this key.
            ValueError: There is no such key, or it is revoked.
        """
        caller = _NOBODY if key is None else self._caller(key)
        card = self._catalog.get(model, caller=caller).card
        settings = self._settings()
        tags = caller.token_tags
        call = Call(caller=caller, card=card, send=_nothing, require_tags=tags)
        found = routes(
            call,
            self._catalog.wires(card),
            specs=self._specs,
            rules=self._rules,
            configured=settings.upstreams.order,
            fallback=settings.grok.mode_fallback,
        )
        ways = [await self._way(call, route, settings.token, examples) for route in found]
        return ModelView(model=card.id, ways=ways)

    async def request(self, request_id: str) -> RequestView:
        """Tell what became of a request, as far as that is remembered.

        Raises:
            StoreUnavailable: The database cannot be read.
        """
        told = [self.remembered(request_id)]
        if not told[0].calls:
            told += await self._elsewhere(request_id)
        best = max(told, key=lambda view: (len(view.calls), len(view.decisions)))
        if best.calls:
            return best
        return _view(request_id, await self._journal.find(request_id), best.decisions)

    def remembered(self, request_id: str) -> RequestView:
        """Tell what this process has in memory of a request."""
        calls = self._journal.remembered(request_id)
        return _view(request_id, calls, self._home.decisions(request_id))

    async def _way(self, call: Call, route: Route, settings: TokenSettings, examples: int) -> Way:
        want = want_for(call, route, settings=settings)
        explained = await self._home.explain(want, most=MOST, examples=examples)
        decision, ruled_out = explained.decision, explained.ruled_out
        return Way(
            upstream=route.upstream,
            wire=route.wire.name,
            policy=want.policy,
            pools=route.pools,
            buckets=route.buckets,
            units=want.units,
            candidates=decision.best,
            out=decision.out,
            ruled_out=ruled_out,
            undetected=self._undetected(
                [one.token for one in decision.best] + [one.token for one in ruled_out]
            ),
            next_reset_s=decision.next_reset_s,
            told=decision.told,
        )

    def _undetected(self, tokens: Iterable[str]) -> list[str]:
        records = self._records()
        return [id_ for id_ in tokens if id_ in records and records[id_].pool == AUTO]

    def _caller(self, key: str) -> Caller:
        record = next((one for one in self._keys.listing() if key in (one.id, one.name)), None)
        if record is None:
            raise ValueError("No key is called so; `keys list` shows the ids.")
        if not record.is_active:
            raise ValueError("That key is revoked: its requests get 401.")
        return to_caller(record)


def _view(
    request_id: str, calls: Sequence[CallStory], decisions: Iterable[Decision]
) -> RequestView:
    """Put together what is known; decisions may be told twice."""
    of_calls = (decision for story in calls for decision in story.decisions)
    known = {(decision.at_ms, decision.number): decision for decision in (*of_calls, *decisions)}
    return RequestView(
        request_id=request_id, calls=calls, decisions=[known[at] for at in sorted(known)]
    )


async def _nothing(_session: UpstreamSession) -> AsyncGenerator[Event, None]:
    """Send nothing: the call is only looked at."""
    nothing: tuple[Event, ...] = ()
    for event in nothing:
        yield event
