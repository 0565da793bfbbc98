"""What must not be found on disk, in logs, metrics or error messages (V38, V39, P12)."""

import base64
import json
from pathlib import Path

import pytest

from e2e.endpoints import ENDPOINTS, RESPONSES
from e2e.kept import begin, end_of
from e2e.probe import KEY, METRICS_KEY, QUOTA, Probe
from e2e.talk import talking
from grokgate import control
from grokgate.sandbox import AccountState, CfChallenge, Cut, ErrorAfter200, HttpStatus, RateLimit
from grokgate.sandbox.faults import LEAD

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

PROMPT = "canary-of-the-prompt-4f1d"
ANSWER = "canary-of-the-answer-9b2e"
WRONG_KEY = "sk-canary-of-a-wrong-key-77aa"
QUERY = "canary-of-the-query-c3d0"
PASSWORD = "canary-of-the-password-51c7"
PROXY_PASSWORD = "canary-of-the-proxy-0e6a"
HOOK_SECRET = "canary-of-the-hook-secret-2ac9"
HOOK = "https://hooks.invalid/canary-of-the-hook-88d1"
ADMIN = "/api/v1/admin"
PAGES = (
    "/overview",
    "/incidents",
    "/metrics",
    "/requests",
    "/requests?format=csv",
    "/logs/files",
    "/logs/tail?lines=5000",
    "/logs/tail?file=request_log",
    "/tokens",
    "/tokens/list",
    "/keys",
    "/config",
    "/config/schema",
    "/downstream",
    "/plugins",
    "/models",
    "/storage",
    "/cache",
    "/batch",
    "/audit",
    "/sessions",
)
"""What an operator may read without giving the password again."""
FAULTS = (
    AccountState(state="expired"),
    CfChallenge(),
    Cut(lines=LEAD + 2),
    Cut(lines=LEAD + 2, bytes=5, mode="reset"),
    Cut(lines=0),
    ErrorAfter200(place="middle"),
    HttpStatus(code=500, message=PROMPT),
    HttpStatus(code=401),
    RateLimit(retry_after_s=1),
)


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {
        "APP__APP_KEY": PASSWORD,
        "GROK__MAX_RETRY": "0",
        "LOG__LEVEL": "debug",
        "WEBHOOKS__SECRET": HOOK_SECRET,
        "WEBHOOKS__URLS": HOOK,
    }


class Trail:
    """A gateway after much use, and the secrets it saw."""

    def __init__(self, gateway: Probe, secrets: dict[str, str], errors: list[str]) -> None:
        self.gateway = gateway
        self.secrets = secrets
        self.errors = errors


@pytest.fixture(scope="module")
async def trail(gateway: Probe) -> Trail:
    """Answers, faults and wrong requests, all with words that can be found again."""
    tokens: list[str] = []
    errors: list[str] = []
    spoken = base64.urlsafe_b64encode(f'{{"city":"{ANSWER}"}}'.encode()).decode().rstrip("=")
    prompt = f"{PROMPT}\n@sim scenario=tools args={spoken}"
    tokens += await gateway.fill(QUOTA, QUOTA)
    for endpoint in ENDPOINTS:
        assert ANSWER in (await gateway.ask(endpoint, prompt)).text
        assert ANSWER in (await gateway.hear(endpoint, prompt)).text
    await _kept(gateway, prompt)
    for fault in FAULTS:
        for endpoint in ENDPOINTS:
            tokens += await gateway.fill(QUOTA, QUOTA)
            gateway.sandbox.rules.add(fault)
            errors.append((await gateway.ask(endpoint, prompt)).text)
            async with gateway.stream(prompt, to=endpoint) as response:
                errors.append((await response.aread()).partition(b"error")[2].decode())
        await _broken(gateway, prompt)
    errors += await _wrong_requests(gateway)
    proxied = {
        "token": "canary-of-an-account-97f2",
        "proxy_url": f"http://u:{PROXY_PASSWORD}@p.invalid",
    }
    await gateway.give([json.dumps({"ssoBasic": [proxied]})])
    tokens.append(proxied["token"])
    made = await control.ask(gateway.service.data_dir, "keys.create", {"name": "canary"})
    secrets = {f"account {number}": token for number, token in enumerate(tokens)}
    secrets |= {"prompt": PROMPT, "answer": ANSWER, "made key": made["key"], "key": KEY}
    secrets |= {"metrics key": METRICS_KEY, "wrong key": WRONG_KEY, "query": QUERY}
    secrets |= {"password": PASSWORD, "proxy": PROXY_PASSWORD}
    secrets |= {"hook secret": HOOK_SECRET, "hook": HOOK.rpartition("/")[2]}
    return Trail(gateway, secrets, errors)


