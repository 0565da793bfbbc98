"""A second set of books: the rules of quota and health once more, as plainly as they can be said.

The ledger is made for speed, these books for reading: the rules are written from
`reliability-security.md` 2 and F-TOK, not from the ledger, and no rule or number is taken from it.
Whatever the two do not agree on is a fault in one of them.
"""

from collections.abc import Iterable, Mapping

from grokgate.scheduler.holding import Moment
from grokgate.scheduler.simulate.page import LONGEST_S, UNKNOWN, Line, Page
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import Kind, Observation, Stage, Window

COOL_CAP_S = 600.0
"""Longest cool-down."""
_BLIND_S = 3600.0
"""Longest wait for a reset that nobody has named."""
_RESET_CAP_S = 86_400.0
"""Longest wait for a stored reset whose window is not known."""
_LATELY_MS = 60_000
"""Age of the last use up to which an unclean stop leaves an account unknown."""
_CHARGED = frozenset({Stage.SENT, Stage.CONTENT})


class Books:
    """All accounts and open leases, as they must be.

    Args:
        pools: By pool: what is assumed of a new account.
        max_inflight: Calls in flight per account; 0: no cap.
    """

    def __init__(self, pools: Mapping[str, Mapping[str, int]], max_inflight: int) -> None:
        self.pages: dict[str, Page] = {}
        self.open: dict[int, tuple[str, dict[str, int]]] = {}
        """Lease → account and units by bucket."""
        self.submitted: set[int] = set()
        self.granted = self.settled = self.refunded = self.expired = self.rejected = 0
        self.position = 0
        """Grows with every lease that ends."""
        self._positions: dict[int, int] = {}
        """Position when the ledger's sequence was this."""
        self._pools = pools
        self._max_inflight = max_inflight

    def load(self, records: Iterable[TokenRecord], at: Moment, *, unclean: bool) -> None:
        """Begin with what is on disk; what was in use when the program died is unknown."""
        for record in records:
            page = self._open_page(record, at)
            used = record.state.last_used_at_ms
            if unclean and used is not None and at.ms - used <= _LATELY_MS:
                for line in page.lines.values():
                    line.known = False

    def edit(self, record: TokenRecord, before: TokenState | None, at: Moment) -> None:
        """Take over an edit; of the state only what the operator changed."""
        page = self.pages.get(record.id)
        if record.deleted_at_ms is not None:
            if page is not None:
                page.gone, page.bar = True, "disabled"
                self._close_page(page)
            return
        if page is None:
            page = self._open_page(record, at)
        elif page.gone:
            page.gone = False
            self._set_bar(page, record.state, at)
        self._revise(page, record)
        if before is not None:
            self._override(page, before, record.state, at)

    def _open_page(self, record: TokenRecord, at: Moment) -> Page:
        page = self.pages[record.id] = Page(record, self._pools.get(record.pool, {}))
        state = record.state
        for name, bucket in state.buckets.items():
            line = self._load_line(page, name, bucket, at)
            if line.refill_at is not None and line.refill_at <= at.s:
                line.refill(page.assumed.get(name, UNKNOWN))
        self._set_bar(page, state, at)
        page.level, page.fails = state.cooldown_level, state.fail_count
        self._revise(page, record)
        return page

    def _revise(self, page: Page, record: TokenRecord) -> None:
        page.moved = page.moved or page.pool != record.pool
        page.pool = record.pool
        page.assumed = self._pools.get(record.pool, {})
        page.tags = frozenset(record.tags)
        own = record.max_inflight
        page.limit = (self._max_inflight if own is None else own) or 1 << 30

    def _set_bar(self, page: Page, state: TokenState, at: Moment) -> None:
        page.bar = None
        if state.status in {"expired", "disabled"}:
            page.bar = "expired" if state.status == "expired" else "disabled"
        elif state.status == "cooling" and state.state_reason != "quota":
            left_s = ((state.cooldown_until_ms or at.ms) - at.ms) / 1000
            page.bar, page.until = "cooling", at.s + min(max(0.0, left_s), COOL_CAP_S)

    def _override(self, page: Page, before: TokenState, after: TokenState, at: Moment) -> None:
        if (after.status, after.cooldown_until_ms) != (before.status, before.cooldown_until_ms):
            barred = after.status in {"expired", "disabled"}
            page.bar = after.status if barred else None  # type: ignore[assignment]  # a status
            page.level = page.fails = 0
        for name, bucket in after.buckets.items():
            if bucket != before.buckets.get(name):
                held = page.line(name).open
                line = self._load_line(page, name, bucket, at)
                line.base += held
                line.open = held

    def _load_line(self, page: Page, name: str, bucket: Bucket, at: Moment) -> Line:
        known = bucket.remaining != UNKNOWN
        base = bucket.remaining if known else page.assumed.get(name, UNKNOWN)
        late = page.lines[name].late if name in page.lines else []
        line = page.lines[name] = Line(max(0, base), known=known)
        line.total, line.late = bucket.total, late
        line.guessed = bucket.source == "estimated"
        if bucket.reset_at_ms is not None:
            wait_s = (bucket.reset_at_ms - at.ms) / 1000
            line.refill_at = at.s + min(max(0.0, wait_s), bucket.window_s or _RESET_CAP_S)
        return line

    def _close_page(self, page: Page) -> None:
        if page.gone and not page.inflight:
            del self.pages[page.token]

    def grant(self, lease: int, token: str, units: Mapping[str, int]) -> None:
        """Reserve."""
        page = self.pages[token]
        page.inflight += 1
        page.fence = lease
        for name, reserved in units.items():
            page.line(name).open += reserved
            self.granted += reserved
        self.open[lease] = (token, dict(units))
        self._positions[lease] = self.position

    def settle(
        self, lease: int, observation: Observation, units: int, at: Moment, *, refund: bool = False
    ) -> bool:
        """End a lease as the table of charges says; tell whether it was open (I3)."""
        ended = self._end(lease)
        if ended is None:
            self.rejected += 1
            return False
        page, parts = ended
        charged = observation.stage in _CHARGED and not refund
        for name, reserved in parts.items():
            charge = min(units, reserved) if charged else 0
            self.settled += charge
            self.refunded += reserved - charge
            self._charge(page.lines[name], charge)
            self._give_back(page.lines[name], lease, reserved - charge)
            if observation.stage is Stage.SENT and not refund:
                page.lines[name].known = False
        if not refund:
            self._exact(page, parts, observation, at)
        self._close_page(page)
        return True

    def expire(self, lease: int) -> None:
        """End a lease that nobody settled; what was sent is charged, and its bucket unknown."""
        ended = self._end(lease)
        if ended is None:
            return
        page, parts = ended
        for name, reserved in parts.items():
            self.expired += reserved
            if lease in self.submitted:
                self._charge(page.lines[name], reserved)
                page.lines[name].known = False
            else:
                self._give_back(page.lines[name], lease, reserved)
        self._close_page(page)

    def _give_back(self, line: Line, lease: int, units: int) -> None:
        """Keep out what the upstream has told to be used, though it will not be charged for."""
        if line.counted == lease:
            line.base -= units

    def _end(self, lease: int) -> tuple[Page, dict[str, int]] | None:
        ended = self.open.pop(lease, None)
        if ended is None:
            return None
        page = self.pages[ended[0]]
        page.inflight -= 1
        self.position += 1
        for name, reserved in ended[1].items():
            page.lines[name].open -= reserved
        return page, ended[1]

    def _charge(self, line: Line, units: int) -> None:
        line.spent += units
        if units:
            line.late.append((self.position, units))

    def _exact(
        self, page: Page, parts: Iterable[str], observation: Observation, at: Moment
    ) -> None:
        """Apply evidence that counts every time."""
        match observation.kind:
            case Kind.QUOTA:
                wait_s = observation.reset_in_s
                until = at.s + (_BLIND_S if wait_s is None else max(0.0, min(LONGEST_S, wait_s)))
                for name in observation.buckets or parts:
                    page.line(name).set_empty(until, blind=wait_s is None)
            case Kind.PLAN:
                for name in observation.buckets or parts:
                    line = page.line(name)
                    line.set_empty(None, blind=False)
                    # Whatever is said of its window, it stays empty until a survey (F-TOK-11).
                    line.total = 0
            case Kind.AUTH_DEAD:
                self.retire(page)

    def retire(self, page: Page) -> None:
        """The credential is dead; an account that an operator disabled stays so."""
        if page.bar != "disabled":
            page.bar = "expired"

    def survey(self, since: int) -> None:
        """Remember where the books stand when a survey begins."""
        self._positions[since] = self.position

    def learn(
        self,
        token: str,
        windows: Mapping[str, Window],
        at: Moment,
        *,
        since: int,
        asked: frozenset[str] | None,
    ) -> None:
        """Believe what was learned; buckets that a survey leaves out are empty (F-TOK-05).

        What a call is told in passing counts that call as used.
        """
        page = self.pages.get(token)
        if page is None:
            return
        position = self._positions[since]
        holder, parts = self.open.get(since, ("", {}))
        own = parts if asked is None and holder == token else {}
        missing = {
            name: Window(remaining=0, total=0)
            for name in sorted(asked or ())
            if name not in windows
        }
        for name, window in (*windows.items(), *missing.items()):
            line = page.line(name)
            late = sum(units for when, units in line.late if when > position)
            line.learn(window, at, late=late)
            if name in own:
                line.base += own[name]
                line.counted = since
        found = any(window.remaining > 0 for window in windows.values())
        if asked is not None and page.bar == "cooling" and found:
            page.bar = None
