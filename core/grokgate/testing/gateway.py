"""A gateway with chosen plugins in the test's own event loop."""

import random
import shutil
import ssl
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from enum import IntEnum
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import msgspec
import structlog
from structlog.typing import EventDict, WrappedLogger

from grokgate.admin.mounting import BASE as ADMIN
from grokgate.admin.mounting import AdminApi
from grokgate.app import create_app
from grokgate.gateway import Gateway
from grokgate.plugin import CallRecord, ModelCard, hookimpl
from grokgate.plugin.records import Capability
from grokgate.registry import PluginSource
from grokgate.run_options import RunOptions
from grokgate.testing.elsewhere import OtherProcess
from grokgate.testing.server import serving
from grokgate.testing.upstream import FakeUpstream
from grokgate.tokens import TokenState
from grokgate.upstream import AccountFacts, Clock, UpstreamSpec, Window, Wire

STOCK: Mapping[Capability, str] = {
    "chat": "grok-4",
    "image": "grok-imagine-1.0",
    "image_edit": "grok-imagine-1.0-edit",
    "video": "grok-imagine-1.0-video",
}
"""Capability → id of the model that is on offer where no plugin brings cards of its own."""
_BUCKET = "default"
_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - the folder made in it is one's own
_ROOM = 1 << 30
"""Free bytes without which files are rather kept on a disk."""
_FOR_CLIENTS = ("/v1/", "/images/", "/health", "/ready")
_ADMIN_ALIAS = "/v1/admin"


class Pool:
    """What the accounts of a test have left, by the names the test gave them.

    With several upstreams each has all the accounts, under names such as ``web:t1``.
    """

    def __init__(self, gateway: Gateway, names: Mapping[str, str]) -> None:
        self._gateway = gateway
        self._names = names

    @property
    def units(self) -> dict[str, int]:
        """Units left in the emptiest bucket; −1: unknown."""
        return {
            self._names[state.id]: min(bucket.remaining for bucket in state.buckets.values())
            for state in self._states()
        }

    @property
    def statuses(self) -> dict[str, str]:
        """Such as ``active`` or ``cooling``."""
        return {self._names[state.id]: state.status for state in self._states()}

    @property
    def open_leases(self) -> int:
        """Leases that have not ended."""
        return self._gateway.home.view().leases_open

    def _states(self) -> list[TokenState]:
        """Return the states of the test's own accounts; it may have imported further ones."""
        return [state for state in self._gateway.home.states() if state.id in self._names]


class RunningGateway:
    """What a test may look at and use.

    Attributes:
        client: HTTP client without a port, with the first key; it buffers whole replies.
        fake: The scripted upstream.
        pool: What the accounts have left.
        records: How calls ended, oldest first.
        logs: Everything logged so far, oldest first.
        key: The API key made at the start.
        app: The ASGI application.
        gateway: The gateway itself.
    """

    def __init__(
        self, gateway: Gateway, fake: FakeUpstream, names: Mapping[str, str], watcher: "_Watcher"
    ) -> None:
        assert gateway.first_key is not None
        self.gateway = gateway
        self.fake = fake
        self.key = gateway.first_key
        self.pool = Pool(gateway, names)
        self.records = watcher.records
        self.logs = watcher.entries
        self.app: Any = _OnDemand(gateway)
        local: Any = self.app
        self.client = self._client(httpx.ASGITransport(local), "http://gateway.test")

    @asynccontextmanager
    async def serve(self) -> AsyncIterator[httpx.AsyncClient]:
        """Serve on a loopback port, for streams and disconnects; yields a client with the key."""
        # Without certificates: there is no TLS here, and reading those of the machine takes longer
        # than many a test.
        transport = httpx.AsyncHTTPTransport(verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
        async with serving(self.app) as base, self._client(transport, base) as client:
            yield client

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[httpx.AsyncClient]:
        """Yield a client that is logged in to the admin API, by header; paths begin with ``/``.

        ``(await operator.get("/tokens/list")).json()``
        """
        session, text = await self.gateway.access.sessions.open(address="", agent="test")
        local: Any = self.app
        async with self._client(
            httpx.ASGITransport(local), f"http://gateway.test{ADMIN}", key=text
        ) as client:
            yield client
        await self.gateway.access.sessions.end(session.id)

    def other_process(self) -> OtherProcess:
        """Have another process share the jobs of the first key, as far as this one can tell."""
        caller = self.gateway.keys.find(self.key)
        assert caller is not None
        return OtherProcess(self.gateway.jobs, caller.key_id)

    async def change(self, **settings: Any) -> None:
        """Change settings while running: ``change(downstream={"enable_haiku": False})``."""
        await self.gateway.settings.change(settings)

    def _client(
        self, transport: httpx.AsyncBaseTransport, base: str, *, key: str | None = None
    ) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            transport=transport,
            base_url=base,
            headers={"authorization": f"Bearer {key or self.key}"},
            timeout=30,
        )


