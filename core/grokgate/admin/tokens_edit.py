"""Adding, changing, deleting accounts (F-ADM-08 to F-ADM-11, F-ADM-37)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from litestar import Response, patch, post
from litestar.params import JSONBody
from msgspec import UNSET, Struct, UnsetType

from grokgate.admin.chores import begin, items_of, result_of
from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.admin.revision import IfMatch, seen, tag
from grokgate.admin.tokens_choice import chosen, target_of
from grokgate.admin.tokens_schema import (
    Added,
    AddRequest,
    DeletedTokens,
    DisabledManyRequest,
    DisabledRequest,
    Edited,
    EditRequest,
    ManyEdited,
    ManyRequest,
    RestoredTokens,
    TokensRequest,
    Updated,
)
from grokgate.admin.tokens_view import item_of, lines, parted
from grokgate.errors import InvalidRequest, ObjectNotFound
from grokgate.gateway import Gateway
from grokgate.http.validation import printable
from grokgate.legacy.token_fields import FIELDS, FieldError
from grokgate.legacy.tokens import IMPLAUSIBLE, looks_like_token
from grokgate.tokens import Change, ImportReport, Labels
from grokgate.tokens.mask import is_mask
from grokgate.upstream import Secret

AT_ONCE: Final = 1000
"""Accounts of one transaction; more than that are changed by a job."""
_MOST_IDS: Final = 2000


@post("/tokens/add", status_code=200, summary="Add accounts")
async def add_tokens(gateway: CurrentGateway, act: CurrentAct, data: JSONBody[AddRequest]) -> Added:
    """Add what is not there yet, and bring back what was deleted; each line is answered for."""
    text = data.tokens if isinstance(data.tokens, str) else msgspec.json.encode(data.tokens)
    report = await import_text(
        gateway,
        text,
        pool=data.pool,
        labels=labels_of(data.tags, data.note),
        plausible=True,
    )
    act.target = f"{len(report.added)} accounts"
    return _added(gateway, report)


@patch("/tokens/item", summary="Change an account")
async def edit_token(
    gateway: CurrentGateway,
    act: CurrentAct,
    data: JSONBody[EditRequest],
    *,
    if_match: IfMatch = None,
) -> Response[Edited]:
    """Change only what is sent, unless the account was changed since it was read."""
    token = find_one(gateway, data.token)
    act.target, act.detail = token, {"fields": _names(data)}
    change = change_of(gateway, data, upstream=gateway.tokens.records[token].upstream)
    pasted = None if isinstance(data.new_token, UnsetType) else credential_of(data.new_token)
    await gateway.home.flush()
    try:
        record = await gateway.tokens.edit(
            token, change, revision=seen(if_match), credential=pasted
        )
    except ValueError as error:
        raise InvalidRequest(str(error), param="new_token") from None
    return Response(Edited(item=item_of(gateway, record)), headers=tag(record.revision))


@patch("/tokens/items", summary="Change many accounts")
async def edit_tokens(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[ManyRequest]
) -> ManyEdited:
    """Give accounts the same change: a few at once, many as a job."""
    choice = await chosen(gateway, data.ids, data.filter)
    ids, unknown = choice.ids, choice.unknown
    act.target, act.detail = target_of(ids), {"fields": _names(data)}
    change = change_of(gateway, data)
    if len(ids) <= AT_ONCE:
        edited = await gateway.tokens.edit_many(ids, change)
        return ManyEdited(updated=len(edited), total=len(ids), unknown=unknown)
    items = await items_of(gateway, ids)
    task = await begin(gateway, act, "tokens_edit", items, options=change)
    return ManyEdited(updated=0, task_id=task.id, total=len(ids), unknown=unknown)


@post("/tokens/delete", status_code=200, summary="Delete accounts")
async def delete_tokens(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[TokensRequest]
) -> DeletedTokens:
    """Hide accounts until they are restored, or erased after ``token.deleted_keep_days``."""
    choice = await chosen(gateway, (*data.tokens, *data.ids), data.filter)
    ids, unknown = choice.ids, choice.unknown
    act.target = target_of(ids)
    await gateway.home.flush()
    if len(ids) <= AT_ONCE:
        return DeletedTokens(deleted=len(await gateway.tokens.delete(ids)), unknown=unknown)
    task = await begin(gateway, act, "tokens_delete", await items_of(gateway, ids))
    ok = (await result_of(task)).summary.ok
    return DeletedTokens(deleted=ok, task_id=task.id, unknown=unknown)


@post("/tokens/restore", status_code=200, summary="Restore deleted accounts")
async def restore_tokens(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[TokensRequest]
) -> RestoredTokens:
    """Bring deleted accounts back with their old data."""
    filter_ = data.filter
    if filter_ and not filter_.is_empty:
        filter_ = msgspec.structs.replace(filter_, status="deleted")
    choice = await chosen(gateway, (*data.tokens, *data.ids), filter_, deleted=True)
    act.target = target_of(choice.ids)
    found = [await gateway.tokens.restore(portion) for portion in _portions(choice.ids)]
    return RestoredTokens(restored=sum(map(len, found)), unknown=choice.unknown)


@post("/tokens/disabled", status_code=200, summary="Switch an account off or on")
async def disable_token(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[DisabledRequest]
) -> Updated:
    """Switch one account off, or on again; an expired one has to answer first."""
    token = find_one(gateway, data.token)
    return await switch(gateway, act, [token], disabled=data.disabled)


@post("/tokens/disabled/batch", status_code=200, summary="Switch accounts off or on")
async def disable_tokens(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[DisabledManyRequest]
) -> Updated:
    """Switch accounts off, or on again; expired ones have to answer first."""
    choice = await chosen(gateway, (*data.tokens, *data.ids), data.filter)
    updated = await switch(gateway, act, choice.ids, disabled=data.disabled)
    return msgspec.structs.replace(updated, unknown=choice.unknown)


HANDLERS: Final = (
    add_tokens,
    edit_token,
    edit_tokens,
    delete_tokens,
    restore_tokens,
    disable_token,
    disable_tokens,
)


def find_one(gateway: Gateway, text: str) -> str:
    """Return the id of the account that *text* is the id or credential of.

    Raises:
        ObjectNotFound: There is none.
    """
    token = gateway.tokens.find(text)
    if token is None or token not in gateway.tokens.records:
        raise ObjectNotFound("There is no such account.", code="not_found")
    return token


def credential_of(pasted: str, *, param: str = "new_token") -> str:
    """Return what takes the place of a credential, unless it is plainly none; a mask is told later.

    Raises:
        InvalidRequest: It does not look like a token.
    """
    if not is_mask(pasted) and not looks_like_token(pasted):
        raise InvalidRequest(f"The credential {IMPLAUSIBLE}.", param=param)
    return pasted


def change_of(
    gateway: Gateway, data: EditRequest | ManyRequest, *, upstream: str | None = None
) -> Change:
    """Return the change that is asked for, its values checked and in their one form.

    Raises:
        InvalidRequest: A value does not fit its field.
    """
    sent = {name: getattr(data, name) for name in data.__struct_fields__}
    values: dict[str, Any] = {}
    for name in ("note", "tags", "add_tags", "remove_tags"):
        if sent.get(name, UNSET) is not UNSET:
            values[name] = _converted(name, sent[name])
    for name in ("status", "quota", "max_inflight"):
        values[name] = sent.get(name, UNSET)
    if not isinstance(data.pool, UnsetType):
        values["pool"] = pool_of(gateway, data.pool, upstream)
    return Change(**values, proxy_url=_proxy(sent.get("proxy_url", UNSET)))


def pool_of(gateway: Gateway, name: str, upstream: str | None = None) -> str:
    """Return a pool by its own name.

    Raises:
        InvalidRequest: No upstream, or another one, declares it.
    """
    try:
        gateway.tokens.pools.check(name)
    except ValueError as error:
        raise InvalidRequest(printable(str(error)), param="pool") from None
    place = gateway.tokens.pools.find(name, upstream=upstream)
    if place.spec is None:
        raise InvalidRequest("The account's upstream has no such pool.", param="pool")
    return place.pool


def labels_of(tags: Sequence[str], note: str) -> Labels:
    """Return what is said of all entries of an import.

    Raises:
        InvalidRequest: Too long.
    """
    return Labels(tags=_converted("tags", list(tags)), note=_converted("note", note))


async def import_text(
    gateway: Gateway, text: str | bytes, *, pool: str, **how: Any
) -> ImportReport:
    """Take in a text; see `TokenStore.import_text`.

    Raises:
        InvalidRequest: There is no such pool.
    """
    try:
        return await gateway.tokens.import_text(text, pool=pool or None, **how)
    except ValueError as error:
        raise InvalidRequest(printable(str(error)), param="pool") from None


async def switch(
    gateway: Gateway, act: CurrentAct, ids: Sequence[str], *, disabled: bool
) -> Updated:
    """Switch accounts off, or on again unless they are expired."""
    act.action = switched(disabled=disabled)
    act.target, act.detail = target_of(ids), {"disabled": disabled}
    fit = await switchable(gateway, ids, disabled=disabled)
    found = [
        await gateway.tokens.set_enabled(portion, enabled=not disabled)
        for portion in _portions(fit)
    ]
    return Updated(updated=sum(map(len, found)))


def switched(*, disabled: bool) -> str:
    """Name the action in the audit trail, by its outcome and not by its path."""
    return "tokens.disable" if disabled else "tokens.enable"


async def switchable(gateway: Gateway, ids: Sequence[str], *, disabled: bool) -> list[str]:
    """Return those that may be switched: an expired one has to answer before it is switched on."""
    # An edit starts from what is stored: a cool-down that just began must be in it.
    await gateway.home.flush()
    records = gateway.tokens.records
    return [
        token
        for token in ids
        if token in records and (disabled or records[token].state.status != "expired")
    ]


def _added(gateway: Gateway, report: ImportReport) -> Added:
    ids = (*report.added, *report.restored)
    doubles, remarks = parted(report)
    return Added(
        count=len(ids),
        skipped=len(doubles),
        doubles=lines(doubles),
        rejected=lines(report.rejected),
        remarks=lines(remarks),
        synced=bool(report.added) and gateway.settings.snapshot.token.auto_refresh,
        ids=list(ids[:_MOST_IDS]),
    )


def _portions(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE)]


def _names(data: Struct) -> list[str]:
    """Return the names of the fields that were sent; no values, which may be secret."""
    defaults = {field.name: field.default for field in msgspec.structs.fields(data)}
    sent: Mapping[str, Any] = msgspec.structs.asdict(data)
    fixed = {"token", "ids", "filter"}
    return [
        name
        for name, value in sent.items()
        if name not in fixed and value != [] and value is not defaults[name]
    ]


def _converted(name: str, value: Any) -> Any:
    """Return *value* in the form in which it is stored."""
    field = name.rpartition("_")[2]  # add_tags are tags
    try:
        return FIELDS[field][1](value)
    except FieldError as error:
        raise InvalidRequest(f"{name} {error}.", param=name) from None


def _proxy(value: str | UnsetType | None) -> Secret | UnsetType | None:
    """Return a proxy's address; a mask, posted back, changes nothing (S14)."""
    if isinstance(value, UnsetType) or (value and is_mask(value)):
        return UNSET
    try:
        address = FIELDS["proxy_url"][1](value or "")
    except FieldError as error:
        raise InvalidRequest(f"proxy_url {error}.", param="proxy_url") from None
    return Secret(address) if address else None
