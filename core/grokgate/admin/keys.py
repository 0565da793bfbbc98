"""The keys of clients, as operators make, change and remove them (F-ADM-27, F-KEY)."""

from typing import Any, Final

import anyio.to_thread
from litestar import get, post
from litestar.params import JSONBody
from msgspec import UNSET
from msgspec.structs import replace

from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.admin.keys_schema import (
    ChosenKey,
    Done,
    KeyEdit,
    KeyFields,
    KeyItem,
    KeyList,
    KeyReply,
    LeftToday,
    NewKey,
    UsedToday,
)
from grokgate.errors import InvalidRequest
from grokgate.gateway import Gateway
from grokgate.keys import QUOTAS, KeyRecord, Terms

_LISTS: Final = ("allowed_models", "allowed_endpoints", "allowed_ips", "token_tags")


@get("/keys", summary="List the keys of clients, with what they used today")
async def list_keys(gateway: CurrentGateway) -> KeyList:
    """Return all keys; none of their texts."""
    # In a thread: keys may be many.
    return await anyio.to_thread.run_sync(_listing, gateway)


@post("/keys", status_code=200, summary="Make a key; its text is shown this once")
async def create_key(gateway: CurrentGateway, act: CurrentAct, data: JSONBody[NewKey]) -> KeyReply:
    """Make a key from a text of its own, or from one that is given."""
    terms = _terms(gateway, data, Terms())
    act.action, act.target, act.detail = "keys.create", data.name or "a key", _told(data)
    record, text = await gateway.keys.create(
        data.name or "",
        limits=_limits(data),
        terms=terms,
        is_active=data.is_active is not False,
        text=data.key or None,
        confirmed=data.confirm,
    )
    return KeyReply(data=replace(_item(gateway, record), key=text))


@post("/keys/update", status_code=200, summary="Change a key, from the next request on")
async def update_key(gateway: CurrentGateway, act: CurrentAct, data: JSONBody[KeyEdit]) -> KeyReply:
    """Change what is named, and leave the rest."""
    record = gateway.keys.get(_named(data.id or data.key))
    act.target, act.detail = record.id, {"name": record.name, **_told(data)}

    def edit(before: KeyRecord) -> KeyRecord:
        return replace(
            before,
            name=data.name or before.name,
            is_active=before.is_active if data.is_active is None else data.is_active,
            limits={**before.limits, **_limits(data)},
            terms=_terms(gateway, data, before.terms),
        )

    return KeyReply(data=_item(gateway, await gateway.keys.update(record.id, edit)))


@post("/keys/delete", status_code=200, summary="Remove a key with everything that belongs to it")
async def delete_key(gateway: CurrentGateway, act: CurrentAct, data: JSONBody[ChosenKey]) -> Done:
    """Remove a key for good, with its responses, files, media and jobs (S13)."""
    record = gateway.keys.get(_named(data.id or data.key))
    act.target, act.detail = record.id, {"name": record.name}
    await gateway.keys.delete(record.id)
    await gateway.erasing.erase(record.id)
    return Done()


HANDLERS: Final = (list_keys, create_key, update_key, delete_key)


def _named(key: str) -> str:
    if not key:
        raise InvalidRequest("Missing key", code="missing_required_parameter", param="key")
    return key


def _limits(fields: KeyFields) -> dict[str, int]:
    """Return the daily limits that are named, in either spelling; none is −1."""
    named = {quota: getattr(fields, f"{quota}_limit") for quota in QUOTAS}
    if fields.limits is not None:
        others = {quota: getattr(fields.limits, f"{quota}_per_day") for quota in QUOTAS}
        named |= {quota: limit for quota, limit in others.items() if limit is not UNSET}
    return {
        quota: -1 if limit is None else limit
        for quota, limit in named.items()
        if limit is not UNSET
    }


def _terms(gateway: Gateway, fields: KeyFields, before: Terms) -> Terms:
    """Return *before* with what is named of it."""
    changes: dict[str, Any] = {
        name: tuple(dict.fromkeys(value or ()))
        for name in _LISTS
        if (value := getattr(fields, name)) is not UNSET
    }
    for name in ("rpm", "max_inflight"):
        if (number := getattr(fields, name)) is not UNSET:
            changes[name] = number or None
    if fields.expires_at is not UNSET:
        changes["expires_at_ms"] = 1000 * fields.expires_at if fields.expires_at else None
    if fields.confirm:
        changes["confirmed"] = True
    unknown = set(changes.get("allowed_endpoints", ())) - {switch.id for switch in gateway.switches}
    if unknown:
        raise InvalidRequest(
            "There is no endpoint of this name; GET /downstream lists them.",
            param="allowed_endpoints",
        )
    return replace(before, **changes)


def _told(fields: KeyFields) -> dict[str, Any]:
    """Return what the audit trail tells: never a key."""
    named = {
        name: getattr(fields, name)
        for name in ("name", "is_active", *_LISTS, "rpm", "max_inflight", "expires_at")
        if getattr(fields, name) not in (None, UNSET)
    }
    return named | {f"{quota}_limit": limit for quota, limit in _limits(fields).items()}


def _listing(gateway: Gateway) -> KeyList:
    day = gateway.keys.usage.day()
    config = [
        KeyItem(
            id=key.id,
            key=key.id,
            display_key=f"{key.prefix}…",
            name="config",
            source="config",
            is_active=True,
            created_at=0,
            day=day,
            usage_today=UsedToday(),
            remaining_today=LeftToday(),
        )
        for key in gateway.keys.config_keys()
    ]
    return KeyList(data=[*(_item(gateway, record) for record in gateway.keys.listing()), *config])


def _item(gateway: Gateway, record: KeyRecord) -> KeyItem:
    terms, usage = record.terms, gateway.keys.usage
    used = usage.used(record.id)
    limits = {quota: record.limits.get(quota, -1) for quota in QUOTAS}
    fields: dict[str, Any] = {name: list(getattr(terms, name)) for name in _LISTS}
    fields |= {f"{quota}_limit": limit for quota, limit in limits.items()}
    left = {quota: max(0, limit - used.get(quota, 0)) for quota, limit in limits.items()}
    return KeyItem(
        id=record.id,
        key=record.id,
        display_key=f"{record.prefix}…",
        name=record.name,
        source="managed",
        is_active=record.is_active,
        created_at=record.created_at_ms // 1000,
        day=usage.day(),
        usage_today=UsedToday(**{f"{quota}_used": used.get(quota, 0) for quota in QUOTAS}),
        remaining_today=LeftToday(
            **{quota: left[quota] if limits[quota] >= 0 else None for quota in QUOTAS}
        ),
        expires_at=None if terms.expires_at_ms is None else terms.expires_at_ms // 1000,
        rpm=terms.rpm,
        max_inflight=terms.max_inflight,
        is_short=terms.is_short,
        confirmed=terms.confirmed,
        **fields,
    )
