"""What other processes did to the ledger, read from a stream and taken over into the view.

The stream names tokens; their rows are read when somebody has read that, so a token that changed
often is read once. A number that is missing means that too much has happened: all is read anew.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import anyio

from grokgate.scheduler.redis.client import Link, Lost
from grokgate.scheduler.redis.epochs import Epochs

Adopt: TypeAlias = Callable[[Mapping[str, bytes], Sequence[int]], None]
"""Takes rows over, and the fences of leases that expired."""
_Entry: TypeAlias = tuple[bytes, Mapping[bytes, bytes]]

_BLOCK_S = 1.0
_AT_ONCE = 500
_AGAIN_S = 0.1


class Changes:
    """Follows the stream.

    Args:
        link: To the server.
        epochs: Knows how far the view is.
        adopt: Told what has changed.
        known: Tells whether this process has a record of a token.
        log: Told when all had to be read anew.
    """

    def __init__(
        self,
        link: Link,
        epochs: Epochs,
        *,
        adopt: Adopt,
        known: Callable[[str], bool],
        log: Any,
    ) -> None:
        self._link = link
        self._epochs = epochs
        self._adopt = adopt
        self._known = known
        self._log = log

    async def run(self) -> None:
        """Follow until cancelled."""
        reader = self._link.reader(_BLOCK_S)
        try:
            while True:
                await self._link.ready()
                try:
                    await self._read(reader)
                except Lost:
                    await anyio.sleep(_AGAIN_S)
        finally:
            with anyio.CancelScope(shield=True):
                await reader.aclose()

    async def _read(self, reader: Any) -> None:
        key = self._link.keys.changes
        since = f"{self._epochs.position}-0"
        with self._link.guard(aside=True):
            found = await reader.xread({key: since}, count=_AT_ONCE, block=int(_BLOCK_S * 1000))
        with self._link.guard():
            for _, entries in found:
                await self._take(entries)

    async def _take(self, entries: Sequence[_Entry]) -> None:
        numbers = [int(name.partition(b"-")[0]) for name, _ in entries]
        if numbers[0] != self._epochs.position + 1:
            self._log.warning("ledger_changes_missed", count=numbers[0] - self._epochs.position - 1)
            await self._epochs.reload()
            return
        mine = self._link.process.encode()
        others = [fields for _, fields in entries if fields[b"by"] != mine]
        tokens = dict.fromkeys(_words(fields[b"tokens"] for fields in others))
        known = [token for token in tokens if self._known(token)]
        rows = await self._epochs.rows(known) if known else {}
        ended = [int(fence) for fence in _words(fields[b"ended"] for fields in others)]
        self._epochs.position = numbers[-1]
        self._adopt(rows, ended)


def _words(texts: Iterable[bytes]) -> list[str]:
    return [word for text in texts for word in text.decode().split()]
