"""What the simulated upstream offers and how it refuses: the tables beside this module, as data.

Everything here is likely to drift or is a guess, so it stands in ``tables/*.toml``: models with
their tiers, quota windows per tier, and the bodies of refusals.
"""

from collections.abc import Mapping
from importlib.resources import files
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from grokgate.upstream import Kind, Stage, Tier

Protocol: TypeAlias = Literal["2026-02", "2026-04", "2026-08"]
Style: TypeAlias = Literal["plain", "thinking", "agents"]

PROTOCOLS: tuple[Protocol, ...] = ("2026-02", "2026-04", "2026-08")
TIERS: tuple[Tier, ...] = ("basic", "super", "heavy")
"""Lowest first."""


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model name, with the modes of it that behave alike."""

    name: str
    """``modelName`` or ``modeId``, as the protocol has it."""
    modes: tuple[str, ...] = ()
    """Values of ``modelMode``; empty where the name alone selects."""
    tier: Tier
    """Lowest tier that may use it."""
    window: str
    """Quota window it draws from."""
    units: int = 1
    style: Style = "plain"
    """How it answers when the prompt asks for no scenario."""
    title: str = ""
    description: str = ""


class WindowSize(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a fresh quota window holds."""

    total: int
    window_s: int


class Table(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One protocol's models and quotas."""

    prompt_limit: int
    """Characters of a prompt."""
    windows: Mapping[Tier, Mapping[str, WindowSize]]
    buckets: Mapping[str, str]
    """Name in a rate-limit call → quota window."""
    model: tuple[Model, ...]

    def find(self, name: str, mode: str | None) -> Model | None:
        """Look up a model; without *mode* the first entry of that name answers."""
        for model in self.model:
            if model.name == name and (mode is None or mode in model.modes):
                return model
        return None


class Refusal(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A way to turn a request away, and the class a correct driver must give it."""

    status: int
    kind: Kind
    stage: Stage = Stage.REFUSED
    body: str
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}


class Catalogue(Struct, frozen=True, kw_only=True):
    """All tables."""

    tables: Mapping[Protocol, Table]
    refusals: Mapping[str, Refusal]
    imagine: Mapping[Tier, Mapping[str, WindowSize]]
    """Windows of pictures and videos by product; a product that is missing is not offered."""


def load_catalogue() -> Catalogue:
    """Read the bundled tables."""
    folder = files(__package__).joinpath("tables")
    return Catalogue(
        tables={
            protocol: msgspec.toml.decode(
                folder.joinpath(f"{protocol}.toml").read_bytes(), type=Table
            )
            for protocol in PROTOCOLS
        },
        refusals=msgspec.toml.decode(
            folder.joinpath("refusals.toml").read_bytes(), type=dict[str, Refusal]
        ),
        imagine=msgspec.toml.decode(
            folder.joinpath("imagine.toml").read_bytes(),
            type=dict[Tier, dict[str, WindowSize]],
        ),
    )


def allows(tier: Tier, needed: Tier) -> bool:
    """Tell whether an account of *tier* may use what needs *needed*."""
    return TIERS.index(tier) >= TIERS.index(needed)
