"""Routes that create work do it once per ``Idempotency-Key``; all other requests notice nothing."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from litestar import Request, Response, post
from litestar.datastructures import UploadFile
from litestar.params import JSONBody, MultipartBody
from msgspec import Struct
from sqlalchemy import text

from grokgate.app import create_app
from grokgate.errors import ContentRefused, GatewayError, NoTokenAvailable, UpstreamError
from grokgate.objects import REPLY_BYTES, Replies
from grokgate.plugin import Caller, EventStream
from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock
from grokgate.testing.server import serving
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio

REPLAYED = "x-grokgate-idempotent-replay"
ONE = {"idempotency-key": "order-1"}
TWO = {"idempotency-key": "order-2"}
OTHER_KEY = "sk-test-other-0123456789"


class Order(Struct, kw_only=True):
    item: str
    stream: bool = False


class Picture(Struct):
    image: UploadFile


class Made(Struct):
    number: int
    item: str


class Work:
    """Counts what it was asked to do, and waits while it is held."""

    def __init__(self) -> None:
        self.begun = 0
        self.begins = asyncio.Event()
        self.goes_on = asyncio.Event()
        self.goes_on.set()
        self.fault: Exception | None = None
        self.size = 0

    async def do(self, item: str) -> Made:
        self.begun += 1
        number = self.begun
        self.begins.set()
        await self.goes_on.wait()
        if self.fault is not None:
            raise self.fault
        return Made(number, item + "x" * self.size)

    async def events(self) -> AsyncGenerator[str, None]:
        self.begun += 1
        yield "a"
        self.begins.set()
        await self.goes_on.wait()
        yield "b"


def frames(text: str) -> Iterator[bytes]:
    yield f"data: {text}\n\n".encode()


def failure(error: GatewayError) -> Iterator[bytes]:
    yield f"data: {error.code}\n\n".encode()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "grokgate.db", busy_timeout_ms=50) as database:
        yield database


@pytest.fixture
def work(gateway: Any, database: Database) -> Work:
    """Mount routes that create work."""
    work = Work()

    @post("/v1/orders", status_code=200)
    async def orders(data: JSONBody[Order]) -> Made | EventStream:
        if data.stream:
            return EventStream(work.events(), frames, failure=failure, keepalive_s=0)
        return await work.do(data.item)

    @post("/v1/jobs")
    async def jobs(data: JSONBody[Order]) -> Response[bytes]:
        made = await work.do(data.item)
        return Response(made.item.encode(), status_code=202, media_type="text/plain")

    @post("/v1/pictures", status_code=200)
    async def pictures(data: MultipartBody[Picture]) -> Made:
        return await work.do((await data.image.read()).decode())

    gateway.replies = Replies(database, Vault(bytes(32)), FakeClock())
    gateway.keys.callers[OTHER_KEY] = Caller(key_id="k2", name="second")
    gateway.add("orders", orders, jobs, pictures, creates_work=True)
    return work


@asynccontextmanager
async def served(gateway: Any, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client over a socket, for replies that take their time."""
    headers = {"authorization": f"Bearer {key}"}
    async with (
        serving(create_app(gateway)) as base,
        httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as client,
    ):
        with anyio.fail_after(10):
            yield client


async def order(client: httpx.AsyncClient, item: str = "tea", **more: Any) -> httpx.Response:
    return await client.post("/v1/orders", json={"item": item}, **{"headers": ONE, **more})


def code(reply: httpx.Response) -> Any:
    return reply.json()["error"]["code"]


# Replies


async def test_repeated_request_gets_the_recorded_reply(gateway: Any, work: Work) -> None:
    async with gateway.client() as client:
        first, second = await order(client), await order(client)

    assert work.begun == 1
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert second.headers["content-type"] == first.headers["content-type"]


