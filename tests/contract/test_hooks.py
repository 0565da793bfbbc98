"""Every hook has a documented signature and a test of its own here."""

import inspect
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import pytest
from litestar import get
from msgspec import Meta

from grokgate.plugin import (
    AdminPanel,
    Call,
    Caller,
    CallRecord,
    CostRule,
    Ctx,
    CurrentCaller,
    ModelCard,
    RouteSpec,
    Settings,
    hookimpl,
    hookspecs,
)
from grokgate.testing import FakeUpstream, make_card, running_gateway
from grokgate.upstream import Conversation, TextDelta, UpstreamSpec, Wire

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"
CALLER = Caller(key_id="k1", name="first")
HOOKS = {
    name: function for name, function in vars(hookspecs).items() if name.startswith("grokgate_")
}


def signature(hook: Callable[..., Any]) -> str:
    """The line that declares a hook, as it stands in the source."""
    head = re.search(r"^def .*?:(?= *(?:#.*)?$)", inspect.getsource(hook), re.MULTILINE)
    assert head is not None
    return f"{head[0]} ..."


def sections() -> dict[str, str]:
    """Title → text of the page's sections."""
    _, *parts = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)
    return {part.partition("\n")[0]: part.partition("\n")[2] for part in parts}


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_is_documented_with_its_exact_signature(name: str) -> None:
    assert signature(HOOKS[name]) in sections()[name].splitlines()


def test_the_page_has_no_section_for_anything_else() -> None:
    assert list(sections()) == list(HOOKS)


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_has_a_test_named_after_it(name: str) -> None:
    assert any(test.startswith(f"test_{name}_") for test in globals())


@pytest.mark.parametrize("name", HOOKS)
def test_a_hook_says_since_when_it_is_there(name: str) -> None:
    assert "Added in " in (HOOKS[name].__doc__ or "")


class SampleSettings(Settings, frozen=True, kw_only=True):
    greeting: Annotated[str, Meta(description="Word.", extra={"zh": "词。"})] = "hello"


@get("/v1/sample", summary="Ask.")
async def sample(ctx: Ctx[SampleSettings], caller: CurrentCaller) -> dict[str, str]:
    card = ctx.models.find("m1", capability="chat", caller=caller).card
    prompt = Conversation.of_text(ctx.settings.greeting)
    call = Call(caller=caller, card=card, send=lambda session: session.converse(prompt))
    async with await ctx.dispatcher.open(call) as exchange:
        return {"text": "".join([e.text async for e in exchange if isinstance(e, TextDelta)])}


class Sample:
    """A plugin whose hooks are those a test gives it."""

    def __init__(self, **hooks: Callable[..., Any]) -> None:
        for name, function in hooks.items():
            setattr(self, f"grokgate_{name}", hookimpl(function))


def said(request: Any) -> str:
    """What the user said first."""
    return str(request.messages[0].parts[0].text)


def routes() -> list[RouteSpec]:
    return [RouteSpec(id="sample", handlers=(sample,), summary="Asks.")]


def cards() -> list[ModelCard]:
    return [make_card("m1", effort="high", wire={"web": Wire(name="m1", buckets=("default",))})]


def section() -> type[Settings]:
    return SampleSettings


async def test_grokgate_settings_declares_keys_that_follow_changes() -> None:
    plugin = Sample(settings=section, routes=routes, models=cards)
    fake = FakeUpstream([TextDelta(text="a")], [TextDelta(text="b")])
    async with running_gateway(plugin, upstream=fake) as gateway:
        await gateway.client.get("/v1/sample")
        await gateway.change(plugins={"sample": {"greeting": "good day"}})
        await gateway.client.get("/v1/sample")

    assert [said(asked.request) for asked in fake.asked] == ["hello", "good day"]


async def test_grokgate_upstreams_declares_pools_for_accounts() -> None:
    spec = FakeUpstream().spec("mine")

    def upstreams() -> list[UpstreamSpec]:
        return [spec]

    async with running_gateway(Sample(upstreams=upstreams)) as gateway:
        report = await gateway.gateway.tokens.import_text("mine:secret-of-mine")
        (row,) = [row for row in gateway.gateway.tokens.listing() if row.id in report.added]

    assert (row.upstream, row.pool, row.routed) == ("mine", "mine", True)


async def test_grokgate_models_puts_cards_on_offer() -> None:
    async with running_gateway(Sample(models=cards)) as gateway:
        (card,) = gateway.gateway.catalog.offered(CALLER)

    assert card.card.id == "m1"


async def test_grokgate_cost_rules_set_the_price_of_a_call() -> None:
    def cost_rules() -> list[CostRule]:
        return [CostRule(units=7, capability="chat", model="m1")]

    plugin = Sample(settings=section, routes=routes, models=cards, cost_rules=cost_rules)
    fake = FakeUpstream([TextDelta(text="a")])
    async with running_gateway(plugin, upstream=fake, tokens={"t1": 50}) as gateway:
        await gateway.client.get("/v1/sample")

        assert gateway.pool.units == {"t1": 43}


async def test_grokgate_routes_answer_behind_their_switch() -> None:
    plugin = Sample(settings=section, routes=routes, models=cards)
    fake = FakeUpstream([TextDelta(text="old pond")])
    async with running_gateway(plugin, upstream=fake) as gateway:
        on = await gateway.client.get("/v1/sample")
        await gateway.change(downstream={"enable_sample": False})
        off = await gateway.client.get("/v1/sample")

    assert on.json() == {"text": "old pond"}
    assert (off.status_code, off.json()["error"]["code"]) == (404, "endpoint_disabled")


async def test_grokgate_admin_panels_adds_pages_to_the_admin_ui() -> None:
    panel = AdminPanel(id="try", title={"en": "Try it", "zh": "试用"}, module="panel.js")
    plugin = Sample(admin_panels=lambda: [panel])
    async with running_gateway(plugin) as gateway, gateway.operator() as operator:
        rows = (await operator.get("/plugins")).json()["plugins"]

    (shown,) = [row["panels"] for row in rows if row["name"] == "sample"]
    assert shown == [{"id": "try", "title": {"en": "Try it", "zh": "试用"}, "module": "panel.js"}]


async def test_grokgate_lifespan_surrounds_the_service() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(ctx: Any) -> AsyncIterator[None]:
        events.append(f"start {ctx.plugin}")
        yield
        events.append("stop")

    async with running_gateway(Sample(lifespan=lifespan)):
        events.append("run")

    assert events == ["start sample", "run", "stop"]


async def test_grokgate_call_finished_sees_calls_of_all_plugins() -> None:
    seen: list[CallRecord] = []

    def call_finished(record: CallRecord) -> None:
        seen.append(record)

    plugin = Sample(settings=section, routes=routes, models=cards)
    fake = FakeUpstream([TextDelta(text="a")])
    async with running_gateway(plugin, Observer(call_finished), upstream=fake) as gateway:
        await gateway.client.get("/v1/sample")

    assert [(record.plugin, record.outcome, record.units) for record in seen] == [
        ("sample", "completed", 4)
    ]
    assert gateway.records == seen


class Observer:
    def __init__(self, see: Callable[[CallRecord], None]) -> None:
        self._see = see

    @hookimpl
    def grokgate_call_finished(self, record: CallRecord) -> None:
        self._see(record)
