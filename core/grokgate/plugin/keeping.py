"""What a plugin keeps, and what goes on for it: the services that outlive a request."""

from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Literal, Protocol

from msgspec import Struct

from grokgate.upstream import Blob


class Objects(Protocol):
    """What a plugin keeps for clients: bytes under a key, sealed at rest (S13).

    A plugin sees its own objects alone, and of these only the *owner*'s, who is the caller's
    ``key_id``: what is foreign, expired or unknown reads alike.
    """

    async def put(
        self,
        key: str,
        value: bytes,
        *,
        owner: str,
        expires_at: datetime,
        most_bytes: int | None = None,
        keep_turn: bool = False,
    ) -> None:
        """Keep *value* under *key*, in place of an older one; it is on disk when this returns.

        Args:
            key: Any text; not readable on disk.
            value: Any bytes; tens of megabytes do not hold up the loop.
            owner: Id of the key it belongs to.
            expires_at: From then on it reads like an unknown one.
            most_bytes: What the values of this owner may have together: the oldest ones are dropped
                until all fit, in the same transaction. The new one stays in any case.
            keep_turn: It takes the older one's place among those of its owner; else it is the
                newest.

        Raises:
            StoreUnavailable: Nothing was kept and nothing dropped.
        """
        ...

    async def page(
        self, *, owner: str, limit: int, newest_first: bool = True, after: str | None = None
    ) -> list[bytes]:
        """Return values of an owner by their turn; for plugins that keep one sort of small ones.

        Args:
            owner: Id of the key they belong to.
            limit: The most of them.
            newest_first: Else the oldest first.
            after: Key of the last one of the page before; None: from the beginning. Nothing follows
                one that is not there.

        Raises:
            StoreUnavailable: They cannot be read now.
        """
        ...

    async def get(self, key: str, *, owner: str) -> bytes | None:
        """Return what lies under *key*; None: unknown, expired, or another owner's.

        Raises:
            StoreUnavailable: It cannot be read now.
        """
        ...

    async def touch(self, keys: Sequence[str], *, owner: str, expires_at: datetime) -> None:
        """Make objects the newest of their owner; keys that are not there are passed over.

        Args:
            keys: All at once, in one transaction.
            owner: Id of the key they belong to.
            expires_at: Of those that would expire before; the others keep their time.

        Raises:
            StoreUnavailable: Nothing was changed.
        """
        ...

    async def delete(self, key: str, *, owner: str) -> bool:
        """Remove what lies under *key*; return whether there was something to read.

        Raises:
            StoreUnavailable: It is still there.
        """
        ...

    def seal(self, plaintext: bytes, *, owner: str) -> str:
        """Encrypt what a client is to carry and bring back; returns base64url without padding."""
        ...

    def unseal(self, text: str, *, owner: str) -> bytes | None:
        """Decrypt what `seal` made for this owner in this plugin; None: anything else."""
        ...


class Job(Protocol):
    """Background work that was started."""

    work: Callable[[], Awaitable[None]]
    """What it was started with; an object may show how far it is."""

    def cancel(self) -> None:
        """Cancel the work and return at once; safe to call twice and after its end.

        The work sees the cancellation at its next await, and has 2 s for what it shields.
        """
        ...

    async def wait(self) -> None:
        """Wait until the work has ended in whatever way; a cancelled wait leaves it alone."""
        ...


