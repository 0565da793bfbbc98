"""The plugin SDK: hook markers, records, the context with its services, and `EventStream`."""

from grokgate.plugin.cards import load_cards
from grokgate.plugin.context import (
    Ctx,
    CurrentCaller,
    Dispatcher,
    Exchange,
    Fetch,
    Models,
    PluginContext,
    SharedSettings,
)
from grokgate.plugin.emulated import Emulated, Send, open_emulated
from grokgate.plugin.hookspecs import hookimpl
from grokgate.plugin.records import (
    AttemptRecord,
    Call,
    Caller,
    CallRecord,
    Capability,
    CostRule,
    ModelCard,
    Offer,
    RouteSpec,
    Settings,
)
from grokgate.plugin.stream import EventStream

__all__ = [
    "AttemptRecord",
    "Call",
    "CallRecord",
    "Caller",
    "Capability",
    "CostRule",
    "Ctx",
    "CurrentCaller",
    "Dispatcher",
    "Emulated",
    "EventStream",
    "Exchange",
    "Fetch",
    "ModelCard",
    "Models",
    "Offer",
    "PluginContext",
    "RouteSpec",
    "Send",
    "Settings",
    "SharedSettings",
    "hookimpl",
    "load_cards",
    "open_emulated",
]
