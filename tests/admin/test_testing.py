"""Operators try out proxies, cookies, fingerprints and webhooks (F-UI-52)."""

import socket
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

import anyio
import httpx
import pytest
from msgspec import Meta
from msgspec.structs import replace

import grokgate_web
from grokgate.plugin import Settings, hookimpl
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import UpstreamSpec

pytestmark = pytest.mark.anyio
LOOPBACK = {"limits.remote_fetch_cidrs": ["127.0.0.0/8"]}


class WebSettings(Settings, frozen=True, kw_only=True):
    browser: Annotated[str, Meta(description="Browser.", extra={"key": "grok.impersonate"})] = (
        "chrome136"
    )


class Web:
    """An upstream that tells of its settings; *described* is what else it tells."""

    def __init__(self, **described: Any) -> None:
        self._described = described

    @hookimpl
    def grokgate_settings(self) -> type[Settings]:
        return WebSettings

    @hookimpl
    def grokgate_upstreams(self) -> list[UpstreamSpec]:
        return [replace(FakeUpstream().spec("web"), describe=self._describe)]

    def _describe(self, settings: WebSettings) -> Mapping[str, Any]:
        exact = settings.browser == "chrome136"
        shown = {"wanted": settings.browser, "target": "chrome136", "exact": exact}
        return {"impersonate": shown, **self._described}


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway whose upstream tells of its settings, for what only tries."""
    del anyio_backend
    async with running_gateway(Web()) as gw:
        yield gw


async def add_account(gw: RunningGateway) -> None:
    await gw.gateway.tokens.import_text('{"ssoBasic": [{"token": "t1"}]}')


def codes(reply: httpx.Response) -> list[str]:
    return [found["code"] for found in reply.json()["findings"]]


async def test_fingerprint_is_told_in_both_languages(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/test/fingerprint", json={})
    (found,) = reply.json()["findings"]

    assert (reply.json()["ok"], found["code"], found["subject"]) == (True, "fingerprint", "web")
    assert found["text"] == {
        "en": "impersonate chrome136: chrome136",
        "zh": "impersonate chrome136：chrome136",
    }


async def test_fingerprint_that_is_not_saved_can_be_tried(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/test/fingerprint", json={"value": "chrome999"})

    assert codes(reply) == ["fingerprint_other"]
    assert shared.gateway.settings.snapshot.get(WebSettings).browser == "chrome136"


async def test_names_of_the_bundled_upstream_are_resolved() -> None:
    async with running_gateway(grokgate_web) as gw, gw.operator() as admin:
        reply = (await admin.get("/config/impersonate")).json()

    assert "chrome136" in reply["targets"]
    assert reply["aliases"]["chrome141"] == "chrome136"
    assert reply["settings"]["grok.impersonate"]["target"] == "chrome136"
    assert set(reply["settings"]) == {
        "grok.impersonate",
        "grok.impersonate_usage",
        "grok.impersonate_nsfw",
    }


async def test_cookie_is_tried_with_an_account() -> None:
    async with running_gateway(Web(clearance=True)) as gw, gw.operator() as admin:
        await add_account(gw)
        reply = await admin.post("/test/cookie", json={})

    assert codes(reply)[:2] == ["clearance", "quota_left"]


async def test_without_an_account_the_operator_is_told_to_add_one() -> None:
    async with running_gateway(Web(clearance=False)) as gw, gw.operator() as admin:
        reply = await admin.post("/test/cookie", json={})

    assert codes(reply) == ["clearance_none", "accounts_none"]
    assert not reply.json()["ok"]
    assert reply.json()["findings"][1]["remedy"]["en"]


async def test_configured_proxy_is_connected_to() -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        web = Web(proxies=1, routes=[f"socks5://127.0.0.1:{port}"])
        async with running_gateway(web) as gw, gw.operator() as admin:
            await add_account(gw)
            reply = await admin.post("/test/proxy", json={})

    assert codes(reply)[:2] == ["proxies", "route_open"]
    assert reply.json()["ok"]


async def test_proxy_that_is_not_there_is_told() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"socks5://127.0.0.1:{closed.getsockname()[1]}"
        async with running_gateway(Web(), settings=LOOPBACK) as gw, gw.operator() as admin:
            reply = await admin.post("/test/proxy", json={"value": address})

    assert codes(reply) == ["connect_proxy"]
    assert address in reply.json()["findings"][0]["text"]["en"]


@pytest.mark.parametrize(
    "value",
    [
        "http://127.0.0.1:6379",
        "http://169.254.169.254",
        "http://[::ffff:10.0.0.1]:80",
        "file:///etc/passwd",
        "socks4://192.0.2.1",
        "http://",
    ],
)
async def test_proxy_typed_in_cannot_explore_the_network(
    shared: RunningGateway, value: str
) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/test/proxy", json={"value": value})

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "value")


async def test_password_of_a_proxy_is_not_repeated() -> None:
    async with running_gateway(Web(), settings=LOOPBACK) as gw, gw.operator() as admin:
        value = "http://user:hunter2secret@127.0.0.1:1"
        reply = await admin.post("/test/proxy", json={"value": value})
        lines = await admin.get("/audit")

    assert codes(reply) == ["connect_proxy"]
    assert "hunter2secret" not in reply.text + lines.text


async def test_webhook_without_an_address_is_refused_in_words(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/test/webhook", json={})

    assert reply.status_code == 400
    assert "webhooks.urls" in reply.json()["detail"]


async def test_kind_without_a_body_is_tried(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/test/fingerprint")

    assert (reply.status_code, codes(reply)) == (200, ["fingerprint"])


async def test_webhook_on_a_private_address_is_told_what_permits_it() -> None:
    hooks = {"webhooks.urls": ["http://127.0.0.1:9/"], "webhooks.secret": "s" * 32}
    async with running_gateway(settings=hooks) as gw, gw.operator() as admin:
        reply = await admin.post("/test/webhook")

    (found,) = reply.json()["findings"]
    assert found["code"] == "webhook_forbidden"
    assert all(
        "limits.remote_fetch_cidrs" in found["remedy"][language] for language in ("en", "zh")
    )


async def test_other_kinds_are_refused(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/test/everything", json={})

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "kind")
