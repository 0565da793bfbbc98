"""Who does what: an operator's change and its line of the audit trail are committed together.

Whoever serves an operator enters `acting`; the first transaction that is committed inside writes
the line with it. What became known of the act later is added when it is over (`Act.grown`). What is
written inside for its own sake, such as what calls changed before, is written as nobody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

from msgspec import Struct

_CURRENT: Final[ContextVar["Act | None"]] = ContextVar("act", default=None)


class Act(Struct, kw_only=True):
    """One thing that an operator does; filled in while it is done. Never holds a secret."""

    actor: str = ""
    """Short id of the session, ``password``, ``command`` or ``setup``; empty: nothing is noted."""
    address: str = ""
    action: str = ""
    """Such as ``tokens.delete``."""
    target: str = ""
    """Ids, or how many of what."""
    detail: dict[str, Any] = {}
    """JSON types."""
    line: str = ""
    """Id of its line in the trail; empty: it is not written yet."""
    told: tuple[str, dict[str, Any]] = ("", {})
    """What the line has as target and detail."""

    @property
    def pending(self) -> bool:
        """Whether its line has still to be written."""
        return bool(self.actor and self.action) and not self.line

    @property
    def grown(self) -> bool:
        """Whether there is more to tell than its line does."""
        return bool(self.line) and self.told != (self.target, self.detail)

    def noted(self, line: str) -> None:
        """Take down that *line* tells what is known by now."""
        self.line, self.told = line, (self.target, dict(self.detail))


@contextmanager
def acting(act: Act | None) -> Iterator[None]:
    """Do what follows as *act*; None: as nobody, for work that outlives who asked for it."""
    before = _CURRENT.set(act)
    try:
        yield
    finally:
        _CURRENT.reset(before)


def current_act() -> Act | None:
    """Return what is being done here, or None."""
    return _CURRENT.get()