@pytest.mark.usefixtures("work")
async def test_replay_is_marked_and_has_an_id_of_its_own(gateway: Any) -> None:
    async with gateway.client() as client:
        first, second = await order(client), await order(client)

    assert REPLAYED not in first.headers
    assert second.headers[REPLAYED] == "true"
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


@pytest.mark.usefixtures("work")
async def test_status_and_content_type_are_replayed_as_they_were(gateway: Any) -> None:
    async with gateway.client() as client:
        replies = [
            await client.post("/v1/jobs", json={"item": "tea"}, headers=ONE) for _ in range(2)
        ]

    assert [reply.status_code for reply in replies] == [202, 202]
    assert replies[1].headers["content-type"] == replies[0].headers["content-type"]
    assert replies[1].text == "tea"


async def test_reply_is_recorded_for_the_next_process(
    gateway: Any, work: Work, database: Database
) -> None:
    async with gateway.client() as client:
        first = await order(client)
        gateway.replies = Replies(database, Vault(bytes(32)), FakeClock())
        second = await order(client)

    assert second.content == first.content
    assert work.begun == 1


async def test_other_body_is_refused_for_good(gateway: Any, work: Work) -> None:
    async with gateway.client() as client:
        await order(client)
        reply = await order(client, "coffee")

    assert (reply.status_code, code(reply)) == (409, "idempotency_mismatch")
    assert reply.headers["x-should-retry"] == "false"
    assert work.begun == 1


@pytest.mark.usefixtures("work")
async def test_other_path_is_another_request(gateway: Any) -> None:
    async with gateway.client() as client:
        await order(client)
        reply = await client.post("/v1/jobs", json={"item": "tea"}, headers=ONE)

    assert (reply.status_code, code(reply)) == (409, "idempotency_mismatch")


@pytest.mark.usefixtures("work")
async def test_trailing_slash_is_no_other_path(gateway: Any) -> None:
    async with gateway.client() as client:
        first = await order(client)
        second = await client.post("/v1/orders/", json={"item": "tea"}, headers=ONE)

    assert second.content == first.content


@pytest.mark.usefixtures("work")
async def test_other_keys_do_their_own_work(gateway: Any) -> None:
    stranger = {"authorization": f"Bearer {OTHER_KEY}", **ONE}
    async with gateway.client() as client:
        replies = [await order(client), await order(client, headers=TWO)]
        replies.append(await order(client, headers=stranger))

    assert [reply.json()["number"] for reply in replies] == [1, 2, 3]


async def test_anonymous_callers_are_one_owner(gateway: Any, work: Work) -> None:
    gateway.settings.change("app", allow_anonymous=True)
    async with gateway.client(headers={"authorization": ""}) as client:
        first, second = await order(client), await order(client)

    assert second.content == first.content
    assert work.begun == 1


@pytest.mark.usefixtures("work")
@pytest.mark.parametrize("size", [3, 300 << 10], ids=["small", "large"])
async def test_form_is_the_same_under_another_boundary(gateway: Any, size: int) -> None:
    content = b"a" * size
    async with gateway.client() as client:
        replies = [
            await client.post("/v1/pictures", files={"image": ("a", data)}, headers=ONE)
            for data in (content, content, content[1:] + b"b")
        ]

    assert [reply.status_code for reply in replies] == [200, 200, 409]
    assert replies[1].json() == {"number": 1, "item": content.decode()}


async def test_too_large_reply_is_sent_and_not_recorded(gateway: Any, work: Work) -> None:
    work.size = REPLY_BYTES
    async with gateway.client() as client:
        replies = [await order(client), await order(client)]

    assert [reply.json()["number"] for reply in replies] == [1, 2]
    assert gateway.events("idempotent_reply_not_recorded")[0] == {"reason": "too_large"}


# What frees the key


