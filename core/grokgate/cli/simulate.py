"""``grokgate simulate``: strategies compared on virtual time, and the search for faults."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from random import Random
from typing import Any

from grokgate.cli.chart import draw, sparkline
from grokgate.cli.progress import Progress
from grokgate.cli.storms import RETRIES, storms, story
from grokgate.cli.table import counted, print_table
from grokgate.errors import StartupError
from grokgate.scheduler.simulate.arrivals import Arrival, BadArrival, made_up, read_arrivals
from grokgate.scheduler.simulate.compare import POOLS, Plan, compare
from grokgate.scheduler.simulate.measure import Result
from grokgate.scheduler.simulate.shell import Rules
from grokgate.scheduler.strategy import POLICIES
from grokgate.upstream import Tier

_MOST_CALLS = 5_000_000


def simulate(arguments: argparse.Namespace) -> int:
    """Compare strategies, or look for faults; returns 1 when a fault was found."""
    if arguments.check is not None:
        return _check(arguments.check, arguments.events)
    results = _compare(_plan(arguments), arguments.policy)
    print_table([_row(result) for result in results], empty="Nothing to compare.")
    print("", *_unanswered(results), sep="\n")
    print(f"\nCalls answered over time, from {sparkline([0, 0.5, 1])} (none to all):")
    for result in results:
        print(f"  {result.policy:15} {sparkline(result.over_time)}")
    if arguments.svg is not None:
        Path(arguments.svg).write_text(draw(results), encoding="utf-8")
        print(f"\nwrote {arguments.svg}")
    return 0


def _check(seeds: range, events: int) -> int:
    progress = Progress("seeds")
    done = happened = 0
    digest = blake2b(digest_size=16)
    for tally in storms(seeds, events=events):
        done += tally.seeds
        happened += tally.events
        digest.update(tally.digest.encode())
        progress.show(done / len(seeds))
        if tally.failed is not None:
            progress.clear()
            print(story(tally.failed, events))
            return 1
    progress.clear()
    print(f"{counted(done, 'seed')}, {counted(happened, 'event')}: every invariant held.")
    print(f"digest {digest.hexdigest()}")
    return 0


def _plan(arguments: argparse.Namespace) -> Plan:
    if not arguments.tokens:
        raise StartupError("--tokens must be at least 1")
    arrivals = _arrivals(arguments)
    return Plan(
        arrivals=arrivals,
        tokens=arguments.tokens,
        pools=_pools(arguments.pools),
        faults=arguments.faults,
        seed=arguments.seed,
        rules=Rules(max_inflight=arguments.max_inflight),
    )


def _arrivals(arguments: argparse.Namespace) -> list[Arrival]:
    if arguments.arrivals is not None:
        return _recorded(arguments.arrivals)
    if arguments.rate * arguments.duration > _MOST_CALLS:
        raise StartupError(f"--rate times --duration must be at most {_MOST_CALLS} calls")
    arrivals = list(
        made_up(
            Random(arguments.seed),  # noqa: S311 - chance, not secrets
            rate=arguments.rate,
            duration_s=arguments.duration,
            faults=arguments.faults,
        )
    )
    if not arrivals:
        raise StartupError("no call comes in; raise --rate or --duration")
    return arrivals


def _recorded(file: str) -> list[Arrival]:
    try:
        arrivals = read_arrivals(Path(file))
    except BadArrival as error:
        raise StartupError(str(error)) from error
    except OSError as error:
        raise StartupError(f"--arrivals: {file}: cannot be read ({error.strerror})") from error
    if not arrivals:
        raise StartupError(f"--arrivals: {file}: holds no call; write one JSON object a line")
    return arrivals


def _compare(plan: Plan, policy: str) -> list[Result]:
    policies = sorted(POLICIES) if policy == "each" else [policy]
    if not policies or not POLICIES.issuperset(policies):
        raise StartupError(f"there is no strategy {policy!r}: {', '.join(sorted(POLICIES))}")
    results = []
    for number, name in enumerate(policies):
        progress = Progress(f"{name} ({number + 1} of {len(policies)})")
        results.append(compare(plan, name, RETRIES, progress.show))
        progress.clear()
    return results


def _row(result: Result) -> dict[str, Any]:
    return {
        "strategy": result.policy,
        "answered": f"{result.success:.1%}",
        "wait p50": f"{result.wait_p50_s:.1f} s",
        "wait p99": f"{result.wait_p99_s:.1f} s",
        "fair to keys": f"{result.keys:.3f}",
        "even use": f"{result.tokens:.3f}",
        "left over": f"{result.unused:.1%}",
        "failed again": result.avoidable,
    }


def _unanswered(results: Sequence[Result]) -> Iterator[str]:
    """Yield a line for every reason, with a column for every strategy."""
    title = f"Calls not answered, of {results[0].calls}"
    yield f"{title:34}" + "".join(f"{result.policy:>16}" for result in results)
    counts = [
        {f"no account: {code}": count for code, count in result.refused.items()}
        | {f"failed: {kind}": count for kind, count in result.failed.items()}
        for result in results
    ]
    for reason in sorted({reason for one in counts for reason in one}, reverse=True):
        yield f"  {reason:32}" + "".join(f"{one.get(reason, '-'):>16}" for one in counts)


def _pools(text: str) -> Mapping[Tier, int]:
    found: dict[Tier, int] = {}
    for part in text.split(","):
        name, _, weight = part.partition("=")
        tier = next((tier for tier in POOLS if tier == name), None)
        if tier is None or not weight.isdecimal():
            raise StartupError(f"--pools: write basic=6,super=3,heavy=1, not {text!r}")
        found[tier] = int(weight)
    if not sum(found.values()):
        raise StartupError("--pools: some pool must have accounts")
    return found
