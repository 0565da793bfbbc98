"""How a route treats its calls: what becomes of the lease, however the request or its job ends."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import httpx

from grokgate.testing.gateway import RunningGateway
from grokgate.testing.upstream import picture
from grokgate.upstream import (
    Asset,
    Event,
    Finished,
    ImageReady,
    ImageRequest,
    Kind,
    Observation,
    Progress,
    Stage,
    TextDelta,
    UpstreamFailure,
    VideoReady,
    VideoRequest,
)

_WITHIN_S = 5
_TEXT = TextDelta(text="text")
_PICTURE = Asset(ref="picture", account="")
_FILM = Asset(ref="film", account="")
_MP4 = b"\0\0\0\x18ftypmp42" + bytes(64)
_UNDER_WAY = ("queued", "in_progress")
_UNKNOWN_MODEL = ((404, "model_not_found"), (404, "not_found_error"))
"""The code, or in the Anthropic family the type."""


async def check_conduct(gateway: RunningGateway, path: str, body: Any) -> None:
    """Send the valid *body* to *path* and let the call succeed, fail and be abandoned.

    Raises:
        AssertionError: Names what went wrong.
    """
    client = gateway.client
    await _prepare(gateway, path, body)
    gateway.fake.add(_good)
    reply = await client.post(path, json=body)
    assert reply.is_success, f"POST {path} refused its sample body: {reply.text}"
    await _settled(gateway, f"POST {path} and its success")
    _check_frames(reply, path)
    gateway.fake.add(Kind.BAD_REQUEST)
    reply = await client.post(path, json=body)
    assert reply.is_error, f"POST {path} hid that the upstream refused the call"
    await _settled(gateway, f"POST {path} and its refusal")
    gateway.fake.add(_breaking)
    _check_frames(await client.post(path, json=body), path)
    await _settled(gateway, f"POST {path} and its failure after output")
    await _abandon(gateway, client, path, body)
    await _settled(gateway, f"POST {path} and its cancellation")
    async with gateway.serve() as remote:
        await _abandon(gateway, remote, path, body)
        await _settled(gateway, f"POST {path} and its client's departure")


async def check_job(gateway: RunningGateway, path: str, body: Any) -> None:
    """Do the same where the answer to *body* is a job, found under *path* and its ``id``.

    Its ``status`` tells how it ended; a job that is deleted gives its account back.

    Raises:
        AssertionError: Names what went wrong.
    """
    await _prepare(gateway, path, body)
    ends = (("success", _good, "completed"), ("failure after output", _breaking, "failed"))
    for end, answer, status in ends:
        gateway.fake.add(answer)
        found = await _ended(gateway, await _begin_job(gateway, path, body))
        assert found == status, f"POST {path}: after a {end} the job is {found}"
        await _settled(gateway, f"POST {path} and its {end}")
    gateway.fake.add(Kind.BAD_REQUEST)
    reply = await gateway.client.post(path, json=body)
    refused = reply.is_error or await _ended(gateway, f"{path}/{reply.json()['id']}") == "failed"
    assert refused, f"POST {path} hid that the upstream refused the call"
    await _settled(gateway, f"POST {path} and its refusal")
    answering = _fall_silent(gateway)
    place = await _begin_job(gateway, path, body)
    with anyio.fail_after(_WITHIN_S):
        await answering.wait()
    deleted = await gateway.client.delete(place)
    assert deleted.is_success, f"DELETE {path}/… refused a job that is under way: {deleted.text}"
    await _settled(gateway, f"POST {path} and its deletion")


def error_of(reply: httpx.Response) -> dict[str, Any]:
    """Return the error in the envelope of *reply*; empty: there is none."""
    try:
        body = reply.json()
    except ValueError:
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def is_anthropic(reply: httpx.Response) -> bool:
    """Tell whether an error has the form of the Anthropic family, which has no codes."""
    try:
        body = reply.json()
    except ValueError:
        return False
    return isinstance(body, dict) and body.get("type") == "error"


async def _prepare(gateway: RunningGateway, path: str, body: Any) -> None:
    await _check_unknown_model(gateway.client, path, body)
    gateway.fake.contents |= {_PICTURE.ref: picture(), _FILM.ref: _MP4}


async def _begin_job(gateway: RunningGateway, path: str, body: Any) -> str:
    """Begin a job; return where it is found."""
    reply = await gateway.client.post(path, json=body)
    assert reply.is_success, f"POST {path} refused its sample body: {reply.text}"
    return f"{path}/{reply.json()['id']}"


async def _ended(gateway: RunningGateway, place: str) -> Any:
    """Wait for the end of a job; return its status."""
    status: Any = None
    with anyio.move_on_after(_WITHIN_S):
        while status is None or status in _UNDER_WAY:
            await anyio.sleep(0.005)
            status = (await gateway.client.get(place)).json().get("status")
    return status


async def _check_unknown_model(client: httpx.AsyncClient, path: str, body: Any) -> None:
    if isinstance(body, dict) and "model" in body:
        reply = await client.post(path, json={**body, "model": "no-such-model"})
        error = error_of(reply)
        found = reply.status_code, error.get("type" if is_anthropic(reply) else "code")
        assert found in _UNKNOWN_MODEL, f"POST {path} with an unknown model: {found}"


def _check_frames(reply: httpx.Response, path: str) -> None:
    if reply.headers["content-type"].startswith("text/event-stream"):
        assert reply.text.endswith("\n\n"), f"POST {path}: the stream ends within a frame"


async def _abandon(
    gateway: RunningGateway, client: httpx.AsyncClient, path: str, body: Any
) -> None:
    """Leave while the upstream is in the middle of its answer."""
    answering = _fall_silent(gateway)
    with anyio.fail_after(_WITHIN_S):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: client.post(path, json=body))
            await answering.wait()
            group.cancel_scope.cancel()


def _fall_silent(gateway: RunningGateway) -> asyncio.Event:
    """Have the next answer stop in its middle; the event says that it has."""
    answering = asyncio.Event()

    async def silent(request: Any) -> AsyncGenerator[Event, None]:
        yield _news(request)
        answering.set()
        await anyio.sleep_forever()

    gateway.fake.add(silent)
    return answering


def _news(request: Any) -> Event:
    """Return output that is not all of the answer."""
    made = isinstance(request, ImageRequest | VideoRequest)
    return Progress(slot=0, percent=1) if made else _TEXT


async def _good(request: Any) -> AsyncGenerator[Event, None]:
    match request:
        case ImageRequest():
            yield ImageReady(slot=0, asset=_PICTURE)
        case VideoRequest():
            yield VideoReady(asset=_FILM)
        case _:
            yield _TEXT
    yield Finished()


async def _breaking(request: Any) -> AsyncGenerator[Event, None]:
    yield _news(request)
    raise UpstreamFailure(
        Observation(operation="converse", kind=Kind.TRUNCATED, stage=Stage.CONTENT)
    )


async def _settled(gateway: RunningGateway, after: str) -> None:
    try:
        with anyio.fail_after(_WITHIN_S):
            while gateway.pool.open_leases:  # noqa: ASYNC110 - the pool tells nobody
                await anyio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"a lease is open after {after}") from None
