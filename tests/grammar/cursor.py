"""A place in a list of events, and the words for what is wrong there."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TypeAlias

Event: TypeAlias = Mapping[str, Any]


class Violation(AssertionError):
    """A rule of the contract is broken."""

    def __init__(self, rule: str, detail: object = "") -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule


class Cursor:
    """Reads events one by one."""

    def __init__(self, events: Sequence[Event]) -> None:
        self._events = events
        self._place = 0

    def next(self, *kinds: str) -> Event:
        """Take the next event, which must be of one of *kinds*."""
        kind = self.peek()
        if kind not in kinds:
            broken("order", f"{kind} where {' or '.join(kinds)} is due")
        self._place += 1
        return self._events[self._place - 1]

    def ahead(self) -> Event:
        """Return the next event without taking it; empty at the end."""
        return self._events[self._place] if self._place < len(self._events) else {}

    def peek(self) -> str:
        """Return the type of the next event; empty at the end."""
        return str(self.ahead().get("type", ""))


def broken(rule: str, detail: object = "") -> NoReturn:
    """Say that *rule* is broken."""
    raise Violation(rule, detail)
