"""Keeps the recorded replies of idempotent requests (D24, D28, S13).

```text
reserve ──fresh──> running ──complete──> recorded ──24 h──> gone
   │                  └──release──> gone, as if never asked
   ├─ recorded: the reply          ├─ running: Conflict idempotency_in_progress
   └─ another request under the same key, running or recorded: Conflict idempotency_mismatch
```

What runs is known to this process only, so that a crash frees it. What was recorded is sealed, and
is found again only with the owner and the key it was asked for under: neither can be read here.
"""

from datetime import timedelta
from typing import Final

import msgspec
from msgspec import Struct

from grokgate.errors import Conflict
from grokgate.objects.sealing import seal, unseal
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


class Reservation(Struct, frozen=True, eq=False):
    """The right to do the work of one request; given back to `Replies.complete` or `release`."""

    identity: bytes
    owner: str
    request: bytes


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
        self._running: dict[bytes, Reservation] = {}

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
        wanted = Reservation(
            self._vault.digest("idempotency key", f"{owner}\0{key}"),
            owner,
            self._vault.digest("idempotent request", request),
        )
        try:
            row, holder = await self._look_up(wanted)
        except BaseException:
            self.release(wanted)
            raise
        if (row or holder).request != wanted.request:
            raise _mismatch()
        if row is not None:
            return await self._unsealed(row)
        if holder is not wanted:
            raise _in_progress()
        return wanted

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
        if self._running.get(reservation.identity) is reservation:
            del self._running[reservation.identity]

    async def _look_up(self, wanted: Reservation) -> tuple[ReplyRow | None, Reservation]:
        """Find the recorded reply, else who may do the work: *wanted*, unless another one does.

        Both inside one write transaction: they take turns, so that no reply is recorded between the
        look and the reservation; and a database that cannot be written is noticed before the work.
        """
        now_ms = self._now_ms()
        holder = wanted
        async with self._database.write() as connection:
            await remove_expired_replies(connection, now_ms=now_ms, limit=_REMOVED_AT_ONCE)
            row = await find_reply(connection, wanted.identity, now_ms=now_ms)
            if row is None:
                holder = self._running.setdefault(wanted.identity, wanted)
        return row, holder

    async def _unsealed(self, row: ReplyRow) -> Reply:
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
