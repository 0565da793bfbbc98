"""The first password: the set-up link, and passwords of the settings (F-AUTH-08, S1, D19)."""

import random
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog import get_logger
from structlog.testing import capture_logs

from grokgate.access.password import hashed
from grokgate.admin.mounting import AdminApi
from grokgate.app import create_app
from grokgate.errors import SettingsError, StartupError
from grokgate.gateway import Gateway
from grokgate.offline import opened
from grokgate.run_options import RunOptions
from grokgate.testing import running_gateway

pytestmark = pytest.mark.anyio

BASE = "/api/v1/admin"
PASSWORD = "a password for tests"


@asynccontextmanager
async def started(
    folder: Path, environ: Mapping[str, str] | None = None, **overlay: Any
) -> AsyncIterator[tuple[Gateway, httpx.AsyncClient]]:
    """Start a gateway on a folder that outlives it."""
    options = RunOptions(data_dir=folder / "data", log_dir=folder / "logs", overlay=overlay)
    gateway = Gateway(options, environ or {}, sources=[], rng=random.Random(1))

    @asynccontextmanager
    async def life() -> AsyncIterator[None]:
        yield

    async with gateway.run():
        app: Any = create_app(gateway, life=life, admin=AdminApi(gateway, older=False))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://gateway.test"
        ) as client:
            yield gateway, client


def code_of(gateway: Gateway) -> str:
    link = gateway.access.setup_link()
    assert link is not None
    return link.partition("#")[2]


async def log_in(client: httpx.AsyncClient, password: str = PASSWORD) -> int:
    client.cookies.clear()
    return (await client.post(f"{BASE}/login", json={"password": password})).status_code


async def choose(client: httpx.AsyncClient, code: str, password: str = PASSWORD) -> httpx.Response:
    return await client.post(f"{BASE}/setup", json={"code": code, "password": password})


def write(folder: Path, text: str) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "config.toml").write_text(text)


async def test_without_a_password_everything_needs_the_set_up(tmp_path: Path) -> None:
    async with started(tmp_path) as (_, client):
        for reply in (
            await client.get(f"{BASE}/verify"),
            await client.get(f"{BASE}/verify", headers={"authorization": "Bearer admin"}),
            await client.post(f"{BASE}/login", json={"username": "admin", "password": "admin"}),
            await client.post(f"{BASE}/login", headers={"authorization": "Bearer grok2api"}),
        ):
            assert (reply.status_code, reply.json()["error"]["code"]) == (401, "setup_required")
            assert reply.json()["detail"].startswith("App key is not configured: open the set-up ")


async def test_the_link_works_once_and_logs_in(tmp_path: Path) -> None:
    async with started(tmp_path) as (gateway, client):
        code = code_of(gateway)
        wrong = await choose(client, "wrong")
        weak = await choose(client, code, "grok2api")
        first = await choose(client, code)
        client.cookies.clear()
        second = await choose(client, code)

        assert (wrong.status_code, weak.json()["error"]["param"]) == (401, "password")
        assert (first.json()["status"], second.status_code) == ("success", 401)
        for late in (wrong, second):
            assert late.json()["error"]["code"] == "invalid_api_key"
            assert "not valid any more; `grokgate admin reset-password`" in late.json()["detail"]
        assert gateway.access.setup_link() is None
        assert await log_in(client) == 200


async def test_the_chosen_password_is_kept_hashed_and_not_in_the_file(tmp_path: Path) -> None:
    async with started(tmp_path) as (gateway, client):
        code = code_of(gateway)
        await choose(client, code)
        stored = gateway.settings.snapshot.app.app_key
    async with started(tmp_path) as (gateway, client):
        assert await log_in(client) == 200

    assert stored.startswith("$argon2id$")
    for file in (tmp_path / "data").rglob("*"):
        content = file.read_bytes() if file.is_file() else b""
        assert PASSWORD.encode() not in content
        assert stored.encode() not in content
        assert code.encode() not in content


async def test_every_start_has_a_link_of_its_own_until_it_is_used(tmp_path: Path) -> None:
    async with started(tmp_path) as (gateway, _):
        first = code_of(gateway)
    async with started(tmp_path) as (gateway, client):
        second = code_of(gateway)
        late = await choose(client, first)
        right = await choose(client, second)

    assert first != second
    assert (late.status_code, right.status_code) == (401, 200)


