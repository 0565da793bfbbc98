"""What one key made is to another as if it had never been: the same words, byte for byte (V37)."""

import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import httpx
import pytest
from msgspec import Struct

from e2e.calls import prompt_of
from e2e.conftest import ENDPOINT
from e2e.endpoints import CHAT, MESSAGES, RESPONSES, Endpoint
from e2e.kept import UNDER_WAY, begin, end_of, look
from e2e.probe import QUOTA, Probe
from e2e.talk import talking
from grokgate import control

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

PATH = RESPONSES.path
SECRET = "planted-in-a-conversation"


class Owned(Struct, frozen=True):
    """What the first key made."""

    response: str
    background: str
    running: str
    item: str
    output_item: str
    file: str
    compaction: str


@pytest.fixture(scope="module")
async def owned(gateway: Probe) -> AsyncIterator[Owned]:
    """Make one of everything; what still runs does so until the end."""
    await gateway.fill(QUOTA, QUOTA)
    made = (await gateway.ask(RESPONSES, SECRET)).json()
    background = await begin(gateway, SECRET)
    await end_of(gateway, background)
    items = (await gateway.http.get(f"{PATH}/{made['id']}/input_items")).json()["data"]
    file = await gateway.http.post(
        "/v1/files", files={"file": ("a.txt", SECRET.encode())}, data={"purpose": "user_data"}
    )
    asked = {"model": made["model"], "previous_response_id": made["id"]}
    compacted = (await gateway.http.post(f"{PATH}/compact", json=asked)).json()
    running = await begin(gateway, f"{SECRET}\n@sim tokens=3000 delay_ms=100")
    await gateway.until(lambda: gateway.asking() == 1, 5)
    yield Owned(
        response=made["id"],
        background=background,
        running=running,
        item=items[0]["id"],
        output_item=made["output"][0]["id"],
        file=file.json()["id"],
        compaction=compacted["output"][-1]["encrypted_content"],
    )
    await gateway.http.delete(f"{PATH}/{running}")


@pytest.fixture(scope="module")
async def other(gateway: Probe) -> AsyncIterator[httpx.AsyncClient]:
    """A client with a key of its own."""
    made = await control.ask(gateway.service.data_dir, "keys.create", {"name": "stranger"})
    headers = {"authorization": f"Bearer {made['key']}"}
    async with httpx.AsyncClient(
        base_url=gateway.service.base, headers=headers, trust_env=False
    ) as client:
        yield client


def unlike(known: str) -> str:
    """Return an id of the same form that nothing has."""
    return known[:-16] + secrets.token_hex(8)


async def both(
    known: str, ask: Callable[[str], Awaitable[httpx.Response]]
) -> tuple[httpx.Response, httpx.Response]:
    """Ask for what is another's and for what is not."""
    return await ask(known), await ask(unlike(known))


@pytest.mark.parametrize("which", ["response", "background", "running"])
@pytest.mark.parametrize(
    "verb",
    [
        *("GET {}", "GET {}?stream=true", "GET {}?include[]=reasoning.encrypted_content"),
        *("GET {}/input_items", "POST {}/cancel", "DELETE {}"),
    ],
)
async def test_responses_of_another_key(
    gateway: Probe, owned: Owned, other: httpx.AsyncClient, which: str, verb: str
) -> None:
    known = getattr(owned, which)
    method, end = verb.split()

    foreign, unknown = await both(
        known, lambda one: other.request(method, f"{PATH}/{end.format(one)}")
    )

    assert (foreign.status_code, foreign.json()["error"]["code"]) == (404, "response_not_found")
    assert foreign.content == unknown.content
    assert (await look(gateway, known))["status"] in {"completed", *UNDER_WAY}


CONTINUED: dict[str, tuple[str, dict[str, Any]]] = {
    "unary": (PATH, {}),
    "streamed": (PATH, {"stream": True}),
    "background": (PATH, {"background": True}),
    "not stored": (PATH, {"store": False}),
    "counted": (f"{PATH}/input_tokens", {}),
    "compacted": (f"{PATH}/compact", {}),
}


