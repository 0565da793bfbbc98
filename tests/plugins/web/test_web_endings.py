"""How conversations end: in time, too late, broken off, or because nobody wants them."""

import asyncio
from typing import Any

import anyio
import pytest

from grokgate.upstream import (
    Finished,
    Kind,
    Stage,
    TextDelta,
)
from plugins.web.driver_world import ANSWER, ASK, events, failed, line, swift

pytestmark = pytest.mark.anyio

DRAWN = line(streamingImageGenerationResponse={"imageId": "a", "progress": 50, "moderated": True})
"""The only picture, withheld."""


@pytest.mark.parametrize("headed", [False, True], ids=["no headers", "headers only"])
async def test_first_line_limit(
    server: Any, account: Any, hasty: Any, open_session: Any, *, headed: bool
) -> None:
    async def silent(visit: Any) -> None:
        if headed:
            await visit.head()
            await visit.send(b'{"result"')
        await visit.gone()

    server.script = silent
    async with open_session(server, account, hasty) as session:
        observation = await failed(session.converse(ASK))

    assert (observation.kind, observation.stage) == (Kind.TIMEOUT, Stage.SENT)
    assert observation.first_byte_timeout


async def test_idle_limit(server: Any, account: Any, hasty: Any, open_session: Any) -> None:
    async def stall(visit: Any) -> None:
        await visit.head()
        await visit.send(line(token="Be"))
        await visit.gone()

    server.script = stall
    async with open_session(server, account, hasty) as session:
        observation = await failed(session.converse(ASK))

    assert (observation.kind, observation.stage) == (Kind.TIMEOUT, Stage.CONTENT)
    assert not observation.first_byte_timeout


async def test_end_mark_is_enough(
    server: Any, account: Any, hasty: Any, open_session: Any, settled: Any
) -> None:
    async def hang(visit: Any) -> None:
        await visit.head()
        await visit.send(ANSWER)
        await visit.gone()

    server.script = hang
    async with open_session(server, account, hasty) as session:
        assert (await events(session.converse(ASK)))[-1] == Finished()
        await settled(lambda: server.open == 0, 3)


WHOLE = ANSWER + line(modelResponse={"message": "Because."})


async def test_upstream_that_closes_a_little_late_keeps_its_connection(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    async def late(visit: Any) -> None:
        await visit.head()
        await visit.send(WHOLE)
        await visit.send(line(title={"newTitle": "Reasons"}))
        await visit.end()

    server.script = late
    async with open_session(server, account, attempt) as session:
        await events(session.converse(ASK))
        await events(session.converse(ASK))

    assert server.connections == 1


async def test_upstream_that_does_not_close_delays_nobody(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    async def open_ended(visit: Any) -> None:
        await visit.head()
        await visit.send(WHOLE)
        await visit.gone()

    server.script = open_ended
    async with open_session(server, account, attempt) as session:
        found = await swift(lambda: events(session.converse(ASK)), within_s=0.8)

    assert found[-1] == Finished()
    await settled(lambda: server.open == 0, 0.5)


async def test_final_message_that_says_more_is_waited_for(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    go = asyncio.Event()

    async def late(visit: Any) -> None:
        await visit.head()
        await visit.send(line(token="Be") + line(token="", isSoftStop=True))
        await go.wait()
        await visit.send(line(modelResponse={"message": "Because."}))
        await visit.gone()

    server.script = late
    async with open_session(server, account, attempt) as session:
        generator = session.converse(ASK)
        begun = [await anext(generator), await anext(generator)]
        go.set()
        rest = await events(generator)

    assert begun[1] == TextDelta(text="Be")
    assert rest == [TextDelta(text="cause."), Finished()]


@pytest.mark.parametrize(
    ("lines", "clean", "kind", "stage"),
    [
        (line(token="Be"), True, Kind.TRUNCATED, Stage.CONTENT),
        (line(token="Be"), False, Kind.TRUNCATED, Stage.CONTENT),
        (line(uiLayout={}), True, Kind.TRANSIENT, Stage.SENT),
        (line(uiLayout={}), False, Kind.TRANSIENT, Stage.SENT),
        (b"", True, Kind.EMPTY, Stage.SENT),
        (line(finalMetadata={}), True, Kind.EMPTY, Stage.SENT),
        (DRAWN + line(finalMetadata={}), True, Kind.MODERATION, Stage.CONTENT),
        (b'{"error":{"code":8}}\n', True, Kind.QUOTA, Stage.SENT),
        (line(token="Be") + b'{"error":{"code":8}}\n', True, Kind.QUOTA, Stage.CONTENT),
        (line(error="usage limit"), True, Kind.QUOTA, Stage.SENT),
    ],
)
async def test_answer_that_is_none(
    server: Any, account: Any, attempt: Any, open_session: Any,
    *, lines: bytes, clean: bool, kind: Kind, stage: Stage,
) -> None:  # fmt: skip
    async def send(visit: Any) -> None:
        await visit.head()
        if lines:
            await visit.send(lines)
        if clean:
            await visit.end()
        visit.writer.close()

    server.script = send
    async with open_session(server, account, attempt) as session:
        observation = await failed(session.converse(ASK))

    assert (observation.kind, observation.stage) == (kind, stage)


async def test_endless_line_is_cut(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    async def endless(visit: Any) -> None:
        await visit.head()
        while True:
            await visit.send(b"x" * 65_536)

    server.script = endless
    async with open_session(server, account, attempt) as session:
        assert (await failed(session.converse(ASK))).kind is Kind.MALFORMED
        await settled(lambda: server.open == 0, 0.5)


async def test_closing_the_generator_aborts_at_once(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    async def stall(visit: Any) -> None:
        await visit.head()
        await visit.send(line(token="Be"))
        await visit.gone()

    server.script = stall
    async with open_session(server, account, attempt) as session:
        generator = session.converse(ASK)
        async for _ in generator:
            break
        await generator.aclose()

        await settled(lambda: server.open == 0, 0.5)


async def test_cancelling_aborts_at_once(
    server: Any, account: Any, attempt: Any, open_session: Any, settled: Any
) -> None:
    server.script = lambda visit: visit.gone()
    async with open_session(server, account, attempt) as session:
        async with anyio.create_task_group() as group:
            group.start_soon(events, session.converse(ASK))
            await settled(lambda: bool(server.visits), 2)
            group.cancel_scope.cancel()

        await settled(lambda: server.open == 0, 0.5)
