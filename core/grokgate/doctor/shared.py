"""What is to be said of the server by which replicas share their leases; only looks."""

import asyncio
from importlib.util import find_spec

from grokgate.doctor.finding import Finding, Level
from grokgate.errors import StateError
from grokgate.upstream import Secret

_SLOW_MS = 25.0
"""Each request waits for an answer or two, and one that takes 250 ms counts as an outage."""


def look_at_redis(address: Secret) -> Finding:
    """Judge the server at *address*."""
    if find_spec("redis") is None:
        return _found("redis_library", level="attention")
    from grokgate.scheduler.redis.check import (  # noqa: PLC0415 - its library is optional
        OLDEST,
        POLICY,
        ask_redis,
    )

    try:
        answer = asyncio.run(ask_redis(address))
    except StateError as error:
        return _found("redis_refused", level="attention", reason=str(error))
    name, policy = answer.name, answer.policy
    if not answer.is_new_enough:
        oldest = ".".join(map(str, OLDEST))
        return _found("redis_old", level="attention", name=name, oldest=oldest)
    if not answer.keeps_all:
        return _found("redis_evicts", level="attention", name=name, policy=policy, wanted=POLICY)
    latency_ms = f"{answer.latency_ms:.1f}"
    if answer.latency_ms > _SLOW_MS:
        return _found("redis_slow", level="note", name=name, latency_ms=latency_ms)
    return _found("redis", name=name, latency_ms=latency_ms)


def _found(code: str, *, level: Level = "ok", **values: str) -> Finding:
    return Finding(area="program", code=code, level=level, values=values)
