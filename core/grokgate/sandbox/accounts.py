"""Simulated accounts at work: what requests do to them.

A quota window opens at its first use, holds for its length on the virtual clock, and then is full
again (upstream-protocol.md 4.3). Units are really taken from it.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Any

import msgspec
from msgspec import Struct

from grokgate.sandbox.catalogue import PROTOCOLS, Catalogue, Protocol, WindowSize
from grokgate.sandbox.clock import VirtualClock
from grokgate.sandbox.fixtures import AccountFixture, WindowFixture
from grokgate.sandbox.request import Reply

FILE_SPACE = 128 * 1024 * 1024
"""Bytes of files kept per account; the oldest go first."""
CONVERSATIONS = 1_000
"""Conversations that an account can go on with."""
POSTS_KEPT = 1_000
"""Media posts kept per account; the oldest go first."""


class QuotaWindow(Struct, kw_only=True):
    """What an account has left; times are Unix seconds of the virtual clock."""

    total: int
    window_s: int
    remaining: int
    opened_at: float | None = None
    """First use; None: untouched."""

    def take(self, units: int, now: float) -> bool:
        """Take *units* if there are as many; the first use opens the window."""
        self.settle(now)
        if self.remaining < units:
            return False
        if self.opened_at is None:
            self.opened_at = now
        self.remaining -= units
        return True

    def settle(self, now: float) -> None:
        """Fill the window again once its time has passed."""
        if self.opened_at is not None and now >= self.opened_at + self.window_s:
            self.remaining = self.total
            self.opened_at = None

    def wait_s(self, now: float) -> int:
        """Return whole seconds until the window is full again."""
        opened_at = now if self.opened_at is None else self.opened_at
        return max(1, ceil(opened_at + self.window_s - now))


class StoredFile(Struct, kw_only=True):
    """A file in an account's space, uploaded or generated."""

    id: str
    name: str
    mime: str
    content: bytes
    created_at: float
    """Unix seconds."""
    used_at: float
    path: str = ""
    """Below the owner's folder; empty: that of an upload."""
    source: str = ""
    """``file_source`` of an upload in parts."""
    public: bool = False
    """Anyone may read it at the public host."""


class Post(Struct, frozen=True, kw_only=True):
    """A media post: what edits and videos name as their parent (upstream-protocol.md 7.1)."""

    id: str
    media_type: str
    prompt: str = ""
    media_url: str = ""
    created_at: float
    """Unix seconds."""


class Account:
    """An account at work."""

    def __init__(
        self, fixture: AccountFixture, catalogue: Catalogue, *, protocol: Protocol, now: float
    ) -> None:
        self.fixture = fixture
        self.token = fixture.token
        self.user_id = fixture.user_id or str(uuid.uuid5(uuid.NAMESPACE_URL, fixture.token))
        self.email = fixture.email or f"{self.user_id[:8]}@sandbox.invalid"
        self.protocol: Protocol = fixture.protocol or protocol
        self.windows = {
            known: _windows(fixture.buckets, catalogue.tables[known].windows[fixture.tier], now)
            for known in PROTOCOLS
        }
        """Quota windows by protocol and name."""
        self.files: dict[str, StoredFile] = {}
        """By id, oldest first."""
        self.imagine = _windows(fixture.imagine, catalogue.imagine[fixture.tier], now)
        """Windows of pictures and videos by product; a product that is not offered is missing."""
        self.nsfw_enabled = fixture.nsfw.enabled and fixture.nsfw.entitled
        self.posts: dict[str, Post] = {}
        self.requests = 0
        """Chat calls so far; seeds the next answer."""
        self.units_taken = 0
        """Units ever taken, over all windows."""
        self.unread: Reply | None = None
        """Refusal of a handshake, for the session probe after it; clients read no body there."""
        self.conversations: dict[str, str] = {}
        """Id of the last answer, by conversation."""

    @property
    def modes_protocol(self) -> Protocol:
        """The generation whose modes and windows count for a call that names a mode.

        The two generations with modes ask for quota in the same words, so an account answers both
        from one table.
        """
        return "2026-04" if self.protocol == "2026-02" else self.protocol

    def window(self, name: str, protocol: Protocol | None = None) -> QuotaWindow:
        """Return a quota window; one that the tier does not have holds nothing."""
        windows = self.windows[protocol or self.protocol]
        return windows.get(name) or QuotaWindow(total=0, window_s=7_200, remaining=0)

    def key(self, file: StoredFile) -> str:
        """Return the path of a file at the asset host."""
        return f"users/{self.user_id}/{file.path or f'{file.id}/content'}"

    def publish(self, post: Post) -> None:
        """Keep a media post; the oldest one goes when there are very many."""
        self.posts[post.id] = post
        if len(self.posts) > POSTS_KEPT:
            del self.posts[next(iter(self.posts))]

    def file_at(self, key: str) -> StoredFile | None:
        """Look up a file by its path at the asset host; a preview is its whole picture."""
        whole = key.replace("-part-0/", "/")
        return next((file for file in self.files.values() if self.key(file) == whole), None)

    def take(self, window: QuotaWindow, units: int, now: float) -> bool:
        """Take *units* for an answer that begins now."""
        taken = window.take(units, now)
        if taken:
            self.units_taken += units
        return taken

    def keep(self, file: StoredFile) -> None:
        """Store *file*; the oldest files make room for it."""
        self.files[file.id] = file
        used = sum(len(kept.content) for kept in self.files.values())
        for oldest in list(self.files.values()):
            if used <= FILE_SPACE or oldest is file:
                return
            used -= len(oldest.content)
            del self.files[oldest.id]

    def remember(self, conversation_id: str, answer_id: str) -> None:
        """Keep the last answer of a conversation; the oldest conversations are forgotten."""
        self.conversations.pop(conversation_id, None)
        self.conversations[conversation_id] = answer_id
        if len(self.conversations) > CONVERSATIONS:
            del self.conversations[next(iter(self.conversations))]

    def report(self, now: float) -> dict[str, Any]:
        """Return the account as the control plane shows it."""
        for window in (*self.windows[self.protocol].values(), *self.imagine.values()):
            window.settle(now)
        return {
            **msgspec.to_builtins(self.fixture),
            "user_id": self.user_id,
            "email": self.email,
            "protocol": self.protocol,
            "buckets": msgspec.to_builtins(self.windows[self.protocol]),
            "imagine": msgspec.to_builtins(self.imagine),
            "nsfw": {**msgspec.to_builtins(self.fixture.nsfw), "enabled": self.nsfw_enabled},
            "files": [{"id": file.id, "name": file.name} for file in self.files.values()],
            "posts": [post.id for post in self.posts.values()],
            "requests": self.requests,
            "units_taken": self.units_taken,
        }


