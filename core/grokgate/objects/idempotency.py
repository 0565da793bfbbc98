"""Keeps the recorded replies of idempotent requests (D24, D28, S13).

```text
reserve ──fresh──> running ──complete──> recorded ──24 h──> gone
   │                  └──release──> gone, as if never asked
   ├─ recorded: the reply          ├─ running: Conflict idempotency_in_progress
   └─ another request under the same key, running or recorded: Conflict idempotency_mismatch
```

What runs holds a place (`bus.Places`), which no crash keeps. What was recorded is sealed, and is
found again only with the owner and the key it was asked for under: neither can be read here.
"""

from datetime import timedelta
from typing import Final

import msgspec
from msgspec import Struct

from grokgate.bus import LocalPlaces, Places
from grokgate.errors import Conflict
from grokgate.objects.sealing import seal, unseal
from grokgate.openai.ids import new_id
from grokgate.storage import Database
from grokgate.storage.replies import ReplyRow, find_reply, put_reply, remove_expired_replies
from grokgate.upstream import Clock
from grokgate.vault import Vault

REPLY_BYTES: Final = 8 << 20
"""Longest body of a reply that is recorded."""
_KEPT: Final = timedelta(hours=24)
_REMOVED_AT_ONCE: Final = 16
"""More than a reservation can add, so that expired replies never pile up."""
_REMOVED_AT_START: Final = 1000
_RETRY_S: Final = 1.0


class Reply(Struct, frozen=True, kw_only=True):
    """What a client was answered."""

    status: int
    content_type: str
    body: bytes


class Reservation(Struct, frozen=True, eq=False, kw_only=True):
    """The right to do the work of one request; given back to `Replies.complete` or `release`."""

    identity: bytes
    owner: str
    request: bytes
    place: str
    """Begins with `request`, so that others see what runs."""

    @property
    def room(self) -> str:
        """Where no other request may be at the same time."""
        return f"once:{self.identity.hex()}"


class Replies:
    """Reserves idempotency keys and records replies; used from any task of one event loop.

    Args:
        database: Where replies lie.
        vault: Seals them, and makes the digests they are found by.
        clock: Its wall time decides when they expire.
    """

    def __init__(self, database: Database, vault: Vault, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._clock = clock
        self._places: Places = LocalPlaces(clock)

    def join(self, places: Places) -> None:
        """Let each key run once over all processes that share *places*; before the first use."""
        self._places = places

    async def remove_expired(self) -> None:
        """Remove what expired while nobody ran; call it at the start."""
        async with self._database.write() as connection:
            await remove_expired_replies(connection, now_ms=self._now_ms(), limit=_REMOVED_AT_START)

    async def reserve(self, owner: str, key: str, *, request: str) -> Reservation | Reply:
        """Ask to do the work of a request, or get what it was answered before.

        Args:
            owner: Id of the client's key.
            key: The client's ``Idempotency-Key``; those of other owners have nothing to do with it.
            request: A digest of the request, to tell equal ones from others.

        Raises:
            Conflict: Another request has the key, or an equal one still runs.
            StoreUnavailable: Nothing is reserved.
        """
        digest = self._vault.digest("idempotent request", request)
        wanted = Reservation(
            identity=self._vault.digest("idempotency key", f"{owner}\0{key}"),
            owner=owner,
            request=digest,
            place=new_id(f"{digest.hex()}-"),
        )
        # First the place, then the look: whoever leaves it has recorded its reply before.
        entry = await self._places.enter(wanted.room, wanted.place, most=1)
        try:
            row = await self._look_up(wanted)
        except BaseException:
            self.release(wanted)
            raise
        if row is not None:
            self.release(wanted)
            return await self._answered(row, wanted)
        if entry.is_in:
            return wanted
        raise _in_progress() if entry.holder.startswith(digest.hex()) else _mismatch()

    async def complete(self, reservation: Reservation, reply: Reply) -> None:
        """Record the reply; it is on disk when this returns, and the reservation has ended.

        Raises:
            StoreUnavailable: Nothing was recorded; the reservation goes on.
        """
        expires_at = self._clock.now() + _KEPT
        plaintext, context = msgspec.msgpack.encode(reply), reply_context(reservation.identity)
        row = ReplyRow(
            identity=reservation.identity,
            owner=reservation.owner,
            request=reservation.request,
            sealed=await seal(self._vault, plaintext, context=context),
            expires_at=int(expires_at.timestamp() * 1000),
        )
        async with self._database.write() as connection:
            await put_reply(connection, row)
        self.release(reservation)

    def release(self, reservation: Reservation) -> None:
        """Free the key of a reservation; one that has ended is passed over."""
        self._places.leave(reservation.room, reservation.place)

    async def _look_up(self, wanted: Reservation) -> ReplyRow | None:
        """Find the recorded reply.

        In a write transaction: a database that cannot be written is noticed before the work.
        """
        now_ms = self._now_ms()
        async with self._database.write() as connection:
            await remove_expired_replies(connection, now_ms=now_ms, limit=_REMOVED_AT_ONCE)
            return await find_reply(connection, wanted.identity, now_ms=now_ms)

    async def _answered(self, row: ReplyRow, wanted: Reservation) -> Reply:
        if row.request != wanted.request:
            raise _mismatch()
        plaintext = await unseal(self._vault, row.sealed, context=reply_context(row.identity))
        return msgspec.msgpack.decode(plaintext, type=Reply)

    def _now_ms(self) -> int:
        return int(self._clock.now().timestamp() * 1000)


def reply_context(identity: bytes) -> str:
    """Return what a reply is sealed under."""
    return f"reply:{identity.hex()}"


def _in_progress() -> Conflict:
    return Conflict(
        "The first request with this Idempotency-Key is still in progress.",
        code="idempotency_in_progress",
        retry_after_s=_RETRY_S,
    )


def _mismatch() -> Conflict:
    return Conflict(
        "This Idempotency-Key was used for another request.",
        code="idempotency_mismatch",
        headers={"x-should-retry": "false"},
    )
