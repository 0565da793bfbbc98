"""The account's own content preference, against the sandbox."""

from typing import Any

import pytest

from grokgate.sandbox import AccountFixture, faults
from grokgate.sandbox.fixtures import Nsfw
from grokgate.upstream import Kind, Observation, UpstreamFailure
from grokgate_web.profile_files import load_profile
from plugins.web.media_world import DONE, PROTOCOLS, SOCKET, World, world

pytestmark = pytest.mark.anyio


async def switched(here: World, *, on: bool = True) -> Observation:
    try:
        await here.session.prefer_nsfw(on)
    except UpstreamFailure as failure:
        return failure.observation
    return DONE


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_preference_goes_on_and_off(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, SOCKET, log=log, clock=clock) as here:
        states = []
        for on in (True, False):
            assert await switched(here, on=on) == DONE
            states.append(here.account.nsfw_enabled)

    assert states == [True, False]


async def test_call_switches_the_preference_and_nothing_else(log: Any, clock: Any) -> None:
    async with world("2026-04", SOCKET, log=log, clock=clock, impersonate_nsfw="chrome120") as here:
        await switched(here)
        [call] = list(here.sandbox.journal)

    assert call.body == load_profile("2026-04").preference.on
    assert call.header("content-type") == "application/grpc-web+proto"
    assert "Chrome/120" in call.header("user-agent")
    assert call.header("x-statsig-id")
    assert set(call.cookies) == {"sso", "sso-rw"}


def test_bodies_are_the_vectors() -> None:
    preference = load_profile("2026-08").preference

    assert preference.on[:9] == bytes.fromhex("00 00 00 00 20 0a 02 10 01")
    assert preference.off[:9] == bytes.fromhex("00 00 00 00 20 0a 02 10 00")
    assert preference.on[9:] == preference.off[9:] == b"\x12\x1a\x0a\x18always_show_nsfw_content"


@pytest.mark.parametrize("refusal", ["denied", "precondition"])
async def test_account_that_is_not_entitled(refusal: Any, log: Any, clock: Any) -> None:
    async with world("2026-08", SOCKET, log=log, clock=clock) as here:
        nsfw = Nsfw(entitled=False, refusal=refusal)
        here.sandbox.accounts.put(AccountFixture(token=here.account.token, tier="super", nsfw=nsfw))
        observed = await switched(here)

    assert (observed.kind, observed.marker) == (Kind.NOT_ENTITLED, "not_entitled")


GRPC = [
    faults.Grpc(status=status, place=place)
    for status in (0, 4, 7, 8, 9, 13, 14, 16)
    for place in ("trailer", "header", "missing")
]
FORMS = [
    faults.Grpc(status=status, form=form)
    for status in (0, 7)
    for form in ("text", "compressed", "truncated")
]
REFUSALS = [
    faults.HttpStatus(code=401),
    faults.HttpStatus(code=403),
    faults.HttpStatus(code=429),
    faults.HttpStatus(code=500),
    faults.CfChallenge(),
    faults.AntiBot(),
    faults.AccountState(state="blocked"),
]


@pytest.mark.parametrize("fault", [*GRPC, *FORMS, *REFUSALS], ids=repr)
async def test_fault_is_observed_as_expected(fault: Any, log: Any, clock: Any) -> None:
    async with world("2026-08", SOCKET, log=log, clock=clock) as here:
        here.sandbox.rules.add(fault, endpoint="preference")
        observed = await switched(here)

    assert fault.expected.admits(observed), (observed, fault.expected)
