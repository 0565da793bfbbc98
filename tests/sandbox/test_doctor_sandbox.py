"""The doctor in front of the simulated upstream: every cause gets its own words."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
import structlog
from structlog.testing import LogCapture

from grokgate import control
from grokgate.control import OperationFailed
from grokgate.doctor import Finding, Words
from grokgate.gateway import Gateway
from grokgate.run_options import RunOptions
from grokgate.sandbox import AccountFixture, Sandbox, WindowFixture, faults
from grokgate.testing.server import kept_port, running_sandbox

pytestmark = pytest.mark.anyio

PROTOCOLS = ("2026-02", "2026-04", "2026-08")
SECRET = "sandbox-basic"


def gateway(folder: Path, base: str, protocol: str, **settings: Any) -> Gateway:
    overlay = {"grok.protocol": protocol, "token.auto_refresh": False, **settings}
    return Gateway(
        RunOptions(
            data_dir=folder / "data",
            log_dir=folder / "logs",
            sandbox=base,
            sandbox_accounts=f"ssoBasic:{SECRET}",
            overlay=overlay,
        ),
        {},
        log=structlog.wrap_logger(None, processors=[LogCapture()]),
    )


async def examined(made: Gateway, **wanted: Any) -> list[Finding]:
    """Try the accounts as the command does where no service runs."""
    found: list[Finding] = []

    async def progress(finding: Any) -> None:
        found.append(msgspec.convert(finding, Finding))

    with anyio.fail_after(30):
        async with made.examine() as operations:
            await operations.run("doctor", wanted, progress)
    return found


def simulator(protocol: Any, **fixture: Any) -> Sandbox:
    account = AccountFixture(token=SECRET, tier=fixture.pop("tier", "basic"), **fixture)
    return Sandbox([account], protocol=protocol)


@asynccontextmanager
async def sandboxed(protocol: Any, **fixture: Any) -> AsyncIterator[tuple[Sandbox, str]]:
    async with running_sandbox(simulator(protocol, **fixture)) as running:
        yield running


def of_account(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.area == "account" and finding.subject]


def codes(found: list[Finding]) -> list[str]:
    return [finding.code for finding in of_account(found)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_healthy_account_works(tmp_path: Path, protocol: str) -> None:
    async with sandboxed(protocol) as (_, base):
        found = await examined(gateway(tmp_path, base, protocol), chat=True)

    assert codes(found) == ["quota_left", "chat_works"]
    assert {finding.level for finding in of_account(found)} == {"ok"}


PRODUCTS = ("image", "image_edit", "image_pro", "video", "video_720p")
REFUSALS: Mapping[str, tuple[Any, str]] = {
    "dead": (faults.AccountState(state="expired"), "auth_dead"),
    "blocked": (faults.AccountState(state="blocked"), "auth_dead"),
    "plain 401": (faults.HttpStatus(code=401), "auth_fail"),
    "challenge": (faults.CfChallenge(), "challenge"),
    "empty 403": (faults.HttpStatus(code=403, body="empty"), "challenge"),
    "anti-bot": (faults.AntiBot(), "anti_bot"),
    "unknown 403": (faults.HttpStatus(code=403), "forbidden"),
    "plan": (
        faults.HttpStatus(code=403, message="Model is not available for your plan"),
        "plan",
    ),
    "upstream down": (faults.HttpStatus(code=503, body="text", message="busy"), "transient"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", REFUSALS)
async def test_refused_quota_call_is_named(tmp_path: Path, protocol: str, fault: str) -> None:
    action, code = REFUSALS[fault]
    async with sandboxed(protocol) as (sandbox, base):
        for endpoint in ("rate_limits", "imagine_quota"):
            sandbox.rules.add(action, endpoint=endpoint)
        found = await examined(gateway(tmp_path, base, protocol))

    (finding,) = of_account(found)
    assert (finding.code, finding.level) == (code, "attention")
    assert Words.load().remedy(finding, "en")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_burst_of_calls_is_no_empty_quota(tmp_path: Path, protocol: str) -> None:
    async with sandboxed(protocol) as (sandbox, base):
        sandbox.rules.add(faults.RateLimit(retry_after_s=90), endpoint="rate_limits")
        found = await examined(gateway(tmp_path, base, protocol))

    (finding,) = of_account(found)
    assert (finding.code, finding.values["wait"]) == ("too_many", "1 min")


@pytest.mark.parametrize(
    ("protocol", "windows"),
    [("2026-02", ("default",)), ("2026-04", ("auto", "fast", "expert")), ("2026-08", ("fast",))],
)
async def test_empty_account_says_when_it_is_back(
    tmp_path: Path, protocol: str, windows: tuple[str, ...]
) -> None:
    nothing = WindowFixture(total=30, window_s=72_000, remaining=0)
    empty = dict.fromkeys(windows, nothing)
    made = dict.fromkeys(PRODUCTS, nothing)
    async with sandboxed(protocol, buckets=empty, imagine=made) as (_, base):
        found = await examined(gateway(tmp_path, base, protocol))

    (finding,) = of_account(found)
    assert (finding.code, finding.level) == ("quota_empty", "attention")
    assert finding.values["left"].startswith(f"{windows[0]} 0/30 (+")


CHATS: Mapping[str, tuple[Any, str]] = {
    "dead": (faults.AccountState(state="expired"), "auth_dead"),
    "anti-bot": (faults.AntiBot(place="in_band"), "anti_bot"),
    "rate limit": (faults.RateLimit(), "too_many"),
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("fault", CHATS)
async def test_refused_chat_is_named(tmp_path: Path, protocol: str, fault: str) -> None:
    action, code = CHATS[fault]
    async with sandboxed(protocol) as (sandbox, base):
        sandbox.rules.add(action)
        found = await examined(gateway(tmp_path, base, protocol), chat=True)

    assert codes(found) == ["quota_left", code]
    assert of_account(found)[1].values["operation"] == "converse"


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_silent_upstream_is_a_timeout(tmp_path: Path, protocol: str) -> None:
    settings = {"grok.stream_first_byte_timeout": 1}
    async with sandboxed(protocol) as (sandbox, base):
        sandbox.rules.add(faults.AntiBot(place="silent"))
        found = await examined(gateway(tmp_path, base, protocol, **settings), chat=True)

    assert codes(found) == ["quota_left", "timeout"]


async def test_closed_port_is_named_with_its_address(tmp_path: Path) -> None:
    with kept_port() as port:
        base = f"http://127.0.0.1:{port}"
        found = await examined(gateway(tmp_path, base, "2026-08"))

    (finding,) = of_account(found)
    assert (finding.code, finding.values["address"]) == ("connect_tcp", base)


async def test_dead_proxy_is_named_without_its_password(tmp_path: Path) -> None:
    async with sandboxed("2026-04") as (_, base):
        with kept_port() as port:
            settings = {"grok.base_proxy_url": f"http://user:hidden@127.0.0.1:{port}"}
            found = await examined(gateway(tmp_path, base, "2026-04", **settings))

    (finding,) = of_account(found)
    assert finding.code == "connect_proxy"
    assert finding.values["address"] == f"http://127.0.0.1:{port}"
    assert "hidden" not in repr(found)


async def test_answer_of_another_protocol_is_named(tmp_path: Path) -> None:
    async with sandboxed("2026-04") as (sandbox, base):
        sandbox.rules.add(faults.QuotaJson(form="missing_fields"), endpoint="rate_limits")
        found = await examined(gateway(tmp_path, base, "2026-04"))

    (finding,) = of_account(found)
    assert finding.code == "malformed"


async def test_account_in_another_pool_than_it_looks_like(tmp_path: Path) -> None:
    async with sandboxed("2026-04", tier="super") as (_, base):
        found = await examined(gateway(tmp_path, base, "2026-04"))

    assert codes(found) == ["quota_left", "pool_other"]
    assert of_account(found)[1].values["fitting"] == "ssoSuper"


async def test_running_service_tries_its_accounts_itself(tmp_path: Path) -> None:
    found: list[Finding] = []
    async with sandboxed("2026-04") as (_, base):
        made = gateway(tmp_path, base, "2026-04")
        async with made.run():
            with anyio.fail_after(20):
                await control.ask(
                    tmp_path / "data",
                    "doctor",
                    {"chat": True},
                    lambda told: found.append(msgspec.convert(told, Finding)),
                )
            (record,) = made.tokens.records.values()
            state = made.home.state(record.id)

    assert (found[0].code, found[0].values["address"]) == ("service", "127.0.0.1:8000")
    assert codes(found) == ["quota_left", "chat_works"]
    assert state is not None
    assert state.status == "active"
    assert SECRET not in repr(found)


async def test_unknown_account_is_refused(tmp_path: Path) -> None:
    async with sandboxed("2026-04") as (_, base):
        with pytest.raises(OperationFailed, match="no account has the id"):
            await examined(gateway(tmp_path, base, "2026-04"), ids=["tok_nobody"])


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_everything_found_can_be_said(tmp_path: Path, language: Any) -> None:
    words = Words.load()
    async with sandboxed("2026-08") as (sandbox, base):
        sandbox.rules.add(faults.CfChallenge())
        found = await examined(gateway(tmp_path, base, "2026-08"), chat=True)

    said = [words.say(finding, language) + words.remedy(finding, language) for finding in found]
    assert all(said)
    assert not any("{" in text for text in said)
