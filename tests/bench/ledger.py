"""How long the scheduler's pure core takes to lease and settle, and to take over stored tokens.

Run from the root of the repository::

    python tests/bench/ledger.py                     # up to 100 000 leased, 1 000 000 loaded
    python tests/bench/ledger.py --tokens 100000     # a smaller load

The first table has the microseconds of one pick, reserve and settle together, by strategy and
number of tokens: processor time, the best of several rounds, with 256 calls in flight, one in 20
refunded. The tokens have been used before, as in a service that runs, and the garbage collector
passes over them as it does there.

The second table has the seconds in which a ledger takes over tokens that are in memory already,
and the bytes it adds to each: *new* ones of which nothing is stored, and *used* ones with four
surveyed buckets. The ratios are of the times per token. A last line tells how long it takes to get
ready for one kind of call, and the longest step of that: for so long nothing else runs.
"""

import argparse
import gc
import resource
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from random import Random

from msgspec import Struct

from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Want
from grokgate.scheduler.ledger import Ledger
from grokgate.scheduler.select import pick, prepare
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import PoolSpec, Secret

SIZES = (1_000, 10_000, 100_000)
POLICIES = ("max_quota", "random", "score", "least_consumed")
SMALL = 10_000
LARGE = 1_000_000

_AT = Moment(1000.0, 1_700_000_000_000)
_BUCKETS = ("auto", "fast", "expert", "heavy")
_UNITS = 400
_IN_FLIGHT = 256
_CALLS = 4_000
_ROUNDS = 9
_PAGE = resource.getpagesize()


class Load(Struct, frozen=True):
    """One load."""

    tokens: int
    seconds: float
    grown: int
    """Bytes of resident memory that the process gained."""

    @property
    def us(self) -> float:
        """Microseconds per token."""
        return self.seconds / self.tokens * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the scheduler's pure core.")
    parser.add_argument("--tokens", type=int, default=LARGE)
    largest: int = parser.parse_args().tokens
    _tell("us per call     " + "".join(f"{size:>12}" for size in SIZES))
    ledgers = [in_use(size) for size in SIZES]
    for policy in POLICIES:
        times = [call_us(ledger, policy) for ledger in ledgers]
        _tell(f"{policy:16}" + "".join(f"{us:12.2f}" for us in times))
    for used in (False, True):
        few, many = load(SMALL, used=used), load(largest, used=used)
        for result in (few, many):
            _tell(_line(result, "used" if used else "new"))
        _tell(f"time per token, {largest} to {SMALL}: {many.us / few.us:.2f}")
    steps = prepare_s(largest)
    _tell(f"{largest:>9} tokens prepared: {sum(steps):6.2f} s, {max(steps) * 1e3:.0f} ms at once")


def in_use(tokens: int) -> Ledger:
    """Make a ledger of *tokens* tokens that all have been used."""
    ledger = _ledger(records(tokens, used=True))
    for number, entry in enumerate(ledger.entries.values()):
        units = entry.left("auto") - 201 - number * 7919 % 80
        ledger.settle(ledger.reserve(entry, ("auto",), units, _AT).id, units=units)
    return ledger


def call_us(ledger: Ledger, policy: str, *, rounds: int = _ROUNDS, calls: int = _CALLS) -> float:
    """Return the microseconds that one pick, reserve and settle take at best."""
    rng, want = Random(1), _want(policy)
    ledger.settle(_lease(ledger, want, rng), units=0)
    with _frozen():
        return min(_round(ledger, want, rng, calls) for _ in range(rounds)) * 1e6


def load(tokens: int, *, used: bool) -> Load:
    """Let a ledger take over *tokens* tokens."""
    stored = records(tokens, used=used)
    with _frozen():
        before, began = _resident(), time.process_time()
        ledger = _ledger(stored)
        seconds = time.process_time() - began
        assert len(ledger.entries) == tokens
        return Load(tokens, seconds, _resident() - before)


def prepare_s(tokens: int) -> list[float]:
    """Return the seconds of every step of getting ready for one kind of call."""
    ledger = _ledger(records(tokens, used=True))
    with _frozen():
        times = [time.process_time()]
        times.extend(time.process_time() for _ in prepare(ledger, _want("max_quota")))
    return [after - before for before, after in pairwise(times)]


def records(tokens: int, *, used: bool) -> list[TokenRecord]:
    """Make stored tokens: new ones, or such as they look after some use."""
    return [_record(number, used=used) for number in range(tokens)]


def _record(number: int, *, used: bool) -> TokenRecord:
    bucket = Bucket(
        remaining=_UNITS,
        total=_UNITS,
        window_s=86_400,
        reset_at_ms=_AT.ms + 3_600_000 + number,
        synced_at_ms=_AT.ms,
        source="real",
    )
    token = f"{number:016x}"
    buckets = dict.fromkeys(_BUCKETS, bucket) if used else {}
    return TokenRecord(
        id=token,
        pool="ssoBasic",
        credential=Secret(token),
        tags=("eu",),
        state=TokenState(id=token, buckets=buckets, sync_count=int(used)),
    )


def _ledger(stored: Sequence[TokenRecord]) -> Ledger:
    ledger = Ledger(max_inflight=8)
    ledger.declare("web", PoolSpec(name="ssoBasic", tier="basic", assumed={"auto": 80}))
    for record in stored:
        ledger.put(record, _AT)
    ledger.due_at()
    return ledger


def _want(policy: str) -> Want:
    return Want(
        request_id="r",
        key_id="k",
        model="m",
        deadline=0.0,
        upstream="web",
        pools=("ssoBasic",),
        buckets=("auto",),
        units=1,
        policy=policy,
    )


def _round(ledger: Ledger, want: Want, rng: Random, calls: int) -> float:
    """Return the seconds that one of *calls* calls takes."""
    open_leases = deque(_lease(ledger, want, rng) for _ in range(_IN_FLIGHT))
    began = time.process_time()
    for number in range(calls):
        open_leases.append(_lease(ledger, want, rng))
        ledger.settle(open_leases.popleft(), units=int(number % 20 > 0))
    seconds = time.process_time() - began
    for lease in open_leases:
        ledger.settle(lease, units=0)
    return seconds / calls


def _lease(ledger: Ledger, want: Want, rng: Random) -> int:
    entry = pick(ledger, want, rng, _AT)
    assert entry is not None
    return ledger.reserve(entry, want.buckets, want.units, _AT).id


@contextmanager
def _frozen() -> Iterator[None]:
    """Have the garbage collector pass over what is there, as it does in a service that runs."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _line(result: Load, kind: str) -> str:
    return (
        f"{result.tokens:>9} {kind:4} tokens: {result.seconds:6.2f} s, {result.us:5.2f} us each, "
        f"{result.grown / result.tokens:5.0f} B each"
    )


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


if __name__ == "__main__":
    main()
