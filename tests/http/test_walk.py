"""Every mounted route refuses whom it is not for; what is public is in a list (S2, S3).

The routes are those of a gateway with all bundled plugins, the admin API, and a plugin that has
one route of each access.
"""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from litestar import Litestar, get
from litestar.routes import HTTPRoute, WebSocketRoute
from msgspec import Struct
from msgspec.structs import replace

import grokgate_chat
import grokgate_images
import grokgate_images_nsfw
import grokgate_messages
import grokgate_models
import grokgate_responses
import grokgate_video
import grokgate_web
from grokgate.admin.mounting import BASE, AdminApi
from grokgate.admin.pages import PAGES, PUBLIC_CHAT, REDIRECTS, SETUP
from grokgate.app import create_app
from grokgate.http.outer import Outer
from grokgate.plugin import RouteSpec, hookimpl
from grokgate.testing import RunningGateway, running_gateway

pytestmark = pytest.mark.anyio

BUNDLED = (
    grokgate_web,
    grokgate_chat,
    grokgate_responses,
    grokgate_messages,
    grokgate_images,
    grokgate_images_nsfw,
    grokgate_video,
    grokgate_models,
)
PASSWORD = "a password for tests"
REFUSED = frozenset({401, 403})

PUBLIC = frozenset(
    {
        "GET /health",
        "GET /ready",
        # Pages and their files, which hold no data; one says how the first password is chosen.
        *(
            f"{method} {path}"
            for method in ("GET", "HEAD")
            for path in (
                *(path.replace(":str", "") for path in PAGES),
                *(SETUP, PUBLIC_CHAT, *REDIRECTS, "/ui/{build}/{path}"),
            )
        ),
        "GET /v1/walk/public",
        # Looks at its body, for the code; logging in refuses who brings no password.
        "POST /api/v1/admin/setup",
        "POST /v1/admin/setup",
        # Opened by the signature in their query.
        *(
            f"{method} {path}"
            for method in ("GET", "HEAD")
            for path in (
                "/images/{name}",
                "/v1/files/image",
                "/v1/files/image/{name}",
                "/v1/files/video",
                "/v1/files/video/{name}",
            )
        ),
    }
)
"""Routes that ask for no credential of a client or an operator."""


class Walked:
    """A plugin with one route of each access."""

    @hookimpl
    def grokgate_routes(self) -> list[RouteSpec]:
        @get("/v1/walk/public")
        async def public() -> str:
            return "seen"

        @get("/v1/walk/key")
        async def key() -> str:
            return "seen"

        @get("/v1/walk/admin")
        async def admin() -> str:
            return "seen"

        return [
            RouteSpec(id="walk_public", handlers=(public,), summary="Walk.", access="public"),
            RouteSpec(id="walk_key", handlers=(key,), summary="Walk.", access="key"),
            RouteSpec(id="walk_admin", handlers=(admin,), summary="Walk.", access="admin"),
        ]


class Route(Struct, frozen=True):
    """One method of one path, or a socket."""

    method: str
    template: str
    path: str

    @property
    def name(self) -> str:
        return f"{self.method} {self.template}"


class Walk(Struct, frozen=True):
    gw: RunningGateway
    app: Outer
    routes: list[Route]

    async def ask(self, route: Route, **headers: str) -> int:
        """Ask a route; returns the status."""
        throttle = self.gw.gateway.access.door.throttle
        await throttle.succeeded("127.0.0.1")  # each asks for the first time
        if route.method == "WEBSOCKET":
            return await shake_hands(self.app, route.path, headers)
        local: Any = self.app
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(local), base_url="http://gateway.test"
        ) as client:
            return (await client.request(route.method, route.path, headers=headers)).status_code

    async def passed(self, **headers: str) -> set[str]:
        """Ask every route; returns those that did not refuse."""
        return {
            route.name for route in self.routes if await self.ask(route, **headers) not in REFUSED
        }


