"""Hostile requests are refused with a 4xx, whatever they try (V25, V40, S17, S19)."""

import asyncio
import gzip
from typing import Any

import anyio
import pytest

from grokgate.app import create_app
from grokgate.testing.server import serving

pytestmark = pytest.mark.anyio

DEEP = 100_000
BODIES: list[bytes] = [
    b"",
    b" ",
    b"\0",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b"{",
    b'{"model"',
    b'{"model":"\xff"}',
    b'{"\xff":1,"model":"m"}',
    b'{"model":"\\ud800"}',
    b'{"model":"m"} trailing',
    b'{"model":"m","n":1e999}',
    b'{"model":"m","n":' + b"9" * 5000 + b"}",
    b'{"model":"m","n":-' + b"9" * 5000 + b"}",
    b'{"model":"m","temperature":' + b"1" * 400 + b"}",
    b'{"model":"m","name":"' + b"x" * 100_000 + b'"}',
    b'{"model":"m","parts":' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"model":"m","x":' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"model":"m","x":' + b'{"a":' * DEEP + b"1" + b"}" * DEEP + b"}",
    b"[" * DEEP,
    b'{"model":"m","stream":' + b"[" * DEEP + b"]" * DEEP + b"}",
    b'{"model":"m","parts":[' + b'{"text":"x"},' * 3 + b'{"text":"x"}]}',
    b'{"model":["m"]}',
    b'{"model":null}',
    b'{"model":{"a":1}}',
    gzip.compress(b'{"model":"m"}'),
]


@pytest.mark.parametrize("body", BODIES, ids=range(len(BODIES)))
async def test_hostile_body_is_refused_as_the_clients_fault(gateway: Any, body: bytes) -> None:
    async with gateway.client() as client:
        with anyio.fail_after(2):
            reply = await client.post("/v1/echo", content=body)

    assert reply.status_code == 400
    assert reply.json()["error"]["message"].isprintable()
    assert not gateway.events("unhandled_error")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/%00",
        "/v1/letters/%00",
        "/v1/letters/%2e%2e/%2e%2e/etc",
        "/v1/letters/%ff",
        "/v1%2fletters%2fa%2fb",
        "/v1//letters/a",
        "/v1/letters//a",
        "/%2fv1/letters/a",
        "/v1/letters/a?limit=%ff",
        "/v1/letters/a?limit=1&limit=x",
        "/v1/letters/a?limit=" + "9" * 5000,
        "/v1/letters/" + "x" * 20_000 + "/y",
    ],
)
async def test_hostile_path_is_refused_as_the_clients_fault(gateway: Any, path: str) -> None:
    async with gateway.client() as client:
        reply = await client.get(f"http://localhost{path}")

    assert reply.status_code in {200, 400, 404}
    assert not gateway.events("unhandled_error")


RAW = {
    "doubled host": b"host: localhost\r\nhost: other\r\n",
    "doubled length": b"host: localhost\r\ncontent-length: 2\r\ncontent-length: 3\r\n",
    "length and chunks": b"host: localhost\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n",
    "bad length": b"host: localhost\r\ncontent-length: -1\r\n",
    "doubled credential": b"host: localhost\r\nauthorization: Bearer KEY\r\n",
    "latin credential": b"host: localhost\r\nauthorization: Bearer k\xe4se\r\n",
    "huge header": b"host: localhost\r\nx-long: " + b"x" * 1_000_000 + b"\r\n",
    "many headers": b"host: localhost\r\n" + b"x-more: y\r\n" * 5000,
    "huge length": b"host: localhost\r\ncontent-length: 1000000000\r\n",
    "absurd length": b"host: localhost\r\ncontent-length: " + b"9" * 40 + b"\r\n",
    "bad host": b"host: a b<script>\r\n",
}


@pytest.mark.parametrize("headers", RAW.values(), ids=RAW)
async def test_hostile_head_is_refused_as_the_clients_fault(
    gateway: Any, key: str, headers: bytes
) -> None:
    head = (
        b"POST /v1/echo HTTP/1.1\r\nconnection: close\r\n"
        b"content-type: application/json\r\nauthorization: Bearer " + key.encode() + b"\r\n"
    )
    async with serving(create_app(gateway)) as base:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(base.rpartition(":")[2]))
        writer.write(head + headers.replace(b"KEY", key.encode()) + b"\r\n{}")
        with anyio.fail_after(5):
            status = (await reader.read(64)).split(b" ")[1]
        writer.close()

    assert status.startswith(b"4"), status
    assert not gateway.events("unhandled_error")
