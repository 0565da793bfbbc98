"""What opens the admin API, and what does not (F-AUTH-01, F-AUTH-06, S2, S6, S8)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from grokgate.admin.context import Operator
from grokgate.admin.reauth import require_password
from grokgate.errors import PasswordRequired
from grokgate.testing import RunningGateway, running_gateway

pytestmark = pytest.mark.anyio

BASE = "/api/v1/admin"
HOST = "http://gateway.test"
PASSWORD = "a password for tests"


class Page:
    """A page of the gateway in a browser: it has the cookie, and what login told it."""

    def __init__(self, gw: RunningGateway, session: dict[str, Any]) -> None:
        self._gw = gw
        self.token, self.csrf = session["token"], session["csrf"]

    async def send(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {
            "authorization": "",
            "cookie": f"other=1; grokgate_session={self.token}",
            "origin": HOST,
            "x-grokgate-csrf": self.csrf,
            **more.pop("headers", {}),
        }
        sent = {name: value for name, value in headers.items() if value is not None}
        return await self._gw.client.request(method, BASE + path, headers=sent, **more)


@pytest.fixture(scope="module")
async def gw(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway whose settings no test changes."""
    del anyio_backend
    async with running_gateway(settings={"app.app_key": PASSWORD}) as running:
        yield running


@pytest.fixture
async def page(gw: RunningGateway) -> Page:
    return await log_in(gw)


@pytest.fixture
async def other_gw() -> AsyncIterator[RunningGateway]:
    """One whose settings may be changed."""
    async with running_gateway(settings={"app.app_key": PASSWORD}) as running:
        yield running


async def log_in(gw: RunningGateway) -> Page:
    reply = await gw.client.post(f"{BASE}/login", json={"password": PASSWORD})
    gw.client.cookies.clear()
    return Page(gw, reply.json())


async def test_a_key_of_a_client_opens_nothing(gw: RunningGateway) -> None:
    for path in ("/verify", "/sessions", "/audit"):
        reply = await gw.client.get(BASE + path)

        assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")


async def test_a_key_that_is_the_password_opens_nothing() -> None:
    key = "sk-both-a-key-and-the-password"
    async with running_gateway(settings={"app.api_key": [key]}) as gw:
        with pytest.raises(Exception, match="also an API key"):
            await gw.gateway.access.to_store(key)


async def test_the_session_opens_nothing_under_v1(page: Page, gw: RunningGateway) -> None:
    by_header = await gw.client.get(
        "/v1/files/x", headers={"authorization": f"Bearer {page.token}"}
    )
    by_cookie = await gw.client.get(
        "/v1/files/x", headers={"authorization": "", "cookie": f"grokgate_session={page.token}"}
    )

    assert gw.gateway.find_caller(page.token) is None
    assert {by_header.status_code, by_cookie.status_code} <= {401, 404}


async def test_a_page_reads_and_changes_with_its_cookie(page: Page) -> None:
    read = await page.send("GET", "/verify", headers={"origin": None, "x-grokgate-csrf": None})
    changed = await page.send("POST", "/ticket")

    assert (read.json()["csrf"], changed.status_code) == (page.csrf, 200)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-grokgate-csrf": None},
        {"x-grokgate-csrf": "0" * 64},
        {"origin": None},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://gateway.test:81"},
        {"origin": None, "sec-fetch-site": "cross-site"},
        {"origin": None, "sec-fetch-site": "same-site"},
    ],
)
async def test_a_forged_change_is_refused(page: Page, headers: dict[str, str | None]) -> None:
    reply = await page.send("POST", "/ticket", headers=headers)

    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize(
    ("headers", "cause"),
    [
        ({"origin": None}, "does not say which page"),
        ({"origin": "https://evil.example"}, "another origin"),
        ({"x-grokgate-csrf": None}, "missing or wrong"),
        ({"x-grokgate-csrf": "0" * 64}, "missing or wrong"),
    ],
)
async def test_a_refused_change_says_what_it_lacks(
    page: Page, headers: dict[str, str | None], cause: str
) -> None:
    reply = await page.send("POST", "/ticket", headers=headers)

    assert cause in reply.json()["detail"]
    assert page.csrf not in reply.text


@pytest.mark.parametrize(
    "headers",
    [{"origin": None, "sec-fetch-site": "same-origin"}, {"origin": "https://gateway.test"}],
)
async def test_the_same_origin_may_change(page: Page, headers: dict[str, str | None]) -> None:
    reply = await page.send("POST", "/ticket", headers=headers)

    assert reply.status_code == 200


async def test_the_public_address_is_an_origin_too(other_gw: RunningGateway) -> None:
    page = await log_in(other_gw)
    await other_gw.change(app={"app_url": "https://gate.example"})
    reply = await page.send("POST", "/ticket", headers={"origin": "https://gate.example"})

    assert reply.status_code == 200


@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "application/x-www-form-urlencoded", "text/plain; application/json"],
)
async def test_a_change_with_the_cookie_is_json_or_a_form_with_files(
    page: Page, media_type: str
) -> None:
    reply = await page.send(
        "POST", "/reauth", content=b'{"password":"x"}', headers={"content-type": media_type}
    )

    assert reply.status_code == 415


