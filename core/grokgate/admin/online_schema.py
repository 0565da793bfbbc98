"""What the pages about accounts' own files send and get."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from grokgate.admin.cache import Kept
from grokgate.admin.chores import Chosen
from grokgate.chores.details import Clearing, FileCounts


class Online(Struct, frozen=True, kw_only=True):
    """Files of the selected accounts together."""

    count: int
    bytes: Annotated[int, Meta(description="Their size together, as far as it is known.")] = 0
    status: Annotated[str, Meta(description="`ok`, `error`, or `not_loaded` without a selection.")]
    token: Annotated[str | None, Meta(description="Id of the one that was selected.")] = None
    last_asset_clear_at: int | None = None
    """Of that one, Unix milliseconds."""


class OnlineAccount(Struct, frozen=True, kw_only=True):
    """An account that may have files."""

    token: Annotated[str, Meta(description="Its id.", examples=["tok_0123456789"])]
    token_masked: Annotated[str, Meta(examples=["…a1b2c3"])]
    pool: str
    status: str
    last_asset_clear_at: int | None


class OnlineDetail(Struct, frozen=True, kw_only=True):
    """Files of one selected account."""

    token: str
    token_masked: str
    count: int
    bytes: Annotated[int, Meta(description="Their size together.")]
    status: str


class CacheState(Struct, frozen=True, kw_only=True):
    """What is stored here, and what accounts have."""

    local_image: Kept
    local_video: Kept
    online: Online
    online_accounts: list[OnlineAccount]
    online_scope: Literal["none", "all", "selected"]
    online_details: list[OnlineDetail]
    warning: str | UnsetType = UNSET


class Load(Chosen, frozen=True, kw_only=True):
    """Whose files to count."""

    scope: Annotated[str | None, Meta(description="`all`: of all usable accounts.")] = None


class ClearedOne(Struct, frozen=True, kw_only=True):
    """What became of the files of one account."""

    result: FileCounts
    status: str = "success"


class ClearedMany(Struct, frozen=True, kw_only=True):
    """What became of the files of several accounts."""

    results: Annotated[dict[str, Clearing], Meta(description="By masked token.")]
    warning: str | UnsetType = UNSET
    status: str = "success"


class OnlineFile(Struct, frozen=True, kw_only=True):
    """A file of an account."""

    asset_id: Annotated[str, Meta(examples=["3f0c6b9e-55d2-4f0a-9a51-0c8f2f7f4a11"])]
    name: str
    mime: str
    size_bytes: int
    created_at: Annotated[int | None, Meta(description="Unix milliseconds.")]
    url: Annotated[
        str | None, Meta(description="Always null: only the account itself can fetch it.")
    ] = None


class OnlineFiles(Struct, frozen=True, kw_only=True):
    """All files of one account, last used first."""

    items: list[OnlineFile]


class ItemToDelete(Struct, frozen=True, kw_only=True):
    """One file of one account."""

    token: Annotated[str, Meta(description="Id or text of the account.")]
    asset_id: str


class ItemDeleted(Struct, frozen=True, kw_only=True):
    """It is gone, or was already."""

    status: Annotated[str, Meta(examples=["success"])] = "success"
