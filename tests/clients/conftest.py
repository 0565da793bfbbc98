"""One gateway in front of a sandbox that answers at once, and what the clients' tests share."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from openai import OpenAI

from clients.node_process import PACKAGES, Node, find_node
from grokgate import control
from grokgate.cli.serve import made_up_accounts
from service import Service, service

ACCOUNTS = 36
"""Enough for all tests: those of one account are used up after some dozens of calls."""
KEY = "sk-of-the-client-tests-0123456789"


@contextmanager
def upstream() -> Iterator[str]:
    """Run a sandbox without the pace that `serve --sandbox` has; yields its base address."""
    command = [sys.executable, "-m", "grokgate", "sandbox", "--quiet", "--port", "0"]
    command += ["--accounts", str(ACCOUNTS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with upstream() as base:
        environ = {
            "GROKGATE__APP__API_KEY": KEY,
            "GROKGATE__DOWNSTREAM__ENABLE_MESSAGES": "true",
            "GROKGATE__GROK__WEB_BASE": base,
            "GROKGATE__GROK__ASSETS_BASE": f"{base}/__assets",
            "GROKGATE__SERVER__SHUTDOWN_GRACE_SEC": "1",
        }
        with service(tmp_path_factory.mktemp("gateway"), environ=environ) as running:
            anyio.run(fill, running.data_dir)
            yield running


async def fill(data_dir: Path) -> None:
    """Import the accounts, and have the gateway ask what their plans are."""
    arguments = {"text": made_up_accounts(ACCOUNTS), "mode": "add"}
    added = (await control.ask(data_dir, "tokens.import", arguments))["added"]
    await control.ask(data_dir, "tokens.refresh", {"ids": added})


@pytest.fixture(scope="session")
def base(gateway: Service) -> str:
    """Address of the gateway, without a path."""
    return gateway.base


@pytest.fixture(scope="session")
def key() -> str:
    """The API key of the gateway."""
    return KEY


@pytest.fixture(scope="session")
def node_program() -> str:
    # Neither is silent: `dev.py test` lists what could not be had, and fails on it with CI=true.
    found = find_node()
    if found is None:
        pytest.skip("no Node that is new enough")
    if not (PACKAGES / "node_modules" / "ai").exists():
        pytest.skip("the Node packages are not installed")
    return found


@pytest.fixture(scope="module")
def node(request: pytest.FixtureRequest, node_program: str, base: str, key: str) -> Iterator[Node]:
    """The script that is named as the test file, such as ``openai.mjs``."""
    name = Path(str(request.path)).stem.removeprefix("test_").removesuffix("_node")
    with Node(node_program, name, base=base, key=key) as running:
        yield running


@pytest.fixture(scope="session")
def client(base: str, key: str) -> Iterator[OpenAI]:
    """The OpenAI SDK, which checks every field of every answer."""
    with OpenAI(
        base_url=f"{base}/v1", api_key=key, max_retries=0, _strict_response_validation=True
    ) as client:
        yield client
