import re
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest
from msgspec import Struct

from grokgate.catalog import Catalog, Usable
from grokgate.errors import ModelNotFound, ModelNotSupported, PermissionDenied
from grokgate.plugin import Caller, Capability, ModelCard
from grokgate.registry import available
from grokgate.settings.models import ModelsSettings, arrange
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
        self.models = ModelsSettings()
        self.activate(web=("2026-04", "2026-02"))
        self.catalog = Catalog(
            cards,
            order=lambda: self.order,
            snapshot=lambda: self.snapshot,
            enabled=lambda: self.enabled,
            usable=lambda: self.usable,
            servers=cast("dict[Capability, frozenset[str]]", servers),
            models=lambda: self.models,
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
    with pytest.raises(PermissionDenied) as refused:
        stand.catalog.get("other", caller=limited)
    assert refused.value.code == "model_not_allowed"


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
        stand.catalog.find("grok-4-x", capability="chat", caller=limited)
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


def with_wishes(*cards: ModelCard, **wishes: Any) -> Stand:
    """Make a stand whose operator has wishes."""
    stand = Stand(*cards)
    stand.models = msgspec.convert(wishes, ModelsSettings)
    return stand


def test_added_card_is_like_its_model_but_for_what_it_says() -> None:
    like = make_card("m1", tier="super", aliases=("other",), description="A model.")
    stand = with_wishes(like, add=[{"id": "own", "like": "m1", "effort": "high"}])
    card = stand.catalog.get("own", caller=CALLER).card

    assert (card.tier, card.effort, card.description) == ("super", "high", "A model.")
    assert card.aliases == ()


def test_added_card_may_say_everything_itself() -> None:
    entry = {"name": "fast", "buckets": ["fast"]}
    added = {"id": "own", "capability": "chat", "tier": "basic", "effort": "low"}
    stand = with_wishes(add=[{**added, "wire": {"web": entry}}])

    assert stand.names("own") == [("web", "fast")]
    assert stand.catalog.buckets("web") == {"fast"}


def test_hidden_card_frees_its_names() -> None:
    stand = with_wishes(
        make_card("m1", aliases=("old",)), make_card("m2"), hide=["m1"], alias={"old": "m2"}
    )

    assert stand.ids() == ["m2"]
    assert stand.catalog.get("old", caller=CALLER).card.id == "m2"


def test_hidden_card_can_be_replaced() -> None:
    stand = with_wishes(
        make_card("m1", tier="basic"),
        hide=["m1"],
        add=[{"id": "m1", "like": "m1", "tier": "heavy"}],
    )
    found = [(one.own, one.obstacle, one.card.tier) for one in stand.catalog.standings()]

    assert stand.catalog.get("m1", caller=CALLER).card.tier == "heavy"
    assert sorted(found, key=str) == [(False, "hidden", "basic"), (True, None, "heavy")]


def test_hidden_card_and_its_equal_are_told_apart() -> None:
    bundled = make_card("m1", display_name="m1")
    stand = with_wishes(bundled, hide=["m1"], add=[{"id": "m1", "like": "m1"}])
    standings = stand.catalog.standings()

    assert [one.card for one in standings] == [bundled, bundled]
    assert {(one.own, one.obstacle) for one in standings} == {(False, "hidden"), (True, None)}


def test_alias_of_an_alias_leads_to_the_model() -> None:
    stand = with_wishes(make_card("m1"), alias={"a": "m1", "b": "a"})

    assert stand.catalog.get("b", caller=CALLER).card.aliases == ("a", "b")


WISHES = [
    ("id taken", {"add": [{"id": "m1", "like": "m2"}]}, "models.add"),
    ("alias taken", {"add": [{"id": "x", "like": "m2", "aliases": ["m1"]}]}, "models.add"),
    ("like nothing", {"add": [{"id": "x", "like": "y"}]}, "models.add"),
    ("says too little", {"add": [{"id": "x", "tier": "basic"}]}, "models.add"),
    ("twice the same", {"add": 2 * [{"id": "x", "like": "m1"}]}, "models.add"),
    ("hides nothing", {"hide": ["x"]}, "models.hide"),
    ("name taken", {"alias": {"m1": "m2"}}, "models.alias"),
    ("no such model", {"alias": {"x": "y"}}, "models.alias"),
    ("hidden model", {"hide": ["m1"], "alias": {"x": "m1"}}, "models.alias"),
]


@pytest.mark.parametrize(("wishes", "key"), [row[1:] for row in WISHES], ids=[r[0] for r in WISHES])
def test_wish_that_clashes_is_a_fault_and_changes_nothing(wishes: dict[str, Any], key: str) -> None:
    cards = [make_card("m1"), make_card("m2")]
    arranged = arrange(cards, msgspec.convert(wishes, ModelsSettings))

    assert [fault.key for fault in arranged.faults] == [key]
    assert {card.id for card in arranged.cards} <= {"m1", "m2", "x"}


OBSTACLES = [
    ("switched off", {"requires": ("images",)}, "switched_off"),
    ("no upstream", {"wire": {"xai": wire("x")}}, "no_upstream"),
    ("not shown", {"visible": False}, "not_shown"),
    ("offered", {}, None),
]


@pytest.mark.parametrize(
    ("card", "obstacle"), [row[1:] for row in OBSTACLES], ids=[row[0] for row in OBSTACLES]
)
def test_standing_tells_why_a_card_is_not_listed(card: dict[str, Any], obstacle: Any) -> None:
    (standing,) = Stand(make_card("m1", **card)).catalog.standings()

    assert standing.obstacle == obstacle


def test_standing_names_the_wire_entries_in_force() -> None:
    wires = {"web/2026-02": wire("old"), "web/2026-04": wire("new"), "xai": wire("x")}
    (standing,) = Stand(make_card("m1", wire=wires)).catalog.standings()

    assert standing.active == ("web/2026-04",)


def test_model_without_a_usable_account_says_so_where_only_such_are_listed() -> None:
    stand = Stand(make_card("m1"))
    stand.usable = lambda _upstream, _tier: False

    assert [one.obstacle for one in stand.catalog.standings()] == ["no_account"]


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_models_that_the_readme_asks_are_in_the_catalog(page: str) -> None:
    text = (Path(__file__).parents[2] / page).read_text(encoding="utf-8")
    named = set(re.findall(r'model"?[:=] ?"([^"]+)"|grokgate explain (\S+)', text))
    plugins = [import_module(f"grokgate_{one.name}") for one in available() if one.bundled]
    cards = [card for one in plugins for card in getattr(one, "grokgate_models", list)()]
    known = {name for card in cards for name in (card.id, *card.aliases)}

    assert named
    assert {one or other for one, other in named} <= known
