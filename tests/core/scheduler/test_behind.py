from collections.abc import Sequence

import pytest
import structlog
from structlog.testing import LogCapture

from grokgate.errors import StoreUnavailable
from grokgate.scheduler.behind import WriteBehind, Writer
from grokgate.tokens.record import TokenState

pytestmark = pytest.mark.anyio

TOKENS = [f"t{number}" for number in range(2500)]


class Store:
    """Takes batches, and fails once, after so many of them."""

    def __init__(self, *, fails_after: int | None = None) -> None:
        self.batches: list[list[str]] = []
        self._fails_after = fails_after

    @property
    def tokens(self) -> list[str]:
        return [token for batch in self.batches for token in batch]

    async def write(self, states: Sequence[TokenState]) -> None:
        if len(self.batches) == self._fails_after:
            self._fails_after = None
            raise StoreUnavailable
        self.batches.append([state.id for state in states])


def writing_to(store: Store, writer: Writer | None = None) -> WriteBehind:
    log = structlog.wrap_logger(None, processors=[LogCapture()])
    return WriteBehind(
        writer or store.write, lambda token: TokenState(id=token), delay_s=lambda: 0.0, log=log
    )


async def test_many_changes_are_written_in_batches_in_their_order() -> None:
    store = Store()
    behind = writing_to(store)
    for token in TOKENS + TOKENS:
        behind.touch(token)

    await behind.flush()

    assert [len(batch) for batch in store.batches] == [1000, 1000, 500]
    assert store.tokens == TOKENS


async def test_failure_between_two_batches_loses_nothing() -> None:
    store = Store(fails_after=1)
    behind = writing_to(store)
    for token in TOKENS:
        behind.touch(token)

    with pytest.raises(StoreUnavailable):
        await behind.flush()
    await behind.flush()

    assert store.tokens == TOKENS


async def test_nothing_changed_writes_nothing() -> None:
    store = Store()

    await writing_to(store).flush()

    assert store.batches == []


async def test_change_during_a_write_is_written_by_the_next() -> None:
    store = Store()

    async def write_and_change(states: Sequence[TokenState]) -> None:
        await store.write(states)
        if store.tokens == ["early"]:
            behind.touch("late")

    behind = writing_to(store, write_and_change)
    behind.touch("early")
    await behind.flush()
    assert store.tokens == ["early"]

    await behind.flush()
    assert store.tokens == ["early", "late"]
