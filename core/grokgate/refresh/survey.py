"""Asks one account for its quota, and tells the ledger's home how that ended, whatever happens."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeAlias

import anyio

from grokgate.refresh.watch import Surveyed
from grokgate.settings.grok import GrokSettings
from grokgate.settings.performance import PerformanceSettings
from grokgate.settings.token import TokenSettings
from grokgate.tokens.record import TokenRecord, TokenState
from grokgate.upstream import AccountFacts, Kind, Observation, Stage, UpstreamFailure
from grokgate.upstreams import Line, Upstreams

Drifted: TypeAlias = Callable[[str, str, str], None]

SURVEY_S = 30.0
"""Longest time for one survey."""
ASKABLE = frozenset({"active", "cooling"})
"""Statuses that may be asked without an operator's word (F-TOK-40)."""


class RefreshSettings(Protocol):
    """What refreshing reads of a settings snapshot."""

    @property
    def token(self) -> TokenSettings:
        """Section ``token``."""
        ...

    @property
    def grok(self) -> GrokSettings:
        """Section ``grok``."""
        ...

    @property
    def performance(self) -> PerformanceSettings:
        """Section ``performance``."""
        ...


class SurveyedHome(Protocol):
    """What refreshing needs of the home of a ledger; see `scheduler.home.Home`."""

    def state(self, token: str, /) -> TokenState | None:
        """Return a token's state now, not as it was last written; None: there is no such token."""
        ...

    def survey_begun(self, token: str, /) -> int:
        """Return the ledger's sequence now, to be given to `learned`."""
        ...

    def learned(
        self,
        token: str,
        facts: AccountFacts,
        /,
        *,
        since: int,
        asked: frozenset[str] | None = None,
    ) -> None:
        """Take over quota numbers; ends the survey."""
        ...

    def survey_failed(self, token: str, observation: Observation, /) -> None:
        """Note that a survey failed; ends it."""
        ...

    async def flush(self) -> None:
        """Write all changed states now."""
        ...


class Surveyor:
    """Asks accounts, one call for each.

    Args:
        home: Told what was learned.
        upstreams: Asked.
        records: Tokens by id, always current.
        buckets: Returns the buckets that the models of an upstream draw from.
        settings: Returns the settings now.
        log: A bound structlog logger.
        drifted: Told of upstream, operation and key path of what a driver did not know.
    """

    def __init__(
        self,
        *,
        home: SurveyedHome,
        upstreams: Upstreams,
        records: Mapping[str, TokenRecord],
        buckets: Callable[[str], frozenset[str]],
        settings: Callable[[], RefreshSettings],
        log: Any,
        drifted: Drifted,
    ) -> None:
        self._home = home
        self._upstreams = upstreams
        self._records = records
        self._buckets = buckets
        self._settings = settings
        self._log = log
        self._drifted = drifted

    async def ask(self, token: str, *, even_expired: bool) -> Surveyed:
        """Ask *token*, unless its status forbids it; raises nothing.

        On cancel the ledger is told that the survey is over, and nothing else changes (I11).
        """
        record, before = self._records.get(token), self._home.state(token)
        if record is None or before is None:
            return Surveyed(token=token, failure="unknown")
        if before.status not in ASKABLE and not (even_expired and before.status == "expired"):
            return Surveyed(token=token, before=before, after=before, failure=before.status)
        if record.upstream not in self._upstreams.specs:
            return Surveyed(token=token, before=before, after=before, failure="not_loaded")
        learned = await self._learn(record)
        after = self._home.state(token)
        if isinstance(learned, Observation):
            return Surveyed(token=token, before=before, after=after, failure=str(learned.kind))
        return Surveyed(token=token, before=before, after=after, facts=learned)

    async def _learn(self, record: TokenRecord) -> AccountFacts | Observation:
        """Hand the account's numbers to the home; return them, or how it failed."""
        token, asked = record.id, self._buckets(record.upstream)
        since = self._home.survey_begun(token)
        failure: Observation | None = _seen(Kind.CANCELLED)
        try:
            facts = await self._numbers(record, asked)
            self._home.learned(token, facts, since=since, asked=asked)
            failure = None
            return facts
        except UpstreamFailure as error:
            failure = error.observation
        except TimeoutError:
            failure = _seen(Kind.TIMEOUT)
        except Exception as error:  # noqa: BLE001 - fence: a driver's code; the numbers stay
            self._log.warning("survey_crashed", token=token, error=type(error).__name__)
            failure = _seen(Kind.MALFORMED)
        finally:
            if failure is not None:
                self._home.survey_failed(token, failure)
        return failure

    async def _numbers(self, record: TokenRecord, asked: frozenset[str]) -> AccountFacts:
        first_s = self._settings().grok.stream_first_byte_timeout
        drifted = partial(self._drifted, record.upstream)
        line = Line(first_s=first_s, idle_s=first_s, drifted=drifted)
        with anyio.fail_after(SURVEY_S):
            return await self._upstreams.survey(record.id, line, buckets=asked)


def _seen(kind: Kind) -> Observation:
    return Observation(operation="survey", kind=kind, stage=Stage.SENT)
