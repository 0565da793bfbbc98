"""Model cards → the forms in which clients list models."""

from collections.abc import Sequence
from datetime import UTC, datetime

from grokgate.plugin import ModelCard
from grokgate_models.schema import AnthropicModel, AnthropicModelList, Model, ModelList

_TEMPERATURE = 1.0
_TOP_P = 0.95
_MAX_OUTPUT = 131_072
"""Told with ``verbose`` alike for every model (F-MDL-04)."""


def to_model(card: ModelCard, *, verbose: bool) -> Model:
    """Write *card* in the OpenAI form."""
    if not verbose:
        return Model(
            id=card.id,
            created=card.created,
            display_name=card.display_name or card.id,
            description=card.description,
        )
    return Model(
        id=card.id,
        created=card.created,
        display_name=card.display_name or card.id,
        description=card.description,
        capability=card.capability,
        tier=card.tier,
        effort=card.effort,
        aliases=card.aliases,
        default_temperature=_TEMPERATURE,
        default_top_p=_TOP_P,
        supported_max_output_tokens=_MAX_OUTPUT,
    )


def to_list(cards: Sequence[ModelCard], *, verbose: bool) -> ModelList:
    """Write *cards* in the OpenAI form, in their order."""
    return ModelList(data=[to_model(card, verbose=verbose) for card in cards])


def to_anthropic(card: ModelCard) -> AnthropicModel:
    """Write *card* in the Anthropic form."""
    created = datetime.fromtimestamp(card.created, UTC)
    return AnthropicModel(
        id=card.id,
        display_name=card.display_name or card.id,
        created_at=created.isoformat().replace("+00:00", "Z"),
    )


def to_anthropic_list(cards: Sequence[ModelCard]) -> AnthropicModelList:
    """Write *cards* in the Anthropic form, in their order, on one page."""
    models = [to_anthropic(card) for card in cards]
    return AnthropicModelList(
        data=models,
        first_id=models[0].id if models else None,
        last_id=models[-1].id if models else None,
    )