async def test_a_link_ends_with_a_password_of_the_file(tmp_path: Path) -> None:
    async with started(tmp_path) as (gateway, _):
        code = code_of(gateway)
    (tmp_path / "data" / "config.toml").write_text(f'[app]\napp_key = "{PASSWORD}"\n')
    async with started(tmp_path) as (_, client):
        late = await choose(client, code, "the next password")

        assert (late.status_code, late.json()["error"]["code"]) == (401, "invalid_api_key")
        assert await log_in(client) == 200


async def test_the_link_names_the_public_address() -> None:
    async with running_gateway(settings={"app.app_url": "https://gate.example/"}) as gw:
        link = gw.gateway.access.setup_link()

    assert link is not None
    assert link.startswith("https://gate.example/setup#")


@pytest.mark.parametrize(
    ("app_url", "base"),
    [
        ("http://localhost:9000", "http://127.0.0.1:8000"),
        ("http://[::1]:9000/", "http://127.0.0.1:8000"),
        ("http://10.0.0.1:9000/", "http://10.0.0.1:9000"),
        ("", "http://127.0.0.1:8000"),
    ],
)
async def test_a_public_address_on_loopback_is_not_where_the_link_leads(
    app_url: str, base: str
) -> None:
    async with running_gateway(settings={"app.app_url": app_url}) as gw:
        assert gw.gateway.operator_base() == base


@pytest.mark.parametrize(
    ("accepted", "beginning", "languages"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "设置", 1),
        ("en-GB,en;q=0.9", "Choose", 1),
        ("fr", "Choose", 2),
        ("", "Choose", 2),
    ],
)
async def test_the_link_opens_a_page_that_says_how_to_choose(
    tmp_path: Path, accepted: str, beginning: str, languages: int
) -> None:
    async with started(tmp_path) as (_, client):
        page = await client.get("/setup", headers={"accept-language": accepted})

    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert page.text.startswith(beginning)
    call = "curl http://127.0.0.1:8000/api/v1/admin/setup -H 'Content-Type: application/json' -d '{"
    assert page.text.count(call) == languages


async def test_the_page_does_not_tell_whether_there_is_a_password(tmp_path: Path) -> None:
    async with started(tmp_path) as (gateway, client):
        before = await client.get("/setup")
        await choose(client, code_of(gateway))
        after = await client.get("/setup")

    assert (before.status_code, before.text) == (200, after.text)


@pytest.mark.parametrize("password", ["grok2api", "Admin", "eleven char", "$argon2id$broken"])
async def test_a_weak_password_of_the_environment_stops_the_start(
    tmp_path: Path, password: str
) -> None:
    environ = {"GROKGATE__APP__APP_KEY": password, "SERVER_HOST": "0.0.0.0"}
    with pytest.raises(StartupError, match="GROKGATE__APP__APP_KEY"):
        async with started(tmp_path, environ):
            pass


@pytest.mark.parametrize("password", ["grok2api", "eleven char"])
async def test_a_weak_password_of_the_file_is_dropped_with_a_line(
    tmp_path: Path, password: str
) -> None:
    write(tmp_path, f'[app]\napp_key = "{password}"\n')
    with capture_logs() as logs:
        async with started(tmp_path, {"SERVER_HOST": "0.0.0.0"}) as (gateway, _):
            assert gateway.access.setup_link() is not None

    (line,) = [entry for entry in logs if entry["event"] == "admin_password_refused"]
    assert line["detail"].startswith("app.app_key: the password is ")
    assert password not in str(logs)


async def test_a_short_password_of_the_file_works_on_loopback(tmp_path: Path) -> None:
    write(tmp_path, '[app]\napp_key = "short one"\n')
    async with started(tmp_path) as (_, client):
        assert await log_in(client, "short one") == 200


async def test_a_password_that_is_an_api_key_is_dropped(tmp_path: Path) -> None:
    key = "sk-one-text-for-two-uses"
    write(tmp_path, f'[app]\napp_key = "{key}"\napi_key = ["{key}"]\n')
    async with started(tmp_path) as (gateway, client):
        assert gateway.access.setup_link() is not None
        reply = await client.get(f"{BASE}/verify", headers={"authorization": f"Bearer {key}"})

    assert reply.status_code == 401


async def test_the_password_may_be_an_argon2id_hash(tmp_path: Path) -> None:
    write(tmp_path, f"[app]\napp_key = '{await hashed(PASSWORD)}'\n")
    async with started(tmp_path) as (_, client):
        assert [await log_in(client), await log_in(client, "another one")] == [200, 401]