@asynccontextmanager
async def running_gateway(
    *plugins: ModuleType | Any,
    upstream: FakeUpstream | None = None,
    tokens: Mapping[str, int] | None = None,
    settings: Mapping[str, Any] | None = None,
    cards: Sequence[ModelCard] | None = None,
    clock: Clock | None = None,
    seed: int = 0,
) -> AsyncIterator[RunningGateway]:
    """Run a gateway that has loaded exactly *plugins*, on a data folder of its own.

    Args:
        plugins: Modules or objects with hooks, in load order.
        upstream: Plays every upstream that a card names and no plugin declares; default: one
            without answers.
        tokens: Account name → units it has in each bucket; default: one account ``t1`` with 100.
        settings: Full keys → values over the defaults; `RunningGateway.change` cannot change these.
        cards: Further models on offer; default: one stock card per capability, unless a plugin
            has cards.
        clock: Time; default: the system's.
        seed: Of the random choices.

    Raises:
        PluginError: One of the plugins was refused.
    """
    fake = upstream or FakeUpstream()
    watcher = _Watcher()
    with tempfile.TemporaryDirectory(dir=_fast_place()) as folder:
        gateway = Gateway(
            RunOptions(
                data_dir=Path(folder) / "data",
                log_dir=Path(folder) / "logs",
                overlay={"token.auto_refresh": False, **(settings or {})},
            ),
            {},
            sources=[*map(_source, plugins), _source(_FakePlugin(fake, plugins, cards, watcher))],
            clock=clock,
            rng=random.Random(seed),  # noqa: S311 - repeatable choices
            log=watcher.log,
        )
        for error in gateway.registry.broken.values():
            raise error
        async with gateway.run():
            names = await _fill(gateway, {"t1": 100} if tokens is None else tokens)
            running = RunningGateway(gateway, fake, names, watcher)
            async with running.client:
                yield running


def _fast_place() -> Path | None:
    """Return where files are not written to a disk, if there is such a place; None: elsewhere."""
    roomy = _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free > _ROOM
    return _IN_MEMORY if roomy else None


def make_card(name: str = "grok-4", *, capability: Capability = "chat", **more: Any) -> ModelCard:
    """Make a model card that every upstream profile serves."""
    wire = {"web": Wire(name=name, buckets=(_BUCKET,), units=1)}
    fields = {"tier": "basic", "effort": "low", "created": 1_770_000_000, "wire": wire}
    return ModelCard(id=name, capability=capability, **{**fields, **more})


class _Side(IntEnum):
    """Whose routes a path may belong to; each includes those before it."""

    CLIENTS = 0
    OPERATORS = 1
    EVERYBODY = 2


