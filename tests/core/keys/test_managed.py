"""Managed keys: chosen texts, terms, changes, removal, and those of predecessors."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from grokgate.errors import InvalidRequest, ObjectNotFound
from grokgate.keys import KeyRing, OldKey, Terms
from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio

GIVEN = "sk-chosen-by-an-operator"
SHORT = "12345678"


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "grokgate.db") as database:
        yield database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def ring(database: Database, clock: FakeClock) -> KeyRing:
    return await opened(database, clock)


async def opened(database: Database, clock: FakeClock) -> KeyRing:
    ring = KeyRing(database, Vault(bytes(32)), clock)
    await ring.load()
    return ring


def now_ms(clock: FakeClock) -> int:
    return int(clock.now().timestamp() * 1000)


async def test_chosen_key_works_after_a_restart(
    ring: KeyRing, database: Database, clock: FakeClock
) -> None:
    record, text = await ring.create("mine", text=GIVEN, terms=Terms(rpm=5, token_tags=("a",)))
    again = await opened(database, clock)
    caller = again.find(GIVEN)

    assert (text, record.prefix) == (GIVEN, "sk-cho")
    assert caller is not None
    assert (caller.rpm, caller.token_tags, caller.metered) == (5, ("a",), True)
    assert again.listing() == [record]


@pytest.mark.parametrize("in_config", [True, False])
async def test_text_that_is_taken_is_refused(ring: KeyRing, *, in_config: bool) -> None:
    if in_config:
        ring.set_config_keys([GIVEN], loopback=False)
    else:
        await ring.create(text=GIVEN)
    with pytest.raises(InvalidRequest) as refused:
        await ring.create(text=GIVEN)

    assert refused.value.code == "duplicate_key"


async def test_short_key_needs_loopback_or_a_confirmation(ring: KeyRing) -> None:
    with pytest.raises(InvalidRequest):
        await ring.create(text=SHORT)
    confirmed, _ = await ring.create(text=SHORT, confirmed=True)

    assert ring.find(SHORT) is not None
    assert confirmed.terms.is_short
    assert confirmed.prefix == "12"


async def test_short_key_of_loopback_is_not_accepted_beyond(ring: KeyRing) -> None:
    ring.set_config_keys([], loopback=True)
    record, _ = await ring.create(text=SHORT)
    on_loopback = ring.find(SHORT)
    ring.set_config_keys([], loopback=False)
    beyond = ring.find(SHORT)
    await ring.update(record.id, lambda key: replace(key, terms=replace(key.terms, confirmed=True)))

    assert (on_loopback is None, beyond) == (False, None)
    assert ring.find(SHORT) is not None


async def test_key_expires_by_itself(ring: KeyRing, clock: FakeClock) -> None:
    record, key = await ring.create(terms=Terms(expires_at_ms=now_ms(clock) + 1000))
    before = ring.find(key)
    clock.advance(1)

    assert before is not None
    assert ring.find(key) is None
    assert not ring.is_active(record.id)
    assert not ring.usable


async def test_revoked_key_can_be_brought_back(ring: KeyRing) -> None:
    record, key = await ring.create()
    await ring.revoke(record.id)
    await ring.update(record.id, lambda known: replace(known, is_active=True))

    assert ring.find(key) is not None


async def test_change_that_cannot_be_kept_changes_nothing(ring: KeyRing) -> None:
    record, key = await ring.create("a")
    terms = Terms(allowed_ips=("nowhere",))
    with pytest.raises(InvalidRequest):
        await ring.update(record.id, lambda known: replace(known, terms=terms))

    assert ring.listing() == [record]
    assert ring.find(key) is not None


async def test_deleted_key_is_gone_for_good(
    ring: KeyRing, database: Database, clock: FakeClock
) -> None:
    record, key = await ring.create("a")
    await ring.usage.take(record.id, {"chat": 1}, limits={})
    await ring.usage.flush()
    await ring.delete(key)
    again = await opened(database, clock)

    assert (ring.find(key), again.find(key), again.listing()) == (None, None, [])
    assert again.usage.used(record.id) == {}
    with pytest.raises(ObjectNotFound):
        await ring.delete(record.id)


async def test_keys_of_a_predecessor_are_taken_over_once(ring: KeyRing, database: Database) -> None:
    old = [
        OldKey(text=GIVEN, name="a", created_at_ms=5, limits={"chat": 9}, used_today={"chat": 4}),
        OldKey(text=f"{GIVEN}-2", is_active=False),
        OldKey(text="no key\n"),
        OldKey(text=SHORT, name="weak"),
    ]
    first, second = await ring.adopt(old), await ring.adopt(old)
    caller = ring.find(GIVEN)

    assert (first.added, first.known, len(first.refused), first.short) == (3, 0, 1, ("weak",))
    assert (second.added, second.known) == (0, 3)
    assert caller is not None
    assert ring.usage.used(caller.key_id) == {"chat": 4}
    assert (ring.find(f"{GIVEN}-2"), ring.find(SHORT)) == (None, None)
    content = b"".join(file.read_bytes() for file in database.path.parent.glob("grokgate.db*"))
    assert GIVEN[6:].encode() not in content


async def test_what_a_predecessor_counted_is_on_disk_with_its_keys(
    ring: KeyRing, database: Database, clock: FakeClock
) -> None:
    await ring.adopt([OldKey(text=GIVEN, used_today={"chat": 4})])
    again = await opened(database, clock)
    (record,) = again.listing()

    assert again.usage.used(record.id) == ring.usage.used(record.id) == {"chat": 4}


async def test_no_first_key_is_made_beside_those_of_a_predecessor(ring: KeyRing) -> None:
    await ring.adopt([OldKey(text=GIVEN)])

    assert await ring.ensure_first_key() is None


async def test_old_key_without_a_text_is_refused_in_these_words(ring: KeyRing) -> None:
    adopted = await ring.adopt([OldKey(text=""), OldKey(text="\N{SNOWMAN}" * 20)])

    assert adopted.refused == (
        "Key 1 has no text.",
        "Key 2 is not made of visible ASCII characters.",
    )
