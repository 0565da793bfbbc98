"""Where the data lies (F-STO-08)."""

from typing import Annotated, Final, Literal

from litestar import get
from msgspec import Meta, Struct

from grokgate.admin.context import CurrentGateway


class StorageReply(Struct, frozen=True, kw_only=True):
    """What this process works with, not what somebody asked for."""

    type: Annotated[
        Literal["local", "pgsql"],
        Meta(description="local: SQLite; pgsql: PostgreSQL.", examples=["local"]),
    ]
    redis: Annotated[bool, Meta(description="State is shared with other processes.")]


@get("/storage", summary="Tell where the data lies")
async def read_storage(gateway: CurrentGateway) -> StorageReply:
    """Tell what is open."""
    return StorageReply(type=gateway.database.kind, redis=gateway.sharing is not None)


HANDLERS: Final = (read_storage,)
