"""Ledgers for tests."""

from collections.abc import Callable

from grokgate.scheduler.entry import Entry
from grokgate.scheduler.holding import Moment
from grokgate.scheduler.ledger import Ledger
from grokgate.tokens.record import TokenRecord
from grokgate.upstream import PoolSpec

MakeToken = Callable[..., TokenRecord]


D = ("default",)


def make_ledger(*records: TokenRecord, now: Moment, max_inflight: int = 8) -> Ledger:
    ledger = Ledger(max_inflight=max_inflight)
    ledger.declare("web", PoolSpec(name="basic", tier="basic", assumed={"default": 80}))
    for record in records:
        ledger.put(record, now)
    return ledger


def later(now: Moment, seconds: float) -> Moment:
    return Moment(now.s + seconds, now.ms + int(seconds * 1000))


def left(entry: Entry, bucket: str = "default") -> int:
    return entry.left(bucket)
