from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

import grokgate_images
from grokgate.errors import ObjectNotFound
from grokgate.testing import FakeUpstream, RunningGateway, make_card, running_gateway
from grokgate.upstream import Event, Kind
from plugins.images_world import (
    PATH,
    Images,
    draws,
    encoded,
    error_of,
    events_of,
    make,
    ready,
    refused,
    requests_of,
)

pytestmark = pytest.mark.anyio


def opened_gateway() -> AbstractAsyncContextManager[RunningGateway]:
    return running_gateway(
        Images(grokgate_images), upstream=FakeUpstream(), tokens={"t1": 5000, "t2": 5000}
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


async def test_answer_has_every_field_of_the_contract(running: RunningGateway) -> None:
    reply = await make(running, draws(running, "kite"), response_format="b64_json")

    body = reply.json()
    created, usage = body.pop("created"), body.pop("usage")
    assert body == {
        "background": "opaque",
        "output_format": "png",
        "quality": "high",
        "size": "2x3",
        "data": [{"b64_json": encoded("kite")}],
    }
    assert created > 1_700_000_000
    assert usage == {
        "input_tokens": 7,
        "input_tokens_details": {"text_tokens": 7, "image_tokens": 0},
        "output_tokens": 512,
        "total_tokens": 519,
        "prompt_tokens": 7,
        "completion_tokens": 512,
        "grokgate": {"estimated": True},
    }


async def test_links_are_given_by_default_and_lead_to_the_picture(running: RunningGateway) -> None:
    reply = await make(running, draws(running, "kite"))

    (found,) = reply.json()["data"]
    assert found.keys() == {"url"}
    assert found["url"].startswith("http://127.0.0.1:")
    opened = await running.client.get(found["url"].removeprefix("http://127.0.0.1:8000"))
    assert opened.content == running.fake.contents["kite"]


async def test_pictures_are_divided_among_calls(running: RunningGateway) -> None:
    answers = [draws(running, "a", "b"), draws(running, "c", "d"), draws(running, "e")]

    reply = await make(running, *answers, n=5)

    assert len(reply.json()["data"]) == 5
    assert [request.count for request in requests_of(running)] == [2, 2, 1]
    assert "x-grokgate-missing" not in reply.headers


async def test_fewer_pictures_are_told_and_never_filled_up(running: RunningGateway) -> None:
    reply = await make(running, draws(running, "a"), refused(), n=3, response_format="b64_json")

    assert [one["b64_json"] for one in reply.json()["data"]] == [encoded("a")]
    assert reply.headers["x-grokgate-missing"] == "2"


@pytest.mark.parametrize(
    "failure", [Kind.TRANSIENT, Kind.TIMEOUT, Kind.BAD_REQUEST, Kind.EMPTY], ids=str
)
async def test_failed_call_leaves_the_pictures_of_the_others(
    own: RunningGateway, failure: Kind
) -> None:
    answers = [draws(own, "a", "b"), failure, draws(own, "c", "d")]

    reply = await make(own, *answers, n=6)

    assert len(reply.json()["data"]) == 4
    assert reply.headers["x-grokgate-missing"] == "2"


async def test_quota_for_some_of_the_calls_makes_some_of_the_pictures(anyio_backend: str) -> None:
    del anyio_backend
    async with running_gateway(Images(grokgate_images), tokens={"t1": 1}) as running:
        reply = await make(running, draws(running, "a", "b"), n=6)

    assert len(reply.json()["data"]) == 2
    assert reply.headers["x-grokgate-missing"] == "4"


async def test_call_that_waits_too_long_is_made_by_who_is_done(anyio_backend: str) -> None:
    del anyio_backend
    settings = {"token.max_inflight": 1, "limits.queue_wait_sec": 0.05}
    async with running_gateway(
        Images(grokgate_images), tokens={"t1": 50}, settings=settings
    ) as running:

        async def slow(_request: Any) -> AsyncGenerator[Event, None]:
            yield ready(running, 0, "a")
            yield ready(running, 1, "b")
            while "no_account" not in {one["event"] for one in running.logs}:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.005)

        with anyio.fail_after(5):
            reply = await make(running, slow, draws(running, "c"), n=3)

    assert len(reply.json()["data"]) == 3


async def test_equal_pictures_are_given_once(running: RunningGateway) -> None:
    reply = await make(running, draws(running, "a", "a"), n=2)

    assert len(reply.json()["data"]) == 1
    assert reply.headers["x-grokgate-missing"] == "1"


async def test_picture_that_cannot_be_downloaded_is_missing(own: RunningGateway) -> None:
    answer = draws(own, "a", "b")
    own.fake.contents["b"] = Kind.TRANSIENT

    reply = await make(own, answer, n=2)

    assert reply.headers["x-grokgate-missing"] == "1"


async def test_file_that_is_no_picture_is_not_given_out(own: RunningGateway) -> None:
    answer = draws(own, "a")
    own.fake.contents["a"] = b"<html>blocked</html>"

    assert error_of(await make(own, answer)) == (502, "image_generation_failed", None)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (refused(), (400, "content_policy_violation", None)),
        (Kind.MODERATION, (400, "content_policy_violation", None)),
        (Kind.EMPTY, (502, "image_generation_failed", None)),
        (Kind.TRANSIENT, (502, "image_generation_failed", None)),
        (Kind.TIMEOUT, (504, "upstream_timeout", None)),
        (Kind.PLAN, (503, "no_tokens_configured", None)),
    ],
    ids=["refused", "moderation", "empty", "transient", "timeout", "plan"],
)
async def test_no_picture_is_an_error(
    own: RunningGateway, answer: object, expected: object
) -> None:
    assert error_of(await make(own, answer, *[answer] * 3)) == expected
    assert own.pool.open_leases == 0
    assert own.gateway.permits.taken == 0


