"""Who waits, in the order of joining: whether the queue is fair is judged from this (I10).

Requests that wait for the same and have tried the same are interchangeable for the queue. Among
them it is first come first served within a key, and no key is served twice while another that
waited all the time is not.
"""

from collections.abc import Hashable, Iterator

from grokgate.scheduler.home import Want
from grokgate.scheduler.simulate.shell import Ticket


def group(want: Want) -> Hashable:
    """Return what requests have in common that can take each other's place."""
    return _same(want), want.tried


def _same(want: Want) -> Hashable:
    return want.upstream, want.pools, want.buckets, want.require_tags, want.only


class Lineup:
    """The requests that wait in one run of the program."""

    def __init__(self) -> None:
        self._joined: dict[Ticket, tuple[int, Hashable]] = {}
        self._turns: dict[str, int] = {}
        self._skipped: set[str] = set()
        """Keys whose turn may have been spent on somebody who had left."""
        self._count = 0

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._joined)

    def join(self, ticket: Ticket) -> None:
        """Somebody waits."""
        self._count += 1
        self._joined[ticket] = (self._count, group(ticket.want))

    def leave(self, ticket: Ticket) -> None:
        """Somebody waits no more."""
        self._joined.pop(ticket, None)
        if ticket.lingers:
            self._skipped.add(ticket.want.key_id)

    def forget(self, request: object) -> None:
        """Somebody was not let in."""
        for ticket in [ticket for ticket in self._joined if ticket.request is request]:
            del self._joined[ticket]

    def answer(self, ticket: Ticket) -> Iterator[str]:
        """Somebody has a reply; yield what was unfair about it."""
        joined, same = self._joined.pop(ticket, (0, None))
        key = ticket.want.key_id
        turn = self._turns.get(key, 0)
        for other, (since, theirs) in self._joined.items():
            rival = other.want.key_id
            if theirs != same or rival in self._skipped:
                continue
            if rival == key and since < joined:
                yield f"{ticket.want.request_id} overtook {other.want.request_id} within its key"
            if rival != key and max(since, self._turns.get(rival, 0)) < turn:
                yield f"{key} was served twice while {rival} waited"
        self.turn(key)

    def turn(self, key: str) -> None:
        """A key had its turn."""
        self._count += 1
        self._turns[key] = self._count

    def waiting(self) -> list[Ticket]:
        """Return one of each group that waits."""
        found: dict[Hashable, Ticket] = {}
        for ticket, (_, same) in self._joined.items():
            found.setdefault(same, ticket)
        return list(found.values())

    def everybody(self) -> list[Ticket]:
        """Return all that wait."""
        return list(self._joined)