@pytest.mark.parametrize(
    "fault",
    [NoTokenAvailable(retry_after_s=9), ContentRefused(), UpstreamError(), RuntimeError()],
    ids=["429", "400", "502", "500"],
)
async def test_failed_request_frees_its_key(gateway: Any, work: Work, fault: Exception) -> None:
    work.fault = fault
    async with gateway.client() as client:
        failed = await order(client)
        work.fault = None
        retried = await order(client, "coffee")

    assert failed.status_code >= 400
    assert retried.json() == {"number": 2, "item": "coffee"}


@pytest.mark.usefixtures("work")
async def test_invalid_body_frees_its_key(gateway: Any) -> None:
    async with gateway.client() as client:
        refused = await client.post("/v1/orders", json={"item": 1}, headers=ONE)
        accepted = await order(client)

    assert (refused.status_code, accepted.status_code) == (400, 200)


async def test_client_that_leaves_frees_its_key(gateway: Any, work: Work, key: str) -> None:
    work.goes_on.clear()
    async with served(gateway, key) as client:
        with anyio.move_on_after(30) as left:
            async with anyio.create_task_group() as group:
                group.start_soon(order, client)
                await work.begins.wait()
                left.cancel()
        await gateway.drain._idle.wait()
        work.goes_on.set()
        reply = await order(client)

    assert reply.json() == {"number": 2, "item": "tea"}


# While it runs


async def test_of_ten_at_once_one_works(gateway: Any, work: Work, key: str) -> None:
    replies: list[httpx.Response] = []

    async def ask(client: httpx.AsyncClient) -> None:
        replies.append(await order(client))
        if len(replies) == 9:
            work.goes_on.set()

    work.goes_on.clear()
    async with served(gateway, key) as client, anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(ask, client)

    assert work.begun == 1
    assert [reply.status_code for reply in replies] == [409] * 9 + [200]


async def test_running_request_asks_for_patience(gateway: Any, work: Work, key: str) -> None:
    work.goes_on.clear()
    async with served(gateway, key) as client, anyio.create_task_group() as group:
        group.start_soon(order, client)
        await work.begins.wait()
        reply = await order(client)
        work.goes_on.set()

    assert (reply.status_code, code(reply)) == (409, "idempotency_in_progress")
    assert reply.headers["retry-after"] == "1"
    assert "x-should-retry" not in reply.headers


async def test_stream_holds_its_key_until_its_end(gateway: Any, work: Work, key: str) -> None:
    asked = {"item": "tea", "stream": True}
    work.goes_on.clear()
    async with served(gateway, key) as client:
        async with client.stream("POST", "/v1/orders", json=asked, headers=ONE) as stream:
            pieces = stream.aiter_text()
            first = await anext(pieces)
            meanwhile = await client.post("/v1/orders", json=asked, headers=ONE)
            work.goes_on.set()
            rest = "".join([piece async for piece in pieces])
        again = await client.post("/v1/orders", json=asked, headers=ONE)

    assert (first, rest) == ("data: a\n\n", "data: b\n\n")
    assert (meanwhile.status_code, code(meanwhile)) == (409, "idempotency_in_progress")
    assert again.text == "data: a\n\ndata: b\n\n"
    assert REPLAYED not in again.headers


async def test_abandoned_stream_frees_its_key(gateway: Any, work: Work, key: str) -> None:
    asked = {"item": "tea", "stream": True}
    work.goes_on.clear()
    async with served(gateway, key) as client:
        async with client.stream("POST", "/v1/orders", json=asked, headers=ONE) as stream:
            await anext(stream.aiter_text())
        await gateway.drain._idle.wait()
        work.goes_on.set()
        reply = await order(client)

    assert reply.status_code == 200


# The header


@pytest.mark.parametrize(
    "value", ["", "a b", "\xe9", "x" * 256], ids=["empty", "space", "not ASCII", "long"]
)
@pytest.mark.usefixtures("work")
async def test_odd_header_is_refused(gateway: Any, value: str) -> None:
    async with gateway.client() as client:
        reply = await order(client, headers={"idempotency-key": value.encode("latin-1")})

    assert (reply.status_code, code(reply)) == (400, "invalid_value")
    assert "Idempotency-Key" in reply.json()["error"]["message"]
    assert reply.json()["error"]["param"] is None


