"""What the page of keys sends and gets, in the predecessor's words (F-ADM-27, F-KEY-08)."""

from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

_Limit: TypeAlias = Annotated[
    int,
    Meta(description="Per day; -1: no limit, 0: forbidden.", examples=[300], le=1_000_000_000),
]
LimitChange: TypeAlias = _Limit | UnsetType | None
"""None: no limit; unset: as it was."""
_Words: TypeAlias = list[Annotated[str, Meta(min_length=1, max_length=200)]]
_Moment: TypeAlias = Annotated[
    int, Meta(description="Unix seconds.", examples=[1798761600], ge=0, le=253_402_300_799)
]
_Number: TypeAlias = Annotated[int, Meta(ge=0, le=1_000_000)]


class LimitsPerDay(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Daily limits in their other spelling; an unknown one is refused, for it would not hold."""

    chat_per_day: LimitChange = UNSET
    heavy_per_day: LimitChange = UNSET
    image_per_day: LimitChange = UNSET
    video_per_day: LimitChange = UNSET


class KeyFields(Struct, frozen=True, kw_only=True):
    """What may be set of a key; unknown fields are ignored, as the predecessors did.

    Of a key that is changed, what is missing stays as it is; null and empty lists mean no limit.
    """

    name: Annotated[str, Meta(max_length=100, examples=["front end"])] | None = None
    is_active: bool | None = None
    limits: LimitsPerDay | None = None
    chat_limit: LimitChange = UNSET
    heavy_limit: LimitChange = UNSET
    image_limit: LimitChange = UNSET
    video_limit: LimitChange = UNSET
    expires_at: _Moment | UnsetType | None = UNSET
    allowed_models: _Words | UnsetType | None = UNSET
    """Ids or aliases."""
    allowed_endpoints: _Words | UnsetType | None = UNSET
    """Ids of switches, such as ``chat_completions``."""
    allowed_ips: _Words | UnsetType | None = UNSET
    """Addresses and networks."""
    rpm: _Number | UnsetType | None = UNSET
    """Requests in any minute."""
    max_inflight: _Number | UnsetType | None = UNSET
    """Requests at once."""
    token_tags: _Words | UnsetType | None = UNSET
    """Only accounts that have all of these tags serve the key."""
    confirm: bool = False
    """A key of 8 to 15 characters is wanted although it can be guessed."""


class NewKey(KeyFields, frozen=True, kw_only=True):
    """A key that is to be made."""

    key: (
        Annotated[
            str,
            Meta(description="Its text; empty: it is made.", examples=[""], max_length=300),
        ]
        | None
    ) = None


class KeyEdit(KeyFields, frozen=True, kw_only=True):
    """Changes of a key."""

    key: Annotated[
        str, Meta(description="Its id, or its text.", examples=["key_5b0c7e1d2a3f4869"])
    ] = ""
    id: str = ""
    """Instead of *key*."""


class ChosenKey(Struct, frozen=True, kw_only=True):
    """One key."""

    key: Annotated[
        str, Meta(description="Its id, or its text.", examples=["key_5b0c7e1d2a3f4869"])
    ] = ""
    id: str = ""
    """Instead of *key*."""


class UsedToday(Struct, frozen=True, kw_only=True):
    """What a key has used since its day began."""

    chat_used: Annotated[int, Meta(examples=[12])] = 0
    heavy_used: int = 0
    image_used: int = 0
    video_used: int = 0


class LeftToday(Struct, frozen=True, kw_only=True):
    """What a key may still use today; null: there is no limit."""

    chat: Annotated[int, Meta(examples=[288])] | None = None
    heavy: int | None = None
    image: int | None = None
    video: int | None = None


class KeyItem(Struct, frozen=True, kw_only=True):
    """One key."""

    id: Annotated[str, Meta(examples=["key_5b0c7e1d2a3f4869"])]
    key: Annotated[
        str,
        Meta(description="The id; in the answer to its creation the text, this once."),
    ]
    display_key: Annotated[str, Meta(examples=["sk-9fQ…"])]
    name: Annotated[str, Meta(examples=["front end"])]
    source: Literal["managed", "config"]
    """Those of the configuration are never limited, and changed only there."""
    is_active: bool
    created_at: Annotated[int, Meta(description="Unix seconds; 0: unknown.")]
    day: Annotated[str, Meta(description="What day it is for keys.", examples=["2026-11-22"])]
    usage_today: UsedToday
    remaining_today: LeftToday
    chat_limit: int = -1
    heavy_limit: int = -1
    image_limit: int = -1
    video_limit: int = -1
    expires_at: int | None = None
    allowed_models: list[str] = []
    allowed_endpoints: list[str] = []
    allowed_ips: list[str] = []
    rpm: int | None = None
    max_inflight: int | None = None
    token_tags: list[str] = []
    is_short: bool = False
    """It can be guessed: accepted on loopback alone, unless *confirmed*."""
    confirmed: bool = False


class KeyList(Struct, frozen=True, kw_only=True):
    """All keys: those made here, the oldest first, then those of the configuration."""

    data: list[KeyItem]
    success: bool = True


class KeyReply(Struct, frozen=True, kw_only=True):
    """One key as it is now."""

    data: KeyItem
    success: bool = True


class Done(Struct, frozen=True, kw_only=True):
    """It is done."""

    success: bool = True
