"""The section ``models``, and what it makes of the bundled cards (F-MOD-06)."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct
from msgspec.structs import asdict, replace

from grokgate.plugin.records import Capability, ModelCard, Settings
from grokgate.settings.fields import Fault, described
from grokgate.upstream import Tier, Wire

_NEEDED = ("capability", "tier", "effort", "wire")
Name = Annotated[str, Meta(pattern=r"^[^\s\x00-\x1f\x7f]{1,200}$")]


class AddedCard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A model that the operator adds; what it does not say is as in the card it is *like*."""

    id: Name
    like: str = ""
    """Id of a bundled card; empty: the card says everything itself."""
    capability: Capability | None = None
    tier: Tier | None = None
    effort: Literal["low", "high"] | None = None
    created: int | None = None
    """Unix seconds."""
    wire: Mapping[str, Wire] | None = None
    """Keys are ``upstream/profile`` or a bare upstream id."""
    requires: tuple[str, ...] | None = None
    """Switches without which the model does not exist."""
    aliases: tuple[Name, ...] = ()
    display_name: str = ""
    description: str = ""
    visible: bool = True


class ModelsSettings(Settings, frozen=True, kw_only=True):
    """Section ``models``: what is on offer."""

    only_usable: Annotated[
        bool,
        described("List only models that some token could serve.", "只列出有令牌可用的模型。"),
    ] = False
    add: Annotated[
        tuple[AddedCard, ...],
        described(
            "Models of your own: tables with an id and like = the id of a bundled model, or"
            " capability, tier, effort and wire.",
            "自定义模型：每项为一个表，含 id，以及 like（内置模型的 id），"
            "或 capability、tier、effort 和 wire。",
        ),
    ] = ()
    hide: Annotated[
        tuple[str, ...],
        described(
            "Ids of bundled models that are not offered: neither listed nor answered.",
            "不提供的内置模型 id：既不列出也不应答。",
        ),
    ] = ()
    alias: Annotated[
        Mapping[Name, str],
        described("Further names of models: name = model.", "模型的别名：别名 = 模型。"),
    ] = {}


class Arranged(Struct, frozen=True, kw_only=True):
    """The cards as the operator wants them."""

    cards: tuple[ModelCard, ...]
    """Bundled ones that are not hidden, then the operator's."""
    hidden: tuple[ModelCard, ...] = ()
    own: frozenset[str] = frozenset()
    """Ids of the operator's."""
    faults: tuple[Fault, ...]
    """What of the section has no effect."""


def arrange(bundled: Iterable[ModelCard], section: ModelsSettings) -> Arranged:
    """Hide, add and alias cards; what clashes or refers to nothing is left out and told."""
    work = _Arrangement(bundled)
    for hidden in section.hide:
        work.hide(hidden)
    for added in section.add:
        work.add(added)
    for name, model in section.alias.items():
        work.alias(name, model)
    return Arranged(
        cards=tuple(work.cards.values()),
        hidden=tuple(work.hidden),
        own=frozenset(work.own),
        faults=tuple(work.faults),
    )


class _Arrangement:
    def __init__(self, bundled: Iterable[ModelCard]) -> None:
        self._bundled = {card.id: card for card in bundled}
        self.cards = dict(self._bundled)
        self._names: dict[str, str] = {}
        """Ids and aliases → id of their card."""
        for card in self.cards.values():
            self._take(card)
        self.hidden: list[ModelCard] = []
        self.own: set[str] = set()
        self.faults: list[Fault] = []

    def hide(self, model: str) -> None:
        if model not in self._bundled:
            self._fault("hide", f"there is no bundled model {model!a}")
        elif model in self.cards:
            card = self.cards.pop(model)
            self.hidden.append(card)
            for name in (card.id, *card.aliases):
                self._names.pop(name, None)

    def add(self, added: AddedCard) -> None:
        taken = [name for name in (added.id, *added.aliases) if name in self._names]
        if taken:
            self._fault("add", f"the name {taken[0]!a} is taken already")
        elif added.like and added.like not in self._bundled:
            self._fault("add", f"{added.id!a} is like {added.like!a}, which is no bundled model")
        elif lacking := _lacking(added):
            self._fault("add", f"{added.id!a} needs {', '.join(lacking)}, or a model it is like")
        else:
            card = _card(added, self._bundled.get(added.like))
            self.cards[card.id] = card
            self.own.add(card.id)
            self._take(card)

    def alias(self, name: str, model: str) -> None:
        if name in self._names:
            self._fault("alias", f"the name {name!a} is taken already")
        elif model not in self._names:
            self._fault("alias", f"{name!a} stands for {model!a}, which is not offered")
        else:
            card = self.cards[self._names[model]]
            self.cards[card.id] = replace(card, aliases=(*card.aliases, name))
            self._names[name] = card.id

    def _take(self, card: ModelCard) -> None:
        self._names.update(dict.fromkeys((card.id, *card.aliases), card.id))

    def _fault(self, name: str, text: str) -> None:
        self.faults.append(Fault(f"models.{name}", text))


def _lacking(added: AddedCard) -> list[str]:
    return [] if added.like else [name for name in _NEEDED if getattr(added, name) is None]


def _card(added: AddedCard, base: ModelCard | None) -> ModelCard:
    said: dict[str, Any] = {
        name: value for name, value in asdict(added).items() if name != "like" and value is not None
    }
    said["display_name"] = added.display_name or added.id
    if base is None:
        return ModelCard(**{"created": 0, **said})
    return replace(base, **{**said, "description": added.description or base.description})