@pytest.mark.parametrize("which", ["response", "background", "running"])
@pytest.mark.parametrize("way", CONTINUED)
async def test_continuing_those_of_another_key(
    gateway: Probe, owned: Owned, other: httpx.AsyncClient, which: str, way: str
) -> None:
    path, more = CONTINUED[way]

    def ask(one: str) -> Awaitable[httpx.Response]:
        return other.post(path, json=RESPONSES.body("go on", previous_response_id=one, **more))

    foreign, unknown = await both(getattr(owned, which), ask)

    code = "previous_response_not_found"
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (404, code)
    assert foreign.content == unknown.content
    assert gateway.calls("go on") == []


@pytest.mark.parametrize("which", ["response", "running"])
async def test_continuing_them_over_a_socket(
    gateway: Probe, owned: Owned, other: httpx.AsyncClient, which: str
) -> None:
    known = getattr(owned, which)
    async with talking(gateway, key=other.headers["authorization"].split()[1]) as talk:
        told = []
        for one in (known, unlike(known)):
            await talk.create("go on", previous_response_id=one)
            told.append(await talk.event())

    assert (told[0]["status"], told[0]["error"]["code"]) == (404, "previous_response_not_found")
    assert told[0] == told[1]
    assert gateway.calls("go on") == []


@pytest.mark.parametrize("which", ["item", "output_item"])
async def test_referring_to_their_items(
    gateway: Probe, owned: Owned, other: httpx.AsyncClient, which: str
) -> None:
    def ask(client: httpx.AsyncClient, one: str) -> Awaitable[httpx.Response]:
        reference = {"type": "item_reference", "id": one}
        asked = RESPONSES.body() | {
            "input": [reference, {"role": "user", "content": f"refer to {which}"}]
        }
        return client.post(PATH, json=asked)

    foreign, unknown = await both(getattr(owned, which), partial(ask, other))

    assert (foreign.status_code, foreign.json()["error"]["code"]) == (404, "item_not_found")
    assert foreign.content == unknown.content
    assert (await ask(gateway.http, getattr(owned, which))).status_code == 200
    assert [SECRET in prompt_of(call) for call in gateway.calls(f"refer to {which}")] == [True]


def with_file(endpoint: Endpoint, file_id: str) -> dict[str, Any]:
    """Return a request with a file of a key."""
    parts: dict[Endpoint, Any] = {
        CHAT: {"type": "file", "file": {"file_id": file_id}},
        RESPONSES: {"type": "input_file", "file_id": file_id},
        MESSAGES: {"type": "document", "source": {"type": "file", "file_id": file_id}},
    }
    name = "input" if endpoint is RESPONSES else "messages"
    return endpoint.body() | {name: [{"role": "user", "content": [parts[endpoint]]}]}


@ENDPOINT
async def test_opening_their_files(
    gateway: Probe, owned: Owned, other: httpx.AsyncClient, endpoint: Endpoint
) -> None:
    def ask(one: str) -> Awaitable[httpx.Response]:
        return other.post(endpoint.path, json=with_file(endpoint, one))

    before = len(gateway.calls())
    foreign, unknown = await both(owned.file, ask)

    assert foreign.status_code == 404
    assert without_request_id(foreign) == without_request_id(unknown)
    assert len(gateway.calls()) == before
    assert (await gateway.http.get(f"/v1/files/{owned.file}")).status_code == 200


def without_request_id(reply: httpx.Response) -> str:
    """Leave out what differs from one request to the next (contract 2.2)."""
    body = reply.json()
    body.pop("request_id", None)
    return json.dumps(body)


async def test_what_was_sealed_for_another_key(
    gateway: Probe, owned: Owned, other: httpx.AsyncClient
) -> None:
    def ask(client: httpx.AsyncClient, one: str) -> Awaitable[httpx.Response]:
        sealed = {"type": "compaction", "id": "cmp_1", "encrypted_content": one}
        asked = RESPONSES.body() | {"input": [sealed, {"role": "user", "content": "unseal"}]}
        return client.post(PATH, json=asked)

    foreign, unknown = await both(owned.compaction, partial(ask, other))

    assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)
    assert foreign.status_code == 400
    own = await ask(gateway.http, owned.compaction)
    assert own.status_code == 200
