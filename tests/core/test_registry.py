from types import ModuleType, SimpleNamespace
from typing import Annotated, Any

import pytest
import structlog
from litestar import get, post
from litestar.params import FromPath
from msgspec import Meta
from structlog.testing import LogCapture

from grokgate import registry
from grokgate.plugin import AdminPanel, CostRule, ModelCard, RouteSpec, Settings, hookimpl
from grokgate.registry import PluginSource, Registry, installed
from grokgate.scheduler.cost import CostTable
from grokgate.settings import setting_keys
from grokgate.testing import FakeUpstream, make_card


@get("/v1/haiku")
async def read() -> str:
    return ""


@post("/v1/haiku")
async def write() -> str:
    return ""


@get("/v1/haiku/{other:str}")
async def read_one(other: FromPath[str]) -> str:
    return other


@get("/v1/haiku/{name:path}/")
async def read_any(name: FromPath[str]) -> str:
    return name


@get("/ready")
async def ready() -> str:
    return ""


class Section(Settings, frozen=True, kw_only=True):
    base: Annotated[str, Meta(description="Address.", extra={"key": "haiku.base"})] = ""


class DeeperSection(Settings, frozen=True, kw_only=True):
    part: Annotated[str, Meta(description="Part.", extra={"key": "haiku.base.part"})] = ""


class UndescribedSection(Settings, frozen=True, kw_only=True):
    base: str = ""


def plugin(**hooks: Any) -> ModuleType:
    """A module whose hooks return the given values."""
    module = ModuleType("sample")
    for name, value in hooks.items():

        def hook(value: Any = value) -> Any:
            return value() if callable(value) and not isinstance(value, type) else value

        hook.__name__ = f"grokgate_{name}"
        setattr(module, hook.__name__, hookimpl(_without_parameters(hook)))
    return module


def _without_parameters(hook: Any) -> Any:
    def call() -> Any:
        return hook()

    call.__name__ = hook.__name__
    return call


def route(*handlers: Any, route_id: str = "haiku") -> RouteSpec:
    return RouteSpec(id=route_id, handlers=handlers, summary="Poems.")


def load(*plugins: Any, names: str = "abcdefg") -> Registry:
    sources = [
        PluginSource(name=name, load=lambda module=module: module, bundled=False)
        for name, module in zip(names, plugins, strict=False)
    ]
    return load_sources(*sources)


def load_sources(*sources: PluginSource, log: Any = None) -> Registry:
    return registry.load(
        sources,
        setting_keys=setting_keys,
        check_rules=CostTable,
        log=log or structlog.wrap_logger(None, processors=[LogCapture()]),
    )


def test_a_plugin_is_collected_with_all_it_declares() -> None:
    card = make_card("m1")
    found = load(plugin(settings=Section, models=[card], routes=[route(read)]))

    assert found.broken == {}
    assert found.plugins[0].settings is Section
    assert found.plugins[0].models == (card,)
    assert [spec.id for spec in found.plugins[0].routes] == ["haiku"]


def test_hooks_may_be_generators() -> None:
    def routes() -> Any:
        yield route(read)

    assert [spec.id for spec in load(plugin(routes=routes)).plugins[0].routes] == ["haiku"]


def test_order_of_load_is_kept() -> None:
    found = load(plugin(), plugin(), plugin(), names="zax")

    assert [one.name for one in found.plugins] == ["z", "a", "x"]


CLASHES = [
    ("route id 'haiku'", {"routes": [route(read)]}, {"routes": [route(read_one)]}),
    (
        "route 'GET /v1/haiku/{}'",
        {"routes": [route(read_one)]},
        {"routes": [route(read_any, route_id="other")]},
    ),
    (
        "route 'GET /v1/haiku'",
        {"routes": [route(read)]},
        {"routes": [route(read, route_id="other")]},
    ),
    ("model 'm1'", {"models": [make_card("m1")]}, {"models": [make_card("m2", aliases=("m1",))]}),
    (
        "upstream 'web'",
        {"upstreams": [FakeUpstream().spec()]},
        {"upstreams": [FakeUpstream().spec()]},
    ),
    ("setting 'haiku.base'", {"settings": Section}, {"settings": Section}),
    ("setting 'haiku.base.part'", {"settings": Section}, {"settings": DeeperSection}),
    ("setting 'haiku.base'", {"settings": DeeperSection}, {"settings": Section}),
]


