from typing import Any, cast

import pytest
from msgspec import Struct

from grokgate.catalog import Catalog, Usable
from grokgate.errors import ModelNotFound, ModelNotSupported
from grokgate.plugin import Caller, Capability, ModelCard
from grokgate.testing import make_card
from grokgate.upstream import ActiveProfile, Tier, Wire

CALLER = Caller(key_id="k1", name="first")


def wire(name: str, *buckets: str, **more: Any) -> Wire:
    return Wire(name=name, buckets=buckets or ("default",), **more)


class Snapshot(Struct, frozen=True):
    profiles: dict[str, ActiveProfile]


class Stand:
    """A catalog over settings that a test can change."""

    def __init__(self, *cards: ModelCard, **servers: frozenset[str]) -> None:
        self.enabled = frozenset({"chat"})
        self.order = ["web", "xai"]
        self.usable: Usable | None = None
        self.activate(web=("2026-04", "2026-02"))
        self.catalog = Catalog(
            cards,
            order=lambda: self.order,
            snapshot=lambda: self.snapshot,
            enabled=lambda: self.enabled,
            usable=lambda: self.usable,
            servers=cast("dict[Capability, frozenset[str]]", servers),
        )

    def activate(self, *, refused: tuple[str, ...] = (), **chains: tuple[str, ...]) -> None:
        """Make these profiles the active ones, by upstream."""
        self.snapshot = Snapshot(
            {
                upstream: ActiveProfile(chain=chain, refused=frozenset(refused))
                for upstream, chain in chains.items()
            }
        )

    def names(self, model: str = "m1") -> list[tuple[str, str]]:
        """What each upstream calls *model*."""
        card = self.catalog.get(model, caller=CALLER).card
        return [(upstream, found.name) for upstream, found in self.catalog.wires(card)]

    def ids(self, caller: Caller = CALLER) -> list[str]:
        return [offer.card.id for offer in self.catalog.offered(caller)]


WIRES = [
    ("the active profile", {"web/2026-04": wire("new"), "web/2026-02": wire("old")}, "new"),
    ("a profile it extends", {"web/2026-02": wire("old"), "web": wire("bare")}, "old"),
    ("the bare upstream", {"web/2025-01": wire("older"), "web": wire("bare")}, "bare"),
]


@pytest.mark.parametrize(("wires", "name"), [row[1:] for row in WIRES], ids=[r[0] for r in WIRES])
def test_the_nearest_wire_entry_counts(wires: dict[str, Wire], name: str) -> None:
    assert Stand(make_card("m1", wire=wires)).names() == [("web", name)]


def test_a_card_without_an_entry_for_an_active_profile_is_not_offered() -> None:
    stand = Stand(make_card("m1", wire={"xai": wire("x")}))

    assert stand.ids() == []
    assert stand.catalog.unserved() == ["m1"]
    with pytest.raises(ModelNotFound):
        stand.catalog.get("m1", caller=CALLER)


@pytest.mark.parametrize("key", ["web/2026-04", "web"])
def test_a_name_that_the_profile_refuses_is_dropped(key: str) -> None:
    stand = Stand(make_card("m1", wire={key: wire("gone")}))
    stand.activate(web=("2026-04",), refused=("gone",))

    assert stand.ids() == []


def test_a_refused_alternative_of_a_wire_is_dropped() -> None:
    entry = wire("first", otherwise=(wire("gone"), wire("kept")))
    stand = Stand(make_card("m1", wire={"web": entry}))
    stand.activate(web=("2026-04",), refused=("gone",))
    ((_, found),) = stand.catalog.wires(stand.catalog.get("m1", caller=CALLER).card)

    assert [other.name for other in found.otherwise] == ["kept"]


def test_upstreams_are_tried_in_the_configured_order() -> None:
    stand = Stand(make_card("m1", wire={"web": wire("w"), "xai": wire("x")}))
    stand.activate(web=(), xai=())
    stand.order = ["xai", "web"]

    assert stand.names() == [("xai", "x"), ("web", "w")]


def test_another_profile_changes_the_names_at_once() -> None:
    card = make_card("m1", wire={"web/2026-04": wire("new"), "web/2026-02": wire("old")})
    stand = Stand(card)
    before = stand.names()
    stand.activate(web=("2026-02",))

    assert (before, stand.names()) == ([("web", "new")], [("web", "old")])


def test_a_card_exists_while_what_it_requires_answers() -> None:
    stand = Stand(make_card("m1", requires=("chat",)))
    before = stand.ids()
    stand.enabled = frozenset()

    assert (before, stand.ids()) == (["m1"], [])
    assert stand.catalog.unserved() == []


