"""All model cards, and the operator's own (F-MOD-06, F-ADM-37)."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec
from litestar import Response, get, post
from litestar.params import JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from grokgate.admin.config import change
from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.admin.revision import IfMatch, seen, tag
from grokgate.catalog import Obstacle, Standing
from grokgate.gateway import Gateway
from grokgate.plugin.records import Capability, CostRule, ModelCard
from grokgate.scheduler.cost import EFFORT_UNITS
from grokgate.settings import SettingsStore
from grokgate.settings.models import AddedCard, Name
from grokgate.upstream import Tier, Wire

_OPERATOR: Final = "operator"
_WHY: Final[Mapping[Obstacle, str]] = {
    "hidden": "You hid it (models.hide).",
    "switched_off": "An endpoint it needs is switched off, or none answers with such models.",
    "no_upstream": "No upstream serves it with the protocol profile in force.",
    "not_shown": "It answers, but is not listed.",
    "no_account": "No usable account could serve it (models.only_usable).",
}


class WireRow(Struct, frozen=True, kw_only=True):
    """How one upstream, in one protocol profile, calls the model."""

    profile: Annotated[str, Meta(examples=["web/2026-08"])]
    name: Annotated[str, Meta(examples=["fast"])]
    buckets: Annotated[list[str], Meta(description="Quota windows.", examples=[["fast"]])]
    tier: Tier
    units: Annotated[int, Meta(description="Of a call for which no rule says otherwise.")]
    active: Annotated[bool, Meta(description="In force now.")]


class Cost(Struct, frozen=True, kw_only=True):
    """A rule by which some calls cost other units."""

    units: int
    per: str
    when: dict[str, str]
    upstream: str | None


class ModelRow(Struct, frozen=True, kw_only=True):
    """One card."""

    id: Annotated[str, Meta(examples=["grok-4"])]
    display_name: str
    description: str
    capability: Capability
    tier: Tier
    effort: str
    aliases: list[str]
    origin: Annotated[str, Meta(description="The plugin that brings it, or operator.")]
    offered: bool
    obstacle: Annotated[Obstacle | None, Meta(description="Why it is not offered or listed.")]
    why_not: Annotated[str | None, Meta(description="The same in words.")]
    requires: Annotated[list[str], Meta(description="Switches that must be on.")]
    wires: list[WireRow]
    costs: list[Cost]


class Models(Struct, frozen=True, kw_only=True):
    """All cards, and what the operator made of them."""

    models: list[ModelRow]
    add: list[dict[str, Any]]
    hide: list[str]
    alias: dict[str, str]
    only_usable: bool
    revision: Annotated[
        int, Meta(description="Another one whenever these lists are; the same in every replica.")
    ]
    message: str | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    status: str = "success"


class ChangeModels(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to become of them; each list replaces the former one."""

    add: list[AddedCard] | UnsetType = UNSET
    hide: Annotated[
        list[str] | UnsetType, Meta(description="Ids of bundled models.", examples=[["grok-3"]])
    ] = UNSET
    alias: Annotated[
        dict[Name, str] | UnsetType,
        Meta(description="Further name → model.", examples=[{"gpt-4o": "grok-4"}]),
    ] = UNSET
    only_usable: bool | UnsetType = UNSET


@get("/models", summary="List all models, offered or not")
async def list_models(gateway: CurrentGateway) -> Response[Models]:
    """Return every card, with the reason where it is not offered."""
    models = _models(gateway)
    return Response(models, headers=tag(models.revision))


@post("/models", status_code=200, summary="Add, hide and alias models")
async def change_models(
    gateway: CurrentGateway,
    act: CurrentAct,
    data: JSONBody[ChangeModels],
    *,
    if_match: IfMatch = None,
) -> Response[Models]:
    """Save the operator's own cards; they are offered from the next request on.

    With `If-Match` nothing is saved when they were changed since they were read.
    """
    patch = {"models": msgspec.to_builtins(data)}
    changed = await change(gateway, act, patch, revision=seen(if_match), revision_of=_revision)
    models = msgspec.structs.replace(
        _models(gateway), message=changed.message, warnings=changed.warnings
    )
    return Response(models, headers=tag(models.revision))


HANDLERS: Final = (list_models, change_models)


def _models(gateway: Gateway) -> Models:
    section = gateway.settings.snapshot.models
    return Models(
        models=list(_rows(gateway)),
        add=[msgspec.to_builtins(card) for card in section.add],
        hide=list(section.hide),
        alias=dict(section.alias),
        only_usable=section.only_usable,
        revision=_revision(gateway.settings),
    )


def _revision(settings: SettingsStore) -> int:
    """Return a number of up to 15 digits that stands for what the section says."""
    said = msgspec.json.encode(settings.snapshot.models, order="deterministic")
    return int.from_bytes(hashlib.sha256(said).digest()[:6])


def _rows(gateway: Gateway) -> Iterator[ModelRow]:
    origins = {card.id: plugin.name for plugin in gateway.plugins for card in plugin.models}
    rules = [rule for plugin in gateway.plugins for rule in plugin.cost_rules]
    for standing in gateway.catalog.standings():
        card, obstacle = standing.card, standing.obstacle
        yield ModelRow(
            id=card.id,
            display_name=card.display_name or card.id,
            description=card.description,
            capability=card.capability,
            tier=card.tier,
            effort=card.effort,
            aliases=list(card.aliases),
            origin=_OPERATOR if standing.own else origins[card.id],
            offered=obstacle in {None, "not_shown"},
            obstacle=obstacle,
            why_not=None if obstacle is None else _WHY[obstacle],
            requires=[f"enable_{route}" for route in card.requires],
            wires=[_wire(standing, profile, wire) for profile, wire in card.wire.items()],
            costs=[_cost(rule) for rule in rules if _prices(rule, card)],
        )


def _wire(standing: Standing, profile: str, wire: Wire) -> WireRow:
    card = standing.card
    return WireRow(
        profile=profile,
        name=wire.name,
        buckets=list(wire.buckets),
        tier=wire.tier or card.tier,
        units=EFFORT_UNITS[card.effort] if wire.units is None else wire.units,
        active=profile in standing.active,
    )


def _prices(rule: CostRule, card: ModelCard) -> bool:
    return rule.capability == card.capability and rule.model in (None, card.id)


def _cost(rule: CostRule) -> Cost:
    return Cost(units=rule.units, per=rule.per, when=dict(rule.when), upstream=rule.upstream)