async def shake_hands(app: Any, path: str, headers: dict[str, str]) -> int:
    """Open a socket as far as its handshake; returns the status, 101 where it opened."""
    statuses: list[int] = []
    scope = {
        "type": "websocket",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "scheme": "ws",
        "http_version": "1.1",
        "client": ("127.0.0.1", 1),
        "server": ("gateway.test", 80),
        "subprotocols": [],
        "extensions": {"websocket.http.response": {}},
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    messages: Iterator[Any] = iter([{"type": "websocket.connect"}])

    async def receive() -> Any:
        return next(messages, {"type": "websocket.disconnect", "code": 1000})

    async def send(message: Any) -> None:
        if message["type"] == "websocket.accept":
            statuses.append(101)
        elif message["type"] == "websocket.http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


def mounted(app: Litestar) -> Iterator[Route]:
    """List every route of an application."""
    for route in app.routes:
        path = "/" + "/".join(
            part if isinstance(part, str) else ("1" if part.type is int else "x")
            for part in route.path_components
        )
        if isinstance(route, WebSocketRoute):
            yield Route("WEBSOCKET", route.path_format, path)
        else:
            assert isinstance(route, HTTPRoute), route.path
            for method in route.methods - {"OPTIONS"}:
                yield Route(method, route.path_format, path)


def is_admins(route: str) -> bool:
    """Tell whether a route is for operators."""
    path = route.partition(" ")[2]
    own = path.startswith((BASE, "/v1/admin/", "/admin/api/", "/ui/plugins/"))
    return own or path in {"/metrics", "/openapi.json", "/v1/walk/admin"}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the whole module, and so one gateway: it has all plugins there are."""
    return "asyncio"


@pytest.fixture(scope="module")
async def walk() -> AsyncIterator[Walk]:
    settings = {"app.app_key": PASSWORD, "app.metrics_key": "the-key-of-the-metrics"}
    async with running_gateway(*BUNDLED, Walked(), settings=settings) as gw:
        app = create_app(gw.gateway, admin=AdminApi(gw.gateway))
        assert isinstance(app.app, Litestar)
        yield Walk(gw, app, list(mounted(app.app)))


async def test_without_a_credential_only_what_is_listed_answers(walk: Walk) -> None:
    assert sorted(await walk.passed()) == sorted(PUBLIC)


async def test_a_wrong_credential_opens_nothing_else(walk: Walk) -> None:
    assert await walk.passed(authorization="Bearer sk-nobody-ever-made-this-one") <= PUBLIC


async def test_a_revoked_key_opens_nothing_else(walk: Walk) -> None:
    record, text = await walk.gw.gateway.keys.create("once")
    await walk.gw.gateway.keys.revoke(record.id)

    assert await walk.passed(authorization=f"Bearer {text}") <= PUBLIC
    assert await walk.passed(**{"x-api-key": text}) <= PUBLIC


async def test_a_key_of_a_client_opens_nothing_of_operators(walk: Walk) -> None:
    for headers in ({"authorization": f"Bearer {walk.gw.key}"}, {"x-api-key": walk.gw.key}):
        passed = await walk.passed(**headers)

        assert "GET /v1/walk/key" in passed
        assert {name for name in passed if is_admins(name)} <= PUBLIC


async def test_a_playground_key_opens_nothing_of_operators(walk: Walk) -> None:
    access = walk.gw.gateway.access
    session, _ = await access.sessions.open(address="", agent="")
    passed = await walk.passed(authorization=f"Bearer {access.playground.issue(session.id)}")

    assert "GET /v1/walk/key" in passed
    assert {name for name in passed if is_admins(name)} <= PUBLIC


async def test_a_session_opens_nothing_of_clients(walk: Walk) -> None:
    _, text = await walk.gw.gateway.access.sessions.open(address="", agent="")
    walk = replace(walk, routes=[route for route in walk.routes if not is_admins(route.name)])

    assert await walk.passed(authorization=f"Bearer {text}") <= PUBLIC
    assert await walk.passed(cookie=f"grokgate_session={text}") <= PUBLIC
    assert await walk.passed(**{"x-api-key": text}) <= PUBLIC


async def test_the_password_opens_nothing_of_clients(walk: Walk) -> None:
    walk = replace(walk, routes=[route for route in walk.routes if not is_admins(route.name)])

    assert await walk.passed(authorization=f"Bearer {PASSWORD}") <= PUBLIC


async def test_a_cookie_alone_changes_nothing(walk: Walk) -> None:
    """A page of another origin has the cookie at most, and no header of its own (F-AUTH-06)."""
    _, text = await walk.gw.gateway.access.sessions.open(address="", agent="")
    changing = [route for route in walk.routes if route.method not in {"GET", "HEAD"}]
    foreign = {"cookie": f"grokgate_session={text}", "origin": "https://evil.example"}

    assert await replace(walk, routes=changing).passed(**foreign) == set()


async def test_an_operator_passes(walk: Walk) -> None:
    _, text = await walk.gw.gateway.access.sessions.open(address="", agent="")
    for path in ("/v1/walk/admin", "/metrics", "/openapi.json", f"{BASE}/verify"):
        assert await walk.ask(Route("GET", path, path), authorization=f"Bearer {text}") == 200
