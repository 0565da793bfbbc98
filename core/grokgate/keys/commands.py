"""What the command line may ask of the keys (see `grokgate.operations`)."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, Struct

from grokgate.keys.records import QUOTAS, ConfigKey, Terms
from grokgate.keys.ring import KeyRing
from grokgate.storage.acting import current_act

Commands: TypeAlias = Mapping[str, Callable[[Mapping[str, Any]], Awaitable[Any]]]
Erase: TypeAlias = Callable[[str], Awaitable[None]]
"""Removes what belongs to a key that is gone."""


_Quota: TypeAlias = Annotated[str, Meta(pattern=f"^({'|'.join(QUOTAS)})$")]
_Number: TypeAlias = Annotated[int, Meta(ge=0)]


class _NewKey(Struct, frozen=True, kw_only=True):
    name: str = ""
    limits: Mapping[_Quota, int] = {}
    expires_at_ms: _Number | None = None
    rpm: _Number | None = None
    max_inflight: _Number | None = None


class _NamedKey(Struct, frozen=True, kw_only=True):
    key: str


async def left_over(_key_id: str) -> None:
    """Leave it to the next start of the service."""


def key_commands(keys: KeyRing, erase: Erase = left_over) -> Commands:
    """Return the commands about *keys*, by name."""

    async def create(arguments: Mapping[str, Any]) -> Any:
        wanted = msgspec.convert(arguments, _NewKey)
        terms = Terms(
            expires_at_ms=wanted.expires_at_ms, rpm=wanted.rpm, max_inflight=wanted.max_inflight
        )
        _note(wanted.name or "a key")
        record, key = await keys.create(wanted.name, limits=wanted.limits, terms=terms)
        return {"record": record, "key": key}

    async def listing(_arguments: Mapping[str, Any]) -> Any:
        managed = [
            {
                **msgspec.to_builtins(record),
                "source": "managed",
                "used_today": keys.usage.used(record.id),
            }
            for record in keys.listing()
        ]
        return [*managed, *map(_config_row, keys.config_keys())]

    async def revoke(arguments: Mapping[str, Any]) -> Any:
        key = msgspec.convert(arguments, _NamedKey).key
        _note(keys.named(key, only_active=True).id)
        return await keys.revoke(key)

    async def delete(arguments: Mapping[str, Any]) -> Any:
        record = keys.named(msgspec.convert(arguments, _NamedKey).key)
        _note(record.id)
        await keys.delete(record.id)
        await erase(record.id)
        return record

    return {
        "keys.create": create,
        "keys.list": listing,
        "keys.revoke": revoke,
        "keys.delete": delete,
    }


def _config_row(key: ConfigKey) -> dict[str, Any]:
    """Describe a key of the settings like a managed one: always active, never limited."""
    return {
        "id": key.id,
        "name": "config",
        "prefix": key.prefix,
        "is_active": True,
        "created_at_ms": None,
        "limits": {},
        "terms": {},
        "source": "config",
        "used_today": {},
    }


def _note(target: str) -> None:
    """Tell the audit trail which key is changed; what was given may be a key's text."""
    if (act := current_act()) is not None:
        act.target = target
