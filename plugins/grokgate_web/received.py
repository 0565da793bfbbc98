"""What has come of a file, over one answer or several (F-FILE-06). Pure.

A file that broke off is continued, and no byte of another file ever gets into it:

1. Told by a strong ``ETag`` which file it is, the rest alone is asked for, on condition that it
   still is that file.
2. Otherwise all of it is asked for again; what had come is compared and not passed on twice.

Whatever says that it is another file now, or gives another part than asked for, ends it.
"""

import hashlib
import re
from collections.abc import Mapping

_RANGE = re.compile(r"bytes ([0-9]{1,18})-[0-9]{1,18}/([0-9]{1,18}|\*)\Z")
_PARTIAL = 206


class Changed(Exception):
    """The upstream gives another file now, or another part of it."""


class Received:
    """The part of one file that has come."""

    def __init__(self) -> None:
        self.size = 0
        """Bytes."""
        self._etag = ""
        """A strong one; empty: there is none, or not of these bytes."""
        self._length: int | None = None
        """Bytes of the whole file, where that is known."""
        self._digest = hashlib.sha256()
        """Of what has come, while no ``ETag`` says which file it is."""
        self._known = 0
        """Bytes still to come that had come before."""
        self._compared: hashlib._Hash | None = None
        """Of those of them that came again; None: they need not be compared."""

    @property
    def is_whole(self) -> bool:
        """Whether an answer that ended was all of it, as far as that can be told."""
        return not self._known and self._length in {None, self.size}

    def wish(self) -> tuple[tuple[str, str], ...]:
        """Return headers that ask for the rest; empty: for all of it."""
        if not (self.size and self._etag):
            return ()
        return (("Range", f"bytes={self.size}-"), ("If-Range", self._etag))

    def answered(self, status: int, headers: Mapping[str, str]) -> None:
        """Take the head of an answer in.

        Args:
            status: One of success.
            headers: Lower-case names.

        Raises:
            Changed: It is not of the same file.
        """
        encoded = headers.get("content-encoding", "identity") != "identity"
        etag = "" if encoded else _strong(headers.get("etag", ""))
        length = None if encoded else _number(headers.get("content-length", ""))
        if status == _PARTIAL:
            self._go_on(etag, headers.get("content-range", ""), encoded=encoded)
        elif self.size:
            self._begin_again(etag, length)
        else:
            self._etag, self._length = etag, length

    def take(self, piece: bytes) -> bytes:
        """Return what of *piece* has not come before; perhaps nothing.

        Raises:
            Changed: What came before was different.
        """
        if self._known:
            again, piece = piece[: self._known], piece[self._known :]
            self._compare(again)
        if not self._etag:
            self._digest.update(piece)
        self.size += len(piece)
        return piece

    def _go_on(self, etag: str, told: str, *, encoded: bool) -> None:
        found = _RANGE.match(told)
        if not self.wish() or encoded or found is None or int(found[1]) != self.size:
            raise Changed
        length = _number(found[2])
        self._check_same(etag, length)
        self._length = length if self._length is None else self._length
        self._known = 0

    def _begin_again(self, etag: str, length: int | None) -> None:
        self._check_same(etag, length)
        if self._etag and not etag:
            raise Changed
        self._known = self.size
        self._compared = None if self._etag else hashlib.sha256()

    def _check_same(self, etag: str, length: int | None) -> None:
        """Raise `Changed` if what is told of the file now is not what was told before."""
        if self._etag and etag not in {"", self._etag}:
            raise Changed
        if None not in {length, self._length} and length != self._length:
            raise Changed

    def _compare(self, again: bytes) -> None:
        self._known -= len(again)
        if self._compared is None:
            return
        self._compared.update(again)
        if not self._known and self._compared.digest() != self._digest.digest():
            raise Changed


def _strong(etag: str) -> str:
    return etag if etag.startswith('"') else ""


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() else None
