"""Cleaning of pasted credentials (F-TOK-06)."""

import re
import unicodedata

MAX_LENGTH = 16 * 1024

_SSO = re.compile(r"(?:^|[;:])sso=([^;]*)")


def clean(text: str) -> str:
    """Return the account cookie in *text*: a bare value, ``sso=…``, or a whole cookie header.

    The result is the identity of the token: printable ASCII without blanks.

    Raises:
        ValueError: Nothing is left, or more than 16 KiB; never repeats the text.
    """
    plain = "".join(_ascii(char) for char in text)
    found = _SSO.search(plain)
    value = found[1] if found else plain.partition(";")[0]
    if not value:
        raise ValueError("the token is empty")
    if len(value) > MAX_LENGTH:
        raise ValueError("the token is longer than 16 KiB")
    return value


def _ascii(char: str) -> str:
    if unicodedata.category(char) == "Pd":
        return "-"
    return char if "!" <= char <= "~" else ""
