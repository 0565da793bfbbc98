import base64
import json
from typing import Any

import pytest

from grokgate.sandbox import AccountFixture, Sandbox, WindowFixture, default_accounts
from sandbox.sim_client import CHAT, ask, chat, headers, prompt

pytestmark = pytest.mark.anyio
LIMITS = "/rest/rate-limits"
OLD = {"modelName": "grok-3", "modelMode": "MODEL_MODE_AUTO", "message": "Hi"}


def _sandbox(**fields: Any) -> Sandbox:
    return Sandbox([AccountFixture(token="t", **fields)], protocol="2026-04")


async def _limits(sandbox: Sandbox, **body: object) -> Any:
    return (await ask(sandbox.app, "POST", LIMITS, body, sent=headers())).json


async def test_call_takes_units_of_its_window() -> None:
    sandbox = _sandbox()
    await chat(sandbox.app, "Hi")

    assert await _limits(sandbox, modelName="fast") == {
        "windowSizeSeconds": 86400,
        "remainingQueries": 29,
        "totalQueries": 30,
        "lowEffortRateLimits": None,
        "highEffortRateLimits": None,
    }
    assert (await _limits(sandbox, modelName="auto"))["remainingQueries"] == 20


async def test_older_form_counts_tokens_and_efforts() -> None:
    sandbox = _sandbox(protocol="2026-02")
    expert = {"modelName": "grok-4-1-thinking-1129", "modelMode": "MODEL_MODE_EXPERT"}
    await ask(sandbox.app, "POST", CHAT, {**expert, "message": "Hi"}, sent=headers())
    limits = await _limits(sandbox, requestKind="DEFAULT", modelName="grok-3")

    assert (limits["remainingTokens"], limits["totalTokens"]) == (76, 80)
    assert limits["lowEffortRateLimits"] == {"cost": 1, "remainingQueries": 76}
    assert limits["highEffortRateLimits"] == {"cost": 4, "remainingQueries": 19}


async def test_empty_window_answers_429_until_its_time_has_passed() -> None:
    sandbox = _sandbox(buckets={"fast": WindowFixture(total=1, window_s=600)})
    statuses = [(await chat(sandbox.app, "Hi")).status for _ in range(2)]
    wait = (await _limits(sandbox, modelName="fast"))["waitTimeSeconds"]
    sandbox.advance(600)

    assert (statuses, (await chat(sandbox.app, "Hi")).status) == ([200, 429], 200)
    assert 590 <= wait <= 600


async def test_window_runs_from_its_first_use() -> None:
    sandbox = _sandbox(buckets={"fast": WindowFixture(total=2, window_s=600)})
    await chat(sandbox.app, "Hi")
    sandbox.advance(500)
    await chat(sandbox.app, "Hi")
    sandbox.advance(100)

    assert (await _limits(sandbox, modelName="fast"))["remainingQueries"] == 2


async def test_empty_window_may_be_told_in_band() -> None:
    window = WindowFixture(total=5, window_s=600, remaining=0)
    sandbox = _sandbox(exhausted="in_band", buckets={"fast": window})
    answer = await chat(sandbox.app, "Hi")

    assert answer.status == 200
    assert "usage limit" in answer.json["result"]["response"]["error"]["message"]


async def test_window_that_the_tier_lacks_is_empty() -> None:
    limits = await _limits(_sandbox(), modelName="heavy")

    assert (limits["remainingQueries"], limits["totalQueries"]) == (0, 0)


@pytest.mark.parametrize(
    "body", [{"modelName": "grok-9"}, {}, {"requestKind": "DEFAULT", "modelName": "grok-3"}]
)
async def test_unknown_bucket_or_other_generation_is_refused(body: object) -> None:
    sandbox = _sandbox()

    assert (await ask(sandbox.app, "POST", LIMITS, body, sent=headers())).status == 400


