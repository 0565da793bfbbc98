"""How pictures are asked for, and what is tried where that is refused (F-IMG-04, F-IMG-05)."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

import grokgate_images
from grokgate.testing import FakeUpstream, RunningGateway, make_card, running_gateway
from grokgate.upstream import Kind, Wire
from plugins.images_world import Images, draws, error_of, make, refused, requests_of

pytestmark = pytest.mark.anyio
SOCKET = {"grok.image_generation_method": "imagine_ws_experimental"}


def opened_gateway() -> AbstractAsyncContextManager[RunningGateway]:
    return running_gateway(
        Images(grokgate_images), upstream=FakeUpstream(), tokens={"t1": 90}, settings=SOCKET
    )


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """The gateway that tests of this file share."""
    del anyio_backend
    async with opened_gateway() as gateway:
        yield gateway


@pytest.fixture
async def own() -> AsyncIterator[RunningGateway]:
    """One for a test that changes it."""
    async with opened_gateway() as gateway:
        yield gateway


async def test_socket_is_told_ratio_and_number(running: RunningGateway) -> None:
    reply = await make(running, draws(running, "a", "b"), n=2, size="1024x1024")

    (request,) = requests_of(running)
    assert (request.method, request.ratio, request.count) == ("socket", "1:1", 2)
    assert request.prompt == "a red kite"
    assert not request.nsfw
    assert reply.headers["x-grokgate-image-method"] == "imagine_ws_experimental"


async def test_ratio_of_a_request_without_size(running: RunningGateway) -> None:
    await make(running, draws(running, "a"), size="auto")

    assert requests_of(running)[0].ratio == "2:3"


async def test_aspect_ratio_wins_over_size(running: RunningGateway) -> None:
    await make(running, draws(running, "a"), size="1024x1024", aspect_ratio="16:9")

    assert requests_of(running)[0].ratio == "16:9"


async def test_sockets_make_four_pictures_each_one_after_the_other(
    running: RunningGateway,
) -> None:
    open_at_once = []

    async def counts(request: Any) -> Any:
        open_at_once.append(running.pool.open_leases)
        for event in draws(running, *(f"{len(open_at_once)}-{i}" for i in range(request.count))):
            yield event

    reply = await make(running, counts, counts, counts, n=10)

    assert [request.count for request in requests_of(running)] == [4, 4, 2]
    assert open_at_once == [1, 1, 1]
    assert len(reply.json()["data"]) == 10


async def test_concurrency_opens_further_sockets(running: RunningGateway) -> None:
    both = anyio.Event()

    async def waits(request: Any) -> Any:
        if running.pool.open_leases == 2:
            both.set()
        with anyio.fail_after(5):
            await both.wait()
        for event in draws(running, *(f"{id(request)}-{i}" for i in range(request.count))):
            yield event

    reply = await make(running, waits, waits, n=8, concurrency=2)

    assert len(reply.json()["data"]) == 8


@pytest.mark.parametrize("refusal", [Kind.BAD_REQUEST, Kind.FORBIDDEN, Kind.CONNECT, Kind.QUOTA])
async def test_conversation_draws_where_the_socket_is_refused(
    own: RunningGateway, refusal: Kind
) -> None:
    reply = await make(own, refusal, draws(own, "a"))

    assert [request.method for request in requests_of(own)] == ["socket", "chat"]
    assert reply.headers["x-grokgate-image-method"] == "legacy"


async def test_sockets_refused_side_by_side_are_tried_one_at_a_time(
    own: RunningGateway,
) -> None:
    open_at_once = []

    async def alone(request: Any) -> Any:
        open_at_once.append(own.pool.open_leases)
        for event in draws(own, *(f"{id(request)}-{i}" for i in range(request.count))):
            yield event

    refusals = [Kind.BAD_REQUEST, Kind.BAD_REQUEST]
    reply = await make(own, *refusals, alone, alone, n=8, concurrency=2)

    assert [request.method for request in requests_of(own)] == ["socket"] * 4
    assert open_at_once == [1, 1]
    assert (len(reply.json()["data"]), reply.headers["x-grokgate-image-method"]) == (
        8,
        "imagine_ws_experimental",
    )


async def test_conversation_draws_where_single_sockets_are_refused_too(
    own: RunningGateway,
) -> None:
    refusals = [Kind.BAD_REQUEST] * 4
    drawn = [draws(own, f"{call}a", f"{call}b") for call in range(4)]
    reply = await make(own, *refusals, *drawn, n=8, concurrency=2)

    asked = [request.method for request in requests_of(own)]
    assert (asked[:4], set(asked[4:])) == (["socket"] * 4, {"chat"})
    assert reply.headers["x-grokgate-image-method"] == "legacy"


@pytest.mark.parametrize(
    "failure", [Kind.TRANSIENT, Kind.TIMEOUT, Kind.EMPTY, Kind.MODERATION, [], refused()]
)
async def test_what_may_have_run_is_not_asked_for_again(own: RunningGateway, failure: Any) -> None:
    reply = await make(own, failure, draws(own, "a"))

    assert reply.is_error
    assert len(own.fake.asked) == 1


async def test_pictures_that_were_made_and_lost_are_not_paid_for_again(
    own: RunningGateway,
) -> None:
    lost = draws(own, *"abcd")
    own.fake.contents |= dict.fromkeys("abcd", Kind.TRANSIENT)

    reply = await make(own, lost, Kind.BAD_REQUEST, draws(own, "e"), n=8)

    assert error_of(reply)[:2] == (502, "image_generation_failed")
    assert [request.method for request in requests_of(own)] == ["socket", "socket"]


async def test_failed_portion_leaves_the_others(own: RunningGateway) -> None:
    answers = [draws(own, *"abcd"), Kind.TRANSIENT, draws(own, "e", "f")]

    reply = await make(own, *answers, n=10)

    assert len(reply.json()["data"]) == 6
    assert reply.headers["x-grokgate-missing"] == "4"


async def test_model_of_one_method_keeps_to_it(anyio_backend: str) -> None:
    del anyio_backend
    wire = Wire(name="x", buckets=("default",), limits={"methods": ("chat",), "per_call": 1})
    card = make_card("lite", capability="image", wire={"web": wire})
    upstream = FakeUpstream()
    async with running_gateway(
        Images(grokgate_images), upstream=upstream, settings=SOCKET, cards=[card]
    ) as running:
        upstream.add(draws(running, "a"), draws(running, "b"))
        reply = await make(running, n=2)

    assert len(reply.json()["data"]) == 2
    assert [request.method for request in requests_of(running)] == ["chat", "chat"]


@pytest.mark.parametrize(("settings", "left"), [({}, 86), (SOCKET, 86)], ids=["chat", "socket"])
async def test_effort_prices_a_call_that_says_nothing_else(
    anyio_backend: str, settings: dict[str, Any], left: int
) -> None:
    del anyio_backend
    wire = Wire(name="x", buckets=("default",))
    card = make_card("m", capability="image", effort="high", wire={"web": wire})
    async with running_gateway(
        Images(grokgate_images), tokens={"t1": 90}, settings=settings, cards=[card]
    ) as running:
        await make(running, draws(running, "a", "b"), n=2)

        assert running.pool.units == {"t1": left}


@pytest.mark.parametrize(("settings", "left"), [({}, 89), (SOCKET, 88)], ids=["chat", "socket"])
async def test_limits_say_what_takes_a_unit(
    anyio_backend: str, settings: dict[str, Any], left: int
) -> None:
    del anyio_backend
    limits = {"chat_priced": "call", "socket_priced": "picture"}
    wire = Wire(name="x", buckets=("default",), limits=limits)
    card = make_card("m", capability="image", effort="high", wire={"web": wire})
    async with running_gateway(
        Images(grokgate_images), tokens={"t1": 90}, settings=settings, cards=[card]
    ) as running:
        await make(running, draws(running, "a", "b"), n=2)

        assert running.pool.units == {"t1": left}


async def test_too_many_generations_wait_and_are_refused(anyio_backend: str) -> None:
    del anyio_backend
    settings = {"performance.media_max_concurrent": 1, "limits.queue_wait_sec": 0.01}
    async with running_gateway(Images(grokgate_images), settings=settings) as running:
        permit = await running.gateway.permits.take()
        refused_one = await make(running)
        permit.release()
        served = await make(running, draws(running, "a"))

    assert error_of(refused_one)[:2] == (503, "overloaded")
    assert served.status_code == 200
