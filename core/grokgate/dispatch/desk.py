"""What every call needs on its way: the parts of a `Dispatch`, in one record."""

from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any, Protocol, TypeAlias

from msgspec import Struct

from grokgate.dispatch.budget import RetryBudget
from grokgate.dispatch.daily import Days
from grokgate.dispatch.notices import Notices
from grokgate.keys import Meter
from grokgate.plugin.records import CallRecord, ModelCard
from grokgate.scheduler.cost import CostTable
from grokgate.scheduler.home import Home
from grokgate.settings.core import UpstreamsSettings
from grokgate.settings.grok import GrokSettings
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.token import TokenSettings
from grokgate.upstream import Clock, Wire
from grokgate.upstreams import Upstreams

Survey: TypeAlias = Callable[[Sequence[str]], Awaitable[float | None]]
"""Asks for the quota of tokens, at most 3 s; returns seconds until it may be asked again."""
Finished: TypeAlias = Callable[[str, CallRecord], None]
"""Told of every call that has ended, with the plugin that made it."""
Drifted: TypeAlias = Callable[[str, str, str], None]
"""Told of upstream, operation and key path of what a driver did not know."""
Blamed: TypeAlias = Callable[[str], None]
"""Told the name of a plugin whose code raised what it should not."""
Aborted: TypeAlias = Callable[[float], None]
"""Told how many seconds it took to end an upstream exchange that nobody wanted any more."""


class DispatchSettings(Protocol):
    """What dispatch reads of a settings snapshot."""

    @property
    def grok(self) -> GrokSettings:
        """Section ``grok``."""
        ...

    @property
    def token(self) -> TokenSettings:
        """Section ``token``."""
        ...

    @property
    def limits(self) -> LimitsSettings:
        """Section ``limits``."""
        ...

    @property
    def upstreams(self) -> UpstreamsSettings:
        """Section ``upstreams``."""
        ...


class Desk(Struct, frozen=True, kw_only=True):
    """Parts shared by all calls of one process."""

    home: Home
    upstreams: Upstreams
    wires: Callable[[ModelCard], Sequence[tuple[str, Wire]]]
    rules: CostTable
    settings: Callable[[], DispatchSettings]
    clock: Clock
    rng: Random
    log: Any
    finished: Finished
    survey: Survey
    drifted: Drifted
    blamed: Blamed
    aborted: Aborted
    notices: Notices
    budget: RetryBudget
    days: Days
    meter: Meter | None = None
    """None: nobody has daily quotas."""
