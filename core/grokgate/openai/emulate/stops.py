"""Finds the first of several texts in an answer that arrives in pieces, in linear time."""

from collections.abc import Sequence


class Stops:
    """Watches an answer for the first of *texts* to be complete, the longest where several are."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.found: str | None = None
        """The one that came."""
        self._watches = [_Watch(text) for text in texts if text]
        self._held = ""
        """End of the answer that may be the beginning of one of them."""

    def feed(self, piece: str) -> tuple[str, bool]:
        """Take the next piece; return what stands before any of the texts, and whether one came."""
        if not self._watches:
            return piece, False
        ends = [
            (end, -watch.size, watch.text) for watch in self._watches if (end := watch.feed(piece))
        ]
        text, held = self._held + piece, len(self._held)
        if ends:
            end, size, self.found = min(ends)
            self._held = ""
            return text[: held + end + size], True
        begun = max(watch.matched for watch in self._watches)
        certain = len(text) - begun
        self._held = text[certain:]
        return text[:certain], False

    def end(self) -> str:
        """Return what was held back."""
        held, self._held = self._held, ""
        return held


class _Watch:
    """Watches for one text (Knuth, Morris and Pratt)."""

    def __init__(self, text: str) -> None:
        self.size = len(text)
        self.matched = 0
        """Characters of the text that the answer ends with."""
        self.text = text
        self._shorter = _borders(text)

    def feed(self, piece: str) -> int:
        """Return the place in *piece* after the first complete text; 0: none ends in it."""
        text, matched, place = self.text, self.matched, 0
        while place < len(piece):
            if not matched:
                place = piece.find(text[0], place)
                if place < 0:
                    break
            while matched and text[matched] != piece[place]:
                matched = self._shorter[matched - 1]
            matched += text[matched] == piece[place]
            place += 1
            if matched == self.size:
                return place
        self.matched = matched
        return 0


def _borders(text: str) -> list[int]:
    """Return for each beginning of *text* how much of its end is a beginning too."""
    borders = [0] * len(text)
    length = 0
    for place in range(1, len(text)):
        while length and text[place] != text[length]:
            length = borders[length - 1]
        length += text[place] == text[length]
        borders[place] = length
    return borders
