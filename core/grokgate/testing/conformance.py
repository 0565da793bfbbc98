"""Whether a plugin keeps the rules that every route of the gateway keeps."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import httpx
from litestar.handlers import HTTPRouteHandler, WebsocketRouteHandler

from grokgate.plugin import AdminPanel, RouteSpec
from grokgate.testing.conduct import check_conduct, check_job, error_of, is_anthropic
from grokgate.testing.gateway import RunningGateway, running_gateway
from grokgate.testing.socket import talking

_ENVELOPE = {"message", "type", "param", "code"}
_ANTHROPIC_ENVELOPE = {"message", "type"}
_ANTHROPIC_TYPES = {401: "authentication_error", 404: "not_found_error"}
"""What says the status in the family that has no codes."""
_UNAUTHORIZED, _NOT_FOUND, _SERVER_ERROR = 401, 404, 500
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_BAD_BODIES = (
    b"",
    b"[]",
    b'"text"',
    b"{",
    b"[" * 20_000,
    b"\xff\xfe",
    b'{"a":' + b"9" * 400 + b"}",
)
_IMPORT = re.compile(r"""\b(?:from|import)\s*\(?\s*["']([^"']+)["']""")
_LANGUAGES = ("en", "zh")
_OK = 200
_CREDENTIAL = "planted-credential-of-an-account"


async def check_plugin(
    plugin: Any,
    *,
    requests: Mapping[str, Any] | None = None,
    jobs: Collection[str] = (),
    beside: Sequence[Any] = (),
) -> None:
    """Run *plugin* in a gateway and check the rules of its README's list.

    Checked: it loads; settings are described in both languages; routes carry a summary; without a
    key 401 (WebSockets too) and behind a switch 404 `endpoint_disabled`, both before the body is
    read; hostile bodies are 4xx in the envelope. For each request given: an unknown ``model`` is
    404 `model_not_found`, streams end with a whole frame, and no lease is open after success,
    failure, disconnect and cancel; of a job, after its success, failure and deletion. Modules of
    panels are there and import only files beside them, and panels say the same in both languages.
    At the end no key and no credential is in a log.

    Args:
        plugin: Its module, or an object with its hooks.
        requests: Route id → a valid JSON body for its POST, or a list of bodies such as a unary and
            a streamed one. Every route with ``creates_work`` needs one.
        jobs: Ids of the routes whose POST begins a job and does not wait for it: GET and DELETE of
            the POST's path with the job's ``id`` show and delete it.
        beside: Further plugins, which it cannot do without.

    Raises:
        AssertionError: Names the rule and the route.
    """
    samples = requests or {}
    async with running_gateway(plugin, *beside, tokens={_CREDENTIAL: 1000}) as gateway:
        _check_settings(gateway)
        await _check_panels(gateway)
        routes = gateway.gateway.plugins[0].routes
        await gateway.change(downstream={f"enable_{spec.id}": True for spec in routes})
        for spec in routes:
            for method, path in _endpoints(spec):
                await _check_route(gateway, spec, method, path)
            for path in _sockets(spec):
                await _check_socket(gateway, spec, path)
            bodies = samples.get(spec.id, [])
            for body in bodies if isinstance(bodies, list) else [bodies]:
                check = check_job if spec.id in jobs else check_conduct
                await check(gateway, _post_path(spec), body)
            assert bodies or not spec.creates_work, (
                f"{spec.id} creates work: name a valid body, check_plugin(…, requests={{…}})"
            )
        assert gateway.pool.open_leases == 0, "a lease is open after all requests have ended"
        logged = repr(gateway.logs)
        assert gateway.key not in logged, "the API key is in the log"
        assert _CREDENTIAL not in logged, "a credential is in the log"
    off = {f"downstream.enable_{spec.id}": False for spec in routes}
    async with running_gateway(plugin, *beside, settings=off) as gateway:
        for spec in routes:
            for method, path in _endpoints(spec):
                reply = await gateway.client.request(method, path, content=b"{")
                _expect(reply, _NOT_FOUND, "endpoint_disabled", f"{method} {path} switched off")


def _expect(reply: httpx.Response, status: int, code: str, where: str) -> None:
    assert reply.status_code == status, f"{where} answered {reply.status_code}, not {status}"
    error = _envelope(reply, where)
    if "code" not in error:
        code = _ANTHROPIC_TYPES[status]
    found = error.get("code", error["type"])
    assert found == code, f"{where}: the code is {found}, not {code}"


def _check_settings(gateway: RunningGateway) -> None:
    owner = gateway.gateway.plugins[0].name
    for field in gateway.gateway.settings.fields.values():
        if field.owner == owner and field.section is not None:
            english, chinese = field.help["en"], field.help["zh"]
            assert english != chinese, f"setting {field.key} lacks its Chinese description"


async def _check_panels(gateway: RunningGateway) -> None:
    plugin = gateway.gateway.plugins[0]
    if not plugin.panels:
        return
    async with gateway.operator() as operator:
        files = operator.base_url.join(f"/ui/plugins/{plugin.name}/")
        for panel in plugin.panels:
            await _check_module(operator, files, panel)
        replies = [await operator.get(files.join(f"i18n/{each}.json")) for each in _LANGUAGES]
    known = [set(reply.json()) if reply.status_code == _OK else set() for reply in replies]
    apart = sorted(known[0] ^ known[1])
    assert not apart, f"texts of the panels are in one language alone: {', '.join(apart)}"


async def _check_module(operator: httpx.AsyncClient, files: httpx.URL, panel: AdminPanel) -> None:
    """Load the module of *panel* from below *files*, and what it imports, as a browser does."""
    wanted, known = [files.join(panel.module)], set[httpx.URL]()
    while wanted:
        address = wanted.pop()
        known.add(address)
        reply = await operator.get(address)
        name = address.path.removeprefix(files.path)
        assert reply.status_code == _OK, f"panel {panel.id}: no file static/{name}"
        imported = {each: address.join(each) for each in _IMPORT.findall(reply.text)}
        foreign = [
            each
            for each, place in imported.items()
            if not each.startswith(".") or not place.path.startswith(files.path)
        ]
        assert not foreign, f"panel {panel.id} imports {foreign}: only files beside it load"
        wanted += set(imported.values()) - known - set(wanted)


def _endpoints(spec: RouteSpec) -> Iterator[tuple[str, str]]:
    for handler in spec.handlers:
        if isinstance(handler, WebsocketRouteHandler):
            continue
        assert isinstance(handler, HTTPRouteHandler), f"{spec.id}: not an HTTP handler"
        assert handler.summary or spec.summary, f"{spec.id}: no summary for OpenAPI"
        for path in sorted(handler.paths):
            for method in sorted(handler.http_methods):
                yield method, _filled(path)


def _sockets(spec: RouteSpec) -> Iterator[str]:
    for handler in spec.handlers:
        if isinstance(handler, WebsocketRouteHandler):
            yield from map(_filled, sorted(handler.paths))


async def _check_socket(gateway: RunningGateway, spec: RouteSpec, path: str) -> None:
    if spec.access == "key":
        async with talking(gateway.app, path) as talk:
            assert talk.status == _UNAUTHORIZED, f"WebSocket {path} is open without a key"


def _post_path(spec: RouteSpec) -> str:
    """Return the path its sample bodies are for: the first POST, in the order of the handlers."""
    return next(path for method, path in _endpoints(spec) if method == "POST")


async def _check_route(gateway: RunningGateway, spec: RouteSpec, method: str, path: str) -> None:
    where = f"{method} {path}"
    client = gateway.client
    if spec.access == "key":
        reply = await client.request(method, path, content=b"{", headers={"authorization": ""})
        _expect(reply, _UNAUTHORIZED, "invalid_api_key", f"{where} without a key")
    for body in _BAD_BODIES if method in _WITH_BODY else ():
        reply = await client.request(method, path, content=body)
        assert 400 <= reply.status_code < _SERVER_ERROR, (  # noqa: PLR2004 - any 4xx
            f"{where} with a hostile body answered {reply.status_code}"
        )
        _envelope(reply, where)


def _envelope(reply: httpx.Response, where: str) -> dict[str, Any]:
    error = error_of(reply)
    wanted = _ANTHROPIC_ENVELOPE if is_anthropic(reply) else _ENVELOPE
    assert set(error) >= wanted, f"{where}: no error envelope"
    return error


def _filled(path: str) -> str:
    """Put a word into every parameter of a path."""
    parts = ["x" if part.startswith("{") else part for part in path.split("/")]
    return "/" + "/".join(part for part in parts if part)