async def test_model_above_the_plan_is_refused_and_costs_nothing() -> None:
    sandbox = _sandbox()
    answer = await chat(sandbox.app, "Hi", mode="heavy")

    assert (answer.status, sandbox.accounts["t"].units_taken) == (403, 0)
    assert "plan" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"modeId": "nope", "message": "Hi"}, "Model not found"),
        (OLD, "Model not found"),
        (prompt("   "), "Empty message"),
        (prompt("x" * 1_000_001), "Prompt is too long"),
        (prompt("Hi", fileAttachments=["nope"]), "Attachment not found"),
        (["no object"], "Invalid request"),
        (b"\xff", "Invalid request"),
        (b"", "Invalid request"),
    ],
)
async def test_bad_chat_call(body: object, message: str) -> None:
    sandbox = _sandbox()
    answer = await ask(sandbox.app, "POST", CHAT, body, sent=headers())

    assert answer.status == 400
    assert message in answer.json["error"]["message"]


async def test_both_generations_without_strictness() -> None:
    sandbox = Sandbox([AccountFixture(token="t")], protocol="2026-04", strict_generation=False)

    assert (await ask(sandbox.app, "POST", CHAT, OLD, sent=headers())).status == 200
    assert (await chat(sandbox.app, "Hi")).status == 200


async def test_mode_name_may_be_left_out() -> None:
    sandbox = Sandbox([AccountFixture(token="t")], protocol="2026-02")
    body = {"modelName": "grok-4", "message": "Hi"}

    assert (await ask(sandbox.app, "POST", CHAT, body, sent=headers())).status == 200


async def test_mode_of_another_model_is_unknown() -> None:
    sandbox = Sandbox([AccountFixture(token="t")], protocol="2026-02")
    body = {**OLD, "modelMode": "MODEL_MODE_HEAVY"}

    assert (await ask(sandbox.app, "POST", CHAT, body, sent=headers())).status == 400


@pytest.mark.parametrize("cookie", [None, "sso=unknown", "sso=t; sso-rw=other", "other=1"])
async def test_unknown_session_is_401(cookie: Any) -> None:
    sandbox = _sandbox()
    answer = await ask(sandbox.app, "POST", CHAT, prompt("Hi"), sent=headers(cookie=cookie))

    assert answer.status == 401
    assert "invalid-credentials" in answer.body.decode()


async def test_cookies_need_no_space_between_them() -> None:
    sandbox = _sandbox()
    sent = headers(cookie="sso-rw=t;sso=t;cf_clearance=x")

    assert (await ask(sandbox.app, "POST", CHAT, prompt("Hi"), sent=sent)).status == 200


@pytest.mark.parametrize(("status", "code"), [("expired", 401), ("blocked", 403)])
async def test_dead_account_is_refused(status: Any, code: int) -> None:
    sandbox = _sandbox()
    sandbox.accounts.change("t", status=status)

    assert (await chat(sandbox.app, "Hi")).status == code


@pytest.mark.parametrize(
    ("cookie", "agent", "status"),
    [
        ("sso=t", "Mozilla/5.0", 403),
        ("sso=t; cf_clearance=pass", "Mozilla/5.0", 200),
        ("sso=t; cf_clearance=pass", "curl", 403),
        ("sso=t; cf_clearance=stale", "Mozilla/5.0", 403),
    ],
)
async def test_clearance_belongs_to_a_user_agent(cookie: Any, agent: str, status: Any) -> None:
    sandbox = _sandbox(cf_required=True, cf_value="pass", user_agent_pin="Mozilla/5.0")
    sent = headers(cookie=cookie, user_agent=agent)
    answer = await ask(sandbox.app, "POST", CHAT, prompt("Hi"), sent=sent)

    assert answer.status == status
    assert status == 200 or b"Just a moment" in answer.body


