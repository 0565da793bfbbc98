"""Runs storms on all processors."""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from hashlib import blake2b
from itertools import islice
from multiprocessing import get_context

from msgspec import Struct

from grokgate.dispatch.budget import RetryBudget, pause_s
from grokgate.dispatch.request import ClientRequest
from grokgate.scheduler.simulate.clients import Retries
from grokgate.scheduler.simulate.storm import Outcome, storm

RETRIES = Retries(client=ClientRequest, budget=RetryBudget, pause_s=pause_s)
"""The rules by which the gateway itself retries."""
_CHUNK = 25


class Tally(Struct, frozen=True, kw_only=True):
    """Some storms, one after the other."""

    seeds: int
    events: int
    digest: str
    """Of all that happened in them; the same on every machine."""
    failed: Outcome | None
    """The first that found a fault; those after it were not run."""


def storms(seeds: range, *, events: int, processes: int | None = None) -> Iterator[Tally]:
    """Run storms side by side; tallies come in the order of the seeds.

    Args:
        seeds: Which; at least one.
        events: How many in each, at least; the calm after a storm comes on top.
        processes: How many to use; None: one for each processor.
    """
    chunks = [seeds[start : start + _CHUNK] for start in range(0, len(seeds), _CHUNK)]
    if len(chunks) == 1:
        yield _tally(seeds, events)
        return
    workers = min(processes or os.cpu_count() or 1, len(chunks))
    # A fresh interpreter each: a fork of a process with threads may hang.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        waiting = iter(chunks)
        running = deque(
            pool.submit(_tally, chunk, events) for chunk in islice(waiting, 2 * workers)
        )
        while running:
            tally = running.popleft().result()
            running.extend(pool.submit(_tally, chunk, events) for chunk in islice(waiting, 1))
            yield tally
            if tally.failed is not None:
                pool.shutdown(wait=False, cancel_futures=True)
                return


def story(failed: Outcome, events: int) -> str:
    """Tell how a storm came to its fault, and how to see it again.

    Args:
        failed: The storm.
        events: As it was run with.
    """
    lines = (
        *failed.tail,
        "",
        f"seed {failed.seed}: {failed.wrong}",
        f"digest {failed.digest} after {failed.events} events",
        f"Again: grokgate simulate --check {failed.seed} --events {events}",
    )
    return "\n".join(lines)


def _tally(seeds: range, events: int) -> Tally:
    """Run the storms of some seeds in this process."""
    happened, digest = 0, blake2b(digest_size=16)
    for number, seed in enumerate(seeds, 1):
        outcome = storm(seed, events=events, retries=RETRIES)
        happened += outcome.events
        digest.update(outcome.digest.encode())
        if outcome.wrong is not None:
            return Tally(seeds=number, events=happened, digest=digest.hexdigest(), failed=outcome)
    return Tally(seeds=len(seeds), events=happened, digest=digest.hexdigest(), failed=None)
