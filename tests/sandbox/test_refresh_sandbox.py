"""Surveys against the simulated upstream: detection of pools, windows, resets, bad answers."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import structlog
from structlog.testing import LogCapture

from grokgate import control
from grokgate.gateway import Gateway
from grokgate.run_options import RunOptions
from grokgate.sandbox import AccountFixture, Sandbox, faults
from grokgate.testing.server import running_sandbox
from grokgate.tokens import TokenRecord, TokenState

pytestmark = pytest.mark.anyio

TIERS = ("basic", "super", "heavy")


class World:
    """A gateway in front of a sandbox, and the accounts both have, by tier."""

    def __init__(self, gateway: Gateway, sandbox: Sandbox) -> None:
        self.gateway = gateway
        self.sandbox = sandbox

    async def take_in(self, *tiers: str, pool: str = "auto") -> None:
        """Import the accounts of *tiers*."""
        text = "\n".join(f"sandbox-{tier}" for tier in tiers)
        await self.gateway.tokens.import_text(text, pool=pool)

    async def ask(self, *tiers: str) -> list[dict[str, Any]]:
        """Ask accounts as an operator does; returns the answers."""
        answers: list[dict[str, Any]] = []
        ids = [self.record(tier).id for tier in tiers]
        folder = self.gateway.options.data_dir
        with anyio.fail_after(20):
            await control.ask(folder, "tokens.refresh", {"ids": ids}, answers.append)
        return answers

    def record(self, tier: str) -> TokenRecord:
        records = self.gateway.tokens.records.values()
        return next(one for one in records if one.credential.reveal() == f"sandbox-{tier}")

    def state(self, tier: str) -> TokenState:
        state = self.gateway.home.state(self.record(tier).id)
        assert state is not None
        return state

    def left(self, tier: str, bucket: str) -> tuple[int, int | None]:
        found = self.state(tier).buckets[bucket]
        return found.remaining, found.total

    def use(self, tier: str, bucket: str, units: int) -> None:
        """Use up units elsewhere, as the owner does in a browser."""
        now = self.sandbox.clock.epoch_s()
        assert self.sandbox.accounts[f"sandbox-{tier}"].window(bucket).take(units, now)

    async def settled(self, condition: Callable[[], bool]) -> None:
        """Wait for a state that nobody announces."""
        with anyio.fail_after(20):
            while not condition():  # noqa: ASYNC110 - it is nobody's to announce
                await anyio.sleep(0.01)


@asynccontextmanager
async def running(
    folder: Path, sandbox: Sandbox, protocol: str = "2026-04", *, auto_refresh: bool = True
) -> AsyncIterator[World]:
    async with running_sandbox(sandbox) as (_, base):
        gateway = Gateway(
            RunOptions(
                data_dir=folder / "data",
                log_dir=folder / "logs",
                sandbox=base,
                overlay={"grok.protocol": protocol, "token.auto_refresh": auto_refresh},
            ),
            {},
            log=structlog.wrap_logger(None, processors=[LogCapture()]),
        )
        async with gateway.run():
            yield World(gateway, sandbox)


def simulator(protocol: Any = "2026-04", tiers: Sequence[Any] = TIERS) -> Sandbox:
    accounts = [AccountFixture(token=f"sandbox-{tier}", tier=tier) for tier in tiers]
    return Sandbox(accounts, protocol=protocol)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A gateway that surveys on demand of the operator alone."""
    async with running(tmp_path, simulator(), auto_refresh=False) as world:
        yield world


@pytest.mark.parametrize(
    ("protocol", "pools"),
    [
        ("2026-04", {"basic": "ssoBasic", "super": "ssoSuper", "heavy": "ssoHeavy"}),
        # The older protocol tells a long window from a short one and no more (F-TOK-43).
        ("2026-02", {"basic": "ssoBasic", "super": "ssoSuper", "heavy": "ssoSuper"}),
    ],
)
async def test_new_accounts_find_their_pools_by_themselves(
    tmp_path: Path, protocol: str, pools: dict[str, str]
) -> None:
    async with running(tmp_path, simulator(protocol), protocol) as world:
        await world.take_in(*TIERS)
        await world.settled(lambda: all(world.record(tier).pool != "auto" for tier in TIERS))

        assert {tier: world.record(tier).pool for tier in TIERS} == pools


