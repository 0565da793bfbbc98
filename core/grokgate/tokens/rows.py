"""Turns records into rows and back; credentials, proxies and unknown fields are sealed between."""

import base64
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from grokgate.errors import StateError
from grokgate.storage.ledger import StateRow
from grokgate.storage.tokens import TokenRow
from grokgate.tokens.record import Bucket, Status, TokenRecord, TokenState
from grokgate.upstream import Secret
from grokgate.vault import Vault

_ID_CHARACTERS: Final = 10


class _Sealed(Struct, frozen=True, kw_only=True, omit_defaults=True):
    credential: str
    proxy_url: str | None = None
    extra: Mapping[str, Any] = {}


_encoder: Final = msgspec.json.Encoder()
_sealed: Final = msgspec.json.Decoder(_Sealed)
_tags: Final = msgspec.json.Decoder(tuple[str, ...])
_buckets: Final = msgspec.json.Decoder(dict[str, Bucket])
_kept: Final = msgspec.json.Decoder(dict[str, str])


def identity(vault: Vault, upstream: str, credential: str) -> bytes:
    """Return what makes a token the same token again: a keyed digest."""
    return vault.digest("token identity", f"{upstream}\0{credential}")


def token_id(identity_of_token: bytes) -> str:
    """Return the short id for logs and answers."""
    letters = base64.b32encode(identity_of_token).decode().lower()
    return f"tok_{letters[:_ID_CHARACTERS]}"


def to_token_row(record: TokenRecord, vault: Vault) -> TokenRow:
    """Seal a record, without its state."""
    secret = _Sealed(
        credential=record.credential.reveal(),
        proxy_url=record.proxy_url.reveal() if record.proxy_url else None,
        extra=record.extra,
    )
    return TokenRow(
        id=record.id,
        upstream=record.upstream,
        pool=record.pool,
        identity=identity(vault, record.upstream, record.credential.reveal()),
        sealed=vault.seal(_encoder.encode(secret), context=_context(record.id)),
        tags=_encoder.encode(record.tags),
        note=record.note,
        max_inflight=record.max_inflight,
        created_at=record.created_at_ms,
        last_asset_clear_at=record.last_asset_clear_at_ms,
        deleted_at=record.deleted_at_ms,
        revision=record.revision,
    )


def to_state_row(state: TokenState) -> StateRow:
    """Flatten a state."""
    return StateRow(
        id=state.id,
        status=state.status,
        state_reason=state.state_reason,
        buckets=_encoder.encode(state.buckets),
        cooldown_until=state.cooldown_until_ms,
        cooldown_level=state.cooldown_level,
        use_count=state.use_count,
        consumed=state.consumed,
        fail_count=state.fail_count,
        last_used_at=state.last_used_at_ms,
        last_fail_at=state.last_fail_at_ms,
        last_fail_reason=state.last_fail_reason,
        last_sync_at=state.last_sync_at_ms,
        sync_count=state.sync_count,
        kept=_encoder.encode(state.kept),
    )


def to_record(row: TokenRow, state: StateRow, vault: Vault) -> TokenRecord:
    """Open a row.

    Raises:
        StateError: The row is damaged or was sealed with another key.
    """
    plaintext = vault.unseal(row.sealed, context=_context(row.id))
    try:
        secret = _sealed.decode(plaintext)
        return TokenRecord(
            id=row.id,
            upstream=row.upstream,
            pool=row.pool,
            credential=Secret(secret.credential),
            proxy_url=Secret(secret.proxy_url) if secret.proxy_url else None,
            tags=_tags.decode(row.tags),
            note=row.note,
            max_inflight=row.max_inflight,
            created_at_ms=row.created_at,
            last_asset_clear_at_ms=row.last_asset_clear_at,
            deleted_at_ms=row.deleted_at,
            revision=row.revision,
            extra=secret.extra,
            state=_to_state(state),
        )
    except msgspec.MsgspecError as error:
        message = f"The stored token {row.id} is damaged. Restore the database from a backup."
        raise StateError(message) from error


def _to_state(row: StateRow) -> TokenState:
    return TokenState(
        id=row.id,
        status=msgspec.convert(row.status, Status),
        state_reason=row.state_reason,
        buckets=_buckets.decode(row.buckets),
        cooldown_until_ms=row.cooldown_until,
        cooldown_level=row.cooldown_level,
        use_count=row.use_count,
        consumed=row.consumed,
        fail_count=row.fail_count,
        last_used_at_ms=row.last_used_at,
        last_fail_at_ms=row.last_fail_at,
        last_fail_reason=row.last_fail_reason,
        last_sync_at_ms=row.last_sync_at,
        sync_count=row.sync_count,
        kept=_kept.decode(row.kept),
    )


def _context(record_id: str) -> str:
    return f"token:{record_id}"
