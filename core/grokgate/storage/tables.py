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
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
)

from grokgate.storage.columns import Integer, String

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

token_listing: Final = Table(
    "token_listing",
    metadata,
    Column("id", String, ForeignKey("tokens.id", ondelete="CASCADE"), primary_key=True),
    Column("pool", String, nullable=False),
    Column("is_deleted", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("note", String, nullable=False),
    Column("labels", String, nullable=False),
    Column("found_by", String, nullable=False),
    Column("status", String, nullable=False),
    Column("quota", BigInteger, nullable=False),
    Column("image_quota", BigInteger, nullable=False),
    Column("heavy_quota", BigInteger, nullable=False),
    Column("use_count", BigInteger, nullable=False),
    Column("fail_count", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("last_sync_at", BigInteger),
    Index(None, "pool", "status", "is_deleted"),
)
"""What a table of tokens is sorted, filtered and searched by, in narrow rows: a page of 100 000
tokens reads a tenth of what lies in the other two tables, from which all of this is derived.
``labels`` holds each tag on a line of its own; ``found_by`` all that is searched, in lower case."""

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
    Column("terms", LargeBinary),
    UniqueConstraint("digest"),
)
"""Managed API keys (F-KEY-02). ``digest`` is keyed; ``limits`` and ``terms`` are JSON: what may be
used per day, and what else limits the key (F-KEY-08; null: nothing)."""

key_usage: Final = Table(
    "key_usage",
    metadata,
    Column("key_id", String, primary_key=True),
    Column("day", String, primary_key=True),
    Column("quota", String, primary_key=True),
    Column("used", BigInteger, nullable=False),
    Index(None, "day"),
)
"""What keys used of their daily quotas (F-KEY-04). ``day`` is ``2026-11-22`` in the operator's time
zone."""

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

admin_sessions: Final = Table(
    "admin_sessions",
    metadata,
    Column("id", String, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
    Column("address", String, nullable=False),
    Column("agent", String, nullable=False),
    UniqueConstraint("digest"),
)
"""Logins of operators (F-AUTH-03). ``digest`` is keyed; ``used_at`` may be a minute old."""

audit: Final = Table(
    "audit",
    metadata,
    Column("id", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("actor", String, nullable=False),
    Column("address", String, nullable=False),
    Column("action", String, nullable=False),
    Column("target", String, nullable=False),
    Column("detail", LargeBinary, nullable=False),
)
"""What operators did (F-LOG-07). ``detail`` is JSON without any secret."""

chores: Final = Table(
    "chores",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False),
    Column("total", Integer, nullable=False),
    Column("ok", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("detail", LargeBinary, nullable=False),
    Column("holder", String, nullable=False),
    Column("created_at", BigInteger, nullable=False, index=True),
    Column("seen_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("actor", String, nullable=False, server_default=""),
)
"""Work on many accounts that an operator started (F-JOB). ``detail`` is JSON; ``holder`` is the
process that works, which renews ``seen_at``; ``actor`` as in the audit trail."""

chore_results: Final = Table(
    "chore_results",
    metadata,
    Column("id", String, ForeignKey("chores.id", ondelete="CASCADE"), primary_key=True),
    Column("result", LargeBinary),
    Column("failures", LargeBinary, nullable=False),
)
"""What chores came to, apart from them, so that a list reads none of it. Both are JSON; a result
that is too large is not kept."""

requests: Final = Table(
    "requests",
    metadata,
    Column("id", String, primary_key=True),
    Column("request_id", String, nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("address", String, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("model", String, nullable=False),
    Column("status", Integer, nullable=False),
    Column("error", String),
    Column("duration_ms", BigInteger, nullable=False),
    Column("first_byte_ms", BigInteger),
    Column("key_id", String, nullable=False),
    Column("key_name", String, nullable=False),
    Column("token", String),
    Column("attempts", Integer, nullable=False),
    Column("units", Integer, nullable=False),
    Column("usage", LargeBinary, nullable=False),
    Column("stream", Boolean, nullable=False),
)
"""One row per downstream request (F-LOG-02), never its contents. ``token`` is a short id; ``usage``
is JSON."""

statistics: Final = Table(
    "statistics",
    metadata,
    Column("span", String, primary_key=True),
    Column("begins_at", BigInteger, primary_key=True),
    Column("model", String, primary_key=True),
    Column("total", BigInteger, nullable=False),
    Column("success", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    Column("units", BigInteger, nullable=False),
)
"""Requests per hour and per day (F-LOG-03). ``span`` is ``hour`` or ``day``; the model is empty for
all of them together. ``units`` is what was charged to accounts."""

stored_settings: Final = Table(
    "stored_settings",
    metadata,
    Column("key", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
"""Settings that do not lie in the file: secrets changed through the API (S14), and all of them
where ``storage.config`` says so. ``sealed`` holds JSON."""
