"""Logging in, sessions, and what they are good for (F-AUTH-02 to F-AUTH-05, F-ADM-01)."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from grokgate.plugin import Caller
from grokgate.testing import FakeClock, RunningGateway, running_gateway

pytestmark = pytest.mark.anyio

BASE = "/api/v1/admin"
PASSWORD = "a password for tests"
BEARER = {"authorization": f"Bearer {PASSWORD}"}


@pytest.fixture
async def gw() -> AsyncIterator[RunningGateway]:
    async with running_gateway(settings={"app.app_key": PASSWORD}) as running:
        yield running


async def ask(gw: RunningGateway, method: str, path: str, **more: Any) -> httpx.Response:
    """Send a request that has none but the given headers."""
    headers = {"authorization": "", **more.pop("headers", {})}
    return await gw.client.request(method, BASE + path, headers=headers, **more)


async def log_in(gw: RunningGateway) -> dict[str, Any]:
    reply = await ask(gw, "POST", "/login", json={"password": PASSWORD})
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


async def play(gw: RunningGateway) -> tuple[dict[str, str], dict[str, str]]:
    """Return the headers of a new playground key, and those of its session."""
    session = {"authorization": f"Bearer {(await log_in(gw))['token']}"}
    made = (await ask(gw, "POST", "/playground-key", headers=session)).json()
    return {"authorization": f"Bearer {made['key']}"}, session


@pytest.mark.parametrize(
    "body", [{"password": PASSWORD}, {"username": "admin", "password": PASSWORD, "remember": True}]
)
async def test_login_takes_the_password_as_json(gw: RunningGateway, body: dict[str, Any]) -> None:
    reply = await ask(gw, "POST", "/login", json=body)

    session = reply.json()
    assert (session["status"], session["expires_in"]) == ("success", 28800)
    assert session["api_key"] == session["token"] != PASSWORD
    cookie = reply.headers["set-cookie"]
    assert cookie.startswith(f"grokgate_session={session['token']};")
    assert {"HttpOnly", "Path=/", "SameSite=strict"} == set(cookie.split("; ")[1:])


async def test_login_takes_the_password_as_a_header(gw: RunningGateway) -> None:
    reply = await ask(gw, "POST", "/login", headers=BEARER)

    assert reply.json()["token"]


@pytest.mark.parametrize(
    "body",
    [
        {"password": "another password"},
        {"username": "root", "password": PASSWORD},
        {"password": ""},
        {},
        None,
    ],
)
async def test_a_wrong_login_is_refused(gw: RunningGateway, body: Any) -> None:
    reply = await ask(gw, "POST", "/login", json=body)

    assert (reply.status_code, reply.json()["error"]["code"]) == (401, "invalid_api_key")
    assert reply.json()["detail"] == reply.json()["error"]["message"]
    assert "set-cookie" not in reply.headers


async def test_the_name_of_the_operator_is_a_setting(gw: RunningGateway) -> None:
    await gw.change(app={"admin_username": "root"})
    reply = await ask(gw, "POST", "/login", json={"username": "root", "password": PASSWORD})

    assert reply.status_code == 200


async def test_the_session_text_opens_the_api_until_logout(gw: RunningGateway) -> None:
    headers = {"authorization": f"Bearer {(await log_in(gw))['api_key']}"}
    before = await ask(gw, "GET", "/verify", headers=headers)
    out = await ask(gw, "POST", "/logout", headers=headers)
    after = await ask(gw, "GET", "/verify", headers=headers)

    assert [before.status_code, out.status_code, after.status_code] == [200, 200, 401]


async def test_the_password_itself_opens_every_path_of_both_bases(gw: RunningGateway) -> None:
    own = await ask(gw, "GET", "/verify", headers=BEARER)
    alias = await gw.client.get("/v1/admin/verify", headers=BEARER)

    assert own.json() == alias.json() == {"status": "success", "csrf": ""}


async def test_a_session_ends_by_the_idle_time_of_the_settings() -> None:
    clock = FakeClock()
    async with running_gateway(settings={"app.app_key": PASSWORD}, clock=clock) as gw:
        await gw.change(app={"session_hours": 2})
        session = await log_in(gw)
        headers = {"authorization": f"Bearer {session['token']}"}
        clock.advance(2 * 3600 - 1)
        used = await ask(gw, "GET", "/verify", headers=headers)
        clock.advance(2 * 3600 + 1)
        late = await ask(gw, "GET", "/verify", headers=headers)

    assert (session["expires_in"], used.status_code, late.status_code) == (7200, 200, 401)


async def test_a_session_ends_after_a_week_however_much_it_is_used() -> None:
    clock = FakeClock()
    async with running_gateway(settings={"app.app_key": PASSWORD}, clock=clock) as gw:
        headers = {"authorization": f"Bearer {(await log_in(gw))['token']}"}
        statuses = []
        for _ in range(25):
            clock.advance(7 * 3600)
            statuses.append((await ask(gw, "GET", "/verify", headers=headers)).status_code)

    assert statuses == [200] * 24 + [401]


async def test_sessions_are_listed_and_ended(gw: RunningGateway) -> None:
    first, second = await log_in(gw), await log_in(gw)
    headers = {"authorization": f"Bearer {second['token']}"}
    listed = (await ask(gw, "GET", "/sessions", headers=headers)).json()["sessions"]
    (other,) = [session["id"] for session in listed if not session["current"]]
    ended = await ask(gw, "POST", "/sessions/revoke", headers=headers, json={"id": other})
    again = await ask(gw, "POST", "/sessions/revoke", headers=headers, json={"id": other})
    gone = await ask(gw, "GET", "/verify", headers={"authorization": f"Bearer {first['token']}"})

    assert (ended.json()["ended"], again.status_code, gone.status_code) == (1, 404, 401)


async def test_all_other_sessions_end_at_once(gw: RunningGateway) -> None:
    first, second = await log_in(gw), await log_in(gw)
    headers = {"authorization": f"Bearer {second['token']}"}
    ended = await ask(gw, "POST", "/sessions/revoke", headers=headers, json={"others": True})
    gone = await ask(gw, "GET", "/verify", headers={"authorization": f"Bearer {first['token']}"})
    kept = await ask(gw, "GET", "/verify", headers=headers)

    assert (ended.json()["ended"], gone.status_code, kept.status_code) == (1, 401, 200)


async def test_giving_the_password_again_shows_secrets_for_five_minutes() -> None:
    clock = FakeClock()
    async with running_gateway(settings={"app.app_key": PASSWORD}, clock=clock) as gw:
        headers = {"authorization": f"Bearer {(await log_in(gw))['token']}"}
        (session,) = gw.gateway.access.sessions.listing()
        before = await gw.gateway.access.is_confirmed(session.id)
        wrong = await ask(gw, "POST", "/reauth", headers=headers, json={"password": "wrong one"})
        right = await ask(gw, "POST", "/reauth", headers=headers, json={"password": PASSWORD})
        now = await gw.gateway.access.is_confirmed(session.id)
        clock.advance(301)
        later = await gw.gateway.access.is_confirmed(session.id)

        assert (wrong.status_code, right.json()["expires_in"]) == (401, 300)
        assert wrong.json()["error"]["message"] == "The password is wrong."
        assert wrong.json()["error"]["code"] == "invalid_api_key"
        assert (before, now, later) == (False, True, False)


async def test_the_playground_key_calls_models_and_nothing_else(gw: RunningGateway) -> None:
    headers = {"authorization": f"Bearer {(await log_in(gw))['token']}"}
    made = (await ask(gw, "POST", "/playground-key", headers=headers)).json()
    key = {"authorization": f"Bearer {made['key']}"}
    caller = gw.gateway.find_caller(made["key"])
    admin = await ask(gw, "GET", "/verify", headers=key)
    forged = gw.gateway.find_caller(made["key"][:-1] + ("a" if made["key"][-1] != "a" else "b"))
    await ask(gw, "POST", "/logout", headers=headers)

    assert made["expires_in"] == 3600
    assert caller == Caller(key_id="admin", name="admin")  # without any limit
    assert (admin.status_code, forged, gw.gateway.find_caller(made["key"])) == (401, None, None)


async def test_what_the_playground_made_belongs_to_operators(gw: RunningGateway) -> None:
    """It outlives the session, and no key of a client reads it (S13)."""
    upload = {"file": ("a.txt", b"text")}
    first, session = await play(gw)
    made = await gw.client.post(
        "/v1/files", headers=first, files=upload, data={"purpose": "user_data"}
    )
    path = f"/v1/files/{made.json()['id']}"
    await ask(gw, "POST", "/logout", headers=session)
    second, _ = await play(gw)

    assert (await gw.client.get(path, headers=first)).status_code == 401
    assert (await gw.client.get(path, headers=second)).status_code == 200
    assert (await gw.client.get(path)).status_code == 404


async def test_the_playground_key_ends_after_an_hour() -> None:
    clock = FakeClock()
    async with running_gateway(settings={"app.app_key": PASSWORD}, clock=clock) as gw:
        made = (await ask(gw, "POST", "/playground-key", headers=BEARER)).json()
        clock.advance(3599)
        assert gw.gateway.find_caller(made["key"]) is not None
        clock.advance(2)
        assert gw.gateway.find_caller(made["key"]) is None


async def test_logins_are_in_the_audit_trail_by_pages(gw: RunningGateway) -> None:
    for _ in range(3):
        await log_in(gw)
    await ask(gw, "POST", "/login", json={"password": "a wrong password"})
    first = (await ask(gw, "GET", "/audit?limit=2", headers=BEARER)).json()
    second = (await ask(gw, "GET", f"/audit?before={first['next']}", headers=BEARER)).json()

    lines = [*first["lines"], *second["lines"]]
    assert [line["action"] for line in lines] == ["login"] * 3
    assert len({line["actor"] for line in lines}) == 3
    assert {line["address"] for line in lines} == {"127.0.0.1"}
    assert second["next"] is None
    assert [entry["address"] for entry in gw.logs if entry["event"] == "admin_login_failed"]


@pytest.mark.parametrize("query", ["limit=0", "limit=201", f"before={'x' * 65}"])
async def test_pages_of_the_trail_have_bounds(gw: RunningGateway, query: str) -> None:
    reply = await ask(gw, "GET", f"/audit?{query}", headers=BEARER)

    assert reply.status_code == 400


async def test_a_login_may_not_send_much(gw: RunningGateway) -> None:
    reply = await ask(gw, "POST", "/login", json={"password": "x" * 20_000})

    assert reply.status_code == 413


async def test_guessing_is_slowed_down_and_sessions_keep_working(gw: RunningGateway) -> None:
    headers = {"authorization": f"Bearer {(await log_in(gw))['token']}"}
    wrong = [await ask(gw, "POST", "/login", json={"password": "wrong"}) for _ in range(6)]
    right = await ask(gw, "POST", "/login", json={"password": PASSWORD})
    bearer = await ask(gw, "GET", "/verify", headers=BEARER)
    session = await ask(gw, "GET", "/verify", headers=headers)

    assert [reply.status_code for reply in wrong] == [401] * 4 + [429] * 2
    assert wrong[5].json()["error"]["code"] == "too_many_attempts"
    assert int(wrong[5].headers["retry-after"]) == 1
    assert [right.status_code, bearer.status_code, session.status_code] == [429, 429, 200]
