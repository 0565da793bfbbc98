"""Usage numbers for upstreams that report none (`openai-contract.md` 13).

A character below U+0080 counts 0.27, any other 0.75; sums are rounded up. Only the two numbers of
characters are kept, so a text counts the same in one piece or in many, and a longer one never less.
"""

from collections.abc import Sequence

from grokgate.upstream import Conversation, Finished, Text, Usage

PER_MESSAGE = 4
PER_ATTACHMENT = 512
_MOST_PER_CHARACTER = 75
"""Hundredths of a unit."""


class Estimate:
    """Counts a text that may arrive in pieces."""

    __slots__ = ("_characters", "_wide")

    def __init__(self) -> None:
        self._characters = 0
        self._wide = 0

    def add(self, text: str) -> None:
        """Count the next piece."""
        self._characters += len(text)
        if not text.isascii():
            self._wide += len(text) - len(text.encode("ascii", "ignore"))

    def take(self, text: str, *, most: int) -> str:
        """Count as much of the next piece as keeps the total within *most*; return that part."""
        room = 100 * most - 27 * self._characters - 48 * self._wide
        if len(text) * _MOST_PER_CHARACTER > room:
            text = text[: _fitting(text, room)]
        self.add(text)
        return text

    @property
    def total(self) -> int:
        """Units so far: 0 for no text, else at least 1."""
        return -(-(27 * self._characters + 48 * self._wide) // 100)


def _fitting(text: str, room: int) -> int:
    """Return how many characters of *text* fit in *room* hundredths of a unit."""
    for place, character in enumerate(text):
        room -= 27 if character.isascii() else _MOST_PER_CHARACTER
        if room < 0:
            return place
    return len(text)


def estimate(text: str) -> int:
    """Count *text*: 0 when it is empty, else at least 1."""
    count = Estimate()
    count.add(text)
    return count.total


def estimate_prompt(conversation: Conversation) -> int:
    """Count the input of a call: its text, and a fixed sum per message and attachment."""
    text = Estimate()
    fixed = 0
    for message in conversation.messages:
        fixed += PER_MESSAGE
        for part in message.parts:
            if isinstance(part, Text):
                text.add(part.text)
            else:
                fixed += PER_ATTACHMENT
    return fixed + text.total


def told(ends: Sequence[Finished]) -> Usage | None:
    """Add up the upstream's own numbers of several answers; None: of one it told none."""
    usages = [end.usage for end in ends if end.usage is not None]
    if not usages or len(usages) < len(ends):
        return None
    return Usage(
        input=sum(usage.input for usage in usages),
        output=sum(usage.output for usage in usages),
        reasoning=sum(usage.reasoning for usage in usages),
    )
