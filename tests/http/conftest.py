"""A gateway that consists of settings, keys and routes only, behind the real application."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import httpx
import pytest
from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct, structs
from structlog.testing import CapturingLogger
from typing_extensions import Annotated  # noqa: UP035 - Litestar resolves it at run time

from grokgate.app import create_app
from grokgate.bus import LocalPlaces
from grokgate.clock import SystemClock
from grokgate.drain import Drain
from grokgate.objects import Replies
from grokgate.openai.tally import Tally
from grokgate.plugin import Caller, CurrentCaller, RouteSpec
from grokgate.settings.app import AppSettings
from grokgate.settings.core import CompatSettings
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.startup import LogSettings, ServerSettings
from grokgate.statistics import Ended
from grokgate.telemetry import Metrics

KEY = "sk-test-0123456789abcdef"


class Snapshot(Struct, frozen=True, kw_only=True):
    app: AppSettings = AppSettings()
    limits: LimitsSettings = LimitsSettings()
    compat: CompatSettings = CompatSettings()
    log: LogSettings = LogSettings()
    server: ServerSettings = ServerSettings()
    enabled_routes: frozenset[str] = frozenset({"echo", "broken", "letters"})


class Settings:
    def __init__(self) -> None:
        self.snapshot = Snapshot()

    def change(self, section: str, **values: Any) -> None:
        changed = structs.replace(getattr(self.snapshot, section), **values)
        self.snapshot = structs.replace(self.snapshot, **{section: changed})

    def switch_on(self, *routes: str) -> None:
        self.snapshot = structs.replace(self.snapshot, enabled_routes=frozenset(routes))


class Keys:
    def __init__(self) -> None:
        self.callers = {KEY: Caller(key_id="k1", name="first")}

    def find(self, text: str) -> Caller | None:
        return self.callers.get(text)


class Plugin(Struct, frozen=True):
    name: str
    routes: tuple[RouteSpec, ...]


class Gateway:
    replies: Replies
    """Assigned by the tests that need it."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.keys = Keys()
        self.metrics = Metrics()
        self.drain = Drain(grace_s=lambda: 0.2)
        self.log = CapturingLogger()
        self.places = LocalPlaces(SystemClock())
        self.plugins = [Plugin("sample", ROUTES)]
        self.up = True
        self.noted: list[tuple[Ended, Tally]] = []
        self.over: list[str] = []

    @property
    def enabled_routes(self) -> frozenset[str]:
        return self.settings.snapshot.enabled_routes

    def context(self, plugin: str) -> Any:
        return plugin

    def find_caller(self, text: str) -> Caller | None:
        return self.keys.find(text)

    def anonymous(self) -> Caller | None:
        if self.settings.snapshot.app.allow_anonymous:
            return Caller(key_id="anonymous", name="anonymous")
        return None

    def ready(self) -> bool:
        return self.up

    async def render_metrics(self) -> bytes:
        return self.metrics.render()

    def note_request(self, ended: Ended, tally: Tally) -> None:
        self.noted.append((ended, tally))

    def request_over(self, caller: Caller) -> None:
        self.over.append(caller.request_id)

    @asynccontextmanager
    async def run(self) -> AsyncIterator[None]:
        yield

    def add(self, route_id: str, *handlers: Any, **more: Any) -> None:
        """Mount a further route, switched on."""
        spec = RouteSpec(id=route_id, handlers=handlers, summary="Test.", **more)
        self.plugins.append(Plugin(f"plugin_{route_id}", (spec,)))
        self.settings.switch_on(*self.settings.snapshot.enabled_routes, route_id)

    def events(self, name: str) -> list[dict[str, Any]]:
        """The fields of every log event of that name."""
        return [call.kwargs for call in self.log.calls if call.args == (name,)]

    def client(self, **more: Any) -> httpx.AsyncClient:
        """A client in this process; without lifespan, streams arrive whole."""
        headers = {"authorization": f"Bearer {KEY}", **more.pop("headers", {})}
        app: Any = create_app(self)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        return httpx.AsyncClient(
            transport=transport, base_url="http://localhost", headers=headers, **more
        )


class Part(Struct):
    text: str


class Echo(Struct, kw_only=True):
    __ignored__: ClassVar[frozenset[str]] = frozenset({"seed"})

    model: str
    n: Annotated[int, Meta(ge=1, le=4)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    name: Annotated[str, Meta(max_length=8)] | None = None
    parts: Annotated[list[Part], Meta(min_length=1, max_length=2)] | None = None
    stream: bool | None = None
    seed: int | None = None


class Echoed(Struct):
    model: str
    stream: bool | None
    key: str
    request_id: str


@post("/v1/echo", status_code=200, summary="Echo.")
async def echo(caller: CurrentCaller, data: JSONBody[Echo]) -> Echoed:
    return Echoed(data.model, data.stream, caller.key_id, caller.request_id)


@get("/v1/broken", summary="Fail.")
async def broken() -> None:
    secret_local = "sso=planted"  # noqa: F841 - must not appear in the log
    raise RuntimeError("detail")


@get("/v1/letters/{letter:str}", summary="A letter.")
async def letters(letter: FromPath[str], limit: FromQuery[int] = 1) -> dict[str, str]:
    return {"letter": letter * limit}


ROUTES = (
    RouteSpec(id="echo", handlers=(echo,), summary="Echo."),
    RouteSpec(id="broken", handlers=(broken,), summary="Fail."),
    RouteSpec(id="letters", handlers=(letters,), summary="Letters."),
)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def key() -> str:
    return KEY
