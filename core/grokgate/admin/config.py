"""The settings as operators see and change them (F-CFG, F-ADM-02, F-ADM-03)."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, TypeAlias

from anyio import to_thread
from litestar import Response, get, post
from litestar.openapi import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import FromQuery, JSONBody
from msgspec import UNSET, Meta

from grokgate.access.access import KEY as PASSWORD_KEY
from grokgate.admin.config_schema import Changed, ConfigSchema, Impersonation, schema_of
from grokgate.admin.context import CurrentAct, CurrentGateway, CurrentOperator
from grokgate.admin.reauth import require_password
from grokgate.admin.revision import IfMatch, seen, tag
from grokgate.errors import Conflict, SettingsError
from grokgate.gateway import Gateway
from grokgate.settings import SettingsStore
from grokgate.settings.changes import named
from grokgate.settings.showing import differences, tree
from grokgate.settings.values import mask
from grokgate.storage.acting import Act

Tree: TypeAlias = Annotated[
    dict[str, Any],
    Meta(description="Section → key → value.", examples=[{"grok": {"timeout": 90}}]),
]
_TREE_SPEC: Final = ResponseSpec(
    data_container=dict[str, Any],
    description="All settings, secrets masked.",
    examples=[Example(value={"grok": {"timeout": 90}, "app": {"api_key": ["…bcdef0"]}})],
)
_FILE_SPEC: Final = ResponseSpec(
    data_container=str,
    description="The file as it is.",
    examples=[Example(value="[grok]\ntimeout = 90\n")],
)
_FINGERPRINT: Final = "impersonate"


@get("/config", summary="Read all settings", responses={200: _TREE_SPEC})
async def read_config(
    gateway: CurrentGateway,
    operator: CurrentOperator,
    act: CurrentAct,
    *,
    reveal: FromQuery[bool] = False,
) -> dict[str, Any]:
    """Return section → key → value, secrets masked unless ``reveal=1`` and the password says so."""
    if reveal:
        await require_password(gateway, operator)
        act.action = "config.reveal"
    store = gateway.settings
    return tree(store.fields, store.values, store.file.written, reveal=reveal)


@post("/config", status_code=200, summary="Change settings")
async def change_config(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[Tree], *, if_match: IfMatch = None
) -> Response[Changed]:
    """Merge a partial tree into the settings: lists replace, null resets a key to its default.

    With `If-Match` nothing is saved when the settings were changed since they were read.
    """
    changed = await change(gateway, act, data, revision=seen(if_match))
    return Response(changed, headers=tag(changed.revision))


@get("/config/schema", summary="Describe all settings")
async def read_schema(gateway: CurrentGateway) -> Response[ConfigSchema]:
    """Return every setting with its rules, its value and where that comes from."""
    schema = schema_of(gateway.settings)
    return Response(schema, headers=tag(schema.revision))


@get("/config/impersonate", summary="Tell what the fingerprint settings mean")
async def read_impersonation(gateway: CurrentGateway) -> Impersonation:
    """Return what upstreams tell of fingerprints; empty if none has any."""
    described = await to_thread.run_sync(_fingerprints, gateway)
    return Impersonation(
        targets=list(described.get("targets", ())),
        aliases=dict(described.get("aliases", {})),
        settings={
            f"grok.{name}": facts
            for name, facts in described.items()
            if name.startswith(_FINGERPRINT)
        },
        warnings=list(described.get("warnings", ())),
    )


@get("/config/file", summary="Export the configuration file", responses={200: _FILE_SPEC})
async def export_file(
    gateway: CurrentGateway, operator: CurrentOperator, act: CurrentAct
) -> Response[bytes]:
    """Return ``config.toml`` as it is; what an operator wrote into it may be secret."""
    await require_password(gateway, operator)
    act.action = "config.export"
    return Response(
        gateway.settings.file.content or b"",
        media_type="application/toml",
        headers={"content-disposition": 'attachment; filename="config.toml"'},
    )


HANDLERS: Final = (read_config, change_config, read_schema, read_impersonation, export_file)


async def change(
    gateway: Gateway,
    act: Act,
    patch: Mapping[str, Any],
    *,
    revision: int | None = None,
    revision_of: Callable[[SettingsStore], int] = lambda store: store.revision,
) -> Changed:
    """Save *patch*, and tell what is odd about it.

    Args:
        gateway: Whose settings.
        act: Told what is changed.
        patch: Partial tree.
        revision: Of the settings that the operator saw; None: whatever it is by now.
        revision_of: Returns the one that it must still be.

    Raises:
        Conflict: They were changed meanwhile.
        SettingsError: Nothing was saved; see `SettingsStore.change`.
    """
    store = gateway.settings
    act.target = act.target or ", ".join(named(patch, store.fields))
    before, values = store.snapshot, store.values
    wanted = await _with_password(gateway, patch)

    def unless_changed() -> Mapping[str, Any]:
        if revision not in {None, revision_of(store)}:
            message = "The settings were changed meanwhile. Read them again."
            raise Conflict(message, code="revision_conflict")
        return wanted

    after = await store.change(unless_changed)
    if not act.detail:
        act.detail = differences(store.fields, values, store.values)
    warnings = [warning for warning in after.warnings if warning not in before.warnings]
    return Changed(
        message="Nothing changed." if store.snapshot is before else "Saved.",
        revision=store.revision,
        warnings=warnings or UNSET,
    )


async def _with_password(gateway: Gateway, patch: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return *patch* with a new password of the operator as it is stored: hashed."""
    section, name = PASSWORD_KEY.split(".")
    part = patch.get(section)
    if not isinstance(part, Mapping) or name not in part:
        return patch
    new, current = part[name], gateway.settings.values[PASSWORD_KEY]
    if (new or "") == current or new == mask(current):
        return patch
    if not new or not isinstance(new, str):
        raise SettingsError(f"{PASSWORD_KEY}: must be a password", param=PASSWORD_KEY)
    return {**patch, section: {**part, name: await gateway.access.to_store(new)}}


def _fingerprints(gateway: Gateway) -> Mapping[str, Any]:
    """Return what the first upstream with fingerprints tells of them."""
    descriptions = map(gateway.examiner.describe, gateway.specs)
    return next((one for one in descriptions if _FINGERPRINT in one), {})
