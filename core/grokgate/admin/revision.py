"""The header with which a change is refused if another one came first."""

from typing import Annotated, Final, TypeAlias

from litestar.params import HeaderParameter

from grokgate.errors import InvalidRequest

IfMatch: TypeAlias = Annotated[
    str | None,
    HeaderParameter(name="if-match", description='The revision that was seen: `"3"`.'),
]
_LONGEST: Final = 18
"""Digits."""


def seen(if_match: str | None) -> int | None:
    """Return the revision that a header names; None: any.

    Raises:
        InvalidRequest: It names none.
    """
    text = (if_match or "*").strip().removeprefix("W/").strip('"')
    if text == "*":
        return None
    if not text.isascii() or not text.isdigit() or len(text) > _LONGEST:
        raise InvalidRequest("The header holds no revision.", param="if-match")
    return int(text)


def tag(revision: int) -> dict[str, str]:
    """Return the header that tells a revision."""
    return {"etag": f'"{revision}"'}
