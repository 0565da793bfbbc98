"""What one WebSocket connection remembers: its newest turn, stored or not (contract 4.10)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import msgspec
from msgspec import Struct

from grokgate.errors import Overloaded
from grokgate.plugin import Room
from grokgate.upstream import Blob
from grokgate_responses.answer.objects import ResponseObject, output_items
from grokgate_responses.kept.keeper_types import Keeper
from grokgate_responses.request.items import Item
from grokgate_responses.request.storing import put_apart
from grokgate_responses.request.translate import History

MOST_BYTES: Final = 32 << 20
"""Of a turn's whole context; a larger one is not remembered."""
_CONTINUABLE: Final = frozenset({"completed", "incomplete"})


class _Remembered(Struct, frozen=True, kw_only=True):
    response_id: str
    history: History
    size: int
    """Bytes, about."""


class ConnectionKeeper:
    """The turns of one connection (`grokgate_responses.kept.keeper_types.Keeper`).

    Args:
        stored: Keeps turns for longer; asked for what is not remembered.
        room: For all connections together; what does not fit in is not remembered.
        most_bytes: Of the context that is remembered.
    """

    def __init__(self, stored: Keeper, room: Room, *, most_bytes: int = MOST_BYTES) -> None:
        self._stored = stored
        self._room = room
        self._most_bytes = most_bytes
        self._last: _Remembered | None = None

    def drop(self, response_id: str | None) -> None:
        """Forget a turn whose continuation failed."""
        if self._last is not None and self._last.response_id == response_id:
            self.forget_all()

    def forget_all(self) -> None:
        """Forget what is remembered; safe to call twice."""
        if self._last is not None:
            self._room.give_back(self._last.size)
            self._last = None

    async def reserve(self, response_id: str, *, owner: str) -> None:
        """Make sure that a turn can be kept."""
        await self._stored.reserve(response_id, owner=owner)

    async def keep(
        self,
        response: ResponseObject,
        *,
        history: History | None,
        items: tuple[Item, ...],
        blobs: Mapping[str, Blob],
        affinity: str,
        owner: str,
    ) -> bool:
        """Remember a turn in place of the one before, and keep it where ``store`` is true."""
        if response.status in _CONTINUABLE:
            answer, pictures = await put_apart(output_items(response))
            before = history or History()
            context = History(
                items=(*before.items, *items, *answer),
                blobs={**before.blobs, **blobs, **pictures},
                affinity=affinity,
            )
            self._remember(response.id, context)
        return await self._stored.keep(
            response, history=history, items=items, blobs=blobs, affinity=affinity, owner=owner
        )

    async def forget(self, response_id: str, *, owner: str) -> None:
        """Give up a reservation."""
        await self._stored.forget(response_id, owner=owner)

    async def history(self, previous_response_id: str, *, owner: str) -> History:
        """Return the context that a turn ended with."""
        if self._last is not None and self._last.response_id == previous_response_id:
            return self._last.history
        return await self._stored.history(previous_response_id, owner=owner)

    async def items(self, item_ids: Sequence[str], *, owner: str) -> History:
        """Return the items that ``item_reference`` s name."""
        last = self._last.history if self._last is not None else History()
        near = {item["id"]: item for item in last.items if item["id"] in item_ids}
        far = [item_id for item_id in item_ids if item_id not in near]
        stored = await self._stored.items(far, owner=owner) if far else History()
        return History(items=(*stored.items, *near.values()), blobs={**stored.blobs, **last.blobs})

    def _remember(self, response_id: str, history: History) -> None:
        size = len(msgspec.json.encode(history.items))
        size += sum(blob.size for blob in history.blobs.values())
        self.forget_all()
        if size > self._most_bytes:
            return
        with suppress(Overloaded):
            self._room.take(size)
            self._last = _Remembered(response_id=response_id, history=history, size=size)
