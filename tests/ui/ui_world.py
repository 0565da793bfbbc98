"""A gateway process with accounts, keys and traffic, for the tests that look at it in a browser."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from anyio.from_thread import start_blocking_portal

from grokgate.sandbox import AccountFixture, HttpStatus, Sandbox, WindowFixture, default_accounts
from grokgate.testing import running_sandbox
from service import Service, service

PASSWORD = "a password for the browser"
KEY = "sk-browser-0123456789abcdef0123456789abcdef"
MODEL = "grok-4-fast"
BASE = "/api/v1/admin"
COOKIE = "grokgate_session"

_SETTINGS: Mapping[str, str] = {
    "APP__APP_KEY": PASSWORD,
    "APP__API_KEY": KEY,
    "SERVER__SHUTDOWN_GRACE_SEC": "1",
    "TOKEN__SAVE_DELAY_MS": "20",
}
_ACCOUNTS = (
    *default_accounts(6),
    AccountFixture(token="sandbox-expired-1", status="expired"),
    AccountFixture(
        token="sandbox-empty-1",
        buckets={"fast": WindowFixture(total=30, window_s=7200, remaining=0)},
    ),
)
_KEYS = ("Front end", "Night jobs", "Notebook")
_CHATS = 6
_SURVEY_S = 30
_LOOK_S = 0.02


class World:
    """One running gateway.

    Attributes:
        base: Its address, ``http://host:port``.
        service: Its process.
        sandbox: The upstream; it lives in a thread of its own.
        session: Of the operator, as the cookie of a browser that is logged in holds it.
        admin: An HTTP client of the operator; paths begin with ``/``, below the admin API.
        client: An HTTP client with the first key.
    """

    def __init__(self, running: Service, sandbox: Sandbox) -> None:
        self.base = running.base
        self.service = running
        self.sandbox = sandbox
        self.session = self._log_in()
        self.client = _client(self.base, KEY)
        self.admin = _client(self.base + BASE, self.session)

    def get(self, path: str, **query: Any) -> Any:
        """Ask the admin API; returns what it answered."""
        return self._read(self.admin.get(path, params=query))

    def post(self, path: str, body: Any = None) -> Any:
        """Have the admin API do something; returns what it answered."""
        return self._read(self.admin.post(path, json={} if body is None else body))

    def patch(self, path: str, body: Any) -> Any:
        """Change something over the admin API; returns what it answered."""
        return self._read(self.admin.patch(path, json=body))

    def add(self, *accounts: AccountFixture, tags: list[str] | None = None, note: str = "") -> Any:
        """Put accounts into the sandbox and the pool, and await their quota; returns their ids."""
        for account in accounts:
            self.sandbox.accounts.put(account)
        tokens = [account.token for account in accounts]
        added = self.post(
            "/tokens/add", {"tokens": tokens, "pool": "auto", "tags": tags or [], "note": note}
        )
        until = time.monotonic() + _SURVEY_S
        while not self._knows(added["ids"]):
            assert time.monotonic() < until, "the accounts are never asked"
            time.sleep(_LOOK_S)
        return added["ids"]

    def chat(self, prompt: str = "hi", *, model: str = MODEL, key: str = KEY) -> httpx.Response:
        """Ask for an answer, as a client does."""
        asked = {"model": model, "messages": [{"role": "user", "content": prompt}]}
        headers = {"authorization": f"Bearer {key}"}
        return self.client.post("/v1/chat/completions", json=asked, headers=headers)

    def _knows(self, ids: Iterable[str]) -> bool:
        """Tell whether the gateway asked all of these accounts, as it does with new ones."""
        rows = {row["id"]: row for row in self.get("/tokens/list", page_size=2000)["items"]}
        return all(
            rows[each]["status"] == "expired"
            or (rows[each]["last_sync_at"] and rows[each]["pool"] != "auto")
            for each in ids
        )

    def _log_in(self) -> str:
        with _client(self.base, "") as client:
            reply = client.post(BASE + "/login", json={"password": PASSWORD})
        return str(self._read(reply)["token"])

    def _read(self, reply: httpx.Response) -> Any:
        assert reply.is_success, f"{reply.request.url}: {reply.status_code} {reply.text}"
        return reply.json()


@contextmanager
def world(
    folder: Path, environ: Mapping[str, str], *, packages: Path | None = None
) -> Iterator[World]:
    """Run a gateway in *folder* in front of a sandbox; neither has accounts yet.

    Args:
        folder: Working folder.
        environ: Settings as ``SECTION__KEY``, over those every world has.
        packages: Folder with packages that the gateway finds besides those installed.
    """
    sandbox = Sandbox(accounts=())
    with (
        start_blocking_portal() as portal,
        portal.wrap_async_context_manager(running_sandbox(sandbox)) as (_, upstream),
    ):
        bases = {"GROK__WEB_BASE": upstream, "GROK__ASSETS_BASE": f"{upstream}/__assets"}
        settings = {**_SETTINGS, **bases, **environ}
        names = {f"GROKGATE__{key}": value for key, value in settings.items()}
        found = {"PYTHONPATH": str(packages)} if packages else {}
        with service(folder, environ={**names, **found}) as running:
            made = World(running, sandbox)
            with made.client, made.admin:
                yield made


def furnish(made: World) -> None:
    """Give a gateway what an operator finds after some days: accounts, keys, and traffic."""
    first, second, *_ = made.add(*_ACCOUNTS)
    made.patch("/tokens/item", {"token": first, "note": "Lent by Ada", "tags": ["team"]})
    made.post("/tokens/disabled", {"token": second, "disabled": True})
    for name in _KEYS:
        made.post("/keys", {"name": name})
    for number in range(_CHATS):
        assert made.chat(f"Question {number}").is_success
    assert made.chat(model="grok-of-nobody").status_code == httpx.codes.NOT_FOUND
    # A second attempt, and no third: before each is a pause, longer every time.
    made.sandbox.rules.add(HttpStatus(code=500), times=1)
    made.sandbox.rules.add(HttpStatus(code=400), times=1)
    assert made.chat("This one fails").status_code == httpx.codes.BAD_GATEWAY
    made.sandbox.rules.clear()


def _client(base: str, credential: str) -> httpx.Client:
    headers = {"authorization": f"Bearer {credential}"} if credential else {}
    return httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False)