class Accounts:
    """All accounts of a sandbox, by token."""

    def __init__(
        self,
        fixtures: Iterable[AccountFixture],
        catalogue: Catalogue,
        *,
        clock: VirtualClock,
        protocol: Protocol,
    ) -> None:
        self.catalogue = catalogue
        self._clock = clock
        self._protocol: Protocol = protocol
        self._first = tuple(fixtures)
        self._by_token: dict[str, Account] = {}
        self.replace(self._first)

    def __getitem__(self, token: str) -> Account:
        return self._by_token[token]

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_token.values())

    def __len__(self) -> int:
        return len(self._by_token)

    def find(self, token: str) -> Account | None:
        """Look up the account of a cookie value."""
        return self._by_token.get(token)

    def replace(self, fixtures: Iterable[AccountFixture]) -> None:
        """Start over with *fixtures*; quotas are full and files are gone."""
        self._by_token = {fixture.token: self._made(fixture) for fixture in fixtures}

    def reset(self) -> None:
        """Return to the accounts of the beginning."""
        self.replace(self._first)

    def forget_refusals(self) -> None:
        """Drop what session probes would still tell of refused handshakes."""
        for account in self:
            account.unread = None

    def put(self, fixture: AccountFixture) -> Account:
        """Add an account, or start one over."""
        account = self._by_token[fixture.token] = self._made(fixture)
        return account

    def change(self, token: str, **fields: Any) -> None:
        """Change what is stated about an account, such as its status; quota and files stay.

        The fields ``tier``, ``protocol`` and ``buckets`` take effect with `put` only.
        """
        account = self._by_token[token]
        account.fixture = msgspec.structs.replace(account.fixture, **fields)

    def _made(self, fixture: AccountFixture) -> Account:
        now = self._clock.epoch_s()
        return Account(fixture, self.catalogue, protocol=self._protocol, now=now)


def _windows(
    stated: Mapping[str, WindowFixture], sizes: Mapping[str, WindowSize], now: float
) -> dict[str, QuotaWindow]:
    full = {
        name: WindowFixture(total=size.total, window_s=size.window_s)
        for name, size in sizes.items()
    }
    return {name: _window(window, now) for name, window in {**full, **stated}.items()}


def _window(stated: WindowFixture, now: float) -> QuotaWindow:
    remaining = stated.total if stated.remaining is None else stated.remaining
    return QuotaWindow(
        total=stated.total,
        window_s=stated.window_s,
        remaining=remaining,
        opened_at=now if remaining < stated.total else None,
    )
