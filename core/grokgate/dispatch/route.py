"""The ways a call can take: upstreams and wires in order, each with its price."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from msgspec import Struct

from grokgate.plugin.records import Call, ModelCard
from grokgate.scheduler.cost import CostTable, Price
from grokgate.upstream import UpstreamSpec, Wire
from grokgate.upstreams import order


class Route(Struct, frozen=True, kw_only=True):
    """One upstream and wire that could serve a call."""

    upstream: str
    wire: Wire
    pools: tuple[str, ...]
    buckets: tuple[str, ...]
    price: Price


def routes(
    call: Call,
    wires: Sequence[tuple[str, Wire]],
    *,
    specs: Mapping[str, UpstreamSpec],
    rules: CostTable,
    configured: Sequence[str],
    fallback: bool,
) -> list[Route]:
    """List the routes of *call*, best first.

    Args:
        call: What is to be sent.
        wires: Entries in force, by upstream.
        specs: Loaded upstreams, by id.
        rules: For prices.
        configured: ``upstreams.order``.
        fallback: Whether the ``otherwise`` entries of a wire follow it.
    """
    return [
        Route(
            upstream=upstream,
            wire=wire,
            pools=pools,
            buckets=_buckets(call, wire),
            price=rules.price(call, upstream, wire),
        )
        for upstream, wire in _expand(_sorted(wires, configured), fallback=fallback)
        if upstream in specs
        and (pools := specs[upstream].serves.get(wire.tier or call.card.tier, ()))
    ]


def served_from(
    card: ModelCard, wires: Iterable[tuple[str, Wire]], specs: Mapping[str, UpstreamSpec]
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Yield upstream, pools and buckets of every route that some call for *card* may take."""
    for upstream, wire in _expand(wires, fallback=True):
        if upstream in specs and (pools := specs[upstream].serves.get(wire.tier or card.tier, ())):
            for buckets in (wire.buckets, *wire.buckets_when.values()):
                yield upstream, pools, buckets


def usual_ways(
    card: ModelCard,
    wires: Iterable[tuple[str, Wire]],
    specs: Mapping[str, UpstreamSpec],
    *,
    fallback: bool,
) -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...]]]:
    """Yield upstream, pools and buckets of the routes of a call without special facts, best first.

    Args:
        card: What is called.
        wires: Entries in force, by upstream, in the order they are tried.
        specs: Loaded upstreams, by id.
        fallback: Whether the ``otherwise`` entries of a wire follow it.
    """
    for upstream, wire in _expand(wires, fallback=fallback):
        if upstream in specs and (pools := specs[upstream].serves.get(wire.tier or card.tier, ())):
            yield upstream, pools, wire.buckets


def _sorted(wires: Sequence[tuple[str, Wire]], configured: Sequence[str]) -> list[tuple[str, Wire]]:
    if len(wires) == 1:
        return list(wires)
    ranks = {name: rank for rank, name in enumerate(order((n for n, _ in wires), configured))}
    return sorted(wires, key=lambda entry: ranks[entry[0]])


def _expand(wires: Iterable[tuple[str, Wire]], *, fallback: bool) -> Iterator[tuple[str, Wire]]:
    for upstream, wire in wires:
        yield upstream, wire
        if fallback:
            yield from ((upstream, other) for other in wire.otherwise)


def _buckets(call: Call, wire: Wire) -> tuple[str, ...]:
    """Return the buckets of the first fact of the call that has its own, else the usual ones."""
    if not wire.buckets_when:
        return wire.buckets
    facts = {f"{name}={value}" for name, value in call.facts.items()}
    found = (buckets for fact, buckets in wire.buckets_when.items() if fact in facts)
    return next(found, wire.buckets)
