"""Which account is asked next: those with a time of their own, then the line, step by step.

```text
plan(token, when) ──> heap by time ───────────────────────┐
line_up(tokens) ──> line ──step of n, 1 s between two──> step ──> take(now) ──> ended(token, now)
```

Pure: time arrives as an argument, monotonic seconds. A token stands at most once in each part.
"""

from collections import deque
from collections.abc import Container, Iterable
from heapq import heapify, heappop, heappush

PAUSE_S = 1.0
"""Between the end of a step and the next (F-TOK-40)."""
AGAIN_S = 2.0
"""When to look again at a token that is being asked just now."""
_FEW = 64


class Agenda:
    """What is to be asked; forgets nothing but what was taken or forgotten."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._line: dict[str, None] = {}
        self._ready: deque[str] = deque()
        self._step: set[str] = set()
        """The tokens of the step under way that are not done."""
        self._gate = float("-inf")
        """When the next step may begin."""

    def __len__(self) -> int:
        """Count what is held, entries that mean nothing any more included."""
        return len(self._heap) + len(self._line) + len(self._ready)

    def plan(self, token: str, when: float) -> None:
        """Have *token* asked at *when*, or earlier if that is planned already."""
        if when >= self._due.get(token, float("inf")):
            return
        self._due[token] = when
        heappush(self._heap, (when, token))
        if len(self._heap) > _FEW + 2 * len(self._due):
            self._heap = [(when, token) for token, when in self._due.items()]
            heapify(self._heap)

    def line_up(self, tokens: Iterable[str]) -> None:
        """Have *tokens* asked after those that wait already."""
        self._line.update(dict.fromkeys(token for token in tokens if token not in self._step))

    def forget(self, token: str, now: float) -> None:
        """Drop *token* wherever it stands."""
        self._due.pop(token, None)
        self._line.pop(token, None)
        self.ended(token, now)

    def take(self, now: float, *, most: int, step: int, busy: Container[str]) -> list[str]:
        """Return what is to be asked now, most urgent first.

        Args:
            now: Monotonic seconds.
            most: How many at most.
            step: Tokens of a step.
            busy: Those being asked just now; they are not returned.
        """
        taken: list[str] = []
        while len(taken) < most and (token := self._next_due(now)) is not None:
            if token in busy:
                self.plan(token, now + AGAIN_S)
            else:
                self._line.pop(token, None)
                taken.append(token)
        self._begin_step(now, step)
        while len(taken) < most and self._ready:
            token = self._ready.popleft()
            if token not in self._step:
                continue
            if token in busy or token in taken:
                self.ended(token, now)
            else:
                taken.append(token)
        return taken

    def ended(self, token: str, now: float) -> None:
        """Note that *token* was asked, or cannot be."""
        if token in self._step:
            self._step.discard(token)
            if not self._step:
                self._gate = now + PAUSE_S

    def next_at(self) -> float | None:
        """Return the monotonic second at which `take` next has something; None: nobody knows."""
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heappop(self._heap)
        times = [self._heap[0][0]] if self._heap else []
        if self._line and not self._step:
            times.append(self._gate)
        return min(times, default=None)

    def _next_due(self, now: float) -> str | None:
        while self._heap and self._heap[0][0] <= now:
            when, token = heappop(self._heap)
            if self._due.get(token) == when:
                del self._due[token]
                return token
        return None

    def _begin_step(self, now: float, size: int) -> None:
        if self._step or now < self._gate:
            return
        chosen = [token for token, _ in zip(self._line, range(size), strict=False)]
        for token in chosen:
            del self._line[token]
        self._step = set(chosen)
        self._ready = deque(chosen)