async def test_work_that_may_have_been_done_is_not_done_again(own: RunningGateway) -> None:
    await make(own, Kind.TRANSIENT, draws(own, "a"))

    assert len(own.fake.asked) == 1


async def test_limited_account_is_replaced(own: RunningGateway) -> None:
    reply = await make(own, Kind.QUOTA, draws(own, "a"))

    assert reply.status_code == 200
    assert len({asked.account for asked in own.fake.asked}) == 2


async def test_named_size_is_put_in_words_for_a_conversation(running: RunningGateway) -> None:
    await make(running, draws(running, "a"), size="1792x1024")

    (request,) = requests_of(running)
    assert request.prompt == "a red kite, aspect ratio 16:9"
    assert request.ratio is None


async def test_words_about_the_size_can_be_left_out(own: RunningGateway) -> None:
    await own.change(grok={"legacy_size_hint": False})
    await make(own, draws(own, "a"), size="1:1")

    assert requests_of(own)[0].prompt == "a red kite"


async def test_pictures_kept_only_for_a_link_are_not_kept_without_one(
    own: RunningGateway,
) -> None:
    await own.change(cache={"keep_base64_cache": False})
    await make(own, draws(own, "a"), response_format="b64_json")

    kept = own.gateway.options.data_dir / "tmp" / "image"
    assert not kept.exists() or not list(kept.iterdir())


async def test_first_picture_suffices_where_one_is_wanted(running: RunningGateway) -> None:
    answer = [ready(running, 0, "a"), ready(running, 1, "b")]

    reply = await make(running, answer, response_format="b64_json")

    assert [one["b64_json"] for one in reply.json()["data"]] == [encoded("a")]


async def test_method_is_told(running: RunningGateway) -> None:
    reply = await running.client.get("/v1/images/method")

    assert reply.json() == {"image_generation_method": "legacy"}


async def test_operator_decides_the_form_of_answers(own: RunningGateway) -> None:
    await own.change(app={"image_format": "b64_json"})

    reply = await make(own, draws(own, "a"))

    assert reply.json()["data"] == [{"b64_json": encoded("a")}]


async def test_link_without_a_host_is_not_given_unasked(anyio_backend: str) -> None:
    del anyio_backend
    settings = {"server.host": "0.0.0.0"}
    async with running_gateway(Images(grokgate_images), settings=settings) as running:
        unasked = await make(running, draws(running, "a"))
        asked = await make(running, draws(running, "b"), response_format="url")

    assert unasked.json()["data"] == [{"b64_json": encoded("a")}]
    assert asked.json()["data"][0]["url"].startswith("/v1/files/image/")


async def test_parameters_of_the_fast_model_are_the_operators(anyio_backend: str) -> None:
    del anyio_backend
    settings = {"imagine_fast.n": 2, "imagine_fast.size": "16:9"}
    cards = [make_card("grok-imagine-1.0-fast", capability="image")]
    async with running_gateway(Images(grokgate_images), settings=settings, cards=cards) as running:
        reply = await make(
            running, draws(running, "a", "b"), n=7, size="1:1", response_format="b64_json"
        )
        (request,) = requests_of(running)

    assert [set(one) for one in reply.json()["data"]] == [{"url"}, {"url"}]
    assert request.prompt.endswith("aspect ratio 16:9")


async def test_stream_of_the_fast_model_has_two_pictures_at_most(anyio_backend: str) -> None:
    del anyio_backend
    cards = [make_card("grok-imagine-1.0-fast", capability="image")]
    async with running_gateway(
        Images(grokgate_images), settings={"imagine_fast.n": 5}, cards=cards
    ) as running:
        reply = await make(running, draws(running, "a", "b"), stream=True)

    assert len(events_of(reply.text)) == 2


async def test_pictures_of_one_key_are_not_anothers(running: RunningGateway) -> None:
    reply = await make(running, draws(running, "a"))

    name = reply.json()["data"][0]["url"].partition("?")[0].rpartition("/")[2]
    with pytest.raises(ObjectNotFound):
        await running.gateway.media.open(name, owner="another")


async def test_client_that_leaves_ends_the_work(own: RunningGateway) -> None:
    asked = anyio.Event()

    async def silent(_request: Any) -> AsyncGenerator[Event, None]:
        yield ready(own, 0, "a")
        asked.set()
        await anyio.sleep_forever()

    own.fake.add(silent)
    with anyio.fail_after(5):
        async with own.serve() as client:
            async with anyio.create_task_group() as group:
                body = {"prompt": "a kite", "n": 2}
                group.start_soon(lambda: client.post(PATH, json=body))
                await asked.wait()
                group.cancel_scope.cancel()
            while own.pool.open_leases or own.gateway.permits.taken:  # noqa: ASYNC110 - nobody tells
                await anyio.sleep(0.005)

    assert own.fake.closed == 1


async def test_log_names_the_method_and_no_prompt(own: RunningGateway) -> None:
    await make(own, draws(own, "a"), prompt="planted words")

    logged = [entry for entry in own.logs if entry["event"] == "pictures_begun"]
    assert [(entry["method"], entry["wanted"]) for entry in logged] == [("legacy", 1)]
    assert "planted" not in repr(own.logs)