async def test_without_the_cookie_no_such_thing_is_asked(gw: RunningGateway, page: Page) -> None:
    reply = await gw.client.post(
        f"{BASE}/ticket",
        headers={"authorization": f"Bearer {page.token}", "origin": "https://evil.example"},
    )

    assert reply.status_code == 200


async def test_two_cookies_of_the_name_are_none(page: Page) -> None:
    cookie = f"grokgate_session={page.token}; grokgate_session=other"
    reply = await page.send("GET", "/verify", headers={"cookie": cookie})

    assert reply.status_code == 401


@pytest.mark.parametrize("name", ["ticket", "token", "api_key", "app_key", "key"])
async def test_neither_session_nor_password_is_taken_from_the_query(
    gw: RunningGateway, page: Page, name: str
) -> None:
    for secret in (page.token, PASSWORD):
        reply = await gw.client.get(
            f"{BASE}/verify", params={name: secret}, headers={"authorization": ""}
        )

        assert reply.status_code == 401


async def test_over_tls_the_cookie_has_the_name_of_the_host() -> None:
    overlay = {"app.app_key": PASSWORD, "server.trusted_proxies": ["127.0.0.1"]}
    async with running_gateway(settings=overlay) as gw:
        tls = {"authorization": "", "x-forwarded-proto": "https"}
        login = await gw.client.post(f"{BASE}/login", json={"password": PASSWORD}, headers=tls)
        token = login.json()["token"]
        gw.client.cookies.clear()
        plain = {**tls, "cookie": f"grokgate_session={token}"}
        right = {**tls, "cookie": f"__Host-grokgate_session={token}"}

        assert "Secure" in login.headers["set-cookie"]
        assert login.headers["set-cookie"].startswith("__Host-grokgate_session=")
        assert (await gw.client.get(f"{BASE}/verify", headers=plain)).status_code == 401
        assert (await gw.client.get(f"{BASE}/verify", headers=right)).status_code == 200


async def test_a_foreign_page_cannot_try_passwords(gw: RunningGateway) -> None:
    reply = await gw.client.post(
        f"{BASE}/login",
        json={"password": PASSWORD},
        headers={"authorization": "", "origin": "https://evil.example"},
    )

    assert (reply.status_code, reply.json()["error"]["code"]) == (403, "csrf_failed")


async def test_pages_of_other_origins_read_nothing_unless_listed(
    other_gw: RunningGateway,
) -> None:
    headers = {
        "authorization": f"Bearer {PASSWORD}",
        "origin": "https://console.example",
        "access-control-request-method": "POST",
    }
    before = await other_gw.client.options(f"{BASE}/ticket", headers=headers)
    await other_gw.change(app={"admin_cors_origins": ["https://console.example"]})
    preflight = await other_gw.client.options(f"{BASE}/ticket", headers=headers)
    reply = await other_gw.client.post(f"{BASE}/ticket", headers=headers)
    other = await other_gw.client.post(
        f"{BASE}/ticket", headers={**headers, "origin": "https://b.example"}
    )

    assert before.status_code == 403
    assert "access-control-allow-origin" not in before.headers
    assert "access-control-allow-origin" not in other.headers
    assert (preflight.status_code, reply.status_code) == (204, 200)
    assert preflight.headers["access-control-allow-origin"] == "https://console.example"
    assert reply.headers["access-control-allow-origin"] == "https://console.example"
    assert "access-control-allow-credentials" not in reply.headers


async def test_secrets_need_the_password_again(gw: RunningGateway) -> None:
    session, _ = await gw.gateway.access.sessions.open(address="", agent="")
    operator = Operator(session_id=session.id, address="", epoch=0)
    by_password = Operator(session_id=None, address="", epoch=0, gave_password=True)
    by_ticket = Operator(session_id=None, address="", epoch=0)
    with pytest.raises(PasswordRequired):
        await require_password(gw.gateway, operator)
    await gw.gateway.access.confirm(session.id)

    await require_password(gw.gateway, operator)
    await require_password(gw.gateway, by_password)
    with pytest.raises(PasswordRequired):
        await require_password(gw.gateway, by_ticket)


async def test_metrics_and_the_description_are_for_operators(
    gw: RunningGateway, page: Page
) -> None:
    operator = {"authorization": f"Bearer {page.token}"}
    for path in ("/metrics", "/openapi.json"):
        assert (await gw.client.get(path)).status_code == 401
        assert (await gw.client.get(path, headers={"authorization": ""})).status_code == 401
        assert (await gw.client.get(path, headers=operator)).status_code == 200


async def test_the_description_follows_the_switches(other_gw: RunningGateway) -> None:
    operator = {"authorization": f"Bearer {(await log_in(other_gw)).token}"}
    before = await other_gw.client.get("/openapi.json", headers=operator)
    same = await other_gw.client.get(
        "/openapi.json", headers={**operator, "if-none-match": before.headers["etag"]}
    )
    await other_gw.change(downstream={"enable_files": False})
    after = await other_gw.client.get("/openapi.json", headers=operator)

    assert same.status_code == 304
    assert f"{BASE}/login" in after.json()["paths"]
    assert after.headers["etag"] != before.headers["etag"] or before.json() == after.json()
