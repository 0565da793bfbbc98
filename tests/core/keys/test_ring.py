import base64
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grokgate.errors import InvalidRequest
from grokgate.keys import KeyRing
from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "grokgate.db") as database:
        yield database


async def _ring(database: Database) -> KeyRing:
    ring = KeyRing(database, Vault(bytes(32)), FakeClock())
    await ring.load()
    return ring


@pytest.fixture
async def ring(database: Database) -> KeyRing:
    return await _ring(database)


async def test_made_key_is_found(ring: KeyRing) -> None:
    record, key = await ring.create("front end", limits={"chat": 5, "image": -9})
    caller = ring.find(key)

    assert caller is not None
    assert (caller.key_id, caller.name) == (record.id, "front end")
    assert caller.limits == {"chat": 5, "image": -1}


async def test_made_key_has_24_random_bytes_and_a_prefix(ring: KeyRing) -> None:
    record, key = await ring.create()

    assert len(base64.urlsafe_b64decode(key.removeprefix("sk-"))) == 24
    assert record.prefix == key[:6]
    assert record.name.startswith("key-")
    assert len(record.name) == 10


async def test_key_survives_a_restart(ring: KeyRing, database: Database) -> None:
    record, key = await ring.create("a")
    again = await _ring(database)

    assert again.find(key) == ring.find(key) is not None
    assert again.listing() == [record]


async def test_text_of_a_key_is_not_in_the_database_files(
    ring: KeyRing, database: Database
) -> None:
    _, key = await ring.create("a")

    content = b"".join(file.read_bytes() for file in database.path.parent.glob("grokgate.db*"))
    assert key[6:].encode() not in content


@pytest.mark.parametrize("name", ["x" * 101, "a\nb"], ids=["long", "control"])
async def test_unfit_name_is_refused(ring: KeyRing, name: str) -> None:
    with pytest.raises(InvalidRequest):
        await ring.create(name)


@pytest.mark.parametrize("by", ["id", "name", "prefix"])
async def test_revoked_key_is_no_longer_found(ring: KeyRing, database: Database, by: str) -> None:
    record, key = await ring.create("a")
    revoked = await ring.revoke(getattr(record, by))

    assert not revoked.is_active
    assert ring.find(key) is None
    assert (await _ring(database)).find(key) is None


async def test_ambiguous_name_revokes_nothing(ring: KeyRing) -> None:
    keys = [(await ring.create("same"))[1] for _ in range(2)]

    with pytest.raises(InvalidRequest, match="Several"):
        await ring.revoke("same")
    assert all(ring.find(key) for key in keys)


async def test_unknown_name_cannot_be_revoked(ring: KeyRing) -> None:
    with pytest.raises(InvalidRequest, match="No active key"):
        await ring.revoke("nobody")


async def test_first_start_makes_exactly_one_key(ring: KeyRing, database: Database) -> None:
    first = await ring.ensure_first_key()
    second = await (await _ring(database)).ensure_first_key()

    assert first is not None
    assert ring.find(first) is not None
    assert second is None


async def test_revoked_first_key_is_not_made_again(ring: KeyRing) -> None:
    await ring.ensure_first_key()
    await ring.revoke(ring.listing()[0].id)

    assert await ring.ensure_first_key() is None


async def test_key_made_before_the_first_start_is_the_first(ring: KeyRing) -> None:
    await ring.create("by hand")

    assert await ring.ensure_first_key() is None


async def test_starts_at_once_make_one_key(database: Database) -> None:
    rings = [await _ring(database) for _ in range(5)]
    made: list[str | None] = []

    async def ensure(ring: KeyRing) -> None:
        made.append(await ring.ensure_first_key())

    async with anyio.create_task_group() as tasks:
        for ring in rings:
            tasks.start_soon(ensure, ring)
    assert sum(key is not None for key in made) == 1


async def test_config_key_is_found_by_a_hash_of_its_text(ring: KeyRing) -> None:
    refused = ring.set_config_keys(["", "0123456789abcdef"], loopback=False)
    caller = ring.find("0123456789abcdef")

    assert refused == ()
    assert caller is not None
    assert caller.key_id.startswith("config:")
    assert "0123456789abcdef" not in caller.key_id


async def test_config_keys_are_replaced_as_a_whole(ring: KeyRing) -> None:
    ring.set_config_keys(["0123456789abcdef"], loopback=False)
    ring.set_config_keys(["fedcba9876543210"], loopback=False)

    assert ring.find("0123456789abcdef") is None
    assert ring.find("fedcba9876543210") is not None


@pytest.mark.parametrize(
    ("key", "loopback", "accepted"),
    [
        ("0123456789abcdef", False, True),
        ("0123456789abcde", False, False),
        ("0123456789abcde", True, True),
        ("01234567", True, True),
        ("0123456", True, False),
        ("x" * 200, False, True),
        ("x" * 201, False, False),
        ("0123456789 abcdef", False, False),
        ("0123456789äbcdef", False, False),
    ],
)
async def test_rules_for_config_keys(
    ring: KeyRing, key: str, *, loopback: bool, accepted: bool
) -> None:
    refused = ring.set_config_keys([key], loopback=loopback)

    assert (ring.find(key) is not None) is accepted
    assert len(refused) == (0 if accepted else 1)
    assert key not in "".join(refused)


async def test_nothing_is_found_without_keys(ring: KeyRing) -> None:
    assert ring.find("") is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.characters(), max_size=300))
def test_no_text_breaks_the_look_up(text: str) -> None:
    database: Database = None  # type: ignore[assignment]
    assert KeyRing(database, Vault(bytes(32)), FakeClock()).find(text) is None
