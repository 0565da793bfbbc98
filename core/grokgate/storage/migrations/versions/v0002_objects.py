"""Objects that plugins keep for clients, and the owners of recorded replies."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"
oldest_reader: Final = "0002"

_EXPIRY_OF_REPLIES: Final = "ix_idempotent_replies_expires_at"


def upgrade() -> None:
    """Make the tables of objects; give replies an owner, those of older programs an empty one."""
    op.create_table(
        "objects",
        sa.Column("identity", sa.LargeBinary, nullable=False),
        sa.Column("namespace", sa.String, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("turn", sa.BigInteger, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("identity", name="pk_objects"),
    )
    op.create_index("ix_objects_expires_at", "objects", ["expires_at"])
    op.create_index("ix_objects_owner_namespace_turn", "objects", ["owner", "namespace", "turn"])
    op.create_table(
        "object_values",
        sa.Column("identity", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("identity", name="pk_object_values"),
        sa.ForeignKeyConstraint(
            ["identity"],
            ["objects.identity"],
            name="fk_object_values_identity",
            ondelete="CASCADE",
        ),
    )
    _make_replies_again()


def _make_replies_again() -> None:
    """Copy the replies: SQLite adds columns behind the constraints, unlike a fresh table."""
    columns = ["identity", "owner", "request", "sealed", "expires_at"]
    op.drop_index(_EXPIRY_OF_REPLIES)
    op.rename_table("idempotent_replies", "old_replies")
    op.create_table(
        "idempotent_replies",
        sa.Column("identity", sa.LargeBinary, nullable=False),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("identity", name="pk_idempotent_replies"),
    )
    old = sa.table("old_replies", *map(sa.column, ["identity", "request", "sealed", "expires_at"]))
    new = sa.table("idempotent_replies", *map(sa.column, columns))
    copied = sa.select(
        old.c.identity, sa.literal(""), old.c.request, old.c.sealed, old.c.expires_at
    )
    op.execute(new.insert().from_select(columns, copied))
    op.drop_table("old_replies")
    op.create_index(_EXPIRY_OF_REPLIES, "idempotent_replies", ["expires_at"])
