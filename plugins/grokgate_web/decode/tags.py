"""Takes markup out of a text that arrives in pieces (`upstream-protocol.md` 2.10).

```text
text ──"<tag"──▶ opening tag ──">"──▶ content ──"</tag>"──▶ text
                      └─────"/>"──────────────────────────▶ text
```

Between pieces at most the possible beginning of a tag is held back. Markup that never ends is
dropped with the end of the text.
"""

from collections.abc import Iterable

from msgspec import Struct

MAX_KEPT = 64 * 1024
"""Characters of an element that are kept; its end is found however long it is."""


class Element(Struct, frozen=True):
    """One element that was taken out, with its tags."""

    tag: str
    markup: str


class TagFilter:
    """Separates the elements named by *tags* from the text around them."""

    def __init__(self, tags: Iterable[str]) -> None:
        self._tags = tuple(tag for tag in tags if tag)
        self._held = ""
        """Text that may be the beginning of a tag."""
        self._tag = ""
        """Tag of the element being read; empty between elements."""
        self._opening = False
        self._quote = ""
        self._slash = False
        """The opening tag's last character was a slash."""
        self._kept: list[str] = []
        self._kept_size = 0

    def feed(self, text: str) -> list[str | Element]:
        """Return what *text* completes, in order; texts are never empty."""
        if not self._tag and not self._held and "<" not in text:
            return [text] if text else []
        text, self._held = self._held + text, ""
        found: list[str | Element] = []
        while text:
            text = self._inside(text, found) if self._tag else self._outside(text, found)
        return found

    def finish(self) -> list[str | Element]:
        """Return held-back text that turned out to be no markup; more text may follow."""
        if self._tag:
            return []
        held, self._held = self._held, ""
        return [] if not held or held[1:] in self._tags else [held]

    def _outside(self, text: str, found: list[str | Element]) -> str:
        start = text.find("<")
        while start >= 0:
            tag, undecided = self._match(text, start + 1)
            if tag or undecided:
                break
            start = text.find("<", start + 1)
        if start < 0:
            found.append(text)
            return ""
        if start:
            found.append(text[:start])
        if undecided:
            self._held = text[start:]
            return ""
        self._tag, self._opening, self._quote, self._slash = tag, True, "", False
        self._kept, self._kept_size = [], 0
        self._keep("<" + tag)
        return text[start + 1 + len(tag) :]

    def _match(self, text: str, start: int) -> tuple[str, bool]:
        """Return the tag that begins at *start*, or whether more text must decide."""
        for tag in self._tags:
            after = start + len(tag)
            if len(text) <= after:
                if tag.startswith(text[start:]):
                    return "", True
            elif text.startswith(tag, start) and (text[after] in "/>" or text[after].isspace()):
                return tag, False
        return "", False

    def _inside(self, text: str, found: list[str | Element]) -> str:
        return self._opening_tag(text, found) if self._opening else self._content(text, found)

    def _opening_tag(self, text: str, found: list[str | Element]) -> str:
        for index, char in enumerate(text):
            if self._quote:
                self._quote = "" if char == self._quote else self._quote
            elif char == ">":
                self._keep(text[: index + 1])
                self._opening = False
                if self._slash:
                    found.append(self._close())
                return text[index + 1 :]
            elif char in "\"'":
                self._quote = char
            self._slash = char == "/" and not self._quote
        self._keep(text)
        return ""

    def _content(self, text: str, found: list[str | Element]) -> str:
        end = f"</{self._tag}>"
        start = text.find(end)
        if start >= 0:
            self._keep(text[: start + len(end)])
            found.append(self._close())
            return text[start + len(end) :]
        rest = _partial(text, end)
        self._keep(text[: len(text) - rest])
        self._held = text[len(text) - rest :]
        return ""

    def _keep(self, text: str) -> None:
        if self._kept_size + len(text) <= MAX_KEPT:
            self._kept.append(text)
            self._kept_size += len(text)

    def _close(self) -> Element:
        element = Element(self._tag, "".join(self._kept))
        self._tag, self._kept, self._kept_size = "", [], 0
        return element


def _partial(text: str, end: str) -> int:
    """Return how many characters at the end of *text* may begin *end*."""
    start = text.rfind("<", max(0, len(text) - len(end) + 1))
    return len(text) - start if start >= 0 and end.startswith(text[start:]) else 0