def test_an_alias_leads_to_its_card_and_is_not_listed() -> None:
    stand = Stand(make_card("m1", aliases=("other",)))

    assert stand.catalog.get("other", caller=CALLER).card.id == "m1"
    assert stand.ids() == ["m1"]


def test_hidden_models_work_without_being_listed() -> None:
    stand = Stand(make_card("m1", visible=False))

    assert stand.ids() == []
    assert stand.catalog.get("m1", caller=CALLER).card.id == "m1"


def test_models_are_listed_by_capability_then_id() -> None:
    cards = [
        make_card("v", capability="video"),
        make_card("e", capability="image_edit"),
        make_card("i", capability="image"),
        make_card("b"),
        make_card("a"),
    ]

    assert Stand(*cards).ids() == ["a", "b", "i", "e", "v"]


def test_a_model_of_another_capability_is_not_supported() -> None:
    stand = Stand(make_card("i", capability="image"))

    with pytest.raises(ModelNotSupported, match="a chat endpoint"):
        stand.catalog.find("i", capability="chat", caller=CALLER)


def test_a_key_sees_only_the_models_it_may_use() -> None:
    stand = Stand(make_card("m1", aliases=("other",)), make_card("m2"))
    limited = Caller(key_id="k2", name="second", allowed_models=frozenset({"m2"}))

    assert stand.ids(limited) == ["m2"]
    with pytest.raises(ModelNotFound):
        stand.catalog.get("other", caller=limited)


NAMES = ("grok-4", "grok-4-fast", "grok-4-heavy", "grok-4-mini", "grok-imagine")


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("grok-4-fats", ["grok-4-fast"]),
        ("GROK-4-HEAVY", ["grok-4-heavy"]),
        ("grok4", ["grok-4"]),
        ("gpt", []),
        ("grok-4" * 100_000, []),
    ],
    ids=["mistyped", "capitals", "short", "another", "endless"],
)
def test_unknown_model_is_answered_with_the_most_alike(asked: str, near: list[str]) -> None:
    stand = Stand(*map(make_card, NAMES))

    with pytest.raises(ModelNotFound) as refused:
        stand.catalog.get(asked, caller=CALLER)
    assert refused.value.message.startswith(f"The model '{asked[:100]}")
    assert "does not exist or you have no access to it." in refused.value.message
    assert _meant(refused.value)[:1] == near
    assert len(_meant(refused.value)) <= 3
    assert len(refused.value.message) < 250


def test_only_models_that_the_caller_could_use_instead_are_named() -> None:
    stand = Stand(
        make_card("grok-4-a"),
        make_card("grok-4-b"),
        make_card("grok-4-c", capability="image"),
        make_card("grok-4-d", requires=("off",)),
        make_card("grok-4-e", visible=False),
    )
    allowed = frozenset({"grok-4-b", "grok-4-c", "grok-4-d", "grok-4-e"})
    limited = Caller(key_id="k2", name="second", allowed_models=allowed)

    with pytest.raises(ModelNotFound) as refused:
        stand.catalog.find("grok-4-a", capability="chat", caller=limited)
    assert _meant(refused.value) == ["grok-4-b"]


def _meant(refused: ModelNotFound) -> list[str]:
    """The models named in "Did you mean 'a' or 'b'?"."""
    return refused.message.partition("Did you mean")[2].split("'")[1::2]


def test_only_models_that_a_token_could_serve_are_listed_when_asked_for() -> None:
    stand = Stand(
        make_card("m1", tier="basic"),
        make_card("m2", tier="super"),
        make_card("m3", tier="super", wire={"web": wire("w", tier="basic")}),
    )

    def usable(_upstream: str, tier: Tier, /) -> bool:
        return tier == "basic"

    stand.usable = usable

    assert stand.ids() == ["m1", "m3"]


def test_limits_of_an_offer_are_those_of_the_wire_in_force() -> None:
    stand = Stand(make_card("m1", wire={"web": wire("w", limits={"per_call": 2})}))

    assert stand.catalog.get("m1", caller=CALLER).limits == {"per_call": 2}


def test_buckets_are_all_that_models_could_draw_from() -> None:
    entry = wire(
        "w",
        "default",
        buckets_when={"resolution=720p": ("large",)},
        otherwise=(wire("o", "heavy"),),
    )
    stand = Stand(make_card("m1", wire={"web": entry}), make_card("m2", wire={"xai": wire("x")}))

    assert stand.catalog.buckets("web") == {"default", "large", "heavy"}


def test_models_exist_while_any_endpoint_that_serves_them_is_on() -> None:
    stand = Stand(make_card("m1", wire={"web": wire("x")}), chat=frozenset({"chat", "talk"}))

    stand.enabled = frozenset({"talk"})
    assert stand.ids() == ["m1"]
    stand.enabled = frozenset({"pictures"})
    assert stand.ids() == []
