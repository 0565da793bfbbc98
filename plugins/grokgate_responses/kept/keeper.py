"""Keeps turns for the client's key: sealed, expiring, bounded (`openai-contract.md` 4.6).

| Key | Holds |
| :-- | :-- |
| ``resp:<id>`` | a `Record`; empty while the turn is only reserved |
| ``blob:<sha256>`` | an attachment, once per owner however many turns use it |
| ``events:<id>`` | what a background turn said, `Recorded` |

Items are found through their ids (`request.ids`): a row for each would cost a write for each.
What takes more room than a key has drops its oldest objects. Attachments are made the newest
again by each record that uses them; a record whose attachment is gone cannot be continued.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

from grokgate.errors import GatewayError, InvalidRequest, ObjectNotFound, StoreUnavailable
from grokgate.openai import MAX_ATTACHMENTS
from grokgate.plugin import Objects
from grokgate.upstream import Blob, Clock
from grokgate_responses.answer.objects import ResponseObject, output_items
from grokgate_responses.kept.records import Record, Recorded, pack, unpack
from grokgate_responses.request.ids import response_of
from grokgate_responses.request.item_parts import STORED, JsonPart, attachments
from grokgate_responses.request.items import Item
from grokgate_responses.request.storing import put_apart
from grokgate_responses.request.translate import History
from grokgate_responses.settings import ResponsesSettings

_RESERVED: Final = timedelta(hours=1)
"""How long a place is held for a turn that never ended."""
_CONTINUABLE: Final = frozenset({"completed", "incomplete"})
_MEGABYTE: Final = 1 << 20
_PIECE: Final = 1 << 20


class Services(Protocol):
    """What is needed of a `PluginContext`."""

    objects: Objects
    clock: Clock
    log: Any

    @property
    def settings(self) -> ResponsesSettings:
        """How long and how much is kept."""
        ...


class KeptBlob(Blob, frozen=True, kw_only=True):
    """An attachment that lies in the store already, and is read from there each time."""


class StoredTurns:
    """The turns that the store keeps (`grokgate_responses.kept.keeper_types.Keeper`)."""

    def __init__(self, services: Services) -> None:
        settings = services.settings
        self._objects = services.objects
        self._clock = services.clock
        self._log = services.log
        self._ttl = timedelta(hours=settings.store_ttl_hours)
        self._most_bytes = int(settings.store_max_mb * _MEGABYTE)

    async def reserve(self, response_id: str, *, owner: str) -> None:
        """Make sure that a turn can be kept."""
        expires_at = self._clock.now() + min(_RESERVED, self._ttl)
        await self._put(_turn(response_id), b"", owner=owner, expires_at=expires_at)

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
        """Keep a turn; False where ``store`` is false or nothing could be written."""
        if not response.store:
            return False
        before = history or History()
        record = Record(
            response=response,
            context=_plain(before.items),
            items=_plain(items),
            affinity=affinity,
        )
        try:
            await self._keep_blobs({**before.blobs, **blobs}, owner=owner)
            await self.put(record, owner=owner)
        except GatewayError:  # of the store, of an attachment that is gone, or of too much text
            self.not_kept(owner)
            return False
        return True

    async def put(self, record: Record, *, owner: str) -> None:
        """Keep *record*, whose attachments are kept, in place of an older one of its response.

        Raises:
            BodyTooLarge: It is more than a record may hold.
            StoreUnavailable: It was not kept.
        """
        key, packed = _turn(record.response.id), await pack(record)
        await self._put(key, packed, owner=owner, expires_at=self._clock.now() + self._ttl)

    async def forget(self, response_id: str, *, owner: str) -> None:
        """Give up a reservation; an entry that cannot be removed expires."""
        try:
            await self.delete(response_id, owner=owner)
        except StoreUnavailable:
            self._log.warning("response_not_forgotten", key_id=owner)

    async def delete(self, response_id: str, *, owner: str) -> bool:
        """Remove a turn; later ones that continued it stay as they are.

        Raises:
            StoreUnavailable: It may still be there.
        """
        await self._objects.delete(_events(response_id), owner=owner)
        return await self._objects.delete(_turn(response_id), owner=owner)

    async def find(self, response_id: str, *, owner: str) -> Record | None:
        """Return a kept turn; None: unknown, expired, another key's, or not kept yet.

        Raises:
            StoreUnavailable: Nothing can be read.
        """
        packed = await self._objects.get(_turn(response_id), owner=owner)
        return await unpack(packed, Record) if packed else None

    async def put_events(self, response_id: str, recorded: Recorded, *, owner: str) -> None:
        """Keep what a turn said.

        Raises:
            StoreUnavailable: It was not kept.
        """
        expires_at = self._clock.now() + self._ttl
        packed = await pack(recorded)
        await self._put(_events(response_id), packed, owner=owner, expires_at=expires_at)

    async def events(self, response_id: str, *, owner: str) -> Recorded | None:
        """Return what a background turn said; None: nothing is kept of it.

        Raises:
            StoreUnavailable: Nothing can be read.
        """
        packed = await self._objects.get(_events(response_id), owner=owner)
        return await unpack(packed, Recorded) if packed else None

    def not_kept(self, owner: str) -> None:
        """Note that a turn could not be written."""
        self._log.warning("response_not_kept", key_id=owner)

    async def history(self, previous_response_id: str, *, owner: str) -> History:
        """Return the context that a kept turn ended with."""
        record = await self.find(previous_response_id, owner=owner)
        if record is None:
            raise previous_not_found()
        if record.response.status not in _CONTINUABLE:
            raise InvalidRequest(
                f"The previous response is {record.response.status} and cannot be continued.",
                param="previous_response_id",
            )
        items, blobs = await self._apart((*record.context, *_own(record)), owner=owner)
        if not blobs.keys() >= set(_attached(items)):
            raise previous_not_found()
        return History(items=items, blobs=blobs, affinity=record.affinity)

    async def items(self, item_ids: Sequence[str], *, owner: str) -> History:
        """Return the kept items that ``item_reference`` s name; unknown ones are left out."""
        found: dict[str, Item] = {}
        for response_id in {found for found in map(response_of, item_ids) if found is not None}:
            record = await self.find(response_id, owner=owner)
            if record is not None and record.response.status in _CONTINUABLE:
                found |= {item["id"]: item for item in _own(record) if item["id"] in item_ids}
        items, blobs = await self._apart(found.values(), owner=owner)
        return History(items=items, blobs=blobs)

    async def _apart(
        self, kept: Iterable[Item], *, owner: str
    ) -> tuple[tuple[Item, ...], dict[str, Blob]]:
        """Return items apart from the newest of their attachments, as far as those are there."""
        items, blobs = await put_apart(kept)
        for sha, part in _attached(items).items():
            if sha not in blobs:
                blob = await self._blob(sha, part, owner=owner)
                blobs |= {sha: blob} if blob is not None else {}
        return items, blobs

    async def _blob(self, sha: str, part: JsonPart, *, owner: str) -> Blob | None:
        """Return an attachment that is there; its content is not held in memory."""
        data = await self._objects.get(_blob(sha), owner=owner)
        if data is None:
            return None
        return KeptBlob(
            name=part["name"],
            mime=part["mime"],
            size=len(data),
            open=partial(self._read, sha, owner),
        )

    async def _read(self, sha: str, owner: str) -> AsyncGenerator[bytes, None]:
        data = await self._objects.get(_blob(sha), owner=owner)
        if data is None:
            raise previous_not_found()
        for start in range(0, len(data), _PIECE):
            yield data[start : start + _PIECE]

    async def _keep_blobs(self, blobs: Mapping[str, Blob], *, owner: str) -> None:
        expires_at = self._clock.now() + self._ttl
        known = [_blob(sha) for sha, blob in blobs.items() if isinstance(blob, KeptBlob)]
        if known:
            await self._objects.touch(known, owner=owner, expires_at=expires_at)
        for sha, blob in blobs.items():
            if not isinstance(blob, KeptBlob):
                data = b"".join([piece async for piece in blob.open()])
                await self._put(_blob(sha), data, owner=owner, expires_at=expires_at)

    async def _put(self, key: str, value: bytes, *, owner: str, expires_at: datetime) -> None:
        await self._objects.put(
            key, value, owner=owner, expires_at=expires_at, most_bytes=self._most_bytes
        )


def previous_not_found() -> ObjectNotFound:
    """Say that there is nothing to continue."""
    return ObjectNotFound(
        "The previous response was not found.",
        code="previous_response_not_found",
        param="previous_response_id",
    )


def _own(record: Record) -> tuple[Item, ...]:
    """Return the items of the turn itself."""
    return (*record.items, *output_items(record.response))


def _attached(items: Sequence[Item]) -> dict[str, JsonPart]:
    """Return the newest stored attachments of *items* by SHA-256, as many as a prompt may have."""
    found: dict[str, JsonPart] = {}
    parts = [part for item in items for part in attachments(item) if STORED in part]
    for part in reversed(parts):
        if len(found) < MAX_ATTACHMENTS:
            found.setdefault(part[STORED], part)
    return found


def _plain(items: Iterable[Item]) -> tuple[dict[str, Any], ...]:
    return tuple(dict(item) for item in items)


def _turn(response_id: str) -> str:
    return f"resp:{response_id}"


def _events(response_id: str) -> str:
    return f"events:{response_id}"


def _blob(sha: str) -> str:
    return f"blob:{sha}"
