"""Parts a model's text from its block of tool calls while it arrives.

Text is held back from the first character that may begin the block, and so is blank space in front
of it; what turns out to be no block is given out after all. A block inside a code fence is text,
unless the fence ends the answer: then the model only wrapped it.

```text
TEXT ── "<tool_calls>" ──► BLOCK ── closed, not in a fence ──► DONE
  ▲                          │ no call in it, an undeclared tool,
  └────── given out ─────────┤ or fenced with text after it
                             └ longer than a block may be ──► OFF: all the rest is text
```

How the text is cut into pieces has no influence on what comes out in the end. The time is linear:
a block is read again only when it has grown by a quarter since.
"""

import re
from collections.abc import Mapping
from typing import Literal

from grokgate.openai.emulate.block import CLOSE, OPEN, Block, NotABlock, read_block

MOST_HELD = 256 * 1024
"""Characters of a block; a longer one is text."""

_PIECE = 4096
_MOST_SPACE = 128
"""Blank space that is held back; more of it is text."""
_FENCE_LINE = re.compile(r"[ ]{0,3}(```|~~~)([^\n]{0,200})\n")
_MARK = re.compile(r"<|(?:(?<=\n)|\A)[ ]{0,3}(?:`{1,3}|~{1,3})")
_FENCE_BEGUN = re.compile(r"[ ]{0,3}(?:`{0,2}|~{0,2}|(?:```|~~~)[^\n]{0,200})")
_AFTER = re.compile(r"\s{0,200}[`~]*\s{0,200}")
_SPACE = re.compile(r"\s{0,200}")


