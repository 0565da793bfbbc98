"""``grokgate explain``: why a model finds an account or none, and what became of a request."""

import argparse
import asyncio
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from grokgate import control
from grokgate.cli.inspection import inspect_gateway
from grokgate.cli.notes import note, terminal_log
from grokgate.cli.place import data_dir, environment
from grokgate.cli.table import counted, print_json, print_table
from grokgate.errors import StartupError
from grokgate.operations import OperationFailed

_REASONS = {
    "pool": "in a pool this model does not use",
    "disabled": "disabled",
    "expired": "expired",
    "cooling": "cooling down after failures",
    "plan": "with a plan that does not include this model",
    "empty": "out of quota",
    "busy": "busy",
    "tried": "tried before for the same request",
    "untagged": "without the needed tag",
    "other_account": "not the account that made this",
}

_SOCKET_CLOSED = 1000
"""A status from here on is the code with which a socket was closed."""


def show(arguments: argparse.Namespace) -> int:
    """Explain a model as of now, or a request that was answered."""
    if (arguments.model is None) == (arguments.request is None):
        note("Name a model, or a request: --request REQUEST_ID")
        return 2
    if arguments.request is not None:
        return _show_request(arguments.request, as_json=arguments.json)
    wanted = {"model": arguments.model, "key": arguments.key}
    found = _ask("explain.model", wanted)
    if arguments.json:
        print_json(found)
    else:
        for way in found["ways"]:
            _print_way(found["model"], way)
    return 0 if any(way["candidates"] for way in found["ways"]) else 1


def _ask(name: str, arguments: Mapping[str, Any]) -> Any:
    try:
        return asyncio.run(_ask_or_look(name, arguments))
    except OperationFailed as error:
        raise StartupError(str(error)) from error


async def _ask_or_look(name: str, arguments: Mapping[str, Any]) -> Any:
    """Ask the running service; where there is none, look at what is stored."""
    try:
        return await control.ask(data_dir(environment()), name, arguments)
    except ConnectionError:
        async with inspect_gateway(terminal_log()).look() as operations:
            found = await operations.run(name, arguments)
    note("no service runs here: this is what is stored")
    return found


def _print_way(model: str, way: Mapping[str, Any]) -> None:
    windows = ("window " if len(way["buckets"]) == 1 else "windows ") + " and ".join(way["buckets"])
    cost = f"takes {counted(way['units'], 'unit')} of the {windows}"
    print(f"{model} by {way['upstream']} as {way['wire']}: {cost}")
    print(f"pools, in the order they are tried: {', '.join(way['pools'])}")
    undetected = frozenset(way["undetected"])
    if way["candidates"]:
        print(f"candidates, the first is next: by pool, within a pool by {way['policy']}")
        print_table([_candidate(one, undetected) for one in way["candidates"]], empty="")
    else:
        print(f"no candidate: {way['told']}")
        if way["next_reset_s"] is not None:
            print(f"first one back in {_span(way['next_reset_s'])}")
    _print_out(way["out"])
    if way["ruled_out"]:
        print_table([_ruled_out(one, undetected) for one in way["ruled_out"]], empty="")
    print()


def _print_out(out: Mapping[str, int]) -> None:
    counted = [f"{count} {_REASONS.get(reason, reason)}" for reason, count in out.items()]
    print(f"out: {', '.join(counted) or 'none'}")


def _pool(one: Mapping[str, Any], undetected: Collection[str]) -> str:
    if one["token"] in undetected:
        return f"auto, counted as {one['pool']}"
    return str(one["pool"])


def _candidate(scored: Mapping[str, Any], undetected: Collection[str]) -> dict[str, Any]:
    return {
        "id": scored["token"],
        "pool": _pool(scored, undetected),
        "score": f"{scored['score']:g}",
        "made of": _terms(scored["terms"]),
    }


def _terms(terms: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:g}" for name, value in terms.items() if value)


def _ruled_out(one: Mapping[str, Any], undetected: Collection[str]) -> dict[str, Any]:
    back_s = one["back_in_s"]
    return {
        "id": one["token"],
        "pool": _pool(one, undetected),
        "reason": _REASONS.get(one["reason"], one["reason"]),
        "back in": "" if back_s is None else _span(back_s),
    }


def _show_request(request_id: str, *, as_json: bool) -> int:
    """Print a request's calls and decisions; 1 when nothing is known of it."""
    found = _ask("explain.request", {"request_id": request_id})
    if as_json:
        print_json(found)
        return 0 if found["calls"] or found["decisions"] else 1
    if not found["calls"] and not found["decisions"]:
        print(
            "nothing is known of this request: the last 2000 are remembered, then only failures "
            "and a sample of the others"
        )
        return 1
    for story in found["calls"]:
        _print_call(story["call"])
    for decision in found["decisions"]:
        _print_decision(decision)
    return 0


def _print_call(call: Mapping[str, Any]) -> None:
    ended = call["outcome"] + (f" ({call['error']})" if call["error"] else "")
    duration = _span(call["duration_s"])
    cost = counted(call["units"], "unit")
    print(f"{call['model']} for {call['plugin']}: {ended} after {duration}, {cost}")
    print_table([_attempt(one) for one in call["tries"]], empty="no attempt: no account was found")
    print()


def _attempt(attempt: Mapping[str, Any]) -> dict[str, Any]:
    observation = attempt["observation"]
    return {
        "decision": attempt["decision"],
        "account": attempt["account"],
        "upstream": attempt["upstream"],
        "outcome": observation["kind"],
        "status": _status(observation["status"]),
        "stage": observation["stage"],
        "took": _span(attempt["duration_s"]),
        "units": attempt["units"],
        "penalized": attempt["penalized"],
    }


def _status(status: int | None) -> int | str | None:
    """Return an HTTP status as it is, and the code a socket was closed with in words."""
    return status if status is None or status < _SOCKET_CLOSED else f"socket closed {status}"


def _print_decision(decision: Mapping[str, Any]) -> None:
    queued = f", after {_span(decision['queued_s'])} in the queue" if decision["queued_s"] else ""
    moved = ", another than last time" if decision["moved"] else ""
    verdict = f"took {decision['chosen']}" if decision["chosen"] else f"none: {decision['told']}"
    pools = f" ({', '.join(decision['pools'])})" if decision["pools"] else ""
    wire = f" as {decision['wire']}" if decision["wire"] else ""
    where = f"{decision['upstream']}{wire}{pools}"
    print(f"decision {decision['number']} on {where}: {verdict}{queued}{moved}")
    for line in _reasons(decision["best"]):
        print(f"  {line}")
    print("  ", end="")
    _print_out(decision["out"])


def _reasons(best: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    for scored in best:
        yield f"{scored['token']} {scored['pool']} {scored['score']:g} {_terms(scored['terms'])}"


def _span(seconds: float) -> str:
    """Return seconds as people say them."""
    if seconds < 10:  # noqa: PLR2004 - shorter ones need their fraction
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
