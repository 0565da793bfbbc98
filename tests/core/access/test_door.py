"""The password is compared slowly, two at a time, and never for an API key (S2, S5)."""

from typing import Any

import anyio
import pytest
from structlog.testing import CapturingLogger

from grokgate.access.door import Door
from grokgate.access.password import hashed
from grokgate.bus import Failures, LocalNotes, Notes
from grokgate.errors import AuthenticationFailed, GatewayError, SetupRequired
from grokgate.testing import FakeClock

pytestmark = pytest.mark.anyio

PASSWORD = "a password for tests"
KEY = "sk-a-key-of-some-client"


def make(stored: str, log: Any = None, notes: Notes | None = None) -> Door:
    door = Door(
        notes or LocalNotes(FakeClock()),
        digest=str.encode,
        loopback=False,
        is_key=lambda text: text == KEY,
        username=lambda: "admin",
        log=log or CapturingLogger(),
    )
    door.stored = stored
    return door


async def outcomes(door: Door, password: str, times: int) -> list[int]:
    """Try at once; returns the statuses."""
    statuses: list[int] = []

    async def attempt() -> None:
        try:
            await door.prove(password, address="192.0.2.1")
            statuses.append(200)
        except GatewayError as error:
            statuses.append(error.status)

    async with anyio.create_task_group() as group:
        for _ in range(times):
            group.start_soon(attempt)
    return statuses


async def test_without_a_password_nothing_is_proven() -> None:
    with pytest.raises(SetupRequired):
        await make("").prove(PASSWORD, address="192.0.2.1")


@pytest.mark.parametrize("stored", [PASSWORD, None], ids=["plain", "hash"])
async def test_the_right_password_passes_and_a_wrong_one_does_not(stored: str | None) -> None:
    door = make(stored or await hashed(PASSWORD))

    await door.prove(PASSWORD, address="192.0.2.1", username="admin")
    with pytest.raises(AuthenticationFailed):
        await door.prove("another password", address="192.0.2.1")
    with pytest.raises(AuthenticationFailed):
        await door.prove(PASSWORD, address="192.0.2.1", username="root")


async def test_many_right_ones_at_once_all_pass() -> None:
    door = make(await hashed(PASSWORD))

    assert await outcomes(door, PASSWORD, 20) == [200] * 20


async def test_of_many_wrong_ones_at_once_few_are_looked_at() -> None:
    log = CapturingLogger()
    door = make(await hashed(PASSWORD), log)
    statuses = await outcomes(door, "another password", 30)

    assert (statuses.count(401), statuses.count(429)) == (4, 26)
    assert len(log.calls) <= 6


class FarNotes(LocalNotes):
    """Notes that take a moment to read, as those of several processes do."""

    async def failures(self, source: str, /) -> Failures:
        await anyio.lowlevel.checkpoint()
        return await super().failures(source)


async def test_right_one_among_many_wrong_ones_at_once_is_not_found() -> None:
    door, found = make(PASSWORD, notes=FarNotes(FakeClock())), list[int]()

    async def guess_right() -> None:
        found.extend(await outcomes(door, PASSWORD, 1))

    async with anyio.create_task_group() as group:
        group.start_soon(guess_right)
        group.start_soon(outcomes, door, "another password", 30)

    assert found == [429]


async def test_another_password_is_not_taken_for_the_last_right_one() -> None:
    door = make(await hashed(PASSWORD))
    await door.prove(PASSWORD, address="192.0.2.1")
    door.stored = await hashed("the next password")

    with pytest.raises(AuthenticationFailed):
        await door.prove(PASSWORD, address="192.0.2.1")


@pytest.mark.parametrize("text", [KEY, "grok2api", "too short"])
async def test_what_may_be_no_password_opens_nothing_though_it_is_stored(text: str) -> None:
    with pytest.raises(AuthenticationFailed):
        await make(await hashed(text)).prove(text, address="192.0.2.1")
