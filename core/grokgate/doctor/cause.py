"""Which of the known causes a failure has (`upstream-protocol.md` 12)."""

from collections.abc import Mapping

from grokgate.upstream import AccountFacts, Kind, Observation, Wire

_SURVEY = "survey"
_PLACES: Mapping[str, str] = {"dns": "connect_dns", "tcp": "connect_tcp", "tls": "connect_tls"}


def code_of(seen: Observation, *, spare: bool = False) -> str:
    """Return the code of the sentence for *seen*.

    Args:
        seen: How a call ended.
        spare: The windows the call draws from are known not to be empty, so a refusal for want of
            quota means that calls came too fast. A quota call itself draws from none.
    """
    if seen.kind is Kind.QUOTA and (spare or seen.operation == _SURVEY):
        return "too_many"
    if seen.kind is Kind.BAD_REQUEST and seen.operation == _SURVEY:
        return "malformed"
    return str(seen.kind)


def spare(wire: Wire, facts: AccountFacts | None) -> bool:
    """Tell whether all windows of *wire* are known and not empty."""
    windows = facts.windows if facts is not None else {}
    return bool(wire.buckets) and all(
        bucket in windows and windows[bucket].remaining > 0 for bucket in wire.buckets
    )


def code_of_way(place: str, *, proxied: bool) -> str:
    """Return the code for a connection that could not be made.

    Args:
        place: What `reach.trace` found at the first address of the way.
        proxied: That address is a proxy's.
    """
    if proxied:
        return "connect_proxy" if place in _PLACES else "connect_behind_proxy"
    return _PLACES.get(place, "connect")