@pytest.mark.usefixtures("work")
async def test_header_sent_twice_is_refused(gateway: Any) -> None:
    async with gateway.client() as client:
        reply = await order(client, headers=[*ONE.items(), *TWO.items()])

    assert (reply.status_code, code(reply)) == (400, "invalid_value")


@pytest.mark.usefixtures("work")
async def test_longest_header_is_accepted(gateway: Any) -> None:
    async with gateway.client() as client:
        reply = await order(client, headers={"idempotency-key": "~" * 255})

    assert reply.status_code == 200


@pytest.mark.usefixtures("work")
async def test_without_the_header_each_request_works(gateway: Any) -> None:
    async with gateway.client() as client:
        replies = [await order(client, headers={}) for _ in range(2)]

    assert [reply.json()["number"] for reply in replies] == [1, 2]


async def test_routes_that_create_nothing_ignore_the_header(gateway: Any) -> None:
    async with gateway.client() as client:
        replies = [
            await client.post("/v1/echo", json={"model": model}, headers=ONE) for model in "ab"
        ]

    assert [reply.json()["model"] for reply in replies] == ["a", "b"]


# Order and storage


@pytest.mark.usefixtures("work")
async def test_key_and_switch_come_before_the_header(gateway: Any) -> None:
    odd = {"idempotency-key": "a b"}
    async with gateway.client() as client:
        stranger = await order(client, headers={"authorization": "Bearer wrong", **odd})
        gateway.settings.switch_on("echo")
        off = await order(client, headers=odd)

    assert code(stranger) == "invalid_api_key"
    assert code(off) == "endpoint_disabled"


@pytest.mark.usefixtures("work")
async def test_recorded_reply_needs_the_key_and_the_switch(gateway: Any) -> None:
    async with gateway.client() as client:
        await order(client)
        stranger = await order(client, headers={"authorization": "Bearer wrong", **ONE})
        gateway.settings.switch_on("echo")
        off = await order(client)

    assert (stranger.status_code, off.status_code) == (401, 404)


@pytest.mark.usefixtures("work")
async def test_read_only_database_refuses_requests_with_the_header(
    gateway: Any, database: Database
) -> None:
    async with database.write() as connection:
        await connection.execute(text("PRAGMA query_only=ON"))
    async with gateway.client() as client:
        refused = await order(client)
        plain = await order(client, headers={})

    assert (refused.status_code, code(refused)) == (503, "storage_unavailable")
    assert plain.json() == {"number": 1, "item": "tea"}


async def test_full_disk_costs_the_record_not_the_answer(
    gateway: Any, work: Work, database: Database
) -> None:
    work.size = 1 << 20
    async with database.write() as connection:
        pages = (await connection.execute(text("PRAGMA page_count"))).scalar()
        await connection.execute(text(f"PRAGMA max_page_count={pages}"))
    async with gateway.client() as client:
        replies = [await order(client), await order(client)]

    assert [reply.json()["number"] for reply in replies] == [1, 2]
    assert gateway.events("idempotent_reply_not_recorded")[0] == {"reason": "storage_unavailable"}


async def test_hook_that_a_handler_brings_comes_after_the_reservation(
    gateway: Any, work: Work
) -> None:
    seen: list[str] = []

    async def look(request: Request[Any, Any, Any]) -> None:
        seen.append(request.scope["path"])

    @post("/v1/looked", status_code=200, before_request=look)
    async def looked(data: JSONBody[Order]) -> Made:
        return await work.do(data.item)

    gateway.add("looked", looked, creates_work=True)
    async with gateway.client() as client:
        first, second = [
            await client.post("/v1/looked", json={"item": "tea"}, headers=ONE) for _ in range(2)
        ]

    assert second.content == first.content
    assert work.begun == len(seen) == 1
