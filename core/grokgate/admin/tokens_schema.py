"""What the pages about accounts take and answer (F-ADM-05 to F-ADM-18)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from grokgate.admin.tokens_choice import Named, TokenFilter
from grokgate.tokens import Status
from grokgate.tokens.editing import Switched
from grokgate.upstream import Tier

PoolName: TypeAlias = Annotated[
    str,
    Meta(description="Name or synonym of a pool; `auto`: found out.", examples=["ssoBasic"]),
]
Tags: TypeAlias = Annotated[list[str], Meta(max_length=50, examples=[["nsfw"]])]
Note: TypeAlias = Annotated[str, Meta(max_length=500, examples=["bought in May"])]
Unknown: TypeAlias = Annotated[
    list[str],
    Meta(description="What was named and is no account; an id, else a mask.", examples=[[]]),
]
Units: TypeAlias = Annotated[
    int, Meta(description="Corrects what is left in the window `default`.", ge=0, le=1_000_000)
]
CallsAtOnce: TypeAlias = Annotated[
    int, Meta(description="null: the global limit.", ge=1, le=10_000, examples=[4])
]


class BucketItem(Struct, frozen=True, kw_only=True):
    """What is left in one quota window. Times are Unix milliseconds."""

    remaining: Annotated[int, Meta(description="-1: unknown.", examples=[61])]
    total: int | None
    window_seconds: int | None
    reset_at: int | None
    synced_at: int | None
    source: Literal["default", "real", "estimated"]


class TokenItem(Struct, frozen=True, kw_only=True):
    """One account in a table, as it is now. Times are Unix milliseconds."""

    id: Annotated[str, Meta(examples=["tok_0123456789"])]
    token: Annotated[str, Meta(description="Masked.", examples=["…a1b2c3"])]
    upstream: str
    pool: str
    routed: Annotated[bool, Meta(description="False: no upstream declares the pool.")]
    hint: Annotated[
        str | None, Meta(description="The pool that the last answer speaks for, if another.")
    ]
    tier: Annotated[
        Tier | None, Meta(description="By the last survey that told.", examples=["basic"])
    ]
    status: Status
    state_reason: str | None
    state_since: Annotated[int | None, Meta(description="When it took its status.")]
    evidence: Annotated[
        str | None,
        Meta(
            description="What made it take its status: words for what was observed, or `survey`, "
            "`time`, `calls`, `operator`.",
            examples=["survey"],
        ),
    ]
    quota: Annotated[int, Meta(description="Left for conversations; -1: unknown.", examples=[61])]
    image_quota: Annotated[
        int, Meta(description="Half of them without windows of their own; -1: unknown.")
    ]
    heavy_quota: int
    buckets: Mapping[str, BucketItem]
    stale: Annotated[bool, Meta(description="The last attempt to learn the quota failed.")]
    inflight: Annotated[int, Meta(description="Calls under way.")]
    max_inflight: int | None
    has_proxy: bool
    tags: Sequence[str]
    note: str
    use_count: int
    consumed: int
    fail_count: int
    created_at: int
    last_used_at: int | None
    last_fail_at: int | None
    last_fail_reason: str | None
    last_sync_at: int | None
    sync_count: Annotated[int, Meta(description="How often it was asked for its quota.")]
    last_asset_clear_at: int | None
    cooldown_until: int | None
    deleted_at: int | None
    revision: Annotated[int, Meta(description="For `If-Match` of a change.", examples=[3])]


class Totals(Struct, frozen=True, kw_only=True):
    """All accounts together; what is unknown is not added."""

    total: int
    statuses: Mapping[str, int]
    pools: Mapping[str, int]
    quota: Annotated[
        int,
        Meta(description="Left for conversations, to accounts neither expired nor disabled."),
    ]
    image_quota: Annotated[int, Meta(description="The same for pictures.")]
    heavy_quota: Annotated[int, Meta(description="The same of the window heavy.")]
    use_count: int
    inflight: int
    next_refresh_at: Annotated[
        int | None,
        Meta(
            description="When a whole pool is asked for quota next, Unix milliseconds; null: never."
        ),
    ]


class TokenPage(Struct, frozen=True, kw_only=True):
    """A page of the accounts that were asked for."""

    items: list[TokenItem]
    total: int
    page: int
    page_size: int
    counts: Annotated[
        Mapping[str, int],
        Meta(description="By status, and `all`, as if no status were asked for."),
    ]
    totals: Totals
    status: str = "success"


class Line(Struct, frozen=True, kw_only=True):
    """A place in what was sent, and what there is to say about it."""

    line: Annotated[str, Meta(examples=["line 3", "ssoBasic[2]"])]
    reason: Annotated[str, Meta(examples=["does not look like a token"])]


class AddRequest(Struct, frozen=True, kw_only=True):
    """Accounts to be added; unknown fields are ignored, as the predecessors did."""

    tokens: Annotated[
        list[str] | str,
        Meta(description="A list, or a text with one a line.", examples=[["…"]]),
    ]
    pool: PoolName = ""
    tags: Tags = []
    note: Note = ""


class Added(Struct, frozen=True, kw_only=True):
    """What became of each line that was sent."""

    count: Annotated[int, Meta(description="Added, or restored.", examples=[2])]
    skipped: Annotated[int, Meta(description="There already, or sent twice.")]
    doubles: list[Line]
    rejected: list[Line]
    remarks: list[Line]
    synced: Annotated[bool, Meta(description="Their quota is being asked for now.")]
    ids: Annotated[list[str], Meta(description="Of at most 2000 that were added.")]
    status: str = "success"


class EditRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Changes to one account; only what is sent changes."""

    token: Annotated[str, Meta(description="Id or credential.", examples=["tok_0123456789"])]
    pool: PoolName | UnsetType = UNSET
    status: Switched | UnsetType = UNSET
    quota: Units | UnsetType = UNSET
    note: Note | UnsetType = UNSET
    tags: Tags | UnsetType = UNSET
    new_token: Annotated[
        str | UnsetType, Meta(description="Another credential; the counters stay, the id changes.")
    ] = UNSET
    max_inflight: CallsAtOnce | UnsetType | None = UNSET
    proxy_url: Annotated[
        str | UnsetType | None,
        Meta(description="null: the global one.", examples=["socks5h://127.0.0.1:1080"]),
    ] = UNSET