async def _kept(gateway: Probe, prompt: str) -> None:
    """Make what is stored, and look at all of it; over a socket too."""
    background = await begin(gateway, prompt)
    assert ANSWER in RESPONSES.text(await end_of(gateway, background))
    await gateway.http.get(f"{RESPONSES.path}/{background}/input_items")
    continued = RESPONSES.body(PROMPT, previous_response_id=background)
    assert (await gateway.http.post(RESPONSES.path, json=continued)).status_code == 200
    compacted = await gateway.http.post(f"{RESPONSES.path}/compact", json=continued)
    assert compacted.status_code == 200
    async with talking(gateway) as talk:
        await talk.create(prompt)
        assert ANSWER in (await talk.turn()).text
        await talk.create(prompt, previous_response_id=PROMPT)
        assert (await talk.event())["status"] == 404


async def _broken(gateway: Probe, prompt: str) -> None:
    """Have the upstream fail in the background and over a socket."""
    await end_of(gateway, await begin(gateway, prompt))
    async with talking(gateway) as talk:
        await talk.create(prompt)
        while "error" not in (await talk.event())["type"]:
            pass


async def _wrong_requests(gateway: Probe) -> list[str]:
    wrong = {"authorization": f"Bearer {WRONG_KEY}"}
    texts: list[str] = []
    for endpoint in ENDPOINTS:
        broken = json.dumps(endpoint.body(PROMPT))[:-3]
        asked = [
            await gateway.http.post(endpoint.path, json=endpoint.body(PROMPT), headers=wrong),
            await gateway.http.post(endpoint.path, content=broken),
            await gateway.http.post(endpoint.path, json=endpoint.body(PROMPT, stream=PROMPT)),
            await gateway.http.get(f"{endpoint.path}/nothing", params={"key": QUERY}),
        ]
        assert {reply.status_code for reply in asked} <= {400, 401, 404, 405}
        texts += [reply.text for reply in asked]
    models = await gateway.http.get("/v1/models", params={"key": QUERY}, headers=wrong)
    nowhere = await gateway.http.get("/v1/no-such-thing", params={"api_key": QUERY})
    return [*texts, models.text, nowhere.text]


def found(trail: Trail, text: bytes) -> list[str]:
    return [name for name, secret in trail.secrets.items() if secret.encode() in text]


def logged(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("logs/*.log")))


async def test_files_hold_no_secret_in_the_clear(trail: Trail) -> None:
    folder = trail.gateway.service.folder
    files = [path for path in folder.rglob("*") if path.is_file()]

    assert {path.relative_to(folder).parts[0] for path in files} == {"data", "logs"}
    assert {str(path): found(trail, path.read_bytes()) for path in files} == {
        str(path): [] for path in files
    }


async def test_log_shows_that_much_happened_but_no_secret(trail: Trail) -> None:
    folder = trail.gateway.service.folder

    expected = 2 * len(FAULTS) * len(ENDPOINTS)

    async def requests() -> int:
        return min(expected, logged(folder).count(b'"msg":"request"'))

    await trail.gateway.becomes(expected, requests)  # the log is written a moment later

    assert b'"token_expired"' in logged(folder)
    assert found(trail, logged(folder)) == []


async def test_terminal_shows_no_secret(trail: Trail) -> None:
    assert found(trail, trail.gateway.service.text.encode()) == []


async def test_metrics_hold_no_secret(trail: Trail) -> None:
    assert found(trail, (await trail.gateway.metrics()).encode()) == []


async def test_errors_hold_no_secret(trail: Trail) -> None:
    assert len(trail.errors) > 2 * len(FAULTS) * len(ENDPOINTS)
    assert found(trail, "".join(trail.errors).encode()) == []


async def test_accounts_are_listed_masked(trail: Trail) -> None:
    rows = await control.ask(trail.gateway.service.data_dir, "tokens.list", {})

    assert rows
    assert found(trail, repr(rows).encode()) == []


@pytest.mark.parametrize("page", PAGES)
async def test_operators_pages_hold_no_secret(trail: Trail, page: str) -> None:
    headers = {"authorization": f"Bearer {PASSWORD}"}
    reply = await trail.gateway.http.get(f"{ADMIN}{page}", headers=headers)

    assert reply.status_code == 200, reply.text
    assert found(trail, reply.content) == []


async def test_story_of_a_failure_holds_no_secret(trail: Trail) -> None:
    headers = {"authorization": f"Bearer {PASSWORD}"}
    page = await trail.gateway.http.get(f"{ADMIN}/requests?failed=true&limit=100", headers=headers)
    ids = {row["request_id"] for row in page.json()["items"] if row["attempts"]}

    assert len(ids) > len(FAULTS)
    for request_id in ids:
        story = await trail.gateway.http.get(f"{ADMIN}/requests/{request_id}", headers=headers)
        assert story.status_code == 200
        assert found(trail, story.content) == []
