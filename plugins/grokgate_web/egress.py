"""Which proxy an account goes out by (F-CFG-40, F-CFG-41, F-CFG-62, F-TOK-03)."""

import zlib

from msgspec import Struct

from grokgate.upstream import Account
from grokgate_web.settings import WebSettings

MAX_FAILURES = 3
"""In a row, before an account moves on to the next proxy of the pool."""


class Lane(Struct, frozen=True, kw_only=True):
    """The ways out that one account may take for one purpose."""

    key: str
    """Failures are counted under it."""
    own: str = ""
    """The account's own proxy, which wins over all."""
    pool: tuple[str, ...] = ()
    single: str = ""


def lane(account: Account, settings: WebSettings, *, assets: bool = False) -> Lane:
    """Return the lane of *account*.

    Args:
        account: May have a proxy of its own.
        settings: Proxies of all accounts.
        assets: For transfer of files; the lane of other calls unless it has proxies of its own.
    """
    own = account.proxy_url.reveal() if account.proxy_url else ""
    pool, single = settings.asset_proxy_pool, settings.asset_proxy_url
    if assets and (pool or single):
        return Lane(key=f"{account.id} assets", own=own, pool=pool, single=single)
    return Lane(key=account.id, own=own, pool=settings.proxy_pool, single=settings.base_proxy_url)


class EgressTable:
    """Keeps each lane on one proxy and moves it on after repeated failures.

    Failures are connections that could not be made and challenges of the upstream's guard, which
    look at the address and not at the account.
    """

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        self._moves: dict[str, int] = {}

    def proxy(self, way: Lane) -> str:
        """Choose: the account's own proxy, else one of the pool, else the single one.

        Returns:
            An address, or an empty text for a direct connection.
        """
        if way.own or not way.pool:
            return way.own or way.single
        place = zlib.crc32(way.key.encode()) + self._moves.get(way.key, 0)
        return way.pool[place % len(way.pool)]

    def worked(self, way: Lane) -> None:
        """Note that the upstream answered."""
        self._failures.pop(way.key, None)

    def failed(self, way: Lane) -> bool:
        """Count a failure; true: it was one too many, and the next proxy of a pool is taken."""
        failures = self._failures.get(way.key, 0) + 1
        if failures < MAX_FAILURES:
            self._failures[way.key] = failures
            return False
        self._failures.pop(way.key, None)
        self._moves[way.key] = self._moves.get(way.key, 0) + 1
        return True
