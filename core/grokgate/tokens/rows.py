"""Turns records into rows and back; credentials, proxies and unknown fields are sealed between."""

import base64
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args

import msgspec
from msgspec import Struct

from grokgate.errors import StateError
from grokgate.storage.ledger import StateRow
from grokgate.storage.listing import ListingRow, StateListing
from grokgate.storage.tokens import TokenRow
from grokgate.tokens.mask import tail
from grokgate.tokens.quota import quota_left
from grokgate.tokens.record import Bucket, Status, TokenRecord, TokenState
from grokgate.upstream import Secret, Tier
from grokgate.vault import Vault

_ID_CHARACTERS: Final = 10
_STATUSES: Final[Mapping[str, Status]] = {status: status for status in get_args(Status)}
_TIERS: Final[Mapping[str, Tier]] = {tier: tier for tier in get_args(Tier)}


class _Sealed(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
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
        sealed=vault.seal(_encoder.encode(secret), context=token_context(record.id)),
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
        state_since_at=state.state_since_at_ms,
        evidence=state.evidence,
        tier=state.tier,
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


def to_listing_row(record: TokenRecord) -> ListingRow:
    """Return what a table is sorted, filtered and searched by."""
    texts = (record.id, tail(record.credential), record.note, *record.tags)
    return ListingRow(
        **msgspec.structs.asdict(to_state_listing(record.state)),
        pool=record.pool,
        is_deleted=record.deleted_at_ms is not None,
        created_at=record.created_at_ms,
        note=record.note,
        labels="".join(f"\n{tag}\n" for tag in record.tags),
        found_by="\n".join(texts).lower(),
    )


def to_state_listing(state: TokenState) -> StateListing:
    """Return the part of it that calls change."""
    left = quota_left(state.buckets)
    return StateListing(
        id=state.id,
        status=state.status,
        quota=left.chat,
        image_quota=left.image,
        heavy_quota=left.heavy,
        use_count=state.use_count,
        fail_count=state.fail_count,
        last_used_at=state.last_used_at_ms,
        last_sync_at=state.last_sync_at_ms,
    )


def to_states(rows: Sequence[StateRow]) -> list[TokenState]:
    """Decode states.

    Raises:
        StateError: A row is damaged.
    """
    states: list[TokenState] = []
    for row in rows:
        try:
            states.append(_to_state(row))
        except (msgspec.MsgspecError, KeyError) as error:
            raise _damaged(row.id) from error
    return states


def to_record(row: TokenRow, state: TokenState, vault: Vault) -> TokenRecord:
    """Open a row and join it with its state.

    Raises:
        StateError: The row is damaged or was sealed with another key.
    """
    plaintext = vault.unseal(row.sealed, context=token_context(row.id))
    try:
        secret = _sealed.decode(plaintext)
        return TokenRecord(
            id=state.id,  # the same text: one object less per token
            upstream=sys.intern(row.upstream),
            pool=sys.intern(row.pool),
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
            state=state,
        )
    except msgspec.MsgspecError as error:
        raise _damaged(row.id) from error


def _to_state(row: StateRow) -> TokenState:
    return TokenState(
        id=row.id,
        status=_STATUSES[row.status],
        state_reason=row.state_reason,
        state_since_at_ms=row.state_since_at,
        evidence=row.evidence,
        tier=_TIERS[row.tier] if row.tier is not None else None,
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


def _damaged(record_id: str) -> StateError:
    return StateError(
        f"The stored token {record_id} is damaged. Restore the database from a backup."
    )


def token_context(record_id: str) -> str:
    """Return what a token is sealed under."""
    return f"token:{record_id}"