class TokenSecrets(Struct, frozen=True, kw_only=True):
    """What is masked everywhere else."""

    token: str
    proxy_url: str | None


class OneToken(Struct, frozen=True, kw_only=True):
    """An account as it is now."""

    item: TokenItem
    secret: Annotated[
        TokenSecrets | UnsetType, Meta(description="Only with `reveal`, after the password.")
    ] = UNSET
    status: str = "success"


class Edited(Struct, frozen=True, kw_only=True):
    """The account as it is now."""

    item: TokenItem
    status: str = "success"


class ManyRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The same changes to many accounts."""

    ids: Named = []
    filter: TokenFilter | None = None
    pool: PoolName | UnsetType = UNSET
    add_tags: Tags = []
    remove_tags: Tags = []
    note: Note | UnsetType = UNSET


class ManyEdited(Struct, frozen=True, kw_only=True):
    """What is done; with a job it goes on, see GET /batch/{id}/stream."""

    updated: Annotated[int, Meta(description="Accounts that are done.", examples=[3])]
    task_id: Annotated[str | UnsetType, Meta(description="Of the job, if there is one.")] = UNSET
    total: int
    unknown: Unknown = []
    status: str = "success"


class TokensRequest(Struct, frozen=True, kw_only=True):
    """Accounts; unknown fields are ignored, as the predecessors did."""

    tokens: Named = []
    ids: Named = []
    filter: TokenFilter | None = None


class DeletedTokens(Struct, frozen=True, kw_only=True):
    """How many were deleted; they can be restored."""

    deleted: int
    task_id: Annotated[str | UnsetType, Meta(description="Of the job that does it.")] = UNSET
    unknown: Unknown = []
    status: str = "success"


class RestoredTokens(Struct, frozen=True, kw_only=True):
    """How many are back, with their old data."""

    restored: int
    unknown: Unknown = []
    status: str = "success"


class DisabledRequest(Struct, frozen=True, kw_only=True):
    """One account to be switched off, or on."""

    token: Annotated[str, Meta(examples=["tok_0123456789"])]
    disabled: bool


class DisabledManyRequest(Struct, frozen=True, kw_only=True):
    """Accounts to be switched off, or on."""

    tokens: Named = []
    ids: Named = []
    filter: TokenFilter | None = None
    disabled: bool


class Updated(Struct, frozen=True, kw_only=True):
    """How many accounts were found and are as was asked."""

    updated: int
    unknown: Unknown = []
    status: str = "success"
