"""The test kit, used as the author of a plugin uses it."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from importlib import import_module
from typing import Annotated, Any

import anyio
import httpx
import pytest
from litestar import get, post
from litestar.params import JSONBody
from msgspec import Meta, Struct

from grokgate.errors import GatewayError, PluginError
from grokgate.plugin import Call, Ctx, CurrentCaller, EventStream, RouteSpec, Settings, hookimpl
from grokgate.sandbox import Sandbox
from grokgate.testing import (
    FakeClock,
    FakeUpstream,
    check_plugin,
    make_card,
    running_gateway,
    running_sandbox,
)
from grokgate.upstream import Conversation, Event, Kind, TextDelta, Wire

pytestmark = pytest.mark.anyio


class Question(Struct, kw_only=True):
    text: str
    model: str = "grok-4"
    stream: bool = False


def to_call(data: Question, ctx: Any, caller: Any) -> Call:
    card = ctx.models.find(data.model, capability="chat", caller=caller).card
    prompt = Conversation.of_text(data.text)
    return Call(caller=caller, card=card, send=lambda session: session.converse(prompt))


@post("/v1/ask", status_code=200, summary="Ask.")
async def ask(
    ctx: Ctx[Settings], caller: CurrentCaller, data: JSONBody[Question]
) -> dict[str, str] | EventStream:
    exchange = await ctx.dispatcher.open(to_call(data, ctx, caller))
    if data.stream:
        return EventStream(exchange, frames, failure=lambda _: [b"data: failed\n\n"], keepalive_s=0)
    async with exchange:
        return {"text": "".join([e.text async for e in exchange if isinstance(e, TextDelta)])}


def frames(event: Event) -> list[bytes]:
    return [f"data: {event.text}\n\n".encode()] if isinstance(event, TextDelta) else []


class Asking:
    """A plugin that keeps all the rules."""

    handlers: tuple[Any, ...] = (ask,)
    creates_work = True

    @hookimpl
    def grokgate_routes(self) -> list[RouteSpec]:
        return [
            RouteSpec(
                id="ask", handlers=self.handlers, summary="Asks.", creates_work=self.creates_work
            )
        ]


BODY = {"text": "why?"}


async def silent(_request: Any) -> AsyncGenerator[Event, None]:
    yield TextDelta(text="first")
    await anyio.sleep_forever()


# The gateway


async def test_a_call_takes_units_and_is_recorded() -> None:
    fake = FakeUpstream([TextDelta(text="because")])
    async with running_gateway(Asking(), upstream=fake, tokens={"t1": 5}) as gateway:
        reply = await gateway.client.post("/v1/ask", json=BODY)

        assert reply.json() == {"text": "because"}
        assert gateway.pool.units == {"t1": 4}
        assert [record.outcome for record in gateway.records] == ["completed"]
        assert [entry["event"] for entry in gateway.logs][-1] == "request"


async def test_accounts_are_those_the_test_names() -> None:
    async with running_gateway(tokens={"t1": 5, "t2": 0}) as gateway:
        assert gateway.pool.units == {"t1": 5, "t2": 0}
        assert gateway.pool.statuses["t1"] == "active"


async def test_settings_lie_over_the_defaults() -> None:
    async with running_gateway(settings={"limits.queue_size": 3}) as gateway:
        assert gateway.gateway.settings.snapshot.limits.queue_size == 3


async def test_stock_cards_are_on_offer_unless_others_are_given() -> None:
    async with running_gateway() as stock, running_gateway(cards=[make_card("m1")]) as own:
        assert len(stock.gateway.catalog.buckets("web")) == 1
        assert own.gateway.catalog.unserved() == []


async def test_the_fake_plays_every_upstream_and_profile_of_the_cards() -> None:
    wires = {"web/2026-04": Wire(name="a", buckets=("b1",)), "xai": Wire(name="x", buckets=("b2",))}
    async with running_gateway(cards=[make_card("m1", wire=wires)], tokens={"t1": 9}) as gateway:
        assert list(gateway.gateway.specs) == ["web", "xai"]
        assert gateway.pool.units == {"web:t1": 9, "xai:t1": 9}


async def test_a_refused_plugin_is_an_error_of_the_test() -> None:
    with pytest.raises(PluginError, match="another plugin has this name"):
        async with running_gateway(Asking(), Asking()):
            pass


async def test_an_error_of_the_test_arrives_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with running_gateway():
            raise ZeroDivisionError


async def test_two_gateways_run_side_by_side() -> None:
    async with running_gateway() as one, running_gateway() as other:
        assert one.key != other.key


async def test_a_real_server_streams_and_notices_who_leaves() -> None:
    fake = FakeUpstream(silent)
    async with running_gateway(Asking(), upstream=fake) as gateway, gateway.serve() as client:
        async with client.stream("POST", "/v1/ask", json={**BODY, "stream": True}) as reply:
            first = await anext(reply.aiter_lines())
        with anyio.fail_after(5):
            while gateway.pool.open_leases:  # noqa: ASYNC110 - the pool tells nobody
                await anyio.sleep(0.005)

    assert first == "data: first"
    assert fake.closed == 1


async def test_a_gateway_is_up_within_a_second() -> None:
    began = time.perf_counter()
    async with running_gateway(Asking()):
        pass

    assert time.perf_counter() - began < 5


# The scripted upstream


@pytest.mark.parametrize(
    ("kind", "status"), [(Kind.BAD_REQUEST, 502), (Kind.MODERATION, 400), (Kind.TOO_LONG, 400)]
)
async def test_a_kind_makes_the_call_fail(kind: Kind, status: int) -> None:
    async with running_gateway(Asking(), upstream=FakeUpstream(kind)) as gateway:
        reply = await gateway.client.post("/v1/ask", json=BODY)

    assert reply.status_code == status


async def test_a_failure_before_output_is_tried_on_another_account() -> None:
    fake = FakeUpstream(Kind.AUTH_DEAD, [TextDelta(text="because")])
    async with running_gateway(Asking(), upstream=fake, tokens={"t1": 5, "t2": 5}) as gateway:
        reply = await gateway.client.post("/v1/ask", json=BODY)

        assert reply.json() == {"text": "because"}
        assert sorted(gateway.pool.statuses.values()) == ["active", "expired"]
    assert [asked.operation for asked in fake.asked] == ["converse", "converse"]


async def test_a_fake_that_forgets_serves_another_test() -> None:
    fake = FakeUpstream([TextDelta(text="because")], [TextDelta(text="left over")])
    async with running_gateway(Asking(), upstream=fake) as gateway:
        await gateway.client.post("/v1/ask", json=BODY)
        fake.forget()
        fake.add([TextDelta(text="therefore")])
        reply = await gateway.client.post("/v1/ask", json=BODY)

    assert (reply.json(), len(fake.asked)) == ({"text": "therefore"}, 1)


async def test_being_asked_too_often_is_a_defect() -> None:
    async with running_gateway(Asking(), upstream=FakeUpstream()) as gateway:
        reply = await gateway.client.post("/v1/ask", json=BODY)

    assert reply.status_code >= 500


# The sandbox and the clock


async def test_the_sandbox_answers_on_loopback() -> None:
    async with running_sandbox(Sandbox()) as (_, base), httpx.AsyncClient() as client:
        reply = await client.get(f"{base}/__sim/state")

    assert base.startswith("http://127.0.0.1:")
    assert reply.status_code == 200


def test_the_clock_moves_when_told() -> None:
    clock = FakeClock()
    before = clock.now(), clock.monotonic()
    clock.advance(60)
    clock.jump(3600)

    assert (clock.now() - before[0]).total_seconds() == 3660
    assert clock.monotonic() - before[1] == 60


# The rules


async def test_a_plugin_that_keeps_the_rules_passes() -> None:
    await check_plugin(Asking(), requests={"ask": [BODY, {**BODY, "stream": True}]})


async def test_a_route_that_creates_work_needs_a_sample() -> None:
    with pytest.raises(AssertionError, match="name a valid body"):
        await check_plugin(Asking())


async def test_a_sample_that_is_refused_is_reported() -> None:
    with pytest.raises(AssertionError, match="refused its sample body"):
        await check_plugin(Asking(), requests={"ask": {"no": "text"}})


@post("/v1/ask", status_code=200, summary="Ask.")
async def leaking(ctx: Ctx[Settings], caller: CurrentCaller, data: JSONBody[Question]) -> str:
    exchange = await ctx.dispatcher.open(to_call(data, ctx, caller))
    LEAKED.append(exchange)
    return ""


LEAKED: list[Any] = []


class Leaking(Asking):
    handlers = (leaking,)


async def test_a_lease_left_open_is_reported() -> None:
    try:
        with pytest.raises(AssertionError, match="a lease is open after POST /v1/ask"):
            await check_plugin(Leaking(), requests={"ask": BODY})
    finally:
        await asyncio.gather(*(exchange.aclose() for exchange in LEAKED))


class Undescribed(Settings, frozen=True, kw_only=True):
    word: Annotated[str, Meta(description="A word.")] = ""


class Untranslated:
    @hookimpl
    def grokgate_settings(self) -> type[Settings]:
        return Undescribed


async def test_a_setting_in_one_language_is_reported() -> None:
    with pytest.raises(AssertionError, match="lacks its Chinese description"):
        await check_plugin(Untranslated())


@post("/v1/ask", status_code=200, summary="Ask.")
async def careless(data: JSONBody[Question]) -> str:
    return data.text


class Careless(Asking):
    """A plugin that ignores its model."""

    handlers = (careless,)


async def test_an_unknown_model_that_is_accepted_is_reported() -> None:
    with pytest.raises(AssertionError, match="with an unknown model"):
        await check_plugin(Careless(), requests={"ask": {**BODY, "model": "grok-4"}})


def job(status: str) -> list[Any]:
    """Make handlers whose jobs are over at once, with that status."""

    @post("/v1/ask", status_code=200, summary="Ask.")
    async def begin(
        ctx: Ctx[Settings], caller: CurrentCaller, data: JSONBody[Question]
    ) -> dict[str, str]:
        with suppress(GatewayError):
            async with await ctx.dispatcher.open(to_call(data, ctx, caller)) as exchange:
                assert [event async for event in exchange]
        return {"id": "a"}

    @get("/v1/ask/a", summary="Tell.")
    async def tell() -> dict[str, str]:
        return {"status": status}

    return [begin, tell]


@pytest.mark.parametrize(("status", "after"), [("completed", "failure"), ("failed", "success")])
async def test_a_job_that_ends_otherwise_than_its_call_is_reported(status: str, after: str) -> None:
    plugin = Asking()
    plugin.handlers = tuple(job(status))

    with pytest.raises(AssertionError, match=f"after a {after}.* the job is {status}"):
        await check_plugin(plugin, requests={"ask": BODY}, jobs={"ask"})


CHAT = {"model": "grok-4", "messages": [{"role": "user", "content": "why?"}]}
ASK = {"model": "grok-4", "input": "Hi"}
DRAW = {"model": "grok-imagine-1.0", "prompt": "a kite"}
EDIT = {
    "model": "grok-imagine-1.0-edit",
    "prompt": "blue",
    "image": "data:image/png;base64,iVBORw0KGgo=",
}
FILM = {"model": "grok-imagine-1.0-video", "prompt": "waves"}
BUNDLED: dict[str, dict[str, Any]] = {
    "grokgate_chat": {"chat_completions": [CHAT, {**CHAT, "stream": True}]},
    "grokgate_images": {
        "images": [DRAW, {**DRAW, "stream": True, "partial_images": 1}],
        "image_edits": [EDIT, {**EDIT, "stream": True}],
    },
    "grokgate_images_nsfw": {
        "images_nsfw": [
            {"prompt": "a kite", "n": 1, "stream": streamed} for streamed in (False, True)
        ]
    },
    "grokgate_messages": {
        "messages": [{**CHAT, "max_tokens": 99}, {**CHAT, "max_tokens": 99, "stream": True}]
    },
    "grokgate_models": {},
    "grokgate_responses": {"responses": [ASK, {**ASK, "stream": True}]},
    "grokgate_video": {"videos": [FILM, {**FILM, "resolution_name": "480p"}]},
    "grokgate_web": {},
}
BESIDE = {"grokgate_images_nsfw": ["grokgate_images"]}
JOBS = frozenset({"videos"})


@pytest.mark.parametrize("package", BUNDLED)
async def test_bundled_plugins_keep_the_rules(package: str) -> None:
    beside = [import_module(name) for name in BESIDE.get(package, ())]

    await check_plugin(import_module(package), requests=BUNDLED[package], jobs=JOBS, beside=beside)
