"""What may be a password (S1, F-CFG-21)."""

import pytest

from grokgate.access.password import hashed, matches, password_fault, stored_fault

pytestmark = pytest.mark.anyio

KEY = "sk-0123456789abcdef"


def fault(text: str, *, loopback: bool = False) -> str | None:
    return password_fault(text, loopback=loopback, is_key=lambda other: other == KEY)


@pytest.mark.parametrize(
    "text", ["grok2api", "admin", "Password", " grokgate ", "Grok", "", "x" * 513, KEY]
)
def test_what_others_try_or_know_is_refused_everywhere(text: str) -> None:
    assert fault(text, loopback=True)
    assert fault(text)


@pytest.mark.parametrize("loopback", [True, False])
def test_a_well_known_word_is_called_so_however_short_it_is(*, loopback: bool) -> None:
    assert fault("admin", loopback=loopback) == "is a well-known word, which others try first"


def test_a_short_one_works_on_loopback_only() -> None:
    assert fault("eleven char") == "is shorter than 12 characters, which works on loopback only"
    assert fault("eleven char", loopback=True) is None
    assert fault("twelve chars") is None


async def test_a_hash_matches_its_password_alone() -> None:
    stored = await hashed("pässword of an operator")

    assert stored.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert await matches("pässword of an operator", stored)
    assert not await matches("password of an operator", stored)


@pytest.mark.parametrize(
    "stored",
    [
        "$argon2id$",
        "$argon2id$v=19$m=9999999,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$AWU53UNClxT9FUAru0kWVPZKxAo",
        "$argon2id$v=19$m=19456,t=0,p=1$MDAwMDAwMDAwMDAwMDAwMA$AWU53UNClxT9FUAru0kWVPZKxAo",
        "$argon2id$v=19$m=19456,t=2,p=1$no!$AWU53UNClxT9FUAru0kWVPZKxAo",
    ],
    ids=["nothing", "memory", "rounds", "salt"],
)
def test_a_hash_that_cannot_be_read_is_refused(stored: str) -> None:
    assert stored_fault(stored, loopback=True, is_key=lambda _: False)
