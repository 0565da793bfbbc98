"""Simulated accounts: what a test states about them, and what requests do to them.

A quota window opens at its first use, holds for its length on the virtual clock, and then is full
again (upstream-protocol.md 4.3). Units are really taken from it.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from math import ceil
from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import Struct

from grokgate.sandbox.catalogue import PROTOCOLS, TIERS, Catalogue, Protocol, WindowSize
from grokgate.sandbox.clock import VirtualClock
from grokgate.upstream import Tier

Status: TypeAlias = Literal["ok", "expired", "blocked", "suspended"]
Statsig: TypeAlias = Literal["off", "any", "legacy", "static"]

FILE_SPACE = 128 * 1024 * 1024
"""Bytes of files kept per account; the oldest go first."""


class WindowFixture(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A quota window that differs from the table of the account's tier."""

    total: int
    window_s: int
    remaining: int | None = None
    """None: full and not yet opened; less than the total: opened at the start."""


class AccountFixture(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is stated about an account; the same fields arrive over the control plane."""

    token: str
    """Value of the ``sso`` cookie."""
    tier: Tier = "basic"
    user_id: str = ""
    """UUID; empty: derived from the token."""
    email: str = ""
    status: Status = "ok"
    protocol: Protocol | None = None
    """None: that of the sandbox."""
    exhausted: Literal["http", "in_band"] = "http"
    """How an empty window is told: status 429, or the usage limit line after status 200."""
    cf_required: bool = False
    cf_value: str = ""
    """What ``cf_clearance`` must be."""
    user_agent_pin: str = ""
    """The ``User-Agent`` the clearance belongs to; empty: any."""
    statsig: Statsig = "off"
    statsig_value: str = ""
    """What ``x-statsig-id`` must be with ``static``."""
    buckets: Mapping[str, WindowFixture] = {}
    """Quota windows by name, over those of the table."""


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
    """A file in an account's space."""

    id: str
    name: str
    mime: str
    content: bytes
    created_at: float
    """Unix seconds."""
    used_at: float


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
            known: _windows(fixture, catalogue.tables[known].windows[fixture.tier], now)
            for known in PROTOCOLS
        }
        """Quota windows by protocol and name."""
        self.files: dict[str, StoredFile] = {}
        """By id, oldest first."""
        self.requests = 0
        """Chat calls so far; seeds the next answer."""
        self.units_taken = 0
        """Units ever taken, over all windows."""

    def window(self, name: str, protocol: Protocol | None = None) -> QuotaWindow:
        """Return a quota window; one that the tier does not have holds nothing."""
        windows = self.windows[protocol or self.protocol]
        return windows.get(name) or QuotaWindow(total=0, window_s=7_200, remaining=0)

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

    def report(self, now: float) -> dict[str, Any]:
        """Return the account as the control plane shows it."""
        for window in self.windows[self.protocol].values():
            window.settle(now)
        return {
            **msgspec.to_builtins(self.fixture),
            "user_id": self.user_id,
            "email": self.email,
            "protocol": self.protocol,
            "buckets": msgspec.to_builtins(self.windows[self.protocol]),
            "files": [{"id": file.id, "name": file.name} for file in self.files.values()],
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


def default_accounts(count: int = 3) -> tuple[AccountFixture, ...]:
    """Return harmless accounts, tiers in turn: ``sandbox-basic-1`` and so on."""
    names = [(TIERS[index % len(TIERS)], index // len(TIERS) + 1) for index in range(count)]
    return tuple(
        AccountFixture(
            token=f"sandbox-{tier}-{number}", tier=tier, email=f"{tier}-{number}@sandbox.invalid"
        )
        for tier, number in names
    )


def _windows(
    fixture: AccountFixture, sizes: Mapping[str, WindowSize], now: float
) -> dict[str, QuotaWindow]:
    full = {
        name: WindowFixture(total=size.total, window_s=size.window_s)
        for name, size in sizes.items()
    }
    return {name: _window(stated, now) for name, stated in {**full, **fixture.buckets}.items()}


def _window(stated: WindowFixture, now: float) -> QuotaWindow:
    remaining = stated.total if stated.remaining is None else stated.remaining
    return QuotaWindow(
        total=stated.total,
        window_s=stated.window_s,
        remaining=remaining,
        opened_at=now if remaining < stated.total else None,
    )
