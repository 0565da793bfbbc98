"""Surveys: looks at the truth of an account, somewhere between their two ends."""

from collections.abc import Mapping

from grokgate.scheduler.simulate.ground import Ground
from grokgate.upstream import AccountFacts, Kind, Observation, Stage, Window

_SOON_S = (2.0, 30.0)
"""When an account is surveyed that is in doubt."""
_ASKED_S = (0.1, 5.0)
"""How long a survey takes."""
_LATE_S = 180.0
_FAULTS = (Kind.FORBIDDEN, Kind.TIMEOUT, Kind.TRANSIENT, Kind.AUTH_FAIL, Kind.QUOTA)


class Surveys:
    """Surveys accounts, each once at a time.

    Args:
        ground: Where.
    """

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._upstreams = {record.id: record.upstream for record in ground.scene.records}
        self._busy: set[str] = set()
        """Tokens that are being surveyed, or will be."""
        self._old: dict[str, Mapping[str, Window]] = {}
        """By token: what an earlier survey saw."""

    def reset(self) -> None:
        """Forget what was planned: the program has stopped."""
        self._busy.clear()

    def plan(self, token: str) -> None:
        """Survey an account within half a minute."""
        if token not in self._busy:
            self._busy.add(token)
            delay_s = self._ground.rng.uniform(*_SOON_S)
            self._ground.later(delay_s, self._ask, token)

    def begin(self, token: str) -> None:
        """Survey an account now, unless that is under way or planned."""
        if token not in self._busy:
            self._busy.add(token)
            self._ask(token)

    def _ask(self, token: str) -> None:
        since = self._ground.shell.core.survey_begun(token)
        self._ground.witness.note("survey", token)
        self._ground.witness.surveying(token, since)
        took_s = self._ground.rng.uniform(*_ASKED_S)
        if self._ground.faults.hit("survey.late"):
            took_s += _LATE_S
        look_s = took_s * self._ground.rng.random()
        self._ground.later(look_s, self._look, token, since, took_s - look_s)

    def _look(self, token: str, since: int, rest_s: float) -> None:
        """Read the truth; the answer arrives later."""
        account = self._ground.accounts[token]
        buckets = self._asked(token)
        windows = account.windows(self._ground.agenda.now.s, buckets)
        honest = True
        if self._ground.faults.hit("survey.stale") and token in self._old:
            honest, windows = False, dict(self._old[token])
        elif self._ground.faults.hit("survey.partial"):
            windows = dict(list(windows.items())[:1])
        self._old[token] = windows
        failed: Observation | None = None
        if account.dead or self._ground.faults.hit("survey.fails"):
            kind = Kind.AUTH_DEAD if account.dead else self._ground.rng.choice(_FAULTS)
            failed = Observation(operation="survey", kind=kind, stage=Stage.REFUSED)
        seen = account.disturbed if honest else -1
        self._ground.later(rest_s, self._answer, token, since, windows, seen, failed)

    def _answer(
        self,
        token: str,
        since: int,
        windows: Mapping[str, Window],
        seen: int,
        failed: Observation | None,
    ) -> None:
        self._busy.discard(token)
        if failed is not None:
            self._ground.witness.note("survey failed", token, failed.kind)
            self._ground.witness.survey_failed(token, failed)
            self._ground.shell.core.survey_failed(token, failed, self._ground.agenda.now)
            return
        self._ground.witness.note(
            "surveyed", token, *(window.remaining for window in windows.values())
        )
        asked = self._asked(token)
        self.learn(token, windows, since=since, asked=asked)
        if seen != self._ground.accounts[token].disturbed:
            self._ground.accounts[token].vouched.clear()

    def learn(
        self, token: str, windows: Mapping[str, Window], *, since: int, asked: frozenset[str] | None
    ) -> None:
        """Tell the program what a survey found, or (*asked* is None) numbers seen in passing."""
        self._ground.witness.learning(token, windows, since=since, asked=asked)
        self._ground.accounts[token].vouched.update(windows)
        facts = AccountFacts(windows=windows)
        self._ground.shell.core.learned(
            token, facts, self._ground.agenda.now, since=since, asked=asked
        )
        self._ground.shell.arm()

    def _asked(self, token: str) -> frozenset[str]:
        return self._ground.scene.buckets[self._upstreams[token]]
