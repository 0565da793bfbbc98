"""Ends an answer at a stop sequence or at its longest length, for upstreams that know neither.

What may be the beginning of a stop sequence is held back until the next piece tells.
"""

from collections.abc import Sequence
from typing import Literal

from grokgate.openai.emulate.stops import Stops
from grokgate.openai.usage import Estimate
from grokgate.upstream import Finished


class StoppedAt(Finished, frozen=True, kw_only=True, tag=True):
    """The end of an answer that came to a stop sequence."""

    sequence: str


class Cutter:
    """Takes the text of one answer.

    Args:
        stop: The answer ends before the first of these.
        most: Units of output, reasoning included (`openai-contract.md` 13); None: no limit.
    """

    def __init__(self, stop: Sequence[str], most: int | None) -> None:
        self.ended: Literal["stop", "length"] | None = None
        """Why the answer is over; None: it goes on."""
        self._stops = Stops(stop)
        self._most = most
        self._text = Estimate()
        self._thought = Estimate()

    @property
    def stopped_at(self) -> str | None:
        """The stop sequence that ended the answer."""
        return self._stops.found if self.ended == "stop" else None

    @property
    def left(self) -> int | None:
        """Units that may still come; None: no limit."""
        if self._most is None:
            return None
        return max(0, self._most - self._text.total - self._thought.total)

    def think(self, text: str) -> str:
        """Take the next piece of reasoning; return as much as the limit allows."""
        if self.ended is not None:
            return ""
        return self._within_limit(self._thought, text)

    def feed(self, text: str) -> str:
        """Take the next piece; return what certainly stands before the end."""
        if self.ended is not None:
            return ""
        certain, stopped = self._stops.feed(text)
        shown = self._within_limit(self._text, certain)
        if stopped and self.ended is None:
            self.ended = "stop"
        return shown

    def end(self) -> str:
        """Note the end of the answer; return what was held back."""
        if self.ended is not None:
            return ""
        return self._within_limit(self._text, self._stops.end())

    def _within_limit(self, count: Estimate, text: str) -> str:
        if self._most is None:
            return text
        other = self._thought if count is self._text else self._text
        kept = count.take(text, most=self._most - other.total)
        if len(kept) < len(text):
            self.ended = "length"
        return kept