class Sieve:
    """Takes the text of one answer.

    Args:
        customs: Declared tools; true: takes free text.
    """

    def __init__(self, customs: Mapping[str, bool]) -> None:
        self.block: Block | None = None
        """The block, once it is complete."""
        self.raw = ""
        """The block as the model wrote it, with the blank space and the fence around it."""
        self._customs = customs
        self._held = ""
        self._growing: _Growing | None = None
        """What is held, while it may be a block."""
        self._state: Literal["text", "block", "done", "off"] = "text"
        self._given = False
        """Something has been given out: leading blank space is over."""
        self._line_start = True
        """The held text begins a line."""
        self._fence = ""
        """The fence that is open; empty: none."""
        self._wrapping = ""
        """The fence line with which the held block begins."""

    def feed(self, text: str) -> str:
        """Take the next piece; return what is certainly not part of a block."""
        if self._state == "off":
            return text
        pieces = (text[start : start + _PIECE] for start in range(0, len(text), _PIECE))
        return "".join([self._take(piece) for piece in pieces])

    def end(self) -> str:
        """Note the end of the answer; return the rest of its text."""
        if self._state in ("off", "done"):
            return ""
        return self._run(final=True) + self._give(len(self._held))

    def _take(self, text: str) -> str:
        if self._state == "done":
            return ""
        if self._growing is None:
            self._held += text
        elif not self._growing.add(text):
            return ""
        return self._run(final=False)

    def _run(self, *, final: bool) -> str:
        out = []
        while True:
            before = self._state, len(self._held)
            step = self._block if self._state == "block" else self._text
            out.append(step(final=final))
            waits = self._growing is not None or self._state in ("done", "off")
            if waits or (self._state, len(self._held)) == before:
                return "".join(out)

    def _text(self, *, final: bool) -> str:
        """Give out what comes before the next mark, and see what the mark begins."""
        place = 0
        while (match := self._next_mark(place)) is not None:
            place, verdict = self._look(match.start(), final=final)
            if verdict == "hold":
                return self._give(self._trimmed(place))
            if verdict == "block":
                out = self._give(self._trimmed(place))
                self._state = "block"
                return out
        return self._give(self._trimmed(len(self._held)))

    def _next_mark(self, place: int) -> re.Match[str] | None:
        match = _MARK.search(self._held, place)
        if match is not None and match.start() == 0 and match[0] != "<" and not self._line_start:
            return _MARK.search(self._held, match.end())
        return match

    def _look(self, place: int, *, final: bool) -> tuple[int, Literal["hold", "block", "text"]]:
        """Say what stands at a mark, and from where to go on."""
        held = self._held
        if held[place] == "<":
            return self._look_at_tag(place, place, final=final)
        line = _FENCE_LINE.match(held, place)
        if line is None:
            if not final and _FENCE_BEGUN.fullmatch(held, place):
                return place, "hold"
            return place + 1, "text"
        if self._fence:
            if self._fence == line[1] and not line[2].strip("`~ \t\r"):
                self._fence = ""
            return line.end(), "text"
        inner = _SPACE.match(held, line.end())
        start = inner.end() if inner is not None else line.end()
        begins = OPEN.startswith(held[start : start + len(OPEN)])
        if begins and not (final and start == len(held)):
            end, verdict = self._look_at_tag(start, place, final=final)
            if verdict != "text":
                self._wrapping = line[1] if verdict == "block" else ""
                return end, verdict
        self._fence = line[1]
        return line.end(), "text"

    def _look_at_tag(
        self, place: int, begin: int, *, final: bool
    ) -> tuple[int, Literal["hold", "block", "text"]]:
        """Tell the opening tag, or its beginning, from any other ``<``."""
        rest = self._held[place : place + len(OPEN)]
        if rest == OPEN:
            return begin, "block"
        if OPEN.startswith(rest) and not final:
            return begin, "hold"
        return place + 1, "text"

    def _block(self, *, final: bool) -> str:
        """Read the held block; give it out if it turns out to be text."""
        growing = self._growing or _Growing(self._held)
        self._growing, self._held = growing, growing.text
        start = self._held.index(OPEN)
        if growing.block is None:
            try:
                growing.block = read_block(self._held[start:], self._customs, final=final)
            except NotABlock:
                return self._release(start + len(OPEN))
        block = growing.block
        if (growing.size if block is None else start + block.end) > MOST_HELD:
            return self._give_up()
        if block is None:
            growing.missed()
            self._held = ""
            return ""
        return self._read(block, start + block.end, final=final)

    def _read(self, block: Block, end: int, *, final: bool) -> str:
        """Take the block that ends at *end*, or give it out."""
        if any(call.name not in self._customs for call in block.calls if call.name):
            return self._release(end)
        self.raw = self._held[:end]
        if self._fence or self._wrapping:
            after = _AFTER.match(self._held, end)
            if after is None or after.end() < len(self._held):
                return self._release(end)
            if not final:
                self._held = ""
                return ""
            self.raw = self._held
        self.block, self._state, self._held, self._growing = block, "done", "", None
        return ""

    def _give_up(self) -> str:
        self._state, self._growing = "off", None
        return self._give(len(self._held))

    def _release(self, end: int) -> str:
        """Give out the held text up to *end*: it is no block after all."""
        self._fence = self._wrapping or self._fence
        self._wrapping, self._state, self._growing = "", "text", None
        return self._give(end)

    def _trimmed(self, end: int) -> int:
        """Return where the blank space before *end* begins, as far as it is held back."""
        return max(len(self._held[:end].rstrip()), end - _MOST_SPACE)

    def _give(self, end: int) -> str:
        """Give out the held text up to *end*, without blank space at the answer's beginning."""
        text, self._held = self._held[:end], self._held[end:]
        if text:
            self._line_start = text.endswith("\n")
        if not self._given:
            text = text.lstrip()
            self._given = bool(text)
        return text


class _Growing:
    """What may be a block, while it grows; says when reading it is worth while."""

    def __init__(self, text: str) -> None:
        self.size = len(text)
        self.block: Block | None = None
        """Read already; what comes after it decides."""
        self._parts = [text]
        self._tail = text[-len(CLOSE) :]
        self._missed_at = 0
        self._closed_at = 0

    @property
    def text(self) -> str:
        self._parts = ["".join(self._parts)]
        return self._parts[0]

    def add(self, text: str) -> bool:
        """Append *text*; tell whether to read it all again."""
        self._parts.append(text)
        self.size += len(text)
        window = self._tail + text
        self._tail = window[-len(CLOSE) :]
        if self.block is not None or self.size > MOST_HELD:
            return True
        if CLOSE in window and self.size * 4 >= self._closed_at * 5:
            self._closed_at = self.size
            return True
        return self.size * 4 >= self._missed_at * 5

    def missed(self) -> None:
        """Note that it is not complete."""
        self._missed_at = self.size
