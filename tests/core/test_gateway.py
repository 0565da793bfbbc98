from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from litestar import get
from structlog.testing import LogCapture

from grokgate.errors import StartupError, StateError
from grokgate.gateway import Gateway
from grokgate.plugin import Call, Caller, ModelCard, RouteSpec, hookimpl
from grokgate.registry import PluginSource
from grokgate.run_options import RunOptions
from grokgate.testing import FakeUpstream, make_card, running_gateway
from grokgate.upstream import Conversation, Scalar, TextDelta, UpstreamSpec

pytestmark = pytest.mark.anyio

CALLER = Caller(key_id="k1", name="first")


@get("/v1/haiku")
async def haiku() -> str:
    return "old pond"


class Poet:
    """A plugin with a route, a card that needs it, and a lifespan that notes what happens."""

    def __init__(self, name: str = "poet", *, fails: str = "") -> None:
        self.__name__ = name
        self.fails = fails
        self.events: list[str] = []

    @hookimpl
    def grokgate_routes(self) -> list[RouteSpec]:
        return [RouteSpec(id="haiku", handlers=(haiku,), summary="Poems.")]

    @hookimpl
    def grokgate_models(self) -> list[ModelCard]:
        return [make_card("poem", requires=("haiku",))]

    @hookimpl
    def grokgate_lifespan(self, ctx: Any) -> Any:
        return self._life(ctx)

    @asynccontextmanager
    async def _life(self, ctx: Any) -> AsyncIterator[None]:
        self.events.append(f"start {ctx.plugin}")
        if self.fails == "start":
            raise RuntimeError
        yield
        self.events.append(f"stop {ctx.plugin}")
        if self.fails == "stop":
            raise RuntimeError


OWN = frozenset({"files", "uploads"})
"""Routes of the core."""


class Companion(Poet):
    """A plugin with a lifespan alone, which writes into another one's notes."""

    def __init__(self, name: str, events: list[str]) -> None:
        super().__init__(name)
        self.events = events

    grokgate_routes = grokgate_models = None  # type: ignore[assignment]


class Upstream:
    """A plugin that declares an upstream."""

    def __init__(self, spec: UpstreamSpec) -> None:
        self._spec = spec

    @hookimpl
    def grokgate_upstreams(self) -> list[UpstreamSpec]:
        return [self._spec]


def build(folder: Path, *plugins: Any, log: Any = None, **more: Any) -> Gateway:
    """Make a gateway on *folder* that has loaded *plugins*."""
    environ = more.pop("environ", {})
    sources = [
        PluginSource(name=f"p{number}", load=lambda one=one: one, bundled=False)
        for number, one in enumerate(plugins)
    ]
    return Gateway(
        RunOptions(data_dir=folder / "data", log_dir=folder / "logs", **more),
        environ,
        sources=sources,
        log=log or structlog.wrap_logger(None, processors=[LogCapture()]),
    )


async def test_a_start_on_nothing_makes_the_folder_and_one_key(tmp_path: Path) -> None:
    gateway = build(tmp_path)
    async with gateway.run():
        caller = gateway.keys.find(gateway.first_key or "")
        made = {path.name for path in (tmp_path / "data").iterdir()}

    assert caller is not None
    assert {"config.toml", "grokgate.db", "secret.key", "control.sock"} <= made
    assert not (tmp_path / "data" / "control.sock").exists()


async def test_only_the_first_start_makes_a_key(tmp_path: Path) -> None:
    async with build(tmp_path).run():
        pass
    again = build(tmp_path)
    async with again.run():
        assert again.first_key is None


async def test_a_look_makes_no_file(tmp_path: Path) -> None:
    gateway = build(tmp_path, Poet(), look_only=True)

    assert gateway.enabled_routes == {"haiku", *OWN}
    assert not any(tmp_path.iterdir())  # noqa: ASYNC240 - a folder of this test


async def test_a_folder_belongs_to_one_gateway(tmp_path: Path) -> None:
    async with build(tmp_path).run():
        with pytest.raises(StateError, match="in use by another process"):
            async with build(tmp_path).run():
                pass


async def test_it_is_ready_while_it_runs(tmp_path: Path) -> None:
    gateway = build(tmp_path)
    before = gateway.ready()
    async with gateway.run():
        during = gateway.ready()

    assert (before, during, gateway.ready()) == (False, True, False)


async def test_lifespans_are_left_in_reverse_order(tmp_path: Path) -> None:
    poet = Poet()
    async with build(tmp_path, poet, Companion("second", poet.events)).run():
        pass

    assert poet.events == ["start p0", "start p1", "stop p1", "stop p0"]


async def test_a_lifespan_that_fails_costs_only_its_own_plugin(tmp_path: Path) -> None:
    log = LogCapture()
    poet = Poet(fails="start")
    fake = Upstream(FakeUpstream().spec())
    companion = Companion("second", [])
    gateway = build(
        tmp_path, poet, fake, companion, log=structlog.wrap_logger(None, processors=[log])
    )
    before = gateway.enabled_routes, [offer.card.id for offer in gateway.catalog.offered(CALLER)]
    async with gateway.run():
        after = gateway.enabled_routes, gateway.catalog.offered(CALLER)
        ready = gateway.ready()

    assert before == ({"haiku", *OWN}, ["poem"])
    assert after == (OWN, [])
    assert ready
    assert companion.events == ["start p2", "stop p2"]
    assert [e["plugin"] for e in log.entries if e["event"] == "plugin_lifespan_failed"] == ["p0"]


