"""How the work on one account ended, in the form of the predecessors (F-JOB-03)."""

from msgspec import Struct


class Preference(Struct, frozen=True, kw_only=True):
    """How switching the preference of an account ended (F-JOB-03)."""

    success: bool
    http_status: int | None = None
    grpc_status: int | None = None
    """0 on success; the driver tells no other."""
    grpc_message: str | None = None
    """Always null: it would be the upstream's own text."""
    error: str | None = None
    code: str | None = None


class FileCounts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of the files of an account."""

    total: int
    success: int
    failed: int
    skipped: bool = False
    """There was nothing to delete."""


class Clearing(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How deleting the files of an account ended (F-JOB-03)."""

    status: str
    """``ok`` or ``error``."""
    result: FileCounts | None = None
    error: str | None = None


class Loading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an account has in files."""

    status: str
    """``ok`` or ``error``."""
    count: int = 0
    bytes: int = 0
    error: str | None = None
