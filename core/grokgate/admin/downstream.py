"""The switches of all endpoints (F-ADM-30, F-UI-70)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Final

from litestar import get, post
from litestar.params import JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from grokgate.admin.config import change
from grokgate.admin.config_schema import Texts, locked_by
from grokgate.admin.context import CurrentAct, CurrentGateway
from grokgate.gateway import Gateway
from grokgate.http.files import ROUTES
from grokgate.plugin.records import RouteSpec
from grokgate.registry import CORE
from grokgate.settings import Switch
from grokgate.settings.fields import SWITCHES
from grokgate.statistics.recent import Asked

_TYPE: Final = re.compile(r":[^}]*")


class Operation(Struct, frozen=True, kw_only=True):
    """One method of one path."""

    method: Annotated[str, Meta(examples=["POST"])]
    path: Annotated[str, Meta(examples=["/v1/images/generations"])]


class Endpoint(Struct, frozen=True, kw_only=True):
    """One switch and what it guards."""

    key: Annotated[str, Meta(examples=["enable_images"])]
    method: Annotated[str, Meta(description="Of the first operation.", examples=["POST"])]
    path: Annotated[str, Meta(examples=["/v1/images/generations"])]
    operations: list[Operation]
    description: Annotated[str, Meta(examples=["Makes pictures."])]
    help: Texts
    """Of the switch, by language."""
    plugin: Annotated[str, Meta(examples=["images"])]
    bundled: Annotated[bool, Meta(description="False: the plugin is somebody else's.")]
    calls_day: Annotated[
        int, Meta(description="Requests in the present hour and the 23 before it; seconds old.")
    ]
    failed_day: Annotated[int, Meta(description="Those of them that failed.")]
    enabled: Annotated[bool, Meta(description="The switch. Off means 404 for callers.")]
    answers: Annotated[
        bool,
        Meta(description="Whether it works now: it needs the others, and its plugin, too."),
    ]
    requires: Annotated[list[str], Meta(examples=[["enable_images"]])]
    default: bool
    locked_by: Annotated[str | None, Meta(description="What keeps it from being changed here.")]


class Endpoints(Struct, frozen=True, kw_only=True):
    """All switches."""

    endpoints: list[Endpoint]
    message: str | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    status: str = "success"


@get("/downstream", summary="List the switches of all endpoints")
async def list_endpoints(gateway: CurrentGateway) -> Endpoints:
    """Return one row for each switch, the core's first."""
    return Endpoints(endpoints=await _endpoints(gateway))


@post("/downstream", status_code=200, summary="Switch endpoints on and off")
async def switch_endpoints(
    gateway: CurrentGateway, act: CurrentAct, data: JSONBody[dict[str, bool]]
) -> Endpoints:
    """Change the switches that are named, and return all as they are now."""
    asked = {key.removeprefix(f"{SWITCHES}."): on for key, on in data.items()}
    act.detail = {key: on for key, on in asked.items() if _is_switch(gateway, key)}
    changed = await change(gateway, act, {SWITCHES: asked})
    return Endpoints(
        endpoints=await _endpoints(gateway), message=changed.message, warnings=changed.warnings
    )


HANDLERS: Final = (list_endpoints, switch_endpoints)


def _is_switch(gateway: Gateway, key: str) -> bool:
    return f"{SWITCHES}.{key}" in gateway.settings.fields


async def _endpoints(gateway: Gateway) -> list[Endpoint]:
    day = (await gateway.request_log.recent.look()).day
    asked = {one.endpoint: one for one in day.endpoints()}
    return [
        _endpoint(gateway, switch, list(_specs(gateway, switch.id)), asked)
        for switch in dict.fromkeys(gateway.switches)
    ]


def _specs(gateway: Gateway, route: str) -> Iterator[RouteSpec]:
    every = (*ROUTES, *(spec for plugin in gateway.plugins for spec in plugin.routes))
    return (spec for spec in every if spec.id == route)


def _endpoint(
    gateway: Gateway, switch: Switch, specs: list[RouteSpec], asked: Mapping[str, Asked]
) -> Endpoint:
    key = f"enable_{switch.id}"
    field = gateway.settings.fields[f"{SWITCHES}.{key}"]
    operations = list(_operations(specs))
    named = {f"{one.method} {one.path}" for one in operations}
    counted = [asked[name] for name in named if name in asked]
    return Endpoint(
        key=key,
        method=operations[0].method,
        path=operations[0].path,
        operations=operations,
        description=" ".join(spec.summary for spec in specs),
        help=field.help,
        plugin=switch.owner,
        bundled=_is_bundled(gateway, switch.owner),
        calls_day=sum(one.total for one in counted),
        failed_day=sum(one.failed for one in counted),
        enabled=gateway.settings.values[field.key],
        answers=switch.id in gateway.enabled_routes,
        requires=[f"enable_{route}" for route in switch.requires],
        default=switch.default_enabled,
        locked_by=locked_by(gateway.settings, field),
    )


def _is_bundled(gateway: Gateway, owner: str) -> bool:
    return owner == CORE or any(one.bundled for one in gateway.plugins if one.name == owner)


def _operations(specs: Iterable[RouteSpec]) -> Iterator[Operation]:
    for spec in specs:
        for handler in spec.handlers:
            for path in sorted(handler.paths):
                for method in sorted(getattr(handler, "http_methods", None) or ("WEBSOCKET",)):
                    yield Operation(method=method, path=_TYPE.sub("", path))
