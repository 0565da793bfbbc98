"""Wire types of ``/v1/models`` (`openai-contract.md` 9)."""

from collections.abc import Sequence
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from grokgate.plugin import Capability
from grokgate.upstream import Tier


class Model(Struct, frozen=True, kw_only=True):
    """A model in the OpenAI form; the fields from ``capability`` on only when asked for."""

    id: str
    object: Literal["model"] = "model"
    created: int
    owned_by: Literal["xai"] = "xai"
    display_name: str
    description: str
    capability: Capability | UnsetType = UNSET
    tier: Tier | UnsetType = UNSET
    effort: Literal["low", "high"] | UnsetType = UNSET
    aliases: Sequence[str] | UnsetType = UNSET
    default_temperature: float | UnsetType = UNSET
    default_top_p: float | UnsetType = UNSET
    supported_max_output_tokens: int | UnsetType = UNSET


class ModelList(Struct, frozen=True, kw_only=True):
    """All models in the OpenAI form."""

    object: Literal["list"] = "list"
    data: Sequence[Model]


class AnthropicModel(Struct, frozen=True, kw_only=True):
    """A model in the Anthropic form; limits are not known."""

    type: Literal["model"] = "model"
    id: str
    display_name: str
    created_at: str
    """RFC 3339, UTC."""
    lifecycle: Literal["active"] = "active"
    max_input_tokens: None = None
    max_tokens: None = None
    capabilities: None = None


class AnthropicModelList(Struct, frozen=True, kw_only=True):
    """All models in the Anthropic form, on one page."""

    data: Sequence[AnthropicModel]
    has_more: Literal[False] = False
    first_id: str | None
    last_id: str | None
