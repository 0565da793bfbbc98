"""All model cards: what is offered now, and how each active upstream names it.

The view is built once per settings snapshot and set of routes that answer, from the bundled cards
as the operator wants them (`settings.models`). A card's wire entry for an upstream is found by its
active profile, then by the profiles that one extends, nearest first, then by the bare upstream id;
an entry whose name the profile refuses is dropped. A card without any entry is not offered (D12).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from grokgate.errors import ModelNotFound, ModelNotSupported, PermissionDenied
from grokgate.openai.tally import note_refused_model
from grokgate.plugin.records import Caller, Capability, ModelCard, Offer, RouteSpec
from grokgate.settings.models import ModelsSettings, arrange
from grokgate.upstream import ActiveProfile, Tier, Wire

_ORDER: Mapping[Capability, int] = {"chat": 0, "image": 1, "image_edit": 2, "video": 3}
_ENDPOINTS: Mapping[Capability, str] = {
    "chat": "a chat endpoint",
    "image": "an image endpoint",
    "image_edit": "the image edit endpoint",
    "video": "a video endpoint",
}
_LONGEST_COMPARED = 100
_MOST_NEAR = 3


class CatalogSnapshot(Protocol):
    """What the catalog reads of a settings snapshot."""

    @property
    def profiles(self) -> Mapping[str, ActiveProfile]:
        """Active protocol profile by upstream id."""
        ...


class Usable(Protocol):
    """Tells whether any usable token could serve a model."""

    def __call__(self, upstream: str, tier: Tier, /) -> bool:
        """Answer for a model of *tier* served by *upstream*."""
        ...


Obstacle: TypeAlias = Literal["hidden", "switched_off", "no_upstream", "not_shown", "no_account"]
"""Why a model is not in the list: the operator hid it, a switch is off, no active upstream profile
serves it, its card is not shown, or no usable token could serve it."""


class Standing(Struct, frozen=True, kw_only=True):
    """A card, and whether it is offered."""

    card: ModelCard
    own: bool
    """The operator added it."""
    active: tuple[str, ...]
    """Keys of the wire entries in force."""
    obstacle: Obstacle | None
    """None: it is offered to every key that may use it."""


class _Entry(Struct, frozen=True):
    offer: Offer
    wires: tuple[tuple[str, Wire], ...]


class _View(Struct, frozen=True):
    snapshot: CatalogSnapshot
    enabled: frozenset[str]
    by_name: Mapping[str, _Entry]
    """Ids and aliases."""
    listed: tuple[_Entry, ...]
    """Visible ones, in the order of F-MDL-03."""


class Catalog:
    """Answers which models exist for whom; safe to call from anywhere in the event loop.

    Args:
        cards: Cards of all plugins; ids and aliases are unique.
        order: Upstream ids in the order they are tried for a model that several serve.
        snapshot: Returns the settings now.
        enabled: Returns the ids of the routes that answer now; a card exists only while all that
            it requires are among them.
        servers: Ids of the routes that answer with models of a capability; one of them must be on.
        usable: Given when only models with a usable token are to be listed; else None.
        models: Returns what the operator adds, hides and names otherwise.
    """

    def __init__(
        self,
        cards: Iterable[ModelCard],
        *,
        order: Callable[[], Sequence[str]],
        snapshot: Callable[[], CatalogSnapshot],
        enabled: Callable[[], frozenset[str]],
        usable: Callable[[], Usable | None] = lambda: None,
        servers: Mapping[Capability, frozenset[str]] = MappingProxyType({}),
        models: Callable[[], ModelsSettings] = ModelsSettings,
    ) -> None:
        self._cards = tuple(cards)
        self._models = models
        self._order = order
        self._snapshot = snapshot
        self._enabled = enabled
        self._usable = usable
        self._servers = servers
        self._view: _View | None = None

    def find(self, model: str, *, capability: Capability, caller: Caller) -> Offer:
        """Look up an id or alias that must have *capability*."""
        offer = self._get(model, caller, (capability,))
        if offer.card.capability != capability:
            note_refused_model(model)
            raise ModelNotSupported(model, endpoint=_ENDPOINTS[capability])
        return offer

    def get(self, model: str, *, caller: Caller) -> Offer:
        """Look up an id or alias whatever its capability."""
        return self._get(model, caller, tuple(_ORDER))

    def offered(self, caller: Caller) -> list[Offer]:
        """List what *caller* may use: chat, image, edit, video; then by id."""
        usable = self._usable()
        return [
            entry.offer
            for entry in self._current().listed
            if _allowed(entry.offer.card, caller)
            and (usable is None or _served(entry.offer.card, entry.wires, usable))
        ]

    def wires(self, card: ModelCard) -> tuple[tuple[str, Wire], ...]:
        """Return the wire entries in force for *card*, by upstream, in the order they are tried."""
        entry = self._current().by_name.get(card.id)
        return entry.wires if entry is not None else ()

    def buckets(self, upstream: str) -> frozenset[str]:
        """Return the quota windows that the models offered now draw from at *upstream*."""
        return frozenset(
            bucket
            for entry in self._current().by_name.values()
            for name, wire in entry.wires
            if name == upstream
            for bucket in _buckets(wire)
        )

    def standings(self) -> list[Standing]:
        """Tell of every card whether it is offered, and why not: chat, image, edit, video."""
        arranged = arrange(self._cards, self._models())
        found = [self._standing(card, own=card.id in arranged.own) for card in arranged.cards]
        found += [
            replace(self._standing(card, own=False), obstacle="hidden") for card in arranged.hidden
        ]
        return sorted(found, key=lambda standing: _sort_key(standing.card))

    def unserved(self) -> list[str]:
        """List ids of cards that no active upstream serves, for ``plugins check``."""
        profiles, order = self._snapshot().profiles, self._order()
        return sorted(card.id for card in self._cards if not _wires(card, order, profiles))

    def _standing(self, card: ModelCard, *, own: bool) -> Standing:
        profiles, usable = self._snapshot().profiles, self._usable()
        wires = _wires(card, self._order(), profiles)
        obstacle: Obstacle | None = None
        if not self._is_on(card, self._enabled()):
            obstacle = "switched_off"
        elif not wires:
            obstacle = "no_upstream"
        elif not card.visible:
            obstacle = "not_shown"
        elif usable is not None and not _served(card, wires, usable):
            obstacle = "no_account"
        active = tuple(_key(card, name, profiles[name]) for name, _ in wires)
        return Standing(card=card, own=own, active=active, obstacle=obstacle)

    def _get(self, model: str, caller: Caller, wanted: tuple[Capability, ...]) -> Offer:
        entry = self._current().by_name.get(model)
        if entry is None:
            note_refused_model(model)
            raise ModelNotFound(model, near=self._near(model, caller, wanted))
        if not _allowed(entry.offer.card, caller):
            note_refused_model(model)
            raise PermissionDenied("This key may not use this model.", code="model_not_allowed")
        return entry.offer

    def _near(self, model: str, caller: Caller, wanted: tuple[Capability, ...]) -> list[str]:
        """List ids of *wanted* models that are like *model*; comparing takes time by its length."""
        if len(model) > _LONGEST_COMPARED:
            return []
        cards = [offer.card for offer in self.offered(caller)]
        known = [card.id for card in cards if card.capability in wanted]
        return get_close_matches(model.lower(), known, n=_MOST_NEAR)

    def _current(self) -> _View:
        snapshot, enabled = self._snapshot(), self._enabled()
        view = self._view
        if view is None or view.snapshot is not snapshot or view.enabled != enabled:
            view = self._view = self._build(snapshot, enabled)
        return view

    def _build(self, snapshot: CatalogSnapshot, enabled: frozenset[str]) -> _View:
        by_name: dict[str, _Entry] = {}
        for card in arrange(self._cards, self._models()).cards:
            wires = _wires(card, self._order(), snapshot.profiles)
            if wires and self._is_on(card, enabled):
                entry = _Entry(Offer(card=card, limits=wires[0][1].limits), wires)
                by_name.update(dict.fromkeys((card.id, *card.aliases), entry))
        shown = {id(entry): entry for entry in by_name.values() if entry.offer.card.visible}
        listed = sorted(shown.values(), key=lambda entry: _sort_key(entry.offer.card))
        return _View(snapshot, enabled, by_name, tuple(listed))

    def _is_on(self, card: ModelCard, enabled: frozenset[str]) -> bool:
        servers = self._servers.get(card.capability)
        return enabled.issuperset(card.requires) and (not servers or bool(enabled & servers))


def servers(routes: Iterable[RouteSpec]) -> dict[Capability, frozenset[str]]:
    """Return the ids of *routes* by the capabilities they answer with."""
    found: defaultdict[Capability, set[str]] = defaultdict(set)
    for route in routes:
        for capability in route.serves:
            found[capability].add(route.id)
    return {capability: frozenset(ids) for capability, ids in found.items()}


def _wires(
    card: ModelCard, order: Sequence[str], profiles: Mapping[str, ActiveProfile]
) -> tuple[tuple[str, Wire], ...]:
    found = []
    for upstream in order:
        profile = profiles.get(upstream)
        wire = _wire(card, upstream, profile) if profile is not None else None
        if wire is not None:
            found.append((upstream, wire))
    return tuple(found)


def _wire(card: ModelCard, upstream: str, profile: ActiveProfile) -> Wire | None:
    wire = card.wire.get(_key(card, upstream, profile))
    if wire is None or wire.name in profile.refused:
        return None
    otherwise = tuple(other for other in wire.otherwise if other.name not in profile.refused)
    return wire if otherwise == wire.otherwise else replace(wire, otherwise=otherwise)


def _key(card: ModelCard, upstream: str, profile: ActiveProfile) -> str:
    """Return the key of the entry that counts; the bare upstream where there is none."""
    keys = (f"{upstream}/{name}" for name in profile.chain)
    return next((key for key in keys if key in card.wire), upstream)


def _buckets(wire: Wire) -> Iterator[str]:
    yield from wire.buckets
    for buckets in wire.buckets_when.values():
        yield from buckets
    for other in wire.otherwise:
        yield from _buckets(other)


def _served(card: ModelCard, wires: Iterable[tuple[str, Wire]], usable: Usable) -> bool:
    return any(usable(upstream, wire.tier or card.tier) for upstream, wire in wires)


def _allowed(card: ModelCard, caller: Caller) -> bool:
    allowed = caller.allowed_models
    return allowed is None or not allowed.isdisjoint((card.id, *card.aliases))


def _sort_key(card: ModelCard) -> tuple[int, str]:
    return _ORDER[card.capability], card.id
