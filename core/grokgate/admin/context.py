"""What the handlers of the admin API work with."""

from typing import TypeAlias

from litestar.di import NamedDependency
from litestar.params import SkipValidation
from msgspec import Struct

from grokgate.gateway import Gateway
from grokgate.storage.acting import Act

CurrentGateway: TypeAlias = NamedDependency[SkipValidation[Gateway]]
"""Argument ``gateway``."""
CurrentAct: TypeAlias = NamedDependency[SkipValidation[Act]]
"""Argument ``act``: the line of the audit trail, whose ``target`` and ``detail`` handlers fill in.

A change gets its line by itself, named after the handler; what only reads gets one when the
handler sets ``action``.
"""


class Operator(Struct, frozen=True, kw_only=True):
    """Who asks."""

    session_id: str | None
    """None: the password came with the request itself."""
    address: str
    """Where the request came from."""
    epoch: int
    """Of the password, when this was proven (`grokgate.access.Access.epoch`)."""
    gave_password: bool = False
    """True: this very request carried it."""


class OpenRequests(Struct):
    """Requests of operators that are being answered, this one included."""

    count: int = 0


CurrentOperator: TypeAlias = NamedDependency[Operator]
"""Argument ``operator``."""
