"""The operator's way in, from outside (V26 to V30, F-AUTH)."""

import re
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from e2e.endpoints import CHAT
from e2e.probe import KEY, QUOTA, Probe
from grokgate import control
from service import Service, service

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

BASE = "/api/v1/admin"
PASSWORD = "a password for probes"
WRONG = {"password": "not the password"}
COOKIE = "grokgate_session"


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"APP__APP_KEY": PASSWORD}


@pytest.fixture
async def http(gateway: Probe) -> AsyncIterator[httpx.AsyncClient]:
    """A client from another address than the probes' own, without a credential."""
    async with client_from("127.0.0.3", gateway) as client:
        yield client


def client_from(address: str, gateway: Probe) -> httpx.AsyncClient:
    transport = httpx.AsyncHTTPTransport(local_address=address)
    return httpx.AsyncClient(base_url=gateway.service.base, transport=transport, timeout=30)


async def log_in(http: httpx.AsyncClient) -> dict[str, Any]:
    reply = await http.post(f"{BASE}/login", json={"password": PASSWORD})
    assert reply.status_code == 200, reply.text
    http.cookies.clear()
    return {**reply.json(), "cookie": reply.headers["set-cookie"]}


async def verified(http: httpx.AsyncClient, **headers: str) -> int:
    return (await http.get(f"{BASE}/verify", headers=headers)).status_code


async def test_described_routes_refuse_whom_they_are_not_for(http: httpx.AsyncClient) -> None:
    """V26, over every operation of the OpenAPI document."""
    session = {"authorization": f"Bearer {(await log_in(http))['token']}"}
    document = (await http.get("/openapi.json", headers=session)).json()
    operations = [
        (method, re.sub(r"{[^}]*}", "1", path))
        for path, item in document["paths"].items()
        for method in item
    ]
    key = {"authorization": f"Bearer {KEY}"}
    for method, path in operations:
        signed = path.startswith(("/v1/files/image", "/v1/files/video", "/images/"))
        if signed or path in {f"{BASE}/login", f"{BASE}/setup"}:
            continue
        foreign = key if path.startswith(BASE) else session
        assert (await http.request(method, path)).status_code == 401, path
        assert (await http.request(method, path, headers=foreign)).status_code in {401, 429}, path

    assert len(operations) > 50
    assert (await http.get("/metrics")).status_code == 401
    assert (await http.get("/openapi.json")).status_code == 401


def asked_to(running: Service, path: str, **body: str) -> httpx.Response:
    return httpx.post(f"{running.base}{BASE}{path}", json=body, timeout=30, trust_env=False)


def link_of(running: Service) -> str:
    running.wait_for("Ready")
    found = re.search(r"http://127\.0\.0\.1:\d+/setup#(\S+)", running.text)
    assert found, running.text
    return found[1]


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    written = [path.read_bytes() for path in (tmp_path / "logs").rglob("*") if path.is_file()]
    assert written
    assert not any(b"/setup#" in content for content in written)


def test_a_fresh_folder_has_no_password_but_a_link_that_works_once(files: Path) -> None:
    """V27."""
    with service(files) as running:
        first = link_of(running)
        for login in (
            {"password": "grok2api"},
            {"username": "admin", "password": "admin"},
            {"password": ""},
        ):
            refused = asked_to(running, "/login", **login)
            assert (refused.status_code, refused.json()["error"]["code"]) == (401, "setup_required")
    with service(files) as running:
        second = link_of(running)
        assert asked_to(running, "/setup", code=first, password=PASSWORD).status_code == 401
        assert asked_to(running, "/setup", code=second, password=PASSWORD).status_code == 200
        assert asked_to(running, "/setup", code=second, password=PASSWORD).status_code == 401
        assert asked_to(running, "/login", password=PASSWORD).status_code == 200
    with service(files) as running:
        assert "/setup#" not in running.text
        assert asked_to(running, "/login", password=PASSWORD).status_code == 200


def test_a_weak_password_of_the_environment_refuses_the_start(tmp_path: Path) -> None:
    """V27."""
    environ = {"GROKGATE__APP__APP_KEY": "grok2api", "SERVER_HOST": "0.0.0.0"}
    with service(tmp_path, environ=environ, wait=False) as running:
        code = running.process.wait(30)

    assert code == 1
    assert "GROKGATE__APP__APP_KEY is a well-known word" in running.text
    assert "grok2api" not in running.text


