"""The cards of the image models against F-MOD-02, F-MOD-03, F-MOD-05 and the August catalogue."""

from typing import Any

import pytest

import grokgate_images
from grokgate.dispatch.route import routes
from grokgate.plugin import Call, Caller, ModelCard, load_cards
from grokgate.scheduler.cost import CostTable
from grokgate.upstream import Wire
from grokgate_web import grokgate_upstreams

CARDS = {card.id: card for card in load_cards("grokgate_images")}
EARLY, LATER, NEWEST = "web/2026-02", "web/2026-04", "web/2026-08"
BOTH = ("grok-imagine-1.0", "grok-imagine-1.0-fast")
SOCKET = ("grok-imagine-image", "grok-imagine-image-2.0")
EDIT = "grok-imagine-1.0-edit"
RULES = CostTable(grokgate_images.grokgate_cost_rules())


def wire_of(card: ModelCard, profile: str) -> Wire | None:
    """The entry in force; 2026-08 extends 2026-04, and that nothing of interest here."""
    if profile == NEWEST and NEWEST not in card.wire:
        profile = LATER
    return card.wire.get(profile)


def cost(name: str, profile: str, method: str, *, pictures: int) -> Any:
    card = CARDS[name]
    wire = wire_of(card, profile)
    assert wire is not None
    facts = {"method": method}
    priced = wire.limits.get(f"{method}_priced")
    if isinstance(priced, str):
        facts["priced"] = priced
    call = Call(
        caller=Caller(key_id="k", name="k"),
        card=card,
        send=lambda _: pytest.fail("not sent"),
        outputs=pictures,
        facts=facts,
    )
    (spec,) = grokgate_upstreams()
    (route,) = routes(
        call, [("web", wire)], specs={"web": spec}, rules=RULES, configured=(), fallback=True
    )
    return route.buckets, route.price.reserved()


def test_there_is_a_card_for_every_row_and_no_other() -> None:
    assert set(CARDS) == {*BOTH, *SOCKET, "grok-imagine-image-lite", EDIT}


def test_aliases_are_those_of_the_specification() -> None:
    assert {alias: card.id for card in CARDS.values() for alias in card.aliases} == {
        "grok-imagine-image-edit": EDIT,
        "grok-imagine-image-pro": "grok-imagine-image-2.0",
    }


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)
def test_names_are_complete_and_the_switches_are_named(card: ModelCard) -> None:
    edit = card.capability == "image_edit"

    assert card.display_name
    assert card.description
    assert card.created > 1_700_000_000
    assert card.requires == (("images", "image_edits") if edit else ("images",))


@pytest.mark.parametrize(
    ("name", "method", "pictures", "expected"),
    [
        *[
            (name, method, 2, {EARLY: (("default",), 4), LATER: later, NEWEST: newest})
            for name in BOTH
            for method, later, newest in (
                ("chat", (("fast",), 1), (("fast",), 1)),
                ("socket", (("auto",), 2), (("image_pro",), 2)),
            )
        ],
        *[
            (name, "socket", 4, {LATER: (("auto",), 4), NEWEST: (("image_pro",), 4)})
            for name in SOCKET
        ],
        ("grok-imagine-image-lite", "chat", 2, {LATER: (("fast",), 1), NEWEST: (("fast",), 1)}),
        (
            EDIT,
            "edit",
            1,
            {EARLY: (("default",), 4), LATER: (("auto",), 1), NEWEST: (("image_edit",), 1)},
        ),
    ],
)
def test_windows_and_prices(
    name: str, method: str, pictures: int, expected: dict[str, Any]
) -> None:
    found = {
        profile: cost(name, profile, method, pictures=pictures)
        for profile in (EARLY, LATER, NEWEST)
        if wire_of(CARDS[name], profile) is not None
    }

    assert found == expected


@pytest.mark.parametrize("name", [*SOCKET, EDIT])
def test_paid_plans_alone_have_socket_and_edit_in_2026_04(name: str) -> None:
    card = CARDS[name]

    assert (card.wire[LATER].tier, card.wire[NEWEST].tier, card.tier) == ("super", None, "basic")


def test_edit_takes_as_many_pictures_as_its_profile() -> None:
    wires = CARDS[EDIT].wire

    assert [wires[profile].limits["references"] for profile in (EARLY, LATER, NEWEST)] == [3, 3, 8]
    assert wires[NEWEST].limits["per_call"] == 1


def test_refused_edit_is_drawn_by_a_conversation_in_2026_02_alone() -> None:
    wires = CARDS[EDIT].wire

    assert wires[EARLY].limits["methods"] == ("edit", "chat")
    assert wires[NEWEST].limits["methods"] == ("edit",)


def test_newest_socket_has_further_ratios() -> None:
    ratios = CARDS["grok-imagine-1.0"].wire[NEWEST].limits["ratios"]

    assert isinstance(ratios, tuple)
    assert {"19.5:9", "4:3", "1:1"} <= set(ratios)
