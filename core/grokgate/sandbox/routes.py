"""How a module of endpoints declares what it answers; `wire` collects these tuples.

A module ends with

```python
ROUTES = (
    Route("upload", "POST", "/rest/app-chat/upload-file", upload, protocols=G1_G2),
    Route("delete", "DELETE", "/rest/assets-metadata/{id}", delete_asset, referers=("/files",)),
    PublicRoute("public", "GET", "/__public/{key:path}", show),
    SocketRoute("listen", "/ws/imagine/listen", listen),
)
```

and `wire.ROUTES` names it once. ``{name}`` stands for one segment of a path, ``{name:path}`` for
the rest of it; both are found in `Visit.params`.
"""

import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeAlias

from msgspec import Struct

from grokgate.sandbox.catalogue import PROTOCOLS, Protocol
from grokgate.sandbox.request import Answered, Reply, Request
from grokgate.sandbox.socket import Socket
from grokgate.sandbox.world import Visit, World

ALL: frozenset[Protocol] = frozenset(PROTOCOLS)
G1_G2: frozenset[Protocol] = frozenset(("2026-02", "2026-04"))
G2_G3: frozenset[Protocol] = frozenset(("2026-04", "2026-08"))
G3: frozenset[Protocol] = frozenset(("2026-08",))


class HeaderSet(Struct, frozen=True, kw_only=True):
    """What a strict sandbox wants to see in the head of a request (upstream-protocol.md 1.2)."""

    needed: tuple[str, ...]
    """Lower-case names."""
    content_types: tuple[str, ...] = ()
    """Of a request with a body, without parameters."""
    fixed: Mapping[str, str] = {}
    """Headers that must have this very value."""


_BROWSER = ("accept", "accept-encoding", "accept-language", "user-agent")
API = HeaderSet(
    needed=(*_BROWSER, "origin", "referer", "x-xai-request-id"),
    content_types=("application/json", "text/plain"),
)
"""``H-JSON``."""
MULTIPART = HeaderSet(
    needed=(*_BROWSER, "origin", "referer"), content_types=("multipart/form-data",)
)
"""``H-JSON`` of an upload in parts, which has no request id (5.2)."""
GRPC = HeaderSet(
    needed=(*_BROWSER, "origin", "referer"),
    content_types=("application/grpc-web+proto",),
    fixed={"x-grpc-web": "1"},
)
"""``H-GRPC``."""
SOCKET = HeaderSet(needed=("origin", "user-agent", "accept-language", "cache-control", "pragma"))
"""``H-WS``."""
FREE = HeaderSet(needed=())
"""Nothing is expected, as of a download."""


class Route(Struct, frozen=True):
    """A call that an account makes."""

    name: str
    """Word for rules and the journal."""
    method: str
    path: str
    answer: Callable[[Visit], Awaitable[Answered]]
    protocols: frozenset[Protocol] = ALL
    """Generations that have it; others get 404 under ``strict_generation``."""
    referers: tuple[str, ...] = ()
    """Paths of which the ``Referer`` must be one, ``*`` for any text; empty: any."""
    headers: HeaderSet = API
    statsig: bool = True
    """The account's statsig emulation looks at it (1.4)."""
    sso_rw: bool = False
    """A strict sandbox wants the second cookie too (10.3)."""
    alive: bool = True
    """A dead account is refused before the endpoint is asked."""


class SocketRoute(Struct, frozen=True):
    """A WebSocket; whatever turns it away does so before its handshake is accepted."""

    name: str
    path: str
    serve: Callable[[Visit, Socket], Coroutine[Any, Any, None]]
    """Runs until the conversation is over; the socket is closed after it if it still is open."""
    check: Callable[[Visit], Reply | None] = lambda _: None
    """Looks at the handshake; a reply refuses it."""
    protocols: frozenset[Protocol] = ALL
    referers: tuple[str, ...] = ()
    headers: HeaderSet = SOCKET
    statsig: bool = False
    sso_rw: bool = True
    alive: bool = True


class PublicRoute(Struct, frozen=True):
    """A call that anyone makes, without an account."""

    name: str
    method: str
    path: str
    answer: Callable[[World, Request, Mapping[str, str]], Awaitable[Answered]]
    """Third argument: the named parts of the path."""


Entry: TypeAlias = Route | SocketRoute
"""What an account asks for; the fields they share say what its request must look like."""
AnyRoute: TypeAlias = Entry | PublicRoute


class Found(Struct, frozen=True):
    """A route and the named parts of the path that led to it."""

    route: AnyRoute
    params: Mapping[str, str]


class Router:
    """Finds the route of a request."""

    def __init__(self, routes: Iterable[AnyRoute]) -> None:
        self._routes = tuple((_pattern(route.path), route) for route in routes)

    def find(self, method: str, path: str) -> Found | None:
        """Return the first route for *path*; the method of a socket is ``WS``."""
        for pattern, route in self._routes:
            known = "WS" if isinstance(route, SocketRoute) else route.method
            if known == method and (match := pattern.fullmatch(path)):
                return Found(route, match.groupdict())
        return None


def came_from(request: Request, referers: tuple[str, ...]) -> bool:
    """Tell whether the ``Referer`` is one of *referers* below the request's own origin."""
    sent = request.header("referer") or ""
    return not referers or any(fnmatchcase(sent, request.origin + path) for path in referers)


def _pattern(path: str) -> re.Pattern[str]:
    parts = _PART.split(path)
    texts = [re.escape(text) for text in parts[::3]]
    groups = [
        f"(?P<{name}>{'.*' if rest else '[^/]+'})"
        for name, rest in zip(parts[1::3], parts[2::3], strict=True)
    ]
    pairs = zip(texts, [*groups, ""], strict=True)
    return re.compile("".join(text + group for text, group in pairs))


_PART = re.compile(r"\{(\w+)(:path)?\}")
