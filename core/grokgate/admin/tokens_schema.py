"""What the pages about accounts take and answer (F-ADM-05 to F-ADM-18)."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, Struct, UnsetType

from grokgate.admin.tokens_choice import Named, TokenFilter
from grokgate.tokens import ImportMode, Status
from grokgate.tokens.editing import Switched

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
    status: Status
    state_reason: str | None
    quota: Annotated[int, Meta(description="Left for conversations; -1: unknown.", examples=[61])]
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
    last_asset_clear_at: int | None
    cooldown_until: int | None
    deleted_at: int | None
    revision: Annotated[int, Meta(description="For `If-Match` of a change.", examples=[3])]


class Totals(Struct, frozen=True, kw_only=True):
    """All accounts together; what is unknown is not added."""

    total: int
    statuses: Mapping[str, int]
    pools: Mapping[str, int]
    quota: Annotated[int, Meta(description="Left for conversations.")]
    image_quota: int
    heavy_quota: int
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


class ImportRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts in any form of earlier gateways, or one a line."""

    text: Annotated[str, Meta(description="What was pasted, or the text of a file.")]
    pool: PoolName = ""
    mode: Annotated[ImportMode, Meta(description="What happens to accounts that are there.")] = (
        "add"
    )
    dry_run: Annotated[bool, Meta(description="Tell what would happen, and change nothing.")] = (
        False
    )
    tags: Tags = []
    note: Note = ""


class Imported(Struct, frozen=True, kw_only=True):
    """What an import did, or would do."""

    dry_run: bool
    added: int
    updated: int
    restored: int
    unchanged: int
    removed: int
    pools: Annotated[
        Mapping[str, Mapping[str, int]],
        Meta(description="By pool, then outcome.", examples=[{"ssoBasic": {"added": 2}}]),
    ]
    rejected: list[Line]
    doubles: list[Line]
    remarks: list[Line]
    status: str = "success"


class Replaced(Struct, frozen=True, kw_only=True):
    """What became of the pools that were sent."""

    message: str
    added: int
    updated: int
    deleted: int
    rejected: list[Line]
    remarks: list[Line]
    status: str = "success"
