"""The pages of the admin UI, and the files they load (F-UI-01, F-UI-02).

```text
/login  /setup  /admin/…  /chat     one document, static/index.html, for all of them
/ui/{build}/…                       the files it loads, kept by browsers for good
```

The document names everything by an address relative to its own, so it works below any path that a
proxy puts before it. It holds no data, only whether its browser is logged in: whoever asks gets it,
and it asks the admin API.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from litestar import HttpMethod, MediaType, Request, Response, route
from litestar.params import FromPath

from grokgate.admin.assets import Assets, Build
from grokgate.admin.guard import LoginState
from grokgate.admin.sending import SECURITY, send_asset
from grokgate.errors import UnknownUrl
from grokgate.http.accounting import QUIET
from grokgate.http.routers import PlainRouter

AnyRequest: TypeAlias = Request[Any, Any, Any]

SETUP: Final = "/setup"
PUBLIC_CHAT: Final = "/chat"
PAGES: Final = (
    "/login",
    *(
        f"/admin/{name}"
        for name in (
            *("overview", "token", "keys", "datacenter", "config", "models", "cache"),
            *("downstream", "chat", "jobs", "plugins", "audit", "components"),
        )
    ),
    "/admin/panel/{plugin:str}/{panel:str}",
)
REDIRECTS: Final[Mapping[str, str]] = {
    "/": "admin",
    "/admin": "admin/overview",
    "/admin/dialog": "admin/chat",
    "/admin/login": "login",
}
"""Addresses without a page of their own, and where they lead (F-GEN-09, F-UI-01)."""

_INDEX: Final = "index.html"
_METHODS: Final = (HttpMethod.GET, HttpMethod.HEAD)
_HEADERS: Final = {**SECURITY, "cache-control": "no-store"}
_FOR_GOOD: Final = "public, max-age=31536000, immutable"
_ABSENT: Final = (
    "The files of the admin UI are missing from this installation. The admin API works without"
    " them.\n"
)
_CALL: Final = (
    "curl {base}/api/v1/admin/setup -H 'Content-Type: application/json' "
    '-d \'{{"code": "{code}", "password": "…"}}\''
)
_SETUP: Final[Mapping[str, str]] = {
    "en": """Choose the admin password of this gateway

Send the code, which follows # in the set-up link, with a password of your own:

  {call}

The code works once. A new link is printed by: grokgate admin reset-password
""",
    "zh": """设置本网关的管理密码

请把设置链接中 # 之后的代码和您选定的密码一起发送：

  {call}

代码只能使用一次。打印新链接的命令：grokgate admin reset-password
""",
}
_CODES: Final = {"en": "…the part after #…", "zh": "…# 之后的部分…"}


def pages(
    assets: Assets,
    *,
    base: Callable[[], str],
    has_public_chat: Callable[[], bool],
    state: Callable[[Mapping[str, Any]], LoginState],
) -> PlainRouter:
    """Make the routes.

    Args:
        assets: Of the UI.
        base: Returns the gateway's address for the operator, without a slash at its end.
        has_public_chat: Tells whether there is a page for who has a key alone.
        state: Tells from a request's scope whether its browser is logged in.
    """

    async def document(request: AnyRequest) -> Response[str] | None:
        build = await assets.look()
        index = build.files.get(_INDEX)
        if index is None:
            return None
        text = index.content.decode().replace("{{build}}", build.digest)
        text = text.replace("{{root}}", _root(request)).replace("{{state}}", state(request.scope))
        return Response(text, media_type=MediaType.HTML, headers=_HEADERS)

    @route([*PAGES], http_method=_METHODS, include_in_schema=False)
    async def page(request: AnyRequest) -> Response[str]:
        return await document(request) or _text(_ABSENT, status=404)

    @route(PUBLIC_CHAT, http_method=_METHODS, include_in_schema=False)
    async def public_chat(request: AnyRequest) -> Response[str]:
        if not has_public_chat():
            raise UnknownUrl
        return await document(request) or _text(_ABSENT, status=404)

    @route(SETUP, http_method=_METHODS, include_in_schema=False)
    async def setup(request: AnyRequest) -> Response[str]:
        shown = await document(request) if _is_browser(request) else None
        language = request.headers.get("accept-language", "")
        return shown or _text(_setup_text(language, base()))

    @route([*REDIRECTS], http_method=_METHODS, include_in_schema=False)
    async def redirect(request: AnyRequest) -> Response[bytes]:
        place = _root(request) + REDIRECTS[request.scope["path"]]
        headers = {**_HEADERS, "location": place}
        return Response(b"", status_code=302, media_type=MediaType.TEXT, headers=headers)

    @route(
        "/ui/{build:str}/{path:path}",
        http_method=_METHODS,
        include_in_schema=False,
        opt={QUIET: True},
    )
    async def file(request: AnyRequest, build: FromPath[str]) -> Response[bytes]:
        name = request.scope["path"].removeprefix(f"/ui/{build}/")
        asset = (await _build(assets, build)).files.get(name)
        if asset is None or name == _INDEX:
            raise UnknownUrl
        return send_asset(request, asset, cache_control=_FOR_GOOD)

    return PlainRouter(
        "/",
        route_handlers=[page, public_chat, setup, redirect, file],
        opt={"family": "admin"},
    )


async def _build(assets: Assets, digest: str) -> Build:
    """Return a build; one not known here may have been made by another process."""
    found = assets.build(digest)
    if found is None:
        found = await assets.look()
    if found.digest != digest:
        raise UnknownUrl
    return found


def _is_browser(request: AnyRequest) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _root(request: AnyRequest) -> str:
    """Return the way from a page to the gateway's own place, as its browser sees it.

    Counted in the path as it was sent: a slash at its end, which the router takes away, is a step.
    """
    return "../" * (request.scope["raw_path"].count(b"/") - 1) or "./"


def _text(text: str, *, status: int = 200) -> Response[str]:
    return Response(text, status_code=status, media_type=MediaType.TEXT, headers=_HEADERS)


def _setup_text(accepted: str, base: str) -> str:
    """Say how to choose the first password by hand, to clients that show no pages (F-AUTH-08).

    In the language that is *accepted* first; in both if it is neither. The code of the link follows
    its ``#``, so it never reaches the gateway this way.
    """
    first = accepted.strip()[:2].lower()
    languages = [first] if first in _SETUP else list(_SETUP)
    return "\n".join(
        _SETUP[language].format(call=_CALL.format(base=base, code=_CODES[language]))
        for language in languages
    )