class Jobs(Protocol):
    """Background work; a plugin sees its own jobs alone, by their owner (S13).

    A job runs in the process that started it, and ends with that process at the latest. Where
    several serve one installation, each knows which jobs go on and may cancel any of them.
    """

    def start(
        self,
        kind: str,
        key: str,
        work: Callable[[], Awaitable[None]],
        *,
        owner: str,
        on_cancel: Callable[[], None] = ...,
    ) -> Job:
        """Run *work* beside the requests; what it raises is logged.

        A shutdown waits for it as it does for streams (``server.shutdown_grace_sec``), then cancels
        it. *work* is called even if it is cancelled before it began, so that it can note its end,
        and only when the other processes know that it goes on, or could not be told for a second:
        so what it keeps first is not taken for something left behind.

        Args:
            kind: Names the sort of work in logs.
            key: Tells the jobs of this kind and owner apart.
            work: Called once.
            owner: Id of the key it works for.
            on_cancel: Called when `cancel` ends it, before the work notices; so *work* can tell the
                owner's wish from the end of the process. Returns at once.

        Raises:
            Overloaded: Too many jobs run, or the gateway stops.
            ValueError: One with this kind, key and owner runs.
        """
        ...

    def find(self, kind: str, key: str, *, owner: str) -> Job | None:
        """Return the job that runs in this process; None: ended, elsewhere, or another owner's."""
        ...

    async def goes_on(self, kind: str, key: str, *, owner: str, watching: bool = False) -> bool:
        """Tell whether the job runs in any process; True while that cannot be known.

        What an object says to be running, while this is false, was interrupted; read it again
        before saying so, for the job may have noted its end meanwhile. A job whose process died
        goes on for half a minute.

        Args:
            kind: As in `start`.
            key: Likewise.
            owner: Likewise.
            watching: Its process is to know of it (`is_watched`) for three seconds.
        """
        ...

    async def is_watched(self, kind: str, key: str, *, owner: str) -> bool:
        """Tell whether another process watches a job of this one, and so needs what it keeps.

        Costs a message where there are other processes: ask now and then.
        """
        ...

    async def cancel(self, kind: str, key: str, *, owner: str) -> None:
        """Cancel the job in whatever process it runs, and wait for its end.

        Nothing happens where none runs; ask only for what is kept as running.

        Raises:
            StoreUnavailable: It may go on: its process has not answered in 5 s, or cannot be asked.
        """
        ...


class Files(Protocol):
    """What clients uploaded to ``/v1/files``; each file belongs to the key that made it."""

    async def open(self, file_id: str, *, owner: str) -> Blob:
        """Return a file for reading, any number of times while it exists.

        Raises:
            ObjectNotFound: ``file_not_found``: unknown, expired, deleted, or another key's.
            StoreUnavailable: The file cannot be read now.
        """
        ...


class MediaRef(Struct, frozen=True, kw_only=True):
    """A picture or video that is kept, and where its client finds it."""

    name: str
    """Random name with an extension; identifies it in `Media`."""
    link: str
    """Signed address that needs no key; a bare path where no public base is known (F-CFG-20)."""
    mime: str
    size: int
    """Bytes."""
    expires_at: datetime
    """End of the link."""


class Media(Protocol):
    """Generated pictures and videos; each belongs to the key that caused it."""

    @property
    def has_base(self) -> bool:
        """Whether links begin with a host; False: they are bare paths (F-CFG-20)."""
        ...

    async def save(
        self,
        source: AsyncIterable[bytes],
        *,
        kind: Literal["image", "video"],
        owner: str,
        keep_until: datetime | None = None,
    ) -> MediaRef:
        """Read *source* to its end and keep it; it is on disk when this returns.

        Args:
            source: Pieces of any size; closed at the end, if it can be. Its errors pass through,
                and nothing is kept then.
            kind: Decides the address and the limits.
            owner: Id of the key that caused it.
            keep_until: The cache limits do not remove it before; None: they may at any time.

        Raises:
            UpstreamError: The content is over the limit of its kind, or empty.
            StoreUnavailable: It cannot be written now.
        """
        ...

    async def open(self, name: str, *, owner: str) -> Blob:
        """Return what `save` kept; raises `ObjectNotFound` when unknown, removed, or foreign."""
        ...

    async def part(
        self, name: str, *, owner: str, start: int, end: int
    ) -> AsyncGenerator[bytes, None]:
        """Return its bytes from *start* up to *end* in bounded pieces; raises what `open` does."""
        ...

    async def delete(self, name: str, *, owner: str) -> bool:
        """Remove what `save` kept; return whether it was there."""
        ...