@pytest.mark.parametrize(
    ("mode", "value", "status"),
    [
        ("off", None, 200),
        ("any", None, 403),
        ("any", "x", 200),
        ("legacy", "x", 403),
        ("legacy", base64.b64encode(b"e:TypeError: Cannot read").decode(), 200),
        ("static", "other", 403),
        ("static", "mine", 200),
    ],
)
async def test_statsig(mode: Any, value: Any, status: Any) -> None:
    sandbox = _sandbox(statsig=mode, statsig_value="mine")
    sent = headers(x_statsig_id=value)
    answer = await ask(sandbox.app, "POST", CHAT, prompt("Hi"), sent=sent)

    assert answer.status == status
    assert status == 200 or "anti-bot" in answer.json["error"]["message"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("accept", None),
        ("accept_language", None),
        ("accept_encoding", None),
        ("user_agent", None),
        ("origin", None),
        ("origin", "https://grok.com"),
        ("referer", "http://127.0.0.1:9/files"),
        ("x_xai_request_id", "17"),
        ("x_xai_request_id", "6ba7b810-9dad-11d1-80b4-00c04fd430c8"),
        ("content_type", None),
        ("content_type", "multipart/form-data"),
    ],
)
async def test_strict_sandbox_checks_headers(name: str, value: Any) -> None:
    sandbox = _sandbox()
    sent = {**headers(), name.replace("_", "-"): value}
    sent = {key: text for key, text in sent.items() if text is not None}
    answer = await ask(sandbox.app, "POST", CHAT, prompt("Hi"), sent=sent)

    assert answer.status == 400
    assert name.replace("_", "-") in answer.json["error"]["message"]


async def test_lenient_sandbox_needs_a_cookie_only() -> None:
    sandbox = Sandbox([AccountFixture(token="t")], protocol="2026-04", strict=False)

    assert (
        await ask(sandbox.app, "POST", CHAT, prompt("Hi"), sent={"cookie": "sso=t"})
    ).status == 200


@pytest.mark.parametrize(
    ("status", "told"),
    [("ok", "authenticated"), ("expired", "unauthenticated"), ("blocked", "blocked")],
)
async def test_session_probe(status: Any, told: str) -> None:
    sandbox = _sandbox(status=status, user_id="7d1c0c5e-2f6b-4b0e-9a53-0d8f5f0e1a11")
    answer = await ask(sandbox.app, "GET", "/api/auth/session", sent={"cookie": "sso=t"})

    assert (answer.status, answer.json["status"]) == (200, told)
    assert status != "ok" or answer.json["session"]["userId"].startswith("7d1c0c5e")


async def test_user_names_the_account() -> None:
    sandbox = _sandbox(email="op@example.org")
    answer = await ask(sandbox.app, "GET", "/rest/auth/get-user", sent=headers())

    assert answer.json["email"] == "op@example.org"


async def test_modes_say_what_needs_another_plan() -> None:
    sandbox = _sandbox()
    answer = await ask(sandbox.app, "POST", "/rest/modes", {"locale": "en"}, sent=headers())
    offered = {mode["id"]: next(iter(mode["availability"])) for mode in answer.json["modes"]}

    assert (offered["fast"], offered["heavy"]) == ("available", "requiresUpgrade")


async def test_modes_are_unknown_to_the_older_generation() -> None:
    sandbox = _sandbox(protocol="2026-02")

    assert (await ask(sandbox.app, "POST", "/rest/modes", {}, sent=headers())).status == 404


@pytest.mark.parametrize("path", ["/", "/rest/media/post/create", "/__public/x.jpg"])
async def test_unknown_path_is_404(path: str) -> None:
    answer = await ask(_sandbox().app, "GET", path, sent=headers())

    assert (answer.status, answer.json["code"]) == (404, 5)


def test_default_accounts_have_all_tiers() -> None:
    tokens = [known.token for known in default_accounts(4)]

    assert tokens == [
        "sandbox-basic-1",
        "sandbox-super-1",
        "sandbox-heavy-1",
        "sandbox-basic-2",
    ]
    assert len(Sandbox().accounts) == 3


def test_account_report_is_json() -> None:
    sandbox = _sandbox()
    report = sandbox.accounts["t"].report(0)

    assert json.loads(json.dumps(report))["buckets"]["fast"]["remaining"] == 30
