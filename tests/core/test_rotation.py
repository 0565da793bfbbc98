"""A new key for everything that is sealed, while the service runs."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any

import anyio
import pytest
from structlog.testing import CapturingLogger

import grokgate_chat
from grokgate.bus import Follower, LocalBus
from grokgate.errors import StateError
from grokgate.rotation import TOPIC, Resealed, Rotation, SealingKey
from grokgate.storage import Database, open_database
from grokgate.storage.meta import bind_vault
from grokgate.storage.sealed import count_sealed_otherwise
from grokgate.testing import RunningGateway, running_gateway
from grokgate.upstream import TextDelta
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio


def rotation(gw: RunningGateway) -> Rotation:
    return Rotation(gw.gateway.database, gw.gateway.vault)


async def nobody(_: Resealed) -> None:
    pass


async def left(gw: RunningGateway, kind: Any) -> int:
    key_id = gw.gateway.vault.sealing_id
    async with gw.gateway.database.read() as connection:
        return await count_sealed_otherwise(connection, kind, key_id=key_id)


async def test_every_account_is_sealed_anew_and_works_on() -> None:
    async with running_gateway(grokgate_chat, tokens={"t1": 5, "t2": 5}) as gw:
        done = await rotation(gw).rotate(nobody)

        assert (done.done, await left(gw, "tokens")) == (2, 0)
        gw.fake.add([TextDelta(text="hi")])
        body = {"model": "grok-4", "messages": [{"role": "user", "content": "hi"}]}
        assert (await gw.client.post("/v1/chat/completions", json=body)).status_code == 200


async def test_stored_objects_open_after_a_rotation() -> None:
    async with running_gateway(grokgate_chat) as gw:
        objects = gw.gateway.objects.for_plugin("chat")
        expires_at = gw.gateway.clock.now() + timedelta(hours=1)
        await objects.put("one", b"kept", owner="key_1", expires_at=expires_at)

        await rotation(gw).rotate(nobody)

        assert await objects.get("one", owner="key_1") == b"kept"
        assert await left(gw, "objects") == 0


async def test_keys_of_clients_work_on() -> None:
    async with running_gateway(grokgate_chat) as gw:
        await rotation(gw).rotate(nobody)

        assert gw.gateway.keys.find(gw.key) is not None


async def test_interrupted_rotation_is_resumed_with_its_key() -> None:
    async with running_gateway(grokgate_chat, tokens={"t1": 5, "t2": 5}) as gw:
        gw.gateway.vault.add_key()
        key_id = gw.gateway.vault.sealing_id

        done = await rotation(gw).reseal(nobody)

        assert (done.done, gw.gateway.vault.sealing_id) == (2, key_id)
        assert await left(gw, "tokens") == 0


async def test_rows_of_many_portions_are_all_sealed_anew() -> None:
    text = "\n".join(f"credential-of-account-{number:06}" for number in range(450))
    async with running_gateway(grokgate_chat, tokens={}) as gw:
        await gw.gateway.tokens.import_text(text)

        done = await rotation(gw).rotate(nobody)

        assert (done, await left(gw, "tokens")) == (Resealed(done=450, of=450), 0)


async def test_every_process_seals_with_the_key_they_agreed_on(tmp_path: Path) -> None:
    """A key that one process has already is not used before a rotation."""
    key_file = tmp_path / "secret.key"
    async with open_database(tmp_path / "grokgate.db") as database:
        await bind(database, Vault.open(key_file, None))
        Vault.open(key_file, None).add_key()
        again = Vault.open(key_file, None)
        await bind(database, again)
        assert again.sealing_id == again.key_id

        await Rotation(database, again).reseal(nobody)
        last = Vault.open(key_file, None)
        await bind(database, last)
        assert last.sealing_id == again.sealing_id != last.key_id


async def test_process_without_the_key_of_the_others_is_not_started(tmp_path: Path) -> None:
    Vault.open(tmp_path / "one", None)
    copyfile(tmp_path / "one", tmp_path / "two")
    async with open_database(tmp_path / "grokgate.db") as database:
        vault = Vault.open(tmp_path / "one", None)
        vault.add_key()
        await bind(database, vault)

        with pytest.raises(StateError, match="Take over the key file"):
            await bind(database, Vault.open(tmp_path / "two", None))


async def test_process_that_lacks_the_key_of_the_others_says_so_until_it_has_it(
    tmp_path: Path,
) -> None:
    Vault.open(tmp_path / "one", None)
    copyfile(tmp_path / "one", tmp_path / "two")
    async with open_database(tmp_path / "grokgate.db") as database:
        one, two = Vault.open(tmp_path / "one", None), Vault.open(tmp_path / "two", None)
        await bind(database, one)
        bus, log = Wire(), CapturingLogger()
        key = SealingKey(database, two, log=log)
        key.join(bus)

        await Rotation(database, one, bus=bus).rotate(nobody)
        await bus.deliver()
        assert key.is_missing
        assert [call.args for call in log.calls] == [("secret_key_missing",)]

        copyfile(tmp_path / "one", tmp_path / "two")
        async with anyio.create_task_group() as group:
            group.start_soon(key.run)
            with anyio.fail_after(5):
                while key.is_missing:  # noqa: ASYNC110 - the vault announces nothing
                    await anyio.sleep(0.05)
            group.cancel_scope.cancel()
        assert two.sealing_id == one.sealing_id


class Wire(LocalBus):
    """A bus on which one process tells, and another one in the same test follows."""

    def __init__(self) -> None:
        self._followers: list[Follower] = []
        self._told = False

    def publish(self, topic: str, ids: Iterable[str] = (), /) -> None:
        self._told = topic == TOPIC

    def subscribe(self, topic: str, follower: Follower, /) -> None:
        self._followers.append(follower)

    async def deliver(self) -> None:
        assert self._told
        for follower in self._followers:
            done = follower(frozenset())
            if done is not None:
                await done


async def bind(database: Database, vault: Vault) -> None:
    async with database.write() as connection:
        await bind_vault(connection, vault)
