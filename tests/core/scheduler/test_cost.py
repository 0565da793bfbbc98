from collections.abc import AsyncGenerator
from typing import Any

import pytest

from grokgate.plugin.records import Call, Caller, CostRule, ModelCard
from grokgate.scheduler.cost import MOST_UNITS, CostTable
from grokgate.upstream import Event, Finished, UpstreamSession, Wire


async def _send(_session: UpstreamSession) -> AsyncGenerator[Event, None]:
    yield Finished()


def _call(effort: Any = "low", **changes: Any) -> Call:
    card = ModelCard(
        id="grok-video", capability="video", tier="basic", effort=effort, created=0, wire={}
    )
    return Call(caller=Caller(key_id="k", name="k"), card=card, send=_send, **changes)


def _wire(units: int | None = None) -> Wire:
    return Wire(name="w", buckets=("default",), units=units)


def _rule(units: Any, **conditions: Any) -> CostRule:
    return CostRule(units=units, capability="video", **conditions)


@pytest.mark.parametrize(("effort", "units"), [("low", 1), ("high", 4)])
def test_effort_decides_where_nothing_else_does(effort: str, units: int) -> None:
    assert CostTable().price(_call(effort), "web", _wire()).reserved() == units


def test_profile_that_fixes_units_wins_over_rules() -> None:
    table = CostTable([_rule(7)])

    assert table.price(_call(), "web", _wire(units=2)).reserved() == 2


@pytest.mark.parametrize(
    ("facts", "upstream", "units"),
    [
        ({}, "xai", 1),
        ({"resolution": "720p"}, "xai", 2),
        ({"resolution": "720p", "seconds": "10"}, "xai", 3),
        ({}, "web", 4),
    ],
    ids=["any", "fact", "two facts", "upstream before facts"],
)
def test_most_exact_rule_wins(facts: dict[str, str], upstream: str, units: int) -> None:
    table = CostTable(
        [
            _rule(1),
            _rule(2, when={"resolution": "720p"}),
            _rule(3, when={"resolution": "720p", "seconds": "10"}),
            _rule(4, upstream="web"),
        ]
    )

    assert table.price(_call(facts=facts), upstream, _wire()).reserved() == units


def test_rule_per_output_reserves_all_and_charges_those_seen() -> None:
    price = CostTable([_rule(3, per="output")]).price(_call(outputs=4), "web", _wire())

    assert (price.reserved(), price.charged(3)) == (12, 9)


def test_total_never_exceeds_the_bound() -> None:
    price = CostTable([_rule(MOST_UNITS, per="output")]).price(_call(outputs=9), "web", _wire())

    assert price.reserved() == MOST_UNITS


@pytest.mark.parametrize("units", [-1, MOST_UNITS + 1, True, 1.5, "1"])
def test_units_outside_the_bounds_are_refused_at_load(units: Any) -> None:
    with pytest.raises(ValueError, match="units"):
        CostTable([_rule(units)])


@pytest.mark.parametrize(
    ("one", "other", "clashing"),
    [
        ({}, {}, True),
        ({"when": {"a": "1"}}, {"when": {"b": "1"}}, True),
        ({"when": {"a": "1"}}, {"when": {"a": "2"}}, False),
        ({"model": "x"}, {"model": "y"}, False),
        ({"model": "x"}, {"upstream": "web"}, False),
        ({"when": {"a": "1"}}, {}, False),
    ],
    ids=["same", "facts that may meet", "exclusive facts", "models", "exactness", "more exact"],
)
def test_equally_exact_rules_clash(
    one: dict[str, Any], other: dict[str, Any], *, clashing: bool
) -> None:
    rules = [_rule(1, **one), _rule(2, **other)]
    if clashing:
        with pytest.raises(ValueError, match="clashes"):
            CostTable(rules)
    else:
        CostTable(rules)
