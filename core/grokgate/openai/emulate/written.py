"""What a model wrote, as far as it is still needed once the answer is on its way."""

MOST_QUOTED = 512 * 1024
"""Characters of an answer that a correction repeats."""


class Written:
    """Keeps the end of one answer, of any length, and how it began."""

    def __init__(self) -> None:
        self.leading = 0
        """Blanks it began with."""
        self._begun = False
        self._pieces: list[str] = []
        self._length = 0

    @property
    def end(self) -> str:
        """The last `MOST_QUOTED` characters."""
        return "".join(self._pieces)[-MOST_QUOTED:]

    def add(self, text: str) -> None:
        """Take the next piece."""
        if not self._begun:
            begun = text.lstrip()
            self.leading += len(text) - len(begun)
            self._begun = bool(begun)
        self._pieces.append(text)
        self._length += len(text)
        if self._length > 2 * MOST_QUOTED:
            self._pieces = [self.end]
            self._length = MOST_QUOTED
