"""What operating the gateway needs: sessions, audit trail, chores, statistics, key usage."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"
oldest_reader: Final = "0004"


def upgrade() -> None:
    """Make the tables and the further column."""
    op.add_column("keys", sa.Column("terms", sa.LargeBinary))
    _make_token_listing()
    _make_key_usage()
    _make_admin()
    _make_chores()
    _make_statistics()
    op.create_table(
        "stored_settings",
        sa.Column("key", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("changed_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_stored_settings"),
    )


def _make_token_listing() -> None:
    op.create_table(
        "token_listing",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("pool", sa.String, nullable=False),
        sa.Column("is_deleted", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("note", sa.String, nullable=False),
        sa.Column("labels", sa.String, nullable=False),
        sa.Column("found_by", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("quota", sa.BigInteger, nullable=False),
        sa.Column("image_quota", sa.BigInteger, nullable=False),
        sa.Column("heavy_quota", sa.BigInteger, nullable=False),
        sa.Column("use_count", sa.BigInteger, nullable=False),
        sa.Column("fail_count", sa.BigInteger, nullable=False),
        sa.Column("last_used_at", sa.BigInteger),
        sa.Column("last_sync_at", sa.BigInteger),
        sa.ForeignKeyConstraint(
            ["id"], ["tokens.id"], name="fk_token_listing_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_token_listing"),
    )
    op.create_index(
        "ix_token_listing_pool_status_is_deleted", "token_listing", ["pool", "status", "is_deleted"]
    )


def _make_key_usage() -> None:
    op.create_table(
        "key_usage",
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("day", sa.String, nullable=False),
        sa.Column("quota", sa.String, nullable=False),
        sa.Column("used", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key_id", "day", "quota", name="pk_key_usage"),
    )
    op.create_index("ix_key_usage_day", "key_usage", ["day"])


def _make_admin() -> None:
    op.create_table(
        "admin_sessions",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("used_at", sa.BigInteger, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("agent", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_admin_sessions"),
        sa.UniqueConstraint("digest", name="uq_admin_sessions_digest"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("target", sa.String, nullable=False),
        sa.Column("detail", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_at_ms", "audit", ["at_ms"])


def _make_chores() -> None:
    op.create_table(
        "chores",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("ok", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.Column("detail", sa.LargeBinary, nullable=False),
        sa.Column("holder", sa.String, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_chores"),
    )
    op.create_index("ix_chores_created_at", "chores", ["created_at"])


def _make_statistics() -> None:
    op.create_table(
        "requests",
        sa.Column("id", sa.String, nullable=False),
        sa.Column("request_id", sa.String, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("endpoint", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("error", sa.String),
        sa.Column("duration_ms", sa.BigInteger, nullable=False),
        sa.Column("first_byte_ms", sa.BigInteger),
        sa.Column("key_id", sa.String, nullable=False),
        sa.Column("key_name", sa.String, nullable=False),
        sa.Column("token", sa.String),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("units", sa.Integer, nullable=False),
        sa.Column("usage", sa.LargeBinary, nullable=False),
        sa.Column("stream", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    op.create_index("ix_requests_request_id", "requests", ["request_id"])
    op.create_index("ix_requests_at_ms", "requests", ["at_ms"])
    op.create_table(
        "statistics",
        sa.Column("span", sa.String, nullable=False),
        sa.Column("begins_at", sa.BigInteger, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("success", sa.BigInteger, nullable=False),
        sa.Column("failed", sa.BigInteger, nullable=False),
        sa.Column("units", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("span", "begins_at", "model", name="pk_statistics"),
    )
