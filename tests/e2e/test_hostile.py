"""Bad and hostile requests: refused quickly, at nobody's cost, in bounded memory (V25, V40)."""

import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

from e2e.endpoints import CHAT
from e2e.probe import KEY, QUOTA, Probe, at_once, timed
from e2e.wire import Connection, connect

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

JSON = {"content-type": "application/json"}
AUTH = {"authorization": f"Bearer {KEY}"}
ROUNDS = 12
USUAL_S = 0.1
"""What a refusal takes, measured as the best of all rounds."""
WORST_S = 1.0
ANSWERED_S = 2.0
MORE_MIB = 96


@pytest.fixture(scope="module")
def environ() -> dict[str, str]:
    return {"LIMITS__JSON_BODY_MB": "16"}


def picture(url: str) -> dict[str, object]:
    part = {"type": "image_url", "image_url": {"url": url}}
    return {"model": "grok-4", "messages": [{"role": "user", "content": [part]}]}


BAD: dict[str, object] = {
    "broken JSON": b'{"model": "grok-4", "messages": [',
    "no JSON": b"hello",
    "empty": b"",
    "not UTF-8": b'{"model": "\xff\xfe"}',
    "lone surrogate": b'{"model": "\\ud800", "messages": [{"role": "user", "content": "hi"}]}',
    "a list": [],
    "null": None,
    "no model": {"messages": [{"role": "user", "content": "hi"}]},
    "no messages": {"model": "grok-4"},
    "empty messages": {"model": "grok-4", "messages": []},
    "unknown model": CHAT.body() | {"model": "grok-99"},
    "model of the wrong type": CHAT.body() | {"model": 4},
    "model with controls": CHAT.body() | {"model": "a\u0000\r\nb"},
    "unknown role": {"model": "grok-4", "messages": [{"role": "king", "content": "hi"}]},
    "messages as text": CHAT.body() | {"messages": "hi"},
    "content of the wrong type": {"model": "grok-4", "messages": [{"role": "user", "content": 5}]},
    "n of 0": CHAT.body(n=0),
    "n of -1": CHAT.body(n=-1),
    "n of a billion": CHAT.body(n=10**9),
    "n beyond 64 bits": CHAT.body(n=10**30),
    "temperature of 9": CHAT.body(temperature=9),
    "stream as a number": CHAT.body(stream=3),
    "max_tokens of -5": CHAT.body(max_tokens=-5),
    "bad base64": picture("data:image/png;base64,@@@@"),
    "no image": picture("data:image/png;base64,aGVsbG8="),
    "image of another scheme": picture("file:///etc/hostname"),
    "image of this machine": picture("https://127.0.0.1/x.png"),
}


def content(bad: object) -> bytes:
    return bad if isinstance(bad, bytes) else json.dumps(bad).encode()


@pytest.mark.parametrize("name", BAD)
async def test_bad_request_is_refused_at_once_and_costs_nothing(gateway: Probe, name: str) -> None:
    [token] = await gateway.fill(QUOTA)

    async def ask() -> httpx.Response:
        return await gateway.http.post(CHAT.path, content=content(BAD[name]), headers=JSON)

    answers = [await timed(ask) for _ in range(ROUNDS)]

    assert {answer.status_code for _, answer in answers} <= {400, 404}
    assert all(answer.json()["error"]["message"] for _, answer in answers)
    assert min(seconds for seconds, _ in answers) <= USUAL_S
    assert max(seconds for seconds, _ in answers) <= WORST_S
    assert gateway.calls() == []
    assert (await gateway.status(token), await gateway.quota()) == ("active", QUOTA)


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer sk-wrong"}, {"authorization": "Basic eA=="}],
    ids=["no key", "wrong key", "another scheme"],
)
async def test_stranger_is_refused_at_once_and_costs_nothing(
    gateway: Probe, headers: dict[str, str]
) -> None:
    await gateway.fill(QUOTA)

    async with httpx.AsyncClient(base_url=gateway.service.base, trust_env=False) as stranger:
        answers = [
            await timed(lambda: stranger.post(CHAT.path, json=CHAT.body(), headers=headers))
            for _ in range(ROUNDS)
        ]

    assert {answer.status_code for _, answer in answers} == {401}
    assert {answer.json()["error"]["code"] for _, answer in answers} == {"invalid_api_key"}
    assert min(seconds for seconds, _ in answers) <= USUAL_S
    assert gateway.calls() == []


async def test_refusal_before_the_body_was_read_says_that_it_closes(gateway: Probe) -> None:
    """The server closes such a connection; a client that did not know would use it again."""
    async with connect(gateway.service.base) as connection:
        await connection.send("POST", CHAT.path, {**JSON, "content-length": "100000"})
        await connection.write(b"{")

        status, head = await connection.head()
        assert (status, head.get("connection")) == (401, "close")


async def test_refused_clients_can_ask_again(gateway: Probe) -> None:
    large = json.dumps(CHAT.body("x" * 100_000)).encode()

    async with httpx.AsyncClient(base_url=gateway.service.base, trust_env=False) as stranger:
        answers = [await stranger.post(CHAT.path, content=large, headers=JSON) for _ in range(100)]

    assert {answer.status_code for answer in answers} == {401}


# Large and endless requests


