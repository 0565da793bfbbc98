"""What is stated about simulated accounts, by tests and over the control plane."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from grokgate.sandbox.catalogue import TIERS, Protocol
from grokgate.upstream import Tier

Status: TypeAlias = Literal["ok", "expired", "blocked", "suspended"]
Statsig: TypeAlias = Literal["off", "any", "legacy", "static"]


class WindowFixture(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A quota window that differs from the table of the account's tier."""

    total: int
    window_s: int
    remaining: int | None = None
    """None: full and not yet opened; less than the total: opened at the start."""


class Nsfw(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account's content preference (upstream-protocol.md 8)."""

    entitled: bool = True
    """Facts held about the account allow it."""
    enabled: bool = False
    refusal: Literal["denied", "precondition", "silent"] = "denied"
    """How an account that is not entitled learns it: gRPC status 7, 9, or no effect."""
    ungranted: Literal["ignore", "moderate", "block"] = "ignore"
    """What becomes of pictures that ask for it without the preference."""


class WeeklyCredits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The weekly pool of a paid account, as the credits call tells it; it limits nothing here."""

    used_percent: float = 0.0
    products: Mapping[int, float] = {}
    """Percent by product code."""
    start_s: float | None = None
    """Unix seconds; None: this week."""


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
    imagine: Mapping[str, WindowFixture] = {}
    """Windows of pictures and videos by product, such as ``image_pro``, over those of the table."""
    nsfw: Nsfw = Nsfw()
    credits: WeeklyCredits | None = None
    """None: the plan has no weekly pool."""


def default_accounts(count: int = 3) -> tuple[AccountFixture, ...]:
    """Return harmless accounts, tiers in turn: ``sandbox-basic-1`` and so on."""
    names = [(TIERS[index % len(TIERS)], index // len(TIERS) + 1) for index in range(count)]
    return tuple(
        AccountFixture(
            token=f"sandbox-{tier}-{number}", tier=tier, email=f"{tier}-{number}@sandbox.invalid"
        )
        for tier, number in names
    )
