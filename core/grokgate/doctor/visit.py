"""One account tried: a quota call, and if wanted a tiny chat.

Nothing that is learned goes into the ledger: a visit changes no account's state.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from typing import Any

import anyio
from msgspec import Struct
from msgspec.structs import replace

from grokgate.catalog import Catalog
from grokgate.doctor.cause import code_of, code_of_way, spare
from grokgate.doctor.finding import Finding, Level
from grokgate.doctor.reach import bare, first_closed
from grokgate.plugin.records import Caller
from grokgate.tokens.pools import AUTO, Pools
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import (
    AccountFacts,
    Conversation,
    Finished,
    Kind,
    Observation,
    Stage,
    TextDelta,
    Tier,
    UpstreamFailure,
    Window,
    Wire,
)
from grokgate.upstreams import Line, Upstreams

CALL_S = 60.0
"""Longest time for one call."""

_CLOSE_CODES = 1_000
"""Codes of WebSockets begin here (RFC 6455, 7.4); statuses of HTTP end before."""
_DOCTOR = Caller(key_id="doctor", name="doctor")
_QUESTION = "Answer with one word: yes."
_TIERS: tuple[Tier, ...] = ("basic", "super", "heavy")
_UNKNOWN = Window(remaining=-1)


class Practice(Struct, frozen=True, kw_only=True):
    """What all visits of an examination share."""

    upstreams: Upstreams
    catalog: Catalog
    described: Mapping[str, Mapping[str, Any]]
    """By upstream id, as `UpstreamSpec.describe` tells."""
    first_s: float
    """Seconds the upstream has for its first line."""
    idle_s: float
    """Seconds it has between two reads."""
    monotonic: Callable[[], float]
    spent: Callable[[str], None]
    """Told of an account that a chat has cost something."""
    log: Any


class Visit:
    """Tries one account."""

    def __init__(self, record: TokenRecord, practice: Practice) -> None:
        self._record = record
        self._practice = practice
        self._pools = Pools(practice.upstreams.specs)
        self._facts: AccountFacts | None = None
        self._took_s = 0.0

    async def findings(self, *, chat: bool) -> AsyncIterator[Finding]:
        """Try the account; what goes wrong is a finding too."""
        upstream = self._record.upstream
        if not self._practice.upstreams.is_open(upstream):
            yield self._found("not_loaded", level="attention", upstream=upstream)
            return
        failure = await self._timed("survey", self._survey)
        if failure is not None:
            yield await self._failed(failure)
        elif self._facts is not None:
            unknown = dict.fromkeys(sorted(self._facts.unknown), _UNKNOWN)
            yield self._left({**self._facts.windows, **unknown})
            for finding in self._place(self._facts.tier):
                yield finding
        if chat:
            yield await self._chat()

    async def _survey(self) -> None:
        practice = self._practice
        self._facts = await practice.upstreams.survey(
            self._record.id, self._line(), buckets=practice.catalog.buckets(self._record.upstream)
        )

    async def _chat(self) -> Finding:
        found = self._model()
        if found is None:
            return self._found("chat_no_model", level="note")
        model, wire = found
        failure = await self._timed("converse", lambda: self._converse(wire))
        self._practice.spent(self._record.id)
        if failure is not None:
            return await self._failed(failure, spare=spare(wire, self._facts))
        return self._found("chat_works", model=model, took_s=f"{self._took_s:.1f}")

    async def _converse(self, wire: Wire) -> None:
        answered = finished = False
        async with (
            self._practice.upstreams.visit(self._record.id, self._line(), wire=wire) as session,
            aclosing(session.converse(Conversation.of_text(_QUESTION))) as events,
        ):
            async for event in events:
                answered = answered or isinstance(event, TextDelta)
                finished = isinstance(event, Finished)
        if not (answered and finished):
            kind = Kind.TRUNCATED if answered else Kind.EMPTY
            raise UpstreamFailure(_seen("converse", kind))

    async def _timed(
        self, operation: str, call: Callable[[], Awaitable[None]]
    ) -> Observation | None:
        """Make *call*; returns how it failed."""
        began = self._practice.monotonic()
        try:
            with anyio.fail_after(CALL_S):
                await call()
        except UpstreamFailure as failure:
            return replace(failure.observation, operation=operation)
        except TimeoutError:
            return _seen(operation, Kind.TIMEOUT)
        except Exception as error:  # noqa: BLE001 - a fence: a driver's code
            name = type(error).__name__
            self._practice.log.warning("doctor_call_crashed", token=self._record.id, error=name)
            return _seen(operation, Kind.MALFORMED)
        finally:
            self._took_s = self._practice.monotonic() - began
        return None

    def _model(self) -> tuple[str, Wire] | None:
        """Find the cheapest chat model for the account's pool, with quota left if one has."""
        record, practice = self._record, self._practice
        serves = practice.upstreams.specs[record.upstream].serves
        pool = self._pools.serving(record.pool, record.upstream)
        fit = [
            (not spare(wire, self._facts), _TIERS.index(tier), offer.card.id, wire)
            for offer in practice.catalog.offered(_DOCTOR)
            if offer.card.capability == "chat"
            for upstream, wire in practice.catalog.wires(offer.card)
            if upstream == record.upstream
            and pool in serves.get(tier := wire.tier or offer.card.tier, ())
        ]
        if not fit:
            return None
        *_, model, wire = min(fit, key=lambda item: item[:3])
        return model, wire

    # -- words for it ------------------------------------------------------------------------

    def _left(self, windows: Mapping[str, Window]) -> Finding:
        if not windows:
            return self._found("quota_nothing", level="attention")
        values = {"left": ", ".join(_window(*item) for item in windows.items())}
        values["took_s"] = f"{self._took_s:.1f}"
        known = [window.remaining for window in windows.values() if window.remaining >= 0]
        if known and not any(known):
            return self._found("quota_empty", level="attention", **values)
        return self._found("quota_left", level="ok", **values)

    def _place(self, tier: Tier | None) -> Iterator[Finding]:
        record = self._record
        if record.pool == AUTO:
            code = "pool_auto" if tier else "pool_auto_unknown"
            yield self._found(code, level="note", tier=tier or "")
            return
        kept = self._pools.tier(record.pool)
        if kept is None:
            yield self._found("pool_unknown", level="attention")
        elif tier is not None and tier != kept:
            fitting = self._pools.of_tier(record.upstream, tier) or "auto"
            yield self._found("pool_other", level="note", tier=tier, fitting=fitting)

    async def _failed(self, seen: Observation, *, spare: bool = False) -> Finding:
        code = code_of(seen, spare=spare)
        values = {"operation": seen.operation, "took_s": f"{self._took_s:.1f}"}
        values |= evidence(seen)
        values["wait"] = span(seen.reset_in_s) if seen.reset_in_s is not None else "?"
        values["address"] = ""
        if seen.kind is Kind.CONNECT:
            code, values["address"] = await self._way()
        return self._found(code, level="attention", **values)

    async def _way(self) -> tuple[str, str]:
        """Find where on its way a connection fails; returns a code and the address."""
        own = self._record.proxy_url
        described = self._practice.described.get(self._record.upstream, {})
        proxied = own is not None or bool(described.get("proxies"))
        routes = [bare(own.reveal())] if own is not None else list(described.get("routes", ()))
        place, address = await first_closed(routes) or ("open", ", ".join(routes))
        return code_of_way(place, proxied=proxied), address

    def _found(self, code: str, *, level: Level = "ok", **values: str) -> Finding:
        shown = {"pool": self._record.pool, "id": self._record.id, **values}
        return Finding(
            area="account", subject=self._record.id, code=code, level=level, values=shown
        )

    def _line(self) -> Line:
        return Line(first_s=self._practice.first_s, idle_s=self._practice.idle_s)


def span(seconds: float) -> str:
    """Return seconds as digits and units that read alike in both languages."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min" if minutes else f"{rest} s"


def _window(bucket: str, window: Window) -> str:
    if window.remaining < 0:
        return f"{bucket} ?"
    total = f"/{window.total}" if window.total else ""
    back = f" (+{span(window.reset_in_s)})" if window.reset_in_s and not window.remaining else ""
    return f"{bucket} {window.remaining}{total}{back}"


def evidence(seen: Observation) -> dict[str, str]:
    """Name what classified the failure: status and rule, never the upstream's text."""
    rule = seen.marker or str(seen.kind)
    if seen.status is None:
        return {"rule": rule}
    return {"rule": rule, _status_name(seen.status): str(seen.status)}


def _status_name(status: int) -> str:
    """Tell a status of HTTP from the code a socket was closed with."""
    return "close_code" if status >= _CLOSE_CODES else "http_status"


def _seen(operation: str, kind: Kind) -> Observation:
    return Observation(operation=operation, kind=kind, stage=Stage.SENT)
