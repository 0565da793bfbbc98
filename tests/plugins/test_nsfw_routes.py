import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

import grokgate_images
import grokgate_images_nsfw
from grokgate.testing import FakeClock, FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Finished, ImageRefused, Kind, Observation, Stage, UpstreamFailure
from plugins.images_world import Images, draws, error_of, events_of, requests_of

pytestmark = pytest.mark.anyio
PATH = "/v1/images/generations/nsfw"
PLUGINS = (Images(grokgate_images), grokgate_images_nsfw)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def running(anyio_backend: str, clock: FakeClock) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    async with running_gateway(
        *PLUGINS, upstream=FakeUpstream(), tokens={"t1": 50, "t2": 50}, clock=clock
    ) as gateway:
        yield gateway


async def make(running: RunningGateway, *answers: Any, **fields: Any) -> Any:
    running.fake.add(*answers)
    return await running.client.post(PATH, json={"prompt": "a kite", **fields})


async def blocked(_request: Any) -> Any:
    yield ImageRefused(slot=0, blocked=True)
    raise UpstreamFailure(
        Observation(
            operation="imagine", kind=Kind.MODERATION, stage=Stage.CONTENT, marker="blocked"
        )
    )


async def test_socket_is_asked_with_the_flag(running: RunningGateway) -> None:
    reply = await make(running, draws(running, *"abcd"), model="no-such-model")

    (request,) = requests_of(running)
    assert len(reply.json()["data"]) == 4
    assert (request.method, request.nsfw, request.count) == ("socket", True, 4)
    assert request.ratio == "2:3"


async def test_stream_has_one_picture_by_default(running: RunningGateway) -> None:
    reply = await make(running, draws(running, "a"), stream=True)

    assert [event["type"] for event in events_of(reply.text)] == ["image_generation.completed"]
    assert requests_of(running)[0].count == 1


async def test_blocked_picture_is_made_again_on_another_account(running: RunningGateway) -> None:
    reply = await make(running, blocked, draws(running, "a"), n=1)

    assert reply.status_code == 200
    assert len({asked.account for asked in running.fake.asked}) == 2


async def test_remake_goes_elsewhere_without_a_daily_limit_too(running: RunningGateway) -> None:
    await running.change(grok={"imagine_sso_daily_limit": 0})

    reply = await make(running, blocked, draws(running, "a"), n=1)

    assert reply.status_code == 200
    assert len({asked.account for asked in running.fake.asked}) == 2


async def test_account_that_blocked_some_pictures_is_spared(running: RunningGateway) -> None:
    async def half(_request: Any) -> Any:
        yield draws(running, "a")[0]
        yield ImageRefused(slot=1, blocked=True)
        yield Finished()

    await make(running, half, draws(running, "b"), n=2)
    await make(running, draws(running, "c"), n=1)

    first, *others = [asked.account for asked in running.fake.asked]
    assert first not in others


async def tagged(running: RunningGateway, name: str) -> str:
    """Tag an account; return its id."""
    text = json.dumps({"ssoBasic": [{"token": name, "tags": ["nsfw"]}]})
    (token,) = (await running.gateway.tokens.import_text(text, mode="update")).updated
    return token


async def test_accounts_with_the_tag_alone_are_asked(running: RunningGateway) -> None:
    token = await tagged(running, "t2")

    for label in "abc":
        await make(running, draws(running, label), n=1)

    assert {asked.account for asked in running.fake.asked} == {token}


async def test_others_do_not_step_in_when_those_with_the_tag_had_their_share(
    running: RunningGateway,
) -> None:
    await tagged(running, "t2")
    await running.change(grok={"imagine_sso_daily_limit": 1})
    await make(running, draws(running, "a"), n=1)

    late = await make(running, n=1)

    assert error_of(late)[:2] == (429, "rate_limit_exceeded")


async def test_others_are_asked_where_those_with_the_tag_cannot_be_used(
    running: RunningGateway,
) -> None:
    token = await tagged(running, "t2")
    await make(running, Kind.AUTH_DEAD, draws(running, "a"), n=1)

    await make(running, draws(running, "b"), n=1)

    assert running.fake.asked[0].account == token
    assert running.fake.asked[-1].account != token


async def test_only_the_blocked_picture_is_made_again(running: RunningGateway) -> None:
    async def half(_request: Any) -> Any:
        yield draws(running, "a")[0]
        yield ImageRefused(slot=1, blocked=True)

    reply = await make(running, half, draws(running, "b"), n=2)

    assert len(reply.json()["data"]) == 2
    assert [request.count for request in requests_of(running)] == [2, 1]


async def test_blocked_pictures_are_given_up_in_the_end(running: RunningGateway) -> None:
    await running.change(grok={"imagine_blocked_retry": 1})

    reply = await make(running, blocked, blocked, n=1)

    assert error_of(reply) == (400, "content_policy_violation", None)
    assert len(running.fake.asked) == 2


async def test_account_has_its_limit_for_the_day(running: RunningGateway, clock: FakeClock) -> None:
    await running.change(grok={"imagine_sso_daily_limit": 1})
    for label in "ab":
        await make(running, draws(running, label), n=1)

    late = await make(running, n=1)
    clock.advance(timedelta(days=1).total_seconds())
    next_day = await make(running, draws(running, "c"), n=1)

    assert len({asked.account for asked in running.fake.asked[:2]}) == 2
    assert error_of(late)[:2] == (429, "rate_limit_exceeded")
    assert 1 <= int(late.headers["retry-after"]) <= 3600
    assert next_day.status_code == 200


async def test_refused_call_does_not_count(running: RunningGateway) -> None:
    await running.change(grok={"imagine_sso_daily_limit": 1})
    await make(running, Kind.BAD_REQUEST, n=1)

    replies = [await make(running, draws(running, label), n=1) for label in "ab"]

    assert [reply.status_code for reply in replies] == [200, 200]


async def test_attempts_are_bounded(running: RunningGateway) -> None:
    await running.change(grok={"imagine_max_retries": 1})

    reply = await make(running, Kind.QUOTA, draws(running, "a"), n=1)

    assert error_of(reply)[:2] == (429, "rate_limit_exceeded")


async def test_account_without_the_preference_is_told(running: RunningGateway) -> None:
    reply = await make(running, Kind.NOT_ENTITLED, n=1)

    assert error_of(reply) == (403, "nsfw_not_entitled", None)


async def test_images_must_be_on_too(running: RunningGateway) -> None:
    await running.change(downstream={"enable_images": False})

    assert error_of(await make(running)) == (404, "endpoint_disabled", None)


async def test_flag_may_be_off(anyio_backend: str) -> None:
    del anyio_backend
    settings = {"plugins.images_nsfw.nsfw": False}
    async with running_gateway(*PLUGINS, upstream=FakeUpstream(), settings=settings) as running:
        await make(running, draws(running, "a"), n=1)

    assert not requests_of(running)[0].nsfw
