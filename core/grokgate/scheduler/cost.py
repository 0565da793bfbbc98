"""Units a call takes: the wire's own number, else the most exact cost rule, else the card's effort.

Rules are checked when they are loaded, and what a call and its wire say is checked when the call is
priced, before any lease, so that a price is total: an integer from 0 to 10 000 (I8). Of two rules
that match, the one with a model wins, then the one with an upstream, then the one with more facts;
two that are equally exact and may match the same call clash.
"""

from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from grokgate.plugin.records import Call, CallRecord, CostRule
from grokgate.upstream import Wire

MOST_UNITS = 10_000
EFFORT_UNITS: Mapping[str, int] = {"low": 1, "high": 4}
"""Where neither the wire nor a rule says."""


class Price(Struct, frozen=True, kw_only=True):
    """What one call costs."""

    units: int
    """Of the call, or of each output."""
    outputs: int | None = None
    """How many outputs are reserved for; None: *units* are for the whole call."""
    correct: Callable[[CallRecord], int] | None = None

    def reserved(self) -> int:
        """Return the units to reserve."""
        return min(MOST_UNITS, self.units * (1 if self.outputs is None else self.outputs))

    def charged(self, outputs: int) -> int:
        """Return the units due after *outputs* were seen."""
        return min(MOST_UNITS, self.units * (1 if self.outputs is None else outputs))


class CostTable:
    """All cost rules.

    Raises:
        ValueError: A rule is not valid, or two clash; names the rule.
    """

    def __init__(self, rules: Iterable[CostRule] = ()) -> None:
        self._rules: list[CostRule] = []
        for rule in rules:
            check_rule(rule)
            if any(clash(rule, other) for other in self._rules):
                raise ValueError(f"{_name(rule)} clashes with an equally exact one")
            self._rules.append(rule)
        self._rules.sort(key=_exactness, reverse=True)

    def price(self, call: Call, upstream: str, wire: Wire) -> Price:
        """Return what *call* costs over *wire* of *upstream*.

        Raises:
            TypeError: The call or the wire holds something else than its type says.
            KeyError: The card names an effort that does not exist.
        """
        if wire.units is not None:
            return Price(units=min(MOST_UNITS, max(0, _integer(wire.units, "Wire.units"))))
        rule = next((rule for rule in self._rules if _matches(rule, call, upstream)), None)
        if rule is None:
            return Price(units=EFFORT_UNITS[call.card.effort])
        outputs = _integer(call.outputs, "Call.outputs") if rule.per == "output" else None
        return Price(
            units=rule.units,
            outputs=None if outputs is None else min(MOST_UNITS, max(1, outputs)),
            correct=rule.correct,
        )


def check_rule(rule: CostRule) -> None:
    """Refuse a rule that could not price every call.

    Raises:
        ValueError: Says what is wrong.
    """
    if type(rule.units) is not int or not 0 <= rule.units <= MOST_UNITS:
        raise ValueError(f"{_name(rule)}: units must be an integer from 0 to {MOST_UNITS}")
    if rule.per not in {"call", "output"}:
        raise ValueError(f"{_name(rule)}: per must be 'call' or 'output'")
    if rule.correct is not None and not callable(rule.correct):
        raise ValueError(f"{_name(rule)}: correct must be a function")
    if not all(isinstance(text, str) for fact in rule.when.items() for text in fact):
        raise ValueError(f"{_name(rule)}: when must map names of facts to texts")


def clash(one: CostRule, other: CostRule) -> bool:
    """Tell whether two rules are equally exact and may match the same call."""
    return (
        one.capability == other.capability
        and _exactness(one) == _exactness(other)
        and one.model == other.model
        and one.upstream == other.upstream
        and all(one.when[name] == other.when[name] for name in one.when.keys() & other.when.keys())
    )


def _exactness(rule: CostRule) -> tuple[bool, bool, int]:
    return rule.model is not None, rule.upstream is not None, len(rule.when)


def _matches(rule: CostRule, call: Call, upstream: str) -> bool:
    return (
        rule.capability == call.card.capability
        and rule.model in (None, call.card.id)
        and rule.upstream in (None, upstream)
        and rule.when.items() <= call.facts.items()
    )


def _integer(value: object, name: str) -> int:
    """Return *value* if it is an integer; Structs made by plugins hold what they were given."""
    if type(value) is not int:
        raise TypeError(f"{name} is {type(value).__name__}, not int")
    return value


def _name(rule: CostRule) -> str:
    conditions = {"model": rule.model, "upstream": rule.upstream, **rule.when}
    given = ", ".join(f"{name}={value}" for name, value in conditions.items() if value is not None)
    return f"cost rule for {rule.capability}" + (f" ({given})" if given else "")
