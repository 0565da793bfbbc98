"""What may change the health of an account, and whose fault it may be called (I7, P4)."""

from collections import Counter
from collections.abc import Iterable, Iterator

from grokgate.scheduler.holding import Moment
from grokgate.scheduler.home import Settled
from grokgate.scheduler.simulate.books import COOL_CAP_S
from grokgate.scheduler.simulate.page import Bar, Page
from grokgate.tokens.record import TokenState
from grokgate.upstream import Kind, Observation

ROUNDING_S = 0.002
"""Stored times are whole milliseconds."""
_AMBIGUOUS = frozenset(
    {Kind.AUTH_FAIL, Kind.FORBIDDEN, Kind.CHALLENGE, Kind.ANTI_BOT, Kind.TIMEOUT, Kind.TRANSIENT}
)
_AT_ONCE = frozenset({Kind.AUTH_FAIL, Kind.FORBIDDEN, Kind.CHALLENGE, Kind.ANTI_BOT})
"""Those of which the first counts already."""
_SILENT = frozenset({Kind.TIMEOUT, Kind.TRANSIENT})
_SILENT_IN_A_ROW = 3
_FIRST_COOL_S = 30.0
_INCIDENT_TOKENS = 3
_INCIDENT_S = 60.0


def bar_of(state: TokenState) -> Bar | None:
    """Return why an account is out of service, for other reasons than quota."""
    if state.status == "active" or (state.status == "cooling" and state.state_reason == "quota"):
        return None
    return state.status


class Health:
    """Judges changes of health in one run of the program.

    Args:
        fail_threshold: Plain 401 in a row after which an account is expired.
    """

    def __init__(self, fail_threshold: int) -> None:
        self._fail_threshold = fail_threshold
        self._silent: Counter[str] = Counter()
        """By account: timeouts and resets since its last answer."""
        self._hit: set[object] = set()
        """Client requests that have had their penalty."""
        self._seen: dict[tuple[str, Kind], dict[str, float]] = {}
        self._incidents: set[str] = set()

    def passing(self, page: Page, state: TokenState, at: Moment) -> Iterator[str]:
        """Judge an account to which nothing was said: only a cool-down may have ended."""
        bar = bar_of(state)
        if page.bar == "cooling" and bar is None:
            if at.s < page.until - ROUNDING_S:
                yield f"{page.token} came back before its cool-down was over"
            page.bar = None
        if bar != page.bar:
            yield f"{page.token} is {bar}, but must be {page.bar}"
        if (state.cooldown_level, state.fail_count) != (page.level, page.fails):
            yield f"{page.token}: faults were counted or forgotten without cause"

    def settled(
        self,
        page: Page,
        state: TokenState,
        observation: Observation,
        result: Settled,
        at: Moment,
        *,
        client: object,
        penalize: bool,
        peers: Iterable[Page],
    ) -> Iterator[str]:
        """Judge an account whose open lease has just been settled."""
        kind = observation.kind
        forgiven = self._note(page, observation, at)
        self._silent[page.token] += kind in _SILENT
        if kind is Kind.OK:
            page.level = page.fails = self._silent[page.token] = 0
        bar = bar_of(state)
        worse = state.cooldown_level > page.level or state.fail_count > page.fails
        if not worse and bar in (page.bar, None):
            if kind in _AT_ONCE and penalize and not forgiven and not result.penalized:
                yield f"{page.token} was not penalized for {kind}"
            yield from self.passing(page, state, at)
            return
        if kind not in _AMBIGUOUS or not penalize or forgiven or not result.penalized:
            yield f"{page.token} was penalized for {kind}, which must not be"
        if client in self._hit:
            yield f"{page.token} took the second penalty of one client request"
        self._hit.add(client)
        yield from self._penalty(page, state, kind, at)
        usable = [peer for peer in peers if peer.status() in {"active", "cooling"}]
        if bar == "cooling" and 2 * sum(peer.bar == "cooling" for peer in usable) > len(usable):
            yield f"more than half of {page.pool} cools down"

    def _penalty(self, page: Page, state: TokenState, kind: Kind, at: Moment) -> Iterator[str]:
        """Judge the measure of a penalty, and write it down."""
        bar, fails = bar_of(state), page.fails + (kind is Kind.AUTH_FAIL)
        pause_s = ((state.cooldown_until_ms or at.ms) - at.ms) / 1000
        if kind in _SILENT and self._silent[page.token] < _SILENT_IN_A_ROW:
            yield f"{page.token} was penalized before the third {kind} in a row"
        if state.fail_count != fails:
            yield f"{page.token} counts {state.fail_count} plain 401, must be {fails}"
        if bar == "expired" != page.bar and fails < self._fail_threshold:
            yield f"{page.token} was expired after {fails} plain 401"
        if bar == "cooling" != page.bar:
            yield from _wrong_pause(page, state, pause_s)
        page.bar, page.until = bar, at.s + pause_s
        page.level, page.fails = state.cooldown_level, state.fail_count

    def _note(self, page: Page, observation: Observation, at: Moment) -> bool:
        """Follow incidents; tell whether no penalty is due since one is going on."""
        kind, upstream = observation.kind, page.upstream
        if kind is Kind.OK:
            self._incidents.discard(upstream)
        if kind in _AT_ONCE:
            seen = self._seen.setdefault((upstream, kind), {})
            seen[page.token] = at.s
            late = sum(when >= at.s - _INCIDENT_S for when in seen.values())
            if late >= _INCIDENT_TOKENS:
                self._incidents.add(upstream)
        return upstream in self._incidents


def _wrong_pause(page: Page, state: TokenState, pause_s: float) -> Iterator[str]:
    """Judge a new cool-down: 30 s, doubled with each in a row up to 10 min, and its jitter."""
    least = min(COOL_CAP_S, _FIRST_COOL_S * 2**page.level)
    if state.cooldown_level != page.level + 1:
        yield f"{page.token}: a cool-down was not counted once"
    if not least - ROUNDING_S <= pause_s <= min(COOL_CAP_S, 2 * least) + ROUNDING_S:
        yield f"{page.token} cools down for {pause_s:.3f} s, after {page.level} in a row"
