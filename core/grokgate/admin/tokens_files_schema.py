"""What importing, exporting and replacing accounts takes and answers (F-ADM-06, F-ADM-17)."""

from collections.abc import Mapping
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

from grokgate.admin.tokens_choice import Named, TokenFilter
from grokgate.admin.tokens_schema import Line, Note, PoolName, Tags
from grokgate.chores.events import Summary
from grokgate.tokens import ImportMode

FileForm: TypeAlias = Literal["json", "txt", "py2"]


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


class ExportRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts that are to go into a file."""

    format: FileForm = "json"
    ids: Named = []
    filter: TokenFilter | None = None


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


class ImportResult(Struct, frozen=True, kw_only=True):
    """What a job that imports came to."""

    summary: Summary
    report: Imported
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
