"""What the settings need of a database: a place for values that do not lie in the file."""

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from msgspec import Struct


class Stored(Struct, frozen=True, kw_only=True):
    """What the database holds."""

    values: Mapping[str, Any] = {}
    """Raw values by key."""
    version: int = 0
    """Grows by one with every change, whoever makes it."""


class Depot(Protocol):
    """Where settings lie that do not lie in the file."""

    async def load(self) -> Stored:
        """Return everything that is stored."""
        ...

    async def version(self) -> int:
        """Return the version of what is stored."""
        ...

    async def save(self, put: Mapping[str, Any], drop: Collection[str]) -> int:
        """Store the values of *put*, forget the keys of *drop*; returns the version after that.

        With neither, only what an operator does is noted in the audit trail.

        Raises:
            StoreUnavailable: Nothing was changed.
        """
        ...
