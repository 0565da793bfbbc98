"""What several workers tell as one: each is asked by the one that was, and answers for itself."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import astuple

from grokgate.alarms import Incident
from grokgate.dispatch.explain import Explainer, RequestView
from grokgate.gateway.parts import Parts
from grokgate.gateway.workers import Answer
from grokgate.telemetry.families import Family, Sample, combined, render

_T = TypeVar("_T")

_METRICS: Final = "metrics"
_REQUEST: Final = "request"
_ACTIVITY: Final = "activity"
_INCIDENTS: Final = "incidents"


class Activity(Struct, frozen=True):
    """What goes on now, in one worker or in all."""

    inflight: int
    """Requests of clients; neither operators' own nor jobs."""
    sockets: int
    leases_open: int
    queue_depth: int
    jobs: int


class _Request(Struct, frozen=True):
    request_id: str


def answers(gateway: Parts, explainer: Explainer) -> Mapping[str, Answer]:
    """Return what this worker tells the others; *explainer* is its own."""

    async def metrics(_arguments: Mapping[str, Any]) -> Any:
        return msgspec.to_builtins(gateway.metrics.families())

    async def request(arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _Request).request_id
        return msgspec.to_builtins(explainer.remembered(wanted))

    async def activity(_arguments: Mapping[str, Any]) -> Any:
        return msgspec.to_builtins(_activity(gateway))

    async def incidents(_arguments: Mapping[str, Any]) -> Any:
        return msgspec.to_builtins(gateway.alarms.incidents())

    return {_METRICS: metrics, _REQUEST: request, _ACTIVITY: activity, _INCIDENTS: incidents}


async def render_metrics(gateway: Parts) -> bytes:
    """Return the text of all metrics; of several workers, those of all that answer in time."""
    own = gateway.metrics.families()
    if gateway.workers is None:
        return render(own)
    asked = gateway.workers.seat
    others = await _others(gateway, list[Family], _METRICS)
    return render([*combined({asked: own, **others}, asked=asked), _answered(1 + len(others))])


async def elsewhere(gateway: Parts, request_id: str) -> Sequence[RequestView]:
    """Return what the other workers remember of a request."""
    views = await _others(gateway, RequestView, _REQUEST, request_id=request_id)
    return list(views.values())


async def activity(gateway: Parts) -> Activity:
    """Return what goes on now."""
    others = await _others(gateway, Activity, _ACTIVITY)
    each = [astuple(one) for one in (_activity(gateway), *others.values())]
    return Activity(*map(sum, zip(*each, strict=True)))


async def incidents(gateway: Parts) -> list[Incident]:
    """Return what needed an operator since the start of the processes, the last first."""
    others = await _others(gateway, list[Incident], _INCIDENTS)
    found = chain(gateway.alarms.incidents(), *others.values())
    return sorted(found, key=lambda incident: incident.at_ms, reverse=True)


async def _others(gateway: Parts, kind: type[_T], name: str, **arguments: Any) -> Mapping[int, _T]:
    """Return what the other workers answer, by seat."""
    found: dict[int, _T] = {}
    if gateway.workers is None:
        return found
    for seat, answer in (await gateway.workers.ask_others(name, **arguments)).items():
        with suppress(msgspec.ValidationError):  # of another version, about to be replaced
            found[seat] = msgspec.convert(answer, kind)
    return found


def _activity(gateway: Parts) -> Activity:
    view = gateway.home.view()
    jobs = gateway.jobs.count
    return Activity(
        inflight=gateway.drain.inflight - jobs - gateway.operators_served(),
        sockets=gateway.drain.sockets,
        leases_open=view.leases_open,
        queue_depth=view.queue_depth,
        jobs=jobs,
    )


def _answered(count: int) -> Family:
    text = "Workers whose numbers are shown here."
    return Family("grokgate_workers", text, "gauge", (), (Sample((), count),))
