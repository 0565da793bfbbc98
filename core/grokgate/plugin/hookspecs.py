"""The hooks a plugin may implement.

Hooks are plain functions, called once at load, one plugin at a time: a fault stays with its plugin.
They describe and do no work: no I/O, no state. Behaviour sits in what they return.
"""

from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pluggy

from grokgate.plugin.context import PluginContext
from grokgate.plugin.records import (
    AdminPanel,
    CallRecord,
    CostRule,
    ModelCard,
    RouteSpec,
    Settings,
)
from grokgate.upstream import UpstreamSpec

hookspec = pluggy.HookspecMarker("grokgate")
hookimpl = pluggy.HookimplMarker("grokgate")


@hookspec
def grokgate_settings() -> type[Settings]:  # type: ignore[empty-body]
    """Return the plugin's settings section, so that it gets keys, a form and documentation.

    Called once at load, before every other hook of the plugin.

    Returns None or is absent: the plugin has no settings. An exception refuses the plugin.
    Added in 0.1.
    """


@hookspec
def grokgate_upstreams() -> Iterable[UpstreamSpec]:  # type: ignore[empty-body]
    """Return the upstreams this plugin speaks to, so that tokens can be pooled for them.

    Called once at load. Ids and pool names are unique over all plugins.

    An empty result means none. An exception refuses the plugin. Added in 0.1.
    """


@hookspec
def grokgate_models() -> Iterable[ModelCard]:  # type: ignore[empty-body]
    """Return the cards of the models this plugin serves, usually from `load_cards`.

    Called once at load. Ids and aliases are unique over all plugins.

    An empty result means none. An exception refuses the plugin. Added in 0.1.
    """


@hookspec
def grokgate_cost_rules() -> Iterable[CostRule]:  # type: ignore[empty-body]
    """Return rules that say how many units a call takes, where effort and wire do not suffice.

    Called once at load. Two equally exact rules for the same call clash.

    An empty result means none. An exception refuses the plugin. Added in 0.1.
    """


@hookspec
def grokgate_routes() -> Iterable[RouteSpec]:  # type: ignore[empty-body]
    """Return the routes the plugin serves; each gets a switch, a key check and an OpenAPI entry.

    Called once at load. Route ids and method with path are unique over all plugins. Routes stay
    mounted while the service runs; the switch decides whether they answer.

    An empty result means none. An exception refuses the plugin. Added in 0.1.
    """


@hookspec
def grokgate_admin_panels() -> Iterable[AdminPanel]:  # type: ignore[empty-body]
    """Return pages of the admin UI, for what its switches, forms and tables do not show.

    Called once at load. Ids are unique within the plugin. A panel is an ES module in the folder
    ``static/`` of the plugin's package, which is served to operators alone, as are all files there.

    An empty result means none. An exception refuses the plugin. Added in 0.1.
    """


@hookspec
def grokgate_lifespan(ctx: PluginContext[Any]) -> AbstractAsyncContextManager[None]:  # type: ignore[empty-body]
    """Return a context that is entered at gateway start and left, in reverse order, at its stop.

    Called once at start, when all services of *ctx* work.

    Returns None or is absent: nothing to do. An exception disables the plugin's routes and is
    reported; the service starts without it. Added in 0.1.
    """


@hookspec
def grokgate_call_finished(ctx: PluginContext[Any], record: CallRecord) -> None:
    """Observe a call that has been settled.

    Called after every call, in the event loop; returns at once. Times of *record* are seconds.

    What it raises is logged; three faults in a row silence it until the next start. Added in 0.1.
    """
