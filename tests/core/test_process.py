from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from grokgate import process
from grokgate.errors import StartupError
from grokgate.gateway import Gateway
from grokgate.run_options import RunOptions
from grokgate.sandbox import default_accounts
from grokgate.telemetry import open_logs

pytestmark = pytest.mark.anyio


def build(folder: Path, **more: Any) -> Gateway:
    return Gateway(
        RunOptions(data_dir=folder / "data", log_dir=folder / "logs", **more),
        {},
        sources=[],
        log=structlog.wrap_logger(None, processors=[LogCapture()]),
    )


@asynccontextmanager
async def announced(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> AsyncIterator[list[str]]:
    """Run a gateway and hand out the lines its terminal shows."""
    async with gateway.run():
        process.announce(gateway)
        yield capsys.readouterr().out.splitlines()


async def test_the_first_start_shows_the_key_with_a_line_to_paste(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = build(tmp_path)
    async with announced(gateway, capsys) as lines:
        assert gateway.first_key
        assert any(line.startswith("  API key ") and gateway.first_key in line for line in lines)
        assert f"    -H 'Authorization: Bearer {gateway.first_key}'" in "\n".join(lines)
        assert "Ready" in lines[-2]


async def test_later_starts_show_no_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with build(tmp_path).run():
        pass
    async with announced(build(tmp_path), capsys) as lines:
        assert not [line for line in lines if "API key" in line or "sk-" in line]
        assert any("none yet: grokgate tokens import FILE" in line for line in lines)


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("0.0.0.0", "http://127.0.0.1:8100/v1  and on every other address (0.0.0.0)"),
        ("::", "http://127.0.0.1:8100/v1  and on every other address (::)"),
        ("::1", "http://[::1]:8100/v1"),
    ],
)
async def test_the_address_can_be_pasted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], host: str, shown: str
) -> None:
    gateway = build(tmp_path, overlay={"server.host": host, "server.port": 8100})
    async with announced(gateway, capsys) as lines:
        assert lines[1].endswith(f"  {shown}")


async def test_a_refusal_is_left_for_the_command(tmp_path: Path) -> None:
    log = LogCapture()
    gateway = build(tmp_path)

    process.refuse(gateway.options, StartupError("why"), log=structlog.wrap_logger(None, [log]))

    assert log.entries == []


async def test_an_unexpected_failure_is_logged_without_its_text(tmp_path: Path) -> None:
    log = LogCapture()
    options = build(tmp_path).options

    process.refuse(options, OSError("text"), log=structlog.wrap_logger(None, processors=[log]))

    assert [(entry["event"], entry["log_level"]) for entry in log.entries] == [
        ("start_failed", "error")
    ]


async def test_the_log_level_follows_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    logs = open_logs(level="info", directory=tmp_path / "logs", max_file_mb=1, max_files=1)
    gateway = build(tmp_path)
    async with process.running(gateway, logs):
        await gateway.settings.change({"log": {"level": "debug"}})
        logs.logger().debug("now_visible")

    (file,) = (tmp_path / "logs").glob("*.log")
    assert "now_visible" in file.read_text()
    capsys.readouterr()


def test_options_reach_the_server_process_unchanged() -> None:
    options = RunOptions(
        data_dir=Path("data"),
        log_dir=Path("logs"),
        overlay={"app.allow_anonymous": True},
        sandbox="http://127.0.0.1:1",
        sandbox_accounts="\n".join(account.token for account in default_accounts()),
        refusal_file=Path("refusal"),
        announce=True,
    )

    assert RunOptions.from_json(options.to_json()) == options
