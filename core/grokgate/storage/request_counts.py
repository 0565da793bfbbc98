"""Queries that count the request log: how requests ended, and how long they took."""

from typing import Final, Literal, TypeAlias

from msgspec import Struct
from sqlalchemy import ColumnElement, and_, case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from grokgate.storage.requests import CLIENT_LEFT, FAILED, KNOWN, is_failure
from grokgate.storage.tables import requests

Time: TypeAlias = Literal["duration_ms", "first_byte_ms"]

_UNKNOWN: Final = "model_not_found"
"""Error of requests whose model is what the client wrote, and none that was called."""
_EXACT_BITS: Final = 7
"""Times are exact below so many bits, and above it to as many of them."""
_OCTAVES: Final = 17


class Group(Struct, frozen=True, gc=False):
    """Requests that ended alike."""

    model: str
    """Empty: none was called."""
    endpoint: str
    status: int
    error: str
    """Code; empty: none, or the status alone is known."""
    count: int

    @property
    def failed(self) -> bool:
        """Whether they count as failed (F-LOG-03)."""
        return is_failure(self.status, self.error)

    @property
    def left(self) -> bool:
        """Whether their clients did not wait for the end; such ones did not fail."""
        return self.status == CLIENT_LEFT and not self.error


async def count_groups(connection: AsyncConnection, *, since_ms: int, until_ms: int) -> list[Group]:
    """Count the requests that ended in a time; its end does not belong to it."""
    columns = requests.c
    model = case((columns.error == _UNKNOWN, ""), else_=columns.model).label("called")
    alike = model, columns.endpoint, columns.status, func.coalesce(columns.error, "")
    within = _within(since_ms, until_ms)
    query = select(*alike, func.count()).where(*within, KNOWN).group_by(*alike)
    return [Group(*values) for values in await connection.execute(query)]


async def count_times(
    connection: AsyncConnection, time: Time, *, since_ms: int, until_ms: int
) -> dict[int, int]:
    """Count how long requests took that called a model and were answered, by milliseconds.

    Times above 127 ms are rounded up, by less than 2 %.
    """
    column = requests.c[time]
    rounded = _rounded(column)
    answered = and_(
        requests.c.model != "",
        column.is_not(None),
        requests.c.status < FAILED,
        requests.c.error.is_(None),
    )
    query = (
        select(rounded, func.count())
        .where(*_within(since_ms, until_ms), answered)
        .group_by(rounded)
    )
    return {row[0]: row[1] for row in await connection.execute(query)}


def _within(since_ms: int, until_ms: int) -> tuple[ColumnElement[bool], ...]:
    return requests.c.at_ms >= since_ms, requests.c.at_ms < until_ms


def _rounded(column: ColumnElement[int]) -> ColumnElement[int]:
    """Return the longest time that counts as the same, by steps that double every octave."""
    steps = [
        (column < 1 << (_EXACT_BITS + octave), (column // (1 << octave) + 1) * (1 << octave) - 1)
        for octave in range(_OCTAVES)
    ]
    return case(*steps, else_=1 << (_EXACT_BITS + _OCTAVES))