async def test_the_environment_wins_over_the_database_and_this_over_the_file(
    tmp_path: Path,
) -> None:
    write(tmp_path, '[app]\napp_key = "grok2api"\n')
    async with started(tmp_path) as (gateway, client):
        await choose(client, code_of(gateway))
    (tmp_path / "data" / "config.toml").write_text('[app]\napp_key = "of the file, later"\n')
    async with started(tmp_path) as (_, client):
        below = [await log_in(client), await log_in(client, "of the file, later")]
    async with started(tmp_path, {"GROKGATE__APP__APP_KEY": "of the environment"}) as (_, client):
        above = [await log_in(client), await log_in(client, "of the environment")]

    assert (below, above) == ([200, 401], [401, 200])


async def test_another_password_ends_all_sessions(tmp_path: Path) -> None:
    write(tmp_path, f'[app]\napp_key = "{PASSWORD}"\n')
    async with started(tmp_path) as (gateway, client):
        token = (await client.post(f"{BASE}/login", json={"password": PASSWORD})).json()["token"]
        client.cookies.clear()
        headers = {"authorization": f"Bearer {token}"}
        before = await client.get(f"{BASE}/verify", headers=headers)
        await gateway.settings.change({"app": {"app_key": "another password"}})
        after = await client.get(f"{BASE}/verify", headers=headers)

        assert (before.status_code, after.status_code) == (200, 401)
        assert [await log_in(client), await log_in(client, "another password")] == [401, 200]


async def test_a_password_changed_while_nothing_ran_ends_sessions_too(tmp_path: Path) -> None:
    write(tmp_path, f'[app]\napp_key = "{PASSWORD}"\n')
    async with started(tmp_path) as (_, client):
        token = (await client.post(f"{BASE}/login", json={"password": PASSWORD})).json()["token"]
    headers = {"authorization": f"Bearer {token}"}
    async with started(tmp_path) as (_, client):
        kept = await client.get(f"{BASE}/verify", headers=headers)
    (tmp_path / "data" / "config.toml").write_text('[app]\napp_key = "another password"\n')
    async with started(tmp_path) as (_, client):
        ended = await client.get(f"{BASE}/verify", headers=headers)

    assert (kept.status_code, ended.status_code) == (200, 401)


async def test_a_reset_ends_password_and_sessions_and_makes_a_link(tmp_path: Path) -> None:
    write(tmp_path, f'[app]\napp_key = "{PASSWORD}"\n')
    async with started(tmp_path) as (gateway, client):
        token = (await client.post(f"{BASE}/login", json={"password": PASSWORD})).json()["token"]
        client.cookies.clear()
        code = (await gateway.access.reset()).partition("#")[2]
        session = await client.get(f"{BASE}/verify", headers={"authorization": f"Bearer {token}"})
        old = await log_in(client)
        chosen = await choose(client, code, "the next password")

        assert [session.status_code, old, chosen.status_code] == [401, 401, 200]
        assert [await log_in(client), await log_in(client, "the next password")] == [401, 200]


async def test_a_reset_is_still_one_after_a_restart(tmp_path: Path) -> None:
    write(tmp_path, f'[app]\napp_key = "{PASSWORD}"\n')
    async with started(tmp_path) as (gateway, _):
        await gateway.access.reset()
    async with started(tmp_path) as (gateway, client):
        assert await log_in(client) == 401
        assert (await choose(client, code_of(gateway))).status_code == 200


async def test_a_reset_without_a_service_counts_from_the_next_start(tmp_path: Path) -> None:
    write(tmp_path, f'[app]\napp_key = "{PASSWORD}"\n')
    async with started(tmp_path) as (_, client):
        assert await log_in(client) == 200
    async with opened(tmp_path / "data", {}, create=False, log=get_logger()) as operations:
        assert await operations.run("admin.reset_password", {}) == {"link": None}
    async with started(tmp_path) as (gateway, client):
        assert await log_in(client) == 401
        assert gateway.access.setup_link() is not None


async def test_a_password_of_the_environment_is_not_reset(tmp_path: Path) -> None:
    async with started(tmp_path, {"GROKGATE__APP__APP_KEY": PASSWORD}) as (gateway, client):
        with pytest.raises(SettingsError, match="GROKGATE__APP__APP_KEY"):
            await gateway.access.reset()

        assert await log_in(client) == 200


async def test_a_new_password_of_the_settings_is_stored_hashed() -> None:
    async with running_gateway() as gw:
        stored = await gw.gateway.access.to_store("short one")

        assert stored.startswith("$argon2id$")
        assert await gw.gateway.access.to_store(stored) == stored
        with pytest.raises(SettingsError, match="well-known"):
            await gw.gateway.access.to_store("grok2api")
