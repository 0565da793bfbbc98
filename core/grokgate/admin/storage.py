"""Where the data lies (F-STO-08)."""

from typing import Annotated, Final, Literal

from litestar import get
from msgspec import Meta, Struct


class StorageReply(Struct, frozen=True, kw_only=True):
    """What this process works with, not what somebody asked for."""

    type: Annotated[
        Literal["local", "pgsql"], Meta(description="local: SQLite.", examples=["local"])
    ]
    redis: Annotated[bool, Meta(description="State is shared with other processes.")]


@get("/storage", summary="Tell where the data lies")
async def read_storage() -> StorageReply:
    """Tell what is open: this program keeps its data in SQLite and shares no state."""
    return StorageReply(type="local", redis=False)


HANDLERS: Final = (read_storage,)