class _OnDemand:
    """The application of a gateway; routes are mounted when they are first needed.

    The operator's side has more of them than all plugins together, and mounting it takes longer
    than most tests do. So has what the predecessors had elsewhere, which few tests ask for.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._least = (
            _Side.OPERATORS if any(map(_has_operators_path, gateway.plugins)) else _Side.CLIENTS
        )
        self._mounted: _Side | None = None
        self._app: Any = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.serving(_side(scope))(scope, receive, send)

    def serving(self, side: _Side = _Side.CLIENTS) -> Any:
        """Return what serves now, and mount what *side* needs before."""
        side = max(side, self._least)
        if self._mounted is None or side > self._mounted:
            operators = side > _Side.CLIENTS
            admin = AdminApi(self._gateway, older=side is _Side.EVERYBODY) if operators else None
            # The gateway runs already; the server's start and stop must not run it again.
            self._app = create_app(self._gateway, life=_nothing, admin=admin)
            self._mounted = side
        return self._app


def _side(scope: Any) -> _Side:
    """Tell whose routes are needed."""
    path = scope.get("path", "")
    if path.startswith(ADMIN):
        return _Side.OPERATORS
    is_start = scope["type"] == "lifespan"
    for_clients = path.startswith(_FOR_CLIENTS) and not path.startswith(_ADMIN_ALIAS)
    return _Side.CLIENTS if for_clients or is_start else _Side.EVERYBODY


def _has_operators_path(plugin: Any) -> bool:
    """Tell whether a plugin has a route for operators where those for clients are."""
    return any(
        _side({"type": "http", "path": path}) is not _Side.CLIENTS
        for spec in plugin.routes
        if spec.access == "admin"
        for handler in spec.handlers
        for path in handler.paths
    )


class _Watcher:
    """Collects what a gateway logs and how its calls end."""

    def __init__(self) -> None:
        self.records: list[CallRecord] = []
        self.entries: list[dict[str, Any]] = []
        self.log: Any = structlog.wrap_logger(None, processors=[self._take])

    def _take(self, _: WrappedLogger, method: str, event: EventDict) -> EventDict:
        self.entries.append({**event, "level": method})
        raise structlog.DropEvent


class _FakePlugin:
    """Declares the scripted upstream, and the models that no plugin brings."""

    def __init__(
        self,
        fake: FakeUpstream,
        plugins: Sequence[Any],
        cards: Sequence[ModelCard] | None,
        watcher: _Watcher,
    ) -> None:
        brought = list(_declared(plugins, "grokgate_models"))
        stock = [] if brought else [make_card(STOCK[kind], capability=kind) for kind in STOCK]
        self._fake = fake
        self._cards = stock if cards is None else list(cards)
        self._keys = [key for card in (*brought, *self._cards) for key in card.wire]
        self._real = {spec.id for spec in _declared(plugins, "grokgate_upstreams")}
        self._watcher = watcher

    @hookimpl
    def grokgate_upstreams(self) -> list[UpstreamSpec]:
        parts = [key.partition("/") for key in self._keys]
        profiles = sorted({profile for _, _, profile in parts if profile}, reverse=True)
        names = dict.fromkeys(upstream for upstream, _, _ in parts) or ["web"]
        return [
            self._fake.spec(name, profiles=profiles) for name in names if name not in self._real
        ]

    @hookimpl
    def grokgate_models(self) -> list[ModelCard]:
        return self._cards

    @hookimpl
    def grokgate_call_finished(self, record: CallRecord) -> None:
        self._watcher.records.append(record)


def _declared(plugins: Sequence[Any], hook: str) -> Iterator[Any]:
    for plugin in plugins:
        if hasattr(plugin, hook):
            yield from getattr(plugin, hook)()


def _source(plugin: Any) -> PluginSource:
    name = getattr(plugin, "__name__", type(plugin).__name__).rpartition(".")[2]
    name = name.lower().removeprefix("grokgate_").strip("_")
    return PluginSource(name=name, load=lambda: plugin, bundled=False, version="test")


async def _fill(gateway: Gateway, units: Mapping[str, int]) -> dict[str, str]:
    """Add the test's accounts to each played upstream; returns token id → the test's name."""
    names: dict[str, str] = {}
    played = {spec.id: spec for spec in gateway.plugins[-1].upstreams}
    for upstream, spec in played.items():
        buckets = gateway.catalog.buckets(upstream) or {_BUCKET}
        for name, amount in units.items():
            record = {"token": name, "upstream": upstream}
            text = msgspec.json.encode({spec.pools[0].name: [record]}).decode()
            (token,) = (await gateway.tokens.import_text(text)).added
            names[token] = name if len(played) == 1 else f"{upstream}:{name}"
            windows = {bucket: Window(remaining=amount) for bucket in buckets}
            since = gateway.home.survey_begun(token)
            facts = AccountFacts(windows=windows)
            gateway.home.learned(token, facts, since=since, asked=frozenset(buckets))
    return names


@asynccontextmanager
async def _nothing() -> AsyncIterator[None]:
    yield
