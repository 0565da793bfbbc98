"""Mounts the admin API at its own address and at that of the predecessors (F-ADM)."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from litestar import Request
from litestar.di import Provide
from litestar.handlers import BaseRouteHandler
from litestar.types import ASGIApp, Guard

from grokgate.admin import (
    adoption,
    audit,
    batch,
    cache,
    chores,
    config,
    downstream,
    keys,
    login,
    logs,
    metrics,
    models,
    online,
    overview,
    plugins,
    py2,
    requests,
    sessions,
    storage,
    testing,
    tokens,
    tokens_edit,
    tokens_files,
    tokens_jobs,
    tokens_list,
    version,
    welcome,
)
from grokgate.admin.assets import Assets, static_folder
from grokgate.admin.context import CurrentGateway, OpenRequests, Operator
from grokgate.admin.describing import Description, describing
from grokgate.admin.guard import login_state, require_operator
from grokgate.admin.pages import pages
from grokgate.admin.panels import panels
from grokgate.admin.trail import Trail
from grokgate.gateway import Gateway
from grokgate.http.auth import AsyncGuard
from grokgate.http.body import StrictJson
from grokgate.http.disconnect import CancelOnDisconnect
from grokgate.http.routers import PlainRouter
from grokgate.storage.acting import Act

BASE: Final = "/api/v1/admin"
_ALIAS: Final = "/v1/admin"
_PY2: Final = "/admin/api"
_UI: Final = "grokgate_admin_ui"
"""Package whose files are the pages."""
_HANDLERS: Final[tuple[BaseRouteHandler, ...]] = (
    *adoption.HANDLERS,
    *audit.HANDLERS,
    *batch.HANDLERS,
    *cache.HANDLERS,
    *chores.HANDLERS,
    *config.HANDLERS,
    *downstream.HANDLERS,
    *keys.HANDLERS,
    *login.HANDLERS,
    *logs.HANDLERS,
    *metrics.HANDLERS,
    *models.HANDLERS,
    *online.HANDLERS,
    *overview.HANDLERS,
    *plugins.HANDLERS,
    *requests.HANDLERS,
    *sessions.HANDLERS,
    *storage.HANDLERS,
    *testing.HANDLERS,
    *tokens.HANDLERS,
    *tokens_edit.HANDLERS,
    *tokens_files.HANDLERS,
    *tokens_jobs.HANDLERS,
    *tokens_list.HANDLERS,
    *version.HANDLERS,
    *welcome.HANDLERS,
)
"""Of every page."""


class AdminApi:
    """The operator's side of one gateway.

    Args:
        gateway: Whose operator's.
        older: Whether it is also mounted where the predecessors had it.
    """

    def __init__(self, gateway: Gateway, *, older: bool = True) -> None:
        self._gateway = gateway
        self._older = older
        self.guard: AsyncGuard = require_operator(lambda: gateway)
        """Lets operators pass, and nobody else."""

        requests = OpenRequests()
        gateway.operators_served = lambda: requests.count

        # A function: Litestar would copy an object, with all it refers to.
        def trailing(app: ASGIApp) -> ASGIApp:
            return Trail(app, gateway=gateway, requests=requests)

        self.trailing: Callable[[ASGIApp], ASGIApp] = trailing
        """Wraps what operators use, so that their changes are noted."""

    def routers(
        self,
        dto: type[StrictJson],
        *,
        readable: Guard,
        document: Callable[[], Mapping[str, Any]],
    ) -> list[PlainRouter]:
        """Make the routers.

        Args:
            dto: Decodes bodies.
            readable: Refuses bodies by their headers.
            document: Describes all routes, when it is asked to.
        """

        def router(
            path: str, *, shown: bool, handlers: tuple[BaseRouteHandler, ...] = _HANDLERS
        ) -> PlainRouter:
            return _router(self, self._gateway, path, handlers, dto, readable=readable, shown=shown)

        older = ((_ALIAS, _HANDLERS), (_PY2, py2.HANDLERS)) if self._older else ()
        return [
            router(BASE, shown=True),
            *(router(path, shown=False, handlers=handlers) for path, handlers in older),
            describing(Description(self._gateway, document), self.guard),
            panels(self._gateway.plugins, self.guard),
            pages(
                Assets(static_folder(_UI), holds_s=1),
                base=self._gateway.operator_base,
                has_public_chat=lambda: self._gateway.settings.snapshot.ui.public_chat,
                state=lambda scope: login_state(self._gateway, scope),
            ),
        ]


def _router(
    api: AdminApi,
    gateway: Gateway,
    path: str,
    handlers: tuple[BaseRouteHandler, ...],
    dto: type[StrictJson],
    *,
    readable: Guard,
    shown: bool,
) -> PlainRouter:
    async def provide_gateway() -> Any:
        return gateway

    return PlainRouter(
        path,
        route_handlers=handlers,
        dependencies={
            "gateway": Provide(provide_gateway),
            "operator": Provide(_provide_operator),
            "act": Provide(_provide_act),
        },
        guards=[api.guard, readable],
        middleware=[api.trailing, CancelOnDisconnect],
        dto=dto,
        return_dto=None,
        include_in_schema=shown,
        opt={"family": "admin", "plugin": "core"},
        tags=["admin"],
    )


# Each names the one before it, so that they follow each other: for independent ones Litestar
# starts a task each.
async def _provide_operator(
    request: Request[Any, Any, Any],
    gateway: CurrentGateway,  # noqa: ARG001 - see above
) -> Operator:
    operator: Operator = request.scope["state"]["operator"]
    return operator


async def _provide_act(
    request: Request[Any, Any, Any],
    gateway: CurrentGateway,  # noqa: ARG001 - see above
) -> Act:
    act: Act = request.scope["state"]["act"]
    return act
