"""What listeners to a chore are told, in the form of the predecessors (F-JOB-02, F-JOB-03)."""

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, Raw, Struct, UnsetType


class Item(Struct, frozen=True):
    """One account of a chore."""

    token: str | None
    """Short id; None: whoever asked named an account that there is not."""
    label: str
    """Masked; unique within the chore."""


class Outcome(Struct, frozen=True, kw_only=True):
    """How the work on one account ended."""

    ok: bool
    detail: Any = UNSET
    """Goes into the result; JSON types or structs."""
    error: str | UnsetType = UNSET
    """A sentence for the operator, never upstream text."""


class Failure(Struct, frozen=True, kw_only=True):
    """An account that could not be worked on, or an entry that could not be used."""

    id: Annotated[str | None, Meta(description="Short id of the account; null: there is none.")] = (
        None
    )
    item: Annotated[str, Meta(description="Its masked token, or a place in what was sent.")]
    error: Annotated[str, Meta(examples=["The upstream did not answer in time."])]


class Summary(Struct, frozen=True):
    """Counts of items."""

    total: int
    ok: int
    fail: int


class Result(Struct, frozen=True, kw_only=True):
    """What a chore came to."""

    status: str = "success"
    """The work was done; how, the summary tells."""
    summary: Summary
    results: Annotated[
        dict[str, Any],
        Meta(description="By masked token.", examples=[{"…a1b2c3": {"success": True}}]),
    ]
    ids: Annotated[
        dict[str, str],
        Meta(
            description="Short ids of the accounts, by masked token.",
            examples=[{"…a1b2c3": "tok_0123456789"}],
        ),
    ] = {}
    warning: str | UnsetType = UNSET


class _Told(Struct, frozen=True, kw_only=True, tag_field="type"):
    task_id: str
    total: int
    processed: int
    ok: int
    fail: int


class Snapshot(_Told, frozen=True, kw_only=True, tag="snapshot"):
    """How far it is; always the first event."""

    status: Annotated[str, Meta(examples=["running"])]
    """``running``, ``done``, ``error`` or ``cancelled``."""
    warning: str | None


class Progress(_Told, frozen=True, kw_only=True, tag="progress"):
    """One account is done."""

    item: str | UnsetType = UNSET
    """Its masked token; left out where another process works and counts alone are known."""
    id: str | UnsetType = UNSET
    """Its short id; left out of what names no account."""
    detail: Any = UNSET
    error: str | UnsetType = UNSET


class Done(_Told, frozen=True, kw_only=True, tag="done"):
    """Every account was worked on, with or without success."""

    warning: str | None
    result: Raw


class Failed(_Told, frozen=True, kw_only=True, tag="error"):
    """It ended before its time."""

    error: str


class Cancelled(_Told, frozen=True, kw_only=True, tag="cancelled"):
    """Somebody ended it; what was done stays done."""


Final: TypeAlias = Done | Failed | Cancelled
Event: TypeAlias = Snapshot | Progress | Final


def unique(masks: Iterable[str]) -> list[str]:
    """Tell equal masks apart: the second of them becomes ``…abc123#2`` (F-JOB-03)."""
    seen: Counter[str] = Counter()
    labels = []
    for mask in masks:
        seen[mask] += 1
        labels.append(mask if seen[mask] == 1 else f"{mask}#{seen[mask]}")
    return labels
