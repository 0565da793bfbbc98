"""Which proxy an account goes out by (F-CFG-40, F-CFG-62)."""

import zlib
from collections.abc import Sequence

MAX_FAILURES = 3
"""In a row, before an account moves on to the next proxy of the pool."""


class EgressTable:
    """Keeps each account on one proxy and moves it on after repeated failures.

    Failures are connections that could not be made and challenges of the upstream's guard, which
    look at the address and not at the account.
    """

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._moves: dict[str, int] = {}

    def proxy(self, account: str, *, own: str, pool: Sequence[str], single: str) -> str:
        """Choose: the account's own proxy, else one of the pool, else the single one.

        Returns:
            An address, or an empty text for a direct connection.
        """
        if own or not pool:
            return own or single
        place = zlib.crc32(account.encode()) + self._moves.get(account, 0)
        return pool[place % len(pool)]

    def worked(self, account: str) -> None:
        """Note that the upstream answered."""
        self._failures.pop(account, None)

    def failed(self, account: str) -> bool:
        """Count a failure; true: the account goes out another way from now on."""
        failures = self._failures.get(account, 0) + 1
        if failures < MAX_FAILURES:
            self._failures[account] = failures
            return False
        self._failures.pop(account, None)
        self._moves[account] = self._moves.get(account, 0) + 1
        return True
