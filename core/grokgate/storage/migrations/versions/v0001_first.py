"""The first schema: facts, tokens with their states, keys, recorded replies, decisions."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None
oldest_reader: Final = "0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "meta",
        sa.Column("key", sa.String, nullable=False),
        sa.Column("value", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("upstream", sa.String, nullable=False),
        sa.Column("pool", sa.String, nullable=False),
        sa.Column("identity", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("tags", sa.LargeBinary, nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sa.Column("max_inflight", sa.Integer),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("last_asset_clear_at", sa.BigInteger),
        sa.Column("deleted_at", sa.BigInteger),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tokens"),
        sa.UniqueConstraint("upstream", "identity", name="uq_tokens_upstream_identity"),
    )
    op.create_table(
        "token_states",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("state_reason", sa.String),
        sa.Column("state_since_at", sa.BigInteger),
        sa.Column("evidence", sa.String),
        sa.Column("tier", sa.String),
        sa.Column("buckets", sa.LargeBinary, nullable=False),
        sa.Column("cooldown_until", sa.BigInteger),
        sa.Column("cooldown_level", sa.Integer, nullable=False),
        sa.Column("use_count", sa.BigInteger, nullable=False),
        sa.Column("consumed", sa.BigInteger, nullable=False),
        sa.Column("fail_count", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("last_fail_at", sa.BigInteger),
        sa.Column("last_fail_reason", sa.String),
        sa.Column("last_sync_at", sa.BigInteger),
        sa.Column("sync_count", sa.BigInteger, nullable=False),
        sa.Column("kept", sa.LargeBinary, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_token_states"),
        sa.ForeignKeyConstraint(
            ["id"], ["tokens.id"], name="fk_token_states_id", ondelete="CASCADE"
        ),
    )
    op.create_table(
        "keys",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("prefix", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("is_active", sa.Boolean, nullable=False),
        sa.Column("limits", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_keys"),
        sa.UniqueConstraint("digest", name="uq_keys_digest"),
    )
    op.create_table(
        "idempotent_replies",
        sa.Column("identity", sa.LargeBinary, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("identity", name="pk_idempotent_replies"),
    )
    op.create_index("ix_idempotent_replies_expires_at", "idempotent_replies", ["expires_at"])
    op.create_table(
        "decisions",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("outcome", sa.String, nullable=False),
        sa.Column("detail", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
    )
    op.create_index("ix_decisions_request_id", "decisions", ["request_id"])
    op.create_index("ix_decisions_at_ms", "decisions", ["at_ms"])
