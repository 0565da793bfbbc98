"""The gateways that the probes of one file share."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from e2e.endpoints import CHAT, ENDPOINTS, MESSAGES, NAMES, RESPONSES
from e2e.probe import Probe, probe
from grokgate.sandbox import Protocol

LINES: Protocol = "2026-04"
SOCKET: Protocol = "2026-08"
BOTH = pytest.mark.parametrize("protocol", [LINES, SOCKET], scope="module")
"""Chat by lines over HTTP, and by the gateway socket."""
EACH = pytest.mark.parametrize(
    ("protocol", "endpoint"),
    [(LINES, CHAT), (SOCKET, CHAT), (SOCKET, RESPONSES), (SOCKET, MESSAGES)],
    ids=["chat by lines", *NAMES],
    scope="module",
)
"""Every endpoint; what the upstream speaks makes no difference to more than one of them."""
ENDPOINT = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=NAMES)
"""Every endpoint, where it makes none at all."""


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty working folder."""
    return tmp_path_factory.mktemp("gateway")


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    """Settings of the file's gateway; a file that needs some has a fixture of this name."""
    return {}


@pytest.fixture(scope="module")
def protocol() -> Protocol:
    """Generation that both sides speak; `BOTH` asks for two runs."""
    return SOCKET


@pytest.fixture(scope="module")
async def gateway(
    folder: Path, environ: dict[str, str], protocol: Protocol
) -> AsyncIterator[Probe]:
    """A gateway in front of a sandbox, for all probes of a file."""
    async with probe(folder, environ, protocol=protocol) as running:
        yield running


@pytest.fixture
def start(tmp_path: Path) -> "Start":
    """Starts a gateway of the test's own, again on the same folder when called again."""
    return Start(tmp_path)


class Start:
    """Makes probes on one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, environ: dict[str, str] | None = None) -> AbstractAsyncContextManager[Probe]:
        return probe(self.folder, environ or {})
