from collections.abc import AsyncGenerator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


@pytest.mark.parametrize("units", [None, float("nan"), [1]])
def test_rubbish_units_are_refused_at_load(units: Any) -> None:
    with pytest.raises(ValueError, match="units"):
        CostTable([_rule(units)])


@pytest.mark.parametrize(
    "field",
    [{"per": "minute"}, {"correct": 3}, {"when": {"seconds": 10}}],
    ids=lambda f: next(iter(f)),
)
def test_rule_that_could_not_price_a_call_is_refused_at_load(field: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        CostTable([_rule(1, **field)])


@pytest.mark.parametrize("outputs", [2.5, "2", None, True])
def test_call_with_rubbish_outputs_has_no_price(outputs: Any) -> None:
    table = CostTable([_rule(3, per="output")])

    with pytest.raises(TypeError, match=r"Call\.outputs"):
        table.price(_call(outputs=outputs), "web", _wire())


@pytest.mark.parametrize("units", [1.5, "1", True])
def test_wire_with_rubbish_units_has_no_price(units: Any) -> None:
    with pytest.raises(TypeError, match=r"Wire\.units"):
        CostTable().price(_call(), "web", _wire(units=units))


def test_card_with_an_effort_nobody_knows_has_no_price() -> None:
    with pytest.raises(KeyError):
        CostTable().price(_call("medium"), "web", _wire())


@given(
    st.integers(), st.integers(), st.sampled_from(["call", "output"]), st.integers(0, MOST_UNITS)
)
def test_price_is_total(outputs: int, seen: int, per: Any, units: int) -> None:
    price = CostTable([_rule(units, per=per)]).price(_call(outputs=outputs), "web", _wire())

    assert 0 <= price.reserved() <= MOST_UNITS
    assert 0 <= price.charged(max(0, seen)) <= MOST_UNITS