async def test_a_lifespan_that_fails_at_the_stop_keeps_nobody_from_stopping(tmp_path: Path) -> None:
    poet = Poet(fails="stop")
    first = Companion("first", poet.events)
    async with build(tmp_path, first, poet).run():
        pass

    assert poet.events == ["start p0", "start p1", "stop p1", "stop p0"]


async def test_config_keys_are_accepted_and_follow_the_settings(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "config.toml").write_text('[app]\napi_key = "sk-0123456789abcdef"\n')
    gateway = build(tmp_path)
    async with gateway.run():
        before = gateway.keys.find("sk-0123456789abcdef")
        (folder / "config.toml").write_text('[app]\napi_key = "sk-fedcba9876543210"\n')
        gateway.settings.reload()

        assert before is not None
        assert gateway.keys.find("sk-0123456789abcdef") is None
        assert gateway.keys.find("sk-fedcba9876543210") is not None


async def test_a_weak_config_key_is_refused_and_named_without_its_text(tmp_path: Path) -> None:
    log = LogCapture()
    overlay = {"app.api_key": ["short"]}
    gateway = build(tmp_path, overlay=overlay, log=structlog.wrap_logger(None, processors=[log]))
    async with gateway.run():
        assert gateway.keys.find("short") is None
    (refusal,) = [entry for entry in log.entries if entry["event"] == "config_key_refused"]
    assert "short" not in refusal["detail"].replace("shorter", "")


async def test_anonymous_use_beyond_loopback_stops_the_start(tmp_path: Path) -> None:
    overlay = {"app.allow_anonymous": True, "server.host": "0.0.0.0"}

    with pytest.raises(StartupError, match="loopback"):
        async with build(tmp_path, overlay=overlay).run():
            pass


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_anonymous_use_on_loopback_is_the_operators_choice(tmp_path: Path, host: str) -> None:
    overlay = {"app.allow_anonymous": True, "server.host": host}

    assert build(tmp_path, overlay=overlay).anonymous() is not None
    assert build(tmp_path).anonymous() is None


def pointed(upstream: str, pointer: Any) -> Upstream:
    """An upstream that can be pointed at a sandbox."""
    spec = FakeUpstream().spec(upstream)
    fields = {name: getattr(spec, name) for name in spec.__struct_fields__}
    return Upstream(UpstreamSpec(**{**fields, "sandbox": pointer}))


async def test_with_a_sandbox_only_upstreams_that_know_it_are_open(tmp_path: Path) -> None:
    def point(base: str) -> dict[str, Scalar]:
        return {"app.metrics_key": base}

    def fail(_base: str) -> dict[str, Scalar]:
        raise RuntimeError

    gateway = build(
        tmp_path,
        pointed("web", point),
        pointed("broken", fail),
        Upstream(FakeUpstream().spec("xai")),
        sandbox="http://127.0.0.1:1",
        sandbox_accounts="ssoBasic:made-up-1",
    )
    async with gateway.run():
        accounts = len(gateway.tokens.records)

    assert list(gateway.specs) == ["web"]
    assert gateway.settings.snapshot.app.metrics_key == "http://127.0.0.1:1"
    assert accounts == 1


@pytest.mark.parametrize(("days", "restored"), [(7, True), (0, False)])
async def test_removed_accounts_are_erased_after_their_time(
    tmp_path: Path, *, days: int, restored: bool
) -> None:
    overlay = {"token.auto_refresh": False, "token.deleted_keep_days": days}
    gateway = build(tmp_path, Upstream(FakeUpstream().spec()), overlay=overlay)
    async with gateway.run():
        report = await gateway.tokens.import_text("ssoBasic:made-up-1")
        await gateway.tokens.delete(report.added)
    again = build(tmp_path, Upstream(FakeUpstream().spec()), overlay=overlay)
    async with again.run():
        report = await again.tokens.import_text("ssoBasic:made-up-1")

    assert bool(report.restored) is restored


async def test_what_calls_took_survives_a_restart(tmp_path: Path) -> None:
    fake = FakeUpstream([TextDelta(text="hi")])
    overlay = {"token.auto_refresh": False}
    gateway = build(tmp_path, Upstream(fake.spec()), Poet(), overlay=overlay)
    async with gateway.run():
        await gateway.tokens.import_text('{"ssoBasic": [{"token": "t1", "quota": 5}]}')
        card = gateway.catalog.get("poem", caller=CALLER).card
        prompt = Conversation.of_text("a poem")
        call = Call(caller=CALLER, card=card, send=lambda session: session.converse(prompt))
        async with await gateway.context("p1").dispatcher.open(call) as exchange:
            assert [event.text async for event in exchange if isinstance(event, TextDelta)]
    again = build(tmp_path, Upstream(fake.spec()), overlay=overlay)
    async with again.run():
        (state,) = again.home.states()

    assert state.buckets["default"].remaining == 4


async def test_models_that_no_account_could_serve_are_left_out_when_asked_for() -> None:
    settings = {"models.only_usable": True}
    async with running_gateway(tokens={}, settings=settings) as none:
        without = none.gateway.catalog.offered(CALLER)
    async with running_gateway(settings=settings) as one:
        with_account = one.gateway.catalog.offered(CALLER)

    assert without == []
    assert len(with_account) == 4


async def test_a_context_reads_the_settings_in_force(tmp_path: Path) -> None:
    gateway = build(tmp_path, Poet())
    context = gateway.context("p0")
    before = context.shared.limits.queue_size
    async with gateway.run():
        await gateway.settings.change({"limits": {"queue_size": 7}})

        assert (before, context.shared.limits.queue_size) == (256, 7)
        assert context.fetch is gateway.fetch
