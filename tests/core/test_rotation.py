"""A new key for everything that is sealed, while the service runs."""

from datetime import timedelta
from typing import Any

import pytest

import grokgate_chat
from grokgate.rotation import Resealed, Rotation
from grokgate.storage.sealed import count_sealed_otherwise
from grokgate.testing import RunningGateway, running_gateway
from grokgate.upstream import TextDelta

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