@pytest.mark.parametrize(("what", "first", "second"), CLASHES, ids=[row[0] for row in CLASHES])
def test_the_later_plugin_loses_a_clash_and_both_are_named(
    what: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    found = load(plugin(**first), plugin(**second))

    assert [one.name for one in found.plugins] == ["a"]
    assert str(found.broken["b"]) == f"plugin 'b': {what} is already taken by plugin 'a'"


TITLE = {"en": "Poems", "zh": "诗"}
NO_MODULE = "panel 'poems': the module must be a path below static/, such as panel.js"
NO_MODULES = [
    *("", "/panel.js", "../panel.js", "a//b.js", "a/../b.js", ".hidden.js", "panel.css"),
    *("https://host.example/panel.js", "a\\b.js", "panel.js?x"),
]


def panel(panel_id: str = "poems", *, module: str = "panel.js", **title: str) -> AdminPanel:
    return AdminPanel(id=panel_id, title=title or TITLE, module=module)


def test_panels_of_two_plugins_may_have_one_id() -> None:
    found = load(plugin(admin_panels=[panel()]), plugin(admin_panels=[panel()]))

    assert [one.panels for one in found.plugins] == [(panel(),), (panel(),)]


@pytest.mark.parametrize(
    ("panels", "reason"),
    [
        ([panel(), panel()], "panel 'a/poems' is already taken by plugin 'a'"),
        ([panel("My-Poems")], "panel 'My-Poems' must be lower-case letters, digits and _"),
        ([panel(en="Poems")], "panel 'poems' needs a title in en and zh"),
        ([panel(en="Poems", zh="")], "panel 'poems' needs a title in en and zh"),
        *(([panel(module=module)], NO_MODULE) for module in NO_MODULES),
    ],
)
def test_panel_that_could_not_be_shown_refuses_the_plugin(
    panels: list[AdminPanel], reason: str
) -> None:
    assert load(plugin(admin_panels=panels)).broken["a"].reason == reason


def test_methods_of_one_path_may_belong_to_two_plugins() -> None:
    found = load(plugin(routes=[route(read)]), plugin(routes=[route(write, route_id="write")]))

    assert found.broken == {}


def test_equally_exact_cost_rules_clash() -> None:
    rule = CostRule(units=2, capability="chat")
    found = load(plugin(cost_rules=[rule]), plugin(cost_rules=[rule]))

    assert "clashes with an equally exact one" in found.broken["b"].reason


def test_a_refused_plugin_claims_nothing() -> None:
    clashing = plugin(routes=[route(read), route(write, route_id="other")])
    found = load(
        plugin(routes=[route(read)]), clashing, plugin(routes=[route(write, route_id="other")])
    )

    assert [one.name for one in found.plugins] == ["a", "c"]


@get("/v1/bad")
async def unresolvable(topic: "Nowhere") -> str:  # type: ignore[name-defined]  # noqa: F821
    return topic


FAULTS = [
    ("wrong record", {"routes": [make_card()]}, "grokgate_routes must yield RouteSpec"),
    ("no iterable", {"models": 3}, "TypeError"),
    ("no section", {"settings": dict}, "subclass of Settings"),
    ("no description", {"settings": UndescribedSection}, "has no description"),
    ("no handlers", {"routes": [route()]}, "has no handlers"),
    ("bad route id", {"routes": [route(read, route_id="Bad-Id")]}, "lower-case letters"),
    ("a path of the core", {"routes": [route(ready)]}, "already taken by plugin 'core'"),
    ("unmountable", {"routes": [route(unresolvable)]}, "Nowhere"),
    ("unknown hook", {"nonsense": []}, "unknown hook 'grokgate_nonsense'"),
]


@pytest.mark.parametrize(
    ("hooks", "reason"), [row[1:] for row in FAULTS], ids=[r[0] for r in FAULTS]
)
def test_a_faulty_plugin_is_refused_and_others_load(hooks: dict[str, Any], reason: str) -> None:
    found = load(plugin(**hooks), plugin(models=[make_card()]))

    assert [one.name for one in found.plugins] == ["b"]
    assert reason in found.broken["a"].reason


def test_a_section_on_a_key_of_the_core_is_refused() -> None:
    class Greedy(Settings, frozen=True, kw_only=True):
        key: Annotated[str, Meta(description="Key.", extra={"key": "app.api_key"})] = ""

    assert "app.api_key" in load(plugin(settings=Greedy)).broken["a"].reason


@pytest.mark.parametrize("error", [ImportError("no such module"), SystemExit(3)])
def test_a_plugin_that_fails_to_import_is_logged_once(error: BaseException) -> None:
    def fail() -> Any:
        raise error

    log = LogCapture()
    found = load_sources(
        PluginSource(name="broken", load=fail, bundled=False),
        log=structlog.wrap_logger(None, processors=[log]),
    )

    assert found.broken["broken"].reason == f"{type(error).__name__}: {error}"
    assert [(entry["event"], entry["plugin"]) for entry in log.entries] == [
        ("plugin_refused", "broken")
    ]


def test_a_name_that_cannot_be_a_setting_is_refused() -> None:
    assert "lower-case" in load(plugin(), names=["Bad"]).broken["Bad"].reason  # type: ignore[arg-type]


def test_a_hook_is_called_for_one_plugin_alone() -> None:
    found = load(plugin(models=[make_card("m1")]), plugin(models=[make_card("m2")]))
    cards: list[list[ModelCard]] = found.caller("b", "grokgate_models")()

    assert [[card.id for card in result] for result in cards] == [["m2"]]
    assert not found.implements("b", "grokgate_lifespan")


def test_bundled_plugins_are_found_and_can_be_left_out() -> None:
    names = [source.name for source in installed(enabled=["chat"], disabled=["models"])]

    assert {"chat", "web"} <= set(names)
    assert "models" not in names


def test_a_plugin_that_nobody_installed_is_reported() -> None:
    (source,) = [one for one in installed(enabled=["nowhere"], disabled=[]) if not one.bundled]

    assert "no installed package declares it" in load_sources(source).broken["nowhere"].reason


class _Distribution(SimpleNamespace):
    name: str
    version: str


def _point(name: str, dist: str) -> Any:
    return SimpleNamespace(name=name, dist=_Distribution(name=dist, version="1"), load=plugin)


def test_a_foreign_package_cannot_take_the_name_of_a_bundled_plugin() -> None:
    points = [_point("chat", "grokgate"), _point("chat", "impostor")]
    (source,) = installed(enabled=["chat"], disabled=[], points=points)

    assert source.bundled


def test_two_packages_with_one_plugin_name_are_refused() -> None:
    points = [_point("haiku", "one"), _point("haiku", "two")]
    (source,) = installed(enabled=["haiku"], disabled=[], points=points)

    assert "one and two declare it" in load_sources(source).broken["haiku"].reason
