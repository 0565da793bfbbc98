"""The cards of the chat models against the tables F-MOD-02 and F-MOD-03."""

import pytest

from grokgate.plugin import ModelCard, load_cards
from grokgate.upstream import Wire

CARDS = {card.id: card for card in load_cards("grokgate_chat")}
TABLE = """
grok-3                             grok-3                      GROK_3                auto    basic  low
grok-3-fast                        grok-3                      FAST                  fast    basic  low
grok-3-mini                        grok-3                      GROK_3_MINI_THINKING  fast    basic  low
grok-3-thinking                    grok-3                      GROK_3_THINKING       expert  basic  low
grok-4                             grok-4                      GROK_4                auto    basic  low
grok-4-fast                        grok-4                      FAST                  fast    basic  low
grok-4-mini                        grok-4-mini-thinking-tahoe  GROK_4_MINI_THINKING  fast    basic  low
grok-4-thinking                    grok-4                      GROK_4_THINKING       expert  basic  low
grok-4-heavy                       grok-4                      HEAVY                 heavy   heavy  high
grok-4.1                           grok-4-1-thinking-1129      AUTO                  auto    basic  low
grok-4.1-mini                      grok-4-1-thinking-1129      GROK_4_1_MINI_THINKING  fast  basic  low
grok-4.1-fast                      grok-4-1-thinking-1129      FAST                  fast    basic  low
grok-4.1-expert                    grok-4-1-thinking-1129      EXPERT                expert  basic  high
grok-4.1-thinking                  grok-4-1-thinking-1129      GROK_4_1_THINKING     expert  basic  high
grok-4.20-beta                     grok-420                    GROK_420              auto    basic  low
grok-4.20-fast                     -                           -                     fast    basic  low
grok-4.20-auto                     -                           -                     auto    super  low
grok-4.20-expert                   -                           -                     expert  super  high
grok-4.20-heavy                    -                           -                     heavy   heavy  high
grok-4.20-0309-super               -                           -                     auto    super  low
grok-4.20-0309-reasoning-super     -                           -                     expert  super  high
grok-4.20-0309-non-reasoning-super -                           -                     fast    super  low
grok-4.20-0309-heavy               -                           -                     auto    heavy  low
grok-4.20-0309-reasoning-heavy     -                           -                     expert  heavy  high
grok-4.20-0309-non-reasoning-heavy -                           -                     fast    heavy  low
grok-4.3-beta                      -             -          grok-420-computer-use-sa super   low
grok-chat-fast                     -                           -                     fast    basic  low
grok-chat-auto                     -                           -                     auto    super  low
grok-chat-expert                   -                           -                     expert  super  high
grok-chat-heavy                    -                           -                     heavy   heavy  high
"""  # noqa: E501 - a table
ROWS = [line.split() for line in TABLE.strip().splitlines()]
ALIASES = {
    "grok-4.20-0309": "grok-4.20-auto",
    "grok-4.20-0309-reasoning": "grok-4.20-expert",
    "grok-4.20-0309-non-reasoning": "grok-4.20-fast",
    "grok-4.20-multi-agent-0309": "grok-4.20-heavy",
    "grok-4.1.thinking": "grok-4.1-thinking",
}
EVERY = pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.id)


def test_there_is_a_card_for_every_row_and_no_other() -> None:
    assert sorted(CARDS) == sorted(row[0] for row in ROWS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_card_says_what_its_row_says(row: list[str]) -> None:
    name, model, mode, later, tier, effort = row
    card = CARDS[name]
    early = card.wire.get("web/2026-02")

    assert (card.tier, card.effort, card.capability) == (tier, effort, "chat")
    assert card.wire["web/2026-04"].name == later
    assert (early.name if early else "-") == model
    assert (early.params["mode"] if early else "-") == (
        "-" if mode == "-" else f"MODEL_MODE_{mode}"
    )


def test_aliases_are_those_of_the_specification() -> None:
    assert {alias: card.id for card in CARDS.values() for alias in card.aliases} == ALIASES


@EVERY
def test_names_are_complete_and_the_switch_is_named(card: ModelCard) -> None:
    assert card.display_name
    assert card.description
    assert card.created > 1_700_000_000
    assert card.requires == ()


@EVERY
def test_early_calls_draw_on_the_shared_window_and_fall_back_to_auto(card: ModelCard) -> None:
    early = card.wire.get("web/2026-02")
    if early is None:
        return
    mode = str(early.params["mode"])

    assert early.buckets == (("heavy",) if mode.endswith("HEAVY") else ("default",))
    assert (early.params.get("fallbacks") == ("MODEL_MODE_AUTO",)) == ("GROK" in mode)
    assert early.units is None


@EVERY
def test_names_of_2026_08_are_those_of_2026_04(card: ModelCard) -> None:
    """The mode of 4.3 was given up (F-MOD-02)."""
    expected = None if card.id == "grok-4.3-beta" else card.wire["web/2026-04"]

    assert card.wire.get("web/2026-08") == expected


@EVERY
def test_later_calls_cost_one_unit_of_their_own_window(card: ModelCard) -> None:
    wire = card.wire["web/2026-04"]

    bucket = "grok_4_3" if wire.name.startswith("grok-420") else wire.name
    assert (wire.buckets, wire.units) == ((bucket,), 1)


@EVERY
def test_auto_alone_has_something_else_to_try(card: ModelCard) -> None:
    wire = card.wire["web/2026-04"]

    fallbacks = (
        Wire(name="fast", buckets=("fast",), units=1),
        Wire(name="expert", buckets=("expert",), units=1),
    )
    assert wire.otherwise == (fallbacks if wire.name == "auto" else ())