async def test_account_is_detected_after_a_restart_if_it_could_not_be_before(
    tmp_path: Path,
) -> None:
    sandbox = simulator()
    sandbox.rules.add(faults.HttpStatus(code=503), endpoint="rate_limits")
    async with running(tmp_path, sandbox) as world:
        await world.take_in("super")
        await world.settled(lambda: len(sandbox.journal.since(0)) > 0)
        assert world.record("super").pool == "auto"
    sandbox.rules.clear()

    async with running(tmp_path, sandbox) as world:
        await world.settled(lambda: world.record("super").pool == "ssoSuper")


async def test_wrong_pool_is_a_hint_and_stays(world: World) -> None:
    await world.take_in("heavy", pool="ssoBasic")
    await world.ask("heavy")

    folder = world.gateway.options.data_dir
    (row,) = await control.ask(folder, "tokens.list", {})
    assert (row["pool"], row["hint"]) == ("ssoBasic", "ssoHeavy")


async def test_survey_sees_what_was_used_elsewhere(world: World) -> None:
    await world.take_in("super")
    await world.ask("super")
    world.use("super", "auto", 20)

    (answer,) = await world.ask("super")

    before, after = (answer[when]["buckets"]["auto"] for when in ("before", "after"))
    assert (before["remaining"], after["remaining"]) == (50, 30)
    assert after["source"] == "real"


async def test_window_that_is_used_up_is_full_again_after_its_length(world: World) -> None:
    await world.take_in("super")
    world.use("super", "auto", 50)
    await world.ask("super")
    assert world.left("super", "auto") == (0, 50)
    assert world.state("super").buckets["auto"].reset_at_ms is not None

    world.sandbox.advance(7_200)
    await world.ask("super")

    assert world.left("super", "auto") == (50, 50)


async def test_account_cools_down_when_every_window_it_was_asked_for_is_empty(
    world: World,
) -> None:
    await world.take_in("basic")
    for bucket, units in (("auto", 20), ("fast", 30), ("expert", 8)):
        world.use("basic", bucket, units)

    await world.ask("basic")

    assert (world.state("basic").status, world.state("basic").state_reason) == ("cooling", "quota")


async def test_window_the_account_is_not_offered_is_empty(world: World) -> None:
    await world.take_in("basic")
    await world.ask("basic")

    assert world.left("basic", "heavy")[0] == 0


@pytest.mark.parametrize("form", ["prefix", "loop_prefix", "bom"])
async def test_odd_but_readable_answers_are_read(world: World, form: Any) -> None:
    world.sandbox.rules.add(faults.QuotaJson(form=form), endpoint="rate_limits")
    await world.take_in("super")

    (answer,) = await world.ask("super")

    assert (answer["failure"], world.left("super", "auto")) == (None, (50, 50))


BAD = [
    faults.QuotaJson(form="missing_fields"),
    faults.QuotaJson(form="empty"),
    faults.HttpStatus(code=500),
    faults.HttpStatus(code=403),
    faults.CfChallenge(),
]


@pytest.mark.parametrize("fault", BAD, ids=repr)
async def test_bad_answers_keep_the_numbers_and_the_account(world: World, fault: Any) -> None:
    await world.take_in("super")
    await world.ask("super")
    world.use("super", "auto", 1)
    world.sandbox.rules.add(fault, endpoint="rate_limits")

    (answer,) = await world.ask("super")

    (row,) = await control.ask(world.gateway.options.data_dir, "tokens.list", {})
    assert (answer["failure"] is not None, row["stale"]) == (True, True)
    assert (world.left("super", "auto"), world.state("super").status) == ((50, 50), "active")


async def test_dead_credential_expires_and_an_answer_revives(world: World) -> None:
    await world.take_in("super")
    world.sandbox.accounts.change("sandbox-super", status="expired")
    (dead,) = await world.ask("super")
    assert (dead["failure"], world.state("super").status) == ("auth_dead", "expired")
    world.sandbox.accounts.change("sandbox-super", status="ok")

    (alive,) = await world.ask("super")

    assert (alive["before"]["status"], alive["after"]["status"]) == ("expired", "active")
    assert world.record("super").pool == "ssoSuper"
