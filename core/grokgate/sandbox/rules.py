"""Rules: which requests an action befalls. The first rule that matches wins."""

import re
from collections.abc import Iterable, Iterator
from random import Random
from typing import Annotated

from msgspec import Meta, Struct

from grokgate.sandbox.faults import Action


class Rule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Actions for the requests that match; a matcher left out matches all."""

    actions: tuple[Action, ...]
    """All of them at once, such as a cut of a compressed stream."""
    endpoint: str | None = None
    """Word of the endpoint, such as chat; `Rules.add` takes chat if not told."""
    account: str | None = None
    """Token of the account."""
    model: str | None = None
    """Model or mode name of a chat call."""
    prompt: str | None = None
    """Regular expression, searched in the message of a chat call."""
    nth: Annotated[int, Meta(ge=1)] | None = None
    """Only the nth request that matches the rest, counted from 1."""
    probability: Annotated[float, Meta(ge=0, le=1)] = 1.0
    """Share of the requests that match, by chance."""
    times: Annotated[int, Meta(ge=1)] | None = None
    """How often the rule may act; None: without end."""


class Call(Struct, frozen=True, kw_only=True):
    """What rules are matched against."""

    endpoint: str
    account: str | None = None
    model: str | None = None
    prompt: str = ""


class Rules:
    """The rules in force, in order, with their counts."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._armed: list[_Armed] = []

    def __iter__(self) -> Iterator[Rule]:
        return iter([armed.rule for armed in self._armed])

    def __len__(self) -> int:
        return len(self._armed)

    def add(
        self,
        *actions: Action,
        endpoint: str | None = "chat",
        account: str | None = None,
        model: str | None = None,
        prompt: str | None = None,
        nth: int | None = None,
        probability: float = 1.0,
        times: int | None = None,
    ) -> Rule:
        """Append a rule; the fields are those of `Rule`, but the endpoint is chat by default."""
        rule = Rule(
            actions=actions,
            endpoint=endpoint,
            account=account,
            model=model,
            prompt=prompt,
            nth=nth,
            probability=probability,
            times=times,
        )
        self._armed.append(_Armed(rule))
        return rule

    def replace(self, rules: Iterable[Rule]) -> None:
        """Put *rules* in force instead of the old ones.

        Raises:
            ValueError: A prompt pattern is no regular expression; nothing changed.
        """
        self._armed = [_Armed(rule) for rule in rules]

    def clear(self) -> None:
        """Drop all rules."""
        self._armed = []

    def match(self, call: Call, *, by_content: bool | None = None) -> tuple[Action, ...]:
        """Return the actions of the first rule that matches, and count it; empty: none does.

        Args:
            call: What is about to be answered.
            by_content: False: only rules that ask for neither model nor prompt, which nobody
                knows during a handshake; True: only the others; None: all.
        """
        for armed in self._armed:
            if by_content in (None, armed.by_content) and armed.hits(call, self._random):
                return armed.rule.actions
        return ()


class _Armed:
    """A rule with its counts."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.by_content = rule.model is not None or rule.prompt is not None
        self._seen = 0
        self._used = 0
        try:
            self._pattern = re.compile(rule.prompt or "")
        except re.error as error:
            raise ValueError(f"prompt pattern: {error}") from error

    def hits(self, call: Call, random: Random) -> bool:
        if not self._matches(call):
            return False
        self._seen += 1
        rule = self.rule
        if rule.nth is not None and self._seen != rule.nth:
            return False
        if rule.times is not None and self._used >= rule.times:
            return False
        if rule.probability < 1 and random.random() >= rule.probability:
            return False
        self._used += 1
        return True

    def _matches(self, call: Call) -> bool:
        rule = self.rule
        return (
            rule.endpoint in (None, call.endpoint)
            and rule.account in (None, call.account)
            and rule.model in (None, call.model)
            and self._pattern.search(call.prompt) is not None
        )
