"""Every table, on one `MetaData`.

Times are Unix milliseconds. Columns called JSON hold `msgspec` bytes. Text ids are made in Python.
What is secret is sealed by the vault before it gets here; what is only compared is a keyed digest.
"""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

metadata: Final = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

meta: Final = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
"""Small facts about the installation itself."""

tokens: Final = Table(
    "tokens",
    metadata,
    Column("id", String, primary_key=True),
    Column("upstream", String, nullable=False),
    Column("pool", String, nullable=False),
    Column("identity", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("tags", LargeBinary, nullable=False),
    Column("note", String, nullable=False),
    Column("max_inflight", Integer),
    Column("created_at", BigInteger, nullable=False),
    Column("last_asset_clear_at", BigInteger),
    Column("deleted_at", BigInteger),
    Column("revision", BigInteger, nullable=False),
    UniqueConstraint("upstream", "identity"),
)
"""What an operator entered. ``identity`` is the keyed digest of the credential; ``sealed`` holds
the credential, the proxy and unknown imported fields; ``tags`` is JSON."""

token_states: Final = Table(
    "token_states",
    metadata,
    Column("id", String, ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True),
    Column("status", String, nullable=False),
    Column("state_reason", String),
    Column("state_since_at", BigInteger),
    Column("evidence", String),
    Column("tier", String),
    Column("buckets", LargeBinary, nullable=False),
    Column("cooldown_until", BigInteger),
    Column("cooldown_level", Integer, nullable=False),
    Column("use_count", BigInteger, nullable=False),
    Column("consumed", BigInteger, nullable=False),
    Column("fail_count", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("last_fail_at", BigInteger),
    Column("last_fail_reason", String),
    Column("last_sync_at", BigInteger),
    Column("sync_count", BigInteger, nullable=False),
    Column("kept", LargeBinary, nullable=False),
    Column("revision", BigInteger, nullable=False),
)
"""What calls change: a table of its own, so that a batch of the ledger never meets an edit.
``buckets`` and ``kept`` are JSON."""

keys: Final = Table(
    "keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("prefix", String, nullable=False),
    Column("name", String, nullable=False),
    Column("is_active", Boolean, nullable=False),
    Column("limits", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    UniqueConstraint("digest"),
)
"""Managed API keys (F-KEY-02). ``digest`` is keyed; ``limits`` is JSON."""

idempotent_replies: Final = Table(
    "idempotent_replies",
    metadata,
    Column("identity", LargeBinary, primary_key=True),
    Column("owner", String, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
)
"""Replies to requests with an ``Idempotency-Key`` (F-API-10). ``identity`` and ``request`` are
keyed digests; ``sealed`` holds status, content type and body. Those of a program before ``owner``
have an empty one, and expire within a day."""

objects: Final = Table(
    "objects",
    metadata,
    Column("identity", LargeBinary, primary_key=True),
    Column("namespace", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("turn", BigInteger, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False, index=True),
    Index(None, "owner", "namespace", "turn"),
)
"""What plugins keep for clients (S13). ``identity`` is the keyed digest of namespace, owner and
key; ``turn`` grows within an owner's namespace with every change."""

object_values: Final = Table(
    "object_values",
    metadata,
    Column(
        "identity",
        LargeBinary,
        ForeignKey("objects.identity", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("sealed", LargeBinary, nullable=False),
)
"""The contents of objects, many megabytes perhaps: a table of its own, so that a change of turn or
expiry neither reads nor writes them."""

decisions: Final = Table(
    "decisions",
    metadata,
    Column("id", String, primary_key=True),
    Column("request_id", String, nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("outcome", String, nullable=False),
    Column("detail", LargeBinary, nullable=False),
)
"""Calls that failed and a sample of the others, with their attempts and the decisions behind them
(architecture 9.3). ``detail`` is JSON without any secret."""

media: Final = Table(
    "media",
    metadata,
    Column("name", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("mime", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False, index=True),
    Column("kept_until", BigInteger),
)
"""Pictures and videos that the gateway stores (F-FILE-02, F-CACHE). ``owner`` is a key id, empty
for files that were found in the folder; before ``kept_until`` no limit removes a row."""

files: Final = Table(
    "files",
    metadata,
    Column("id", String, primary_key=True),
    Column("owner", String, nullable=False, index=True),
    Column("filename", String, nullable=False),
    Column("mime", String, nullable=False),
    Column("purpose", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, index=True),
)
"""What clients uploaded to ``/v1/files`` (F-FILE-10)."""
