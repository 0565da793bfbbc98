"""Attachments of conversations, against a scripted upstream."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import anyio
import msgspec
import pytest

from grokgate.upstream import (
    Attachment,
    Blob,
    Conversation,
    Kind,
    Message,
    Part,
    Stage,
    Text,
)
from plugins.web.driver_world import ANSWER, events, failed

pytestmark = pytest.mark.anyio


def with_files(count: int, text: str = "see") -> Conversation:
    files = tuple(
        Attachment(blob=Blob.of_bytes(b"%d" % n, mime="image/png", name=f"{n}.png"), kind="image")
        for n in range(count)
    )
    parts: tuple[Part, ...] = (Text(text=text), *files) if text else files
    return Conversation(messages=(Message(role="user", parts=parts),))


async def test_attachments_are_uploaded_five_at_once_and_kept_in_order(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    busy = most = 0
    full = anyio.Event()

    async def script(visit: Any) -> None:
        nonlocal busy, most
        if visit.path.endswith("/new"):
            await visit.reply(ANSWER)
            return
        busy += 1
        most = max(most, busy)
        if busy == 5:
            full.set()
        with anyio.fail_after(5):
            await full.wait()
        busy -= 1
        name = msgspec.json.decode(visit.body)["fileName"]
        await visit.reply(json.dumps({"fileMetadataId": f"id-{name}"}).encode())

    server.script = script
    async with open_session(server, account, attempt) as session:
        await events(session.converse(with_files(7)))

    body = msgspec.json.decode(server.visits[-1].body)
    assert body["fileAttachments"] == [f"id-{n}.png" for n in range(7)]
    assert most == 5


async def test_files_without_text_get_a_neutral_sentence(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    async def script(visit: Any) -> None:
        await visit.reply(ANSWER if visit.path.endswith("/new") else b'{"fileId":"f"}')

    server.script = script
    async with open_session(server, account, attempt) as session:
        await events(session.converse(with_files(1, text="")))

    body = msgspec.json.decode(server.visits[-1].body)
    assert body["message"] == "Refer to the following content:"
    assert body["fileAttachments"] == ["f"]


@pytest.mark.parametrize(
    ("status", "body", "kind", "stage"),
    [
        (200, b"{}", Kind.MALFORMED, Stage.UNSENT),
        (413, b"", Kind.BAD_REQUEST, Stage.REFUSED),
        (500, b"", Kind.TRANSIENT, Stage.UNSENT),
        (200, b"x" * 2_000_000, Kind.MALFORMED, Stage.UNSENT),
    ],
)
async def test_failed_upload_sends_no_prompt(
    server: Any, account: Any, attempt: Any, open_session: Any,
    *, status: int, body: bytes, kind: Kind, stage: Stage,
) -> None:  # fmt: skip
    server.script = lambda visit: visit.reply(body, status)
    async with open_session(server, account, attempt) as session:
        observation = await failed(session.converse(with_files(1)))

    assert (observation.operation, observation.kind) == ("upload", kind)
    assert (observation.stage, attempt.sent_count) == (stage, 0)


async def test_file_that_cannot_be_read_fails_as_what_it_is(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    async def broken() -> AsyncGenerator[bytes, None]:
        yield b"x"
        raise ZeroDivisionError

    blob = Blob(name="a.png", mime="image/png", size=9, open=broken)
    message = Message(role="user", parts=(Attachment(blob=blob, kind="image"),))
    async with open_session(server, account, attempt) as session:
        with pytest.raises(ZeroDivisionError):
            await events(session.converse(Conversation(messages=(message,))))
