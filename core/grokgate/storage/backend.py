"""What differs between the kinds of databases; everything else is the same for them."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal, Protocol, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from grokgate.errors import StoreUnavailable

Kind: TypeAlias = Literal["local", "pgsql"]
Write: TypeAlias = Callable[[], AbstractAsyncContextManager[AsyncConnection]]
"""Begins a transaction that may write."""

READERS: Final = 3
"""Connections for transactions that do not write; for those that do there is one."""
BUSY_TIMEOUT_MS: Final = 5000
PATIENCE: Final = "patience_ms"
"""Option of a transaction: how long it waits for a lock of another program."""


class Backend(Protocol):
    """One database of one kind, with its connections."""

    kind: Kind
    name: str
    """How messages name it; holds no secret."""
    busy_timeout_ms: int
    shared: bool
    """Other processes write to it too; they and we take turns."""
    writer: AsyncEngine
    """Begins transactions that may write, on one connection."""
    readers: AsyncEngine
    """Begins transactions that see one consistent state."""

    @property
    def answers(self) -> bool:
        """Whether it is worth trying; False: it is known that it does not answer."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...

    def known(self, error: Exception, *, connected: bool) -> Exception | None:
        """Return our error for a fault of the database; None: it is one of a query.

        Args:
            error: What was raised.
            connected: False: while connecting.
        """
        ...

    def reason(self, error: StoreUnavailable) -> str:
        """Say why a start cannot use the database, and what to do."""
        ...

    def longest_wait_s(self, error: StoreUnavailable) -> float:
        """Return for how many seconds a start may wait for the end of this; 0: it has none."""
        ...

    async def find_revision(self, write: Write) -> str | None:
        """Return the mark of the database, or None when nothing was ever stored in it.

        Raises:
            StateError: It is damaged or not one of ours. It is left untouched.
            StoreUnavailable: It cannot be used now.
        """
        ...

    async def claim(self, connection: AsyncConnection, revision: str | None) -> str | None:
        """Make sure that nobody works with a schema which is about to be changed under them.

        Args:
            connection: Of the transaction that changes it.
            revision: The mark that was found.

        Returns:
            The mark as it is by now.

        Raises:
            StoreUnavailable: Somebody does.
        """
        ...

    def make_ready(self) -> None:
        """Make what has to be there before the first transaction that writes.

        Raises:
            StateError: That is not possible.
        """
        ...

    async def watch(self, write: Write, *, log: Any, lost: Callable[[], object]) -> None:
        """Look after the connections until cancelled; *lost* is told when another took over."""
        ...
