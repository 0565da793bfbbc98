"""How a route treats its calls: what becomes of the lease, however the request ends."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import httpx

from grokgate.testing.gateway import RunningGateway
from grokgate.upstream import Event, Kind, Observation, Stage, TextDelta, UpstreamFailure

_WITHIN_S = 5
_TEXT = TextDelta(text="text")


async def check_conduct(gateway: RunningGateway, path: str, body: Any) -> None:
    """Send the valid *body* to *path* and let the call succeed, fail and be abandoned.

    Raises:
        AssertionError: Names what went wrong.
    """
    client = gateway.client
    await _check_unknown_model(client, path, body)
    gateway.fake.add([_TEXT])
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


def error_of(reply: httpx.Response) -> dict[str, Any]:
    """Return the error in the envelope of *reply*; empty: there is none."""
    try:
        body = reply.json()
    except ValueError:
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


async def _check_unknown_model(client: httpx.AsyncClient, path: str, body: Any) -> None:
    if isinstance(body, dict) and "model" in body:
        reply = await client.post(path, json={**body, "model": "no-such-model"})
        found = reply.status_code, error_of(reply).get("code")
        assert found == (404, "model_not_found"), f"POST {path} with an unknown model: {found}"


def _check_frames(reply: httpx.Response, path: str) -> None:
    if reply.headers["content-type"].startswith("text/event-stream"):
        assert reply.text.endswith("\n\n"), f"POST {path}: the stream ends within a frame"


async def _abandon(
    gateway: RunningGateway, client: httpx.AsyncClient, path: str, body: Any
) -> None:
    """Leave while the upstream is in the middle of its answer."""
    answering = asyncio.Event()

    async def silent(_request: Any) -> AsyncGenerator[Event, None]:
        yield _TEXT
        answering.set()
        await anyio.sleep_forever()

    gateway.fake.add(silent)
    with anyio.fail_after(_WITHIN_S):
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: client.post(path, json=body))
            await answering.wait()
            group.cancel_scope.cancel()


async def _breaking(_request: Any) -> AsyncGenerator[Event, None]:
    yield _TEXT
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