async def test_guessing_keeps_nobody_else_out(gateway: Probe, http: httpx.AsyncClient) -> None:
    """V28."""
    await gateway.fill(QUOTA)
    session = {"authorization": f"Bearer {(await log_in(http))['token']}"}
    idle = await timed_chats(gateway)
    statuses: list[int] = []
    waits: list[str | None] = []

    async def guess(guesser: httpx.AsyncClient) -> None:
        reply = await guesser.post(f"{BASE}/login", json=WRONG)
        statuses.append(reply.status_code)
        waits.append(reply.headers.get("retry-after"))

    async with client_from("127.0.0.4", gateway) as guesser, anyio.create_task_group() as group:
        for _ in range(60):
            group.start_soon(guess, guesser)
        busy = await timed_chats(gateway)
        async with client_from("127.0.0.2", gateway) as other:
            began = time.monotonic()
            await log_in(other)
            took_s = time.monotonic() - began

    assert statuses.count(401) <= 9
    assert set(statuses) == {401, 429}
    assert all(wait for status, wait in zip(statuses, waits, strict=True) if status == 429)
    assert took_s <= 5
    assert await verified(http, **session) == 200
    assert max(busy) <= 2 * max(idle) + 0.5


async def timed_chats(gateway: Probe) -> list[float]:
    """Ask ten times; returns the seconds each took."""
    took = []
    for _ in range(10):
        began = time.monotonic()
        assert (await gateway.ask(CHAT)).status_code == 200
        took.append(time.monotonic() - began)
    return took


async def test_the_cookie_is_the_browsers_alone_and_ends_with_the_logout(
    http: httpx.AsyncClient,
) -> None:
    """V29."""
    login = await log_in(http)
    cookie = f"{COOKIE}={login['token']}"
    before = await verified(http, cookie=cookie)
    out = await http.post(
        f"{BASE}/logout",
        headers={
            "cookie": cookie,
            "x-grokgate-csrf": login["csrf"],
            "sec-fetch-site": "same-origin",
        },
    )

    assert login["cookie"] == f"{cookie}; HttpOnly; Path=/; SameSite=strict"
    assert (before, out.status_code) == (200, 200)
    assert await verified(http, cookie=cookie) == 401
    assert await verified(http, authorization=f"Bearer {login['token']}") == 401


def test_a_changed_password_ends_every_login(tmp_path: Path) -> None:
    """V29."""
    with service(tmp_path) as running:
        chosen = asked_to(running, "/setup", code=link_of(running), password=PASSWORD).json()
        tokens = [chosen["token"], asked_to(running, "/login", password=PASSWORD).json()["token"]]
        changed = httpx.post(
            f"{running.base}{BASE}/config",
            json={"app": {"app_key": "the next password"}},
            headers={"authorization": f"Bearer {tokens[0]}"},
            trust_env=False,
        )
        replayed = [
            httpx.get(
                f"{running.base}{BASE}/verify",
                headers={"authorization": f"Bearer {token}"},
                trust_env=False,
            ).status_code
            for token in tokens
        ]

        assert (changed.status_code, replayed) == (200, [401, 401])
        assert asked_to(running, "/login", password=PASSWORD).status_code == 401
        assert asked_to(running, "/login", password="the next password").status_code == 200


async def test_a_foreign_page_changes_nothing(http: httpx.AsyncClient) -> None:
    """V30."""
    login = await log_in(http)
    page = {"cookie": f"{COOKIE}={login['token']}", "sec-fetch-site": "same-origin"}
    csrf = {"x-grokgate-csrf": login["csrf"]}
    wanted = b'{"app": {"session_hours": 99}}'
    json = {"content-type": "application/json"}
    evil = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    sent = [
        await http.post(f"{BASE}/config", content=wanted, headers=headers)
        for headers in (
            {**page, **csrf, **json, **evil},
            {**page, **csrf, "content-type": "text/plain"},
            {**page, **json},
        )
    ]
    preflight = await http.options(
        f"{BASE}/config", headers={**evil, "access-control-request-method": "POST"}
    )
    after = await log_in(http)

    assert [reply.status_code for reply in sent] == [403, 415, 403]
    assert preflight.status_code == 403
    for reply in (*sent, preflight):
        assert "access-control-allow-origin" not in reply.headers
    assert after["expires_in"] == 8 * 3600


async def test_reset_password_prints_a_link(tmp_path: Path) -> None:
    with service(tmp_path) as running:
        code = link_of(running)
        asked_to(running, "/setup", code=code, password=PASSWORD)
        made = await control.ask(running.data_dir, "admin.reset_password", {})

        assert asked_to(running, "/login", password=PASSWORD).status_code == 401
        new = made["link"].partition("/setup#")[2]
        assert (
            asked_to(running, "/setup", code=new, password="the next password").status_code == 200
        )
