"""The files that plugins bring for their panels, for operators alone.

```text
/admin/panel/{plugin}/{panel}   the page, one of `admin.pages`; it imports the panel's module
/ui/plugins/{plugin}/…          static/ of the plugin's package: the module, texts, styles
```

They change with the plugin's version and not with the gateway's, so browsers keep them, and ask
each time whether they still hold.
"""

import sys
from collections.abc import Sequence
from importlib.resources.abc import Traversable
from types import ModuleType
from typing import Any, Final

from litestar import HttpMethod, Request, Response, route
from litestar.params import FromPath

from grokgate.admin.assets import Assets, file_names, static_folder
from grokgate.admin.sending import send_asset
from grokgate.errors import UnknownUrl
from grokgate.http.accounting import QUIET
from grokgate.http.auth import AsyncGuard
from grokgate.http.routers import PlainRouter
from grokgate.registry import LoadedPlugin

TEXTS: Final = ("i18n/en.json", "i18n/zh.json")
"""What a panel says, by language."""
STYLES: Final = "panel.css"

_CACHE: Final = "private, no-cache"


def panel_files(plugins: Sequence[LoadedPlugin]) -> dict[str, frozenset[str]]:
    """Name the files of each plugin that has panels, as paths below its ``static/``; blocks."""
    return {plugin.name: file_names(_folder(plugin)) for plugin in plugins if plugin.panels}


def panels(plugins: Sequence[LoadedPlugin], guard: AsyncGuard) -> PlainRouter:
    """Make the route; *guard* lets operators pass."""
    files = {plugin.name: Assets(_folder(plugin)) for plugin in plugins if plugin.panels}

    @route(
        "/ui/plugins/{plugin:str}/{path:path}",
        http_method=(HttpMethod.GET, HttpMethod.HEAD),
        include_in_schema=False,
    )
    async def file(request: Request[Any, Any, Any], plugin: FromPath[str]) -> Response[bytes]:
        if plugin not in files:
            raise UnknownUrl
        build = await files[plugin].look()
        asset = build.files.get(request.scope["path"].removeprefix(f"/ui/plugins/{plugin}/"))
        if asset is None:
            raise UnknownUrl
        return send_asset(request, asset, cache_control=_CACHE)

    return PlainRouter(
        "/", route_handlers=[file], guards=[guard], opt={"family": "admin", QUIET: True}
    )


def _folder(plugin: LoadedPlugin) -> Traversable | None:
    """Return ``static/`` of the package with the plugin's module, or with its object's class."""
    module = plugin.module
    owner = module if isinstance(module, ModuleType) else sys.modules[type(module).__module__]
    return static_folder(owner.__package__) if owner.__package__ else None