@asynccontextmanager
async def attack(gateway: Probe) -> AsyncIterator[Connection]:
    """A raw connection; meanwhile a chat is answered, afterwards little memory was used."""
    await gateway.fill(QUOTA)
    before = gateway.peak_mib()
    async with connect(gateway.service.base) as connection:
        with anyio.fail_after(ANSWERED_S):
            yield connection
        assert (await gateway.chat()).status_code == 200
    assert gateway.peak_mib() - before <= MORE_MIB


async def test_announced_giant_is_refused_before_it_comes(gateway: Probe) -> None:
    async with attack(gateway) as connection:
        await connection.send("POST", CHAT.path, {**AUTH, **JSON, "content-length": "1000000000"})

        assert (await connection.head())[0] == 413


async def test_stranger_is_refused_before_the_body(gateway: Probe) -> None:
    async with attack(gateway) as connection:
        await connection.send("POST", CHAT.path, {**JSON, "content-length": "1000000000"})

        assert (await connection.head())[0] == 401


async def test_endless_body_is_cut_off(gateway: Probe) -> None:
    async with attack(gateway) as connection, anyio.create_task_group() as group:
        await connection.send("POST", CHAT.path, {**AUTH, **JSON, "transfer-encoding": "chunked"})
        group.start_soon(_pour, connection)

        assert (await connection.head())[0] == 413
        group.cancel_scope.cancel()


async def _pour(connection: Connection) -> None:
    piece = b"%x\r\n%s\r\n" % (1 << 16, b" " * (1 << 16))
    try:
        while True:
            await connection.write(piece)
    except ConnectionError:
        return


async def test_many_large_bodies_at_once_are_bounded(gateway: Probe) -> None:
    """Eight bodies of 15 MB: each decoded at most once, none kept."""
    await gateway.fill(QUOTA)
    large = json.dumps(CHAT.body("x" * (15 << 20)) | {"model": "grok-99"}).encode()

    async def ask(_: int) -> int:
        return (await gateway.http.post(CHAT.path, content=large, headers=JSON)).status_code

    assert set(await at_once(8, ask)) == {404}
    assert (await gateway.chat()).status_code == 200


async def test_deep_json_is_refused(gateway: Probe) -> None:
    async with attack(gateway) as connection:
        await connection.send("POST", CHAT.path, AUTH, b'{"model":' + b"[" * 100_000)

        status, answer = await connection.reply()
        assert (status, json.loads(answer)["error"]["code"]) == (400, "invalid_json")


async def test_deep_json_in_an_ignored_field_is_refused(gateway: Probe) -> None:
    deep = b'{"model":"grok-99","messages":[],"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    async with attack(gateway) as connection:
        await connection.send("POST", CHAT.path, AUTH, deep)

        assert (await connection.head())[0] == 400


async def test_giant_header_is_refused(gateway: Probe) -> None:
    async with attack(gateway) as connection:
        with anyio.move_on_after(1):
            try:
                await connection.send("GET", "/v1/models", {**AUTH, "x-large": "x" * (1 << 20)})
            except ConnectionError:
                return

        assert (await connection.head())[0] in {400, 431}


async def test_compressed_body_is_refused_unread(gateway: Probe) -> None:
    bomb = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = bomb.compress(b" " * (64 << 20)) + bomb.flush()
    async with attack(gateway) as connection:
        await connection.send("POST", CHAT.path, {**AUTH, "content-encoding": "gzip"}, packed)

        assert (await connection.head())[0] == 415


async def test_form_is_refused_where_json_is_expected(gateway: Probe) -> None:
    part = b'--b\r\ncontent-disposition: form-data; name="x"\r\n\r\n1\r\n'
    form = part * 1000 + b"--b--\r\n"
    headers = {
        **AUTH,
        "content-type": "multipart/form-data; boundary=b",
        "content-length": str(len(form)),
    }
    async with attack(gateway) as connection:
        await connection.send("POST", CHAT.path, headers)
        await connection.write(form)

        assert (await connection.head())[0] == 415


# Requests that two readers could read differently


@pytest.mark.parametrize(
    "fields",
    [
        "content-length: 5\r\ncontent-length: 6\r\n",
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\ncontent-length: 0\r\n",
        "host: elsewhere\r\ncontent-length: 0\r\n",
        f"authorization: Bearer {KEY}\r\ncontent-length: 0\r\n",
        "content-length: -1\r\n",
        "content-length: 0x10\r\n",
    ],
    ids=["lengths", "length and chunked", "encodings", "hosts", "keys", "negative", "hex"],
)
async def test_ambiguous_head_is_refused(gateway: Probe, fields: str) -> None:
    """Or read as the standard says: a chunked body, whatever length was announced too."""
    async with attack(gateway) as connection:
        head = f"POST {CHAT.path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\n"
        await connection.write(f"{head}{fields}\r\n0\r\n\r\n".encode())

        assert 400 <= (await connection.head())[0] < 500
        assert gateway.calls() == []


@pytest.mark.parametrize(
    "path",
    ["//v1/models", "/v1//models", "/v1/%2e%2e/v1/models", "/v1/models%00", "/V1/MODELS"],
)
async def test_odd_path_is_no_way_in(gateway: Probe, path: str) -> None:
    async with connect(gateway.service.base) as connection:
        await connection.send("GET", path, AUTH)

        assert (await connection.head())[0] in {400, 404}
