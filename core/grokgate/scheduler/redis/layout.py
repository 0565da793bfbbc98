"""Keeps processes apart that keep the ledger in different ways: those of different versions.

`LAYOUT` numbers how rows, leases, changes and daily usage lie on the server, and what scripts make
of them; it is one of the facts of a ledger.

1. A ledger is of the layout of the process that began it. One of another layout neither reads nor
   writes it: its start waits and is then refused; where it runs, it is not ready.
2. When nobody takes part in the ledger any more, a process that starts may begin it anew in its own
   layout. It makes sure of that before it reads the accounts, which the others may have written to.
3. A process that took part in a ledger before does not: what it knows is old by then.

So that they know each other, all layouts have the facts ``epoch``, ``server`` and ``layout``, and
the members: of each the epoch first, and last when it said that, in Unix ms of the server.
"""

from collections.abc import Callable
from typing import Any, Final

import anyio

from grokgate.bus.connecting import FAULTS, connected
from grokgate.errors import StateError
from grokgate.scheduler.redis.client import OtherLayout
from grokgate.scheduler.redis.scripts import Keys
from grokgate.upstream import Secret

LAYOUT: Final = 1
"""A test notices when what it stands for is changed."""
_FIRST: Final = "1"
"""Of a ledger without the fact."""
_SILENT_MS: Final = 60_000
"""Who has said nothing for so long holds no lease any more."""
_AGAIN_S: Final = 0.5


async def require_own_layout(client: Any, keys: Keys, *, is_old: bool = False) -> None:
    """Make sure that the ledger has our layout, or that nobody takes part in it.

    Args:
        client: Of the server.
        keys: Of the ledger.
        is_old: This process took part in one before; somebody else has to begin it anew.

    Raises:
        OtherLayout: It has not, and somebody does.
    """
    epoch, layout = await client.hmget(keys.facts, "epoch", "layout")
    if epoch is None or is_own(layout):
        return
    seconds, _ = await client.time()
    said = (_text(words).split() for words in await client.hvals(keys.members))
    count = sum(
        of == _text(epoch) and 1000 * seconds - int(at_ms) <= _SILENT_MS for of, *_, at_ms in said
    )
    if count or is_old:
        raise OtherLayout(
            "The ledger in Redis is that of another version of Grokgate, which keeps it in another "
            f"way (layout {_told(layout)}, not {LAYOUT}). "
            + (
                f"Stop all {count} of them first; one that was killed counts for a minute."
                if count
                else "Start this process again to begin it anew."
            )
        )


async def await_own_layout(
    address: Secret, installation: str, *, within_s: float, waiting: Callable[[str], None]
) -> None:
    """Wait until processes of another layout have ended.

    A server that does not answer is no matter here: whoever joins the ledger waits for it.

    Args:
        address: Of the server.
        installation: Keeps the keys of installations apart.
        within_s: Longest wait.
        waiting: Told the reason before each pause.

    Raises:
        StateError: They have not.
        ValueError: It is no address.
    """
    deadline = anyio.current_time() + within_s
    async with connected(address) as client:
        while True:
            try:
                await require_own_layout(client, Keys(installation))
            except FAULTS:
                return
            except OtherLayout as error:
                if anyio.current_time() >= deadline:
                    raise StateError(str(error)) from error
                waiting(str(error))
                await anyio.sleep(_AGAIN_S)
            else:
                return


def is_own(layout: bytes | str | None) -> bool:
    """Tell whether a ledger with this fact has our layout."""
    return _told(layout) == str(LAYOUT)


def _told(layout: bytes | str | None) -> str:
    return _FIRST if layout is None else _text(layout)


def _text(value: bytes | str) -> str:
    """Return what the server says, whether the client decodes it or not."""
    return value.decode() if isinstance(value, bytes) else value
