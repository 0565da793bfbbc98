"""What is new is told by path and never by value; what is known makes no noise."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest

from grokgate.sandbox import Sandbox
from grokgate.testing.server import running_sandbox
from grokgate.upstream import (
    Account,
    Attachment,
    Blob,
    Conversation,
    Message,
    Secret,
    Text,
    UpstreamContext,
    UpstreamFailure,
    Wire,
)
from grokgate_web.decode import known
from grokgate_web.decode.chat import ChatDecoder
from grokgate_web.decode.drift import MOST_PATHS, Paths, news
from grokgate_web.driver import open_driver
from grokgate_web.profile_files import load_profile
from grokgate_web.settings import WebSettings


def drift_of(*objects: Any) -> set[str]:
    decoder = ChatDecoder(load_profile("2026-04").stream, filter_tags=())
    decoder.feed(b"".join(json.dumps(item).encode() + b"\n" for item in objects))
    decoder.finish()
    return decoder.drift


def reply(**fields: Any) -> dict[str, Any]:
    return {"result": {"response": {"responseId": "r", **fields}}}


@pytest.mark.parametrize(
    ("line", "paths"),
    [
        ({"novel": 1}, {"novel", "result"}),
        ({"result": {"novel": 1}}, {"result.novel"}),
        (reply(novel={"secret": "s"}), {"result.response.novel"}),
        (reply(token="x", novel=1, other2=2), {"result.response.novel", "result.response.other2"}),
        (
            reply(modelResponse={"message": "m", "novel": 1}),
            {"result.response.modelResponse.novel"},
        ),
        (reply(token=[1]), {"result.response.token"}),
        (reply(isThinking="yes", token="x"), {"result.response.isThinking"}),
        (
            reply(streamingImageGenerationResponse={"imageId": "i", "novel": 1}),
            {"result.response.streamingImageGenerationResponse.novel"},
        ),
        (
            reply(streamingVideoGenerationResponse={"videoId": "i", "novel": 1}),
            {"result.response.streamingVideoGenerationResponse.novel"},
        ),
        (
            reply(cardAttachment={"jsonData": {"id": "c", "image_chunk": {"novel": 1}}}),
            {"card.image_chunk.novel"},
        ),
        ({"result": "text"}, {"result"}),
        ({"result": {"response": 5}}, {"result.response"}),
    ],
)
def test_path_of_a_line(line: Any, paths: set[str]) -> None:
    assert drift_of(line) == paths


@pytest.mark.parametrize(
    "name",
    ["sso=eyJ", "you said", "a@b.c", "7d1c0c5e-2f6b-4b0e-9a53-0d8f5f0e1a11", "x" * 41, "12345",
     "a12345", "ünï", "", "a.b", "line\nbreak"],
)  # fmt: skip
def test_name_that_may_be_a_value_is_masked(name: str) -> None:
    assert drift_of(reply(**{name: 1})) == {"result.response.*"}


def test_number_of_paths_is_bounded() -> None:
    names = [f"{first}{second}" for first in "abcdefghij" for second in "klmnopqrst"]

    assert len(drift_of(reply(**dict.fromkeys(names, 1)))) == MOST_PATHS
    assert len(drift_of(*(reply(**{name: 1}) for name in names))) == MOST_PATHS


def test_line_with_news_is_read_all_the_same() -> None:
    decoder = ChatDecoder(load_profile("2026-04").stream, filter_tags=())
    events = decoder.feed(json.dumps(reply(token="Hi", novel=1)).encode() + b"\n")

    assert [getattr(event, "text", None) for event in events] == [None, "Hi"]


def test_compared_names_get_their_place() -> None:
    paths = Paths()
    paths.compare(["known", "new"], {"known"}, "a.b.")

    assert paths == {"a.b.new"}


@pytest.mark.parametrize(
    ("answer", "shape", "paths"),
    [
        ({"remainingQueries": 1, "novel": 2}, known.QUOTA, {"novel"}),
        ({"lowEffortRateLimits": {"cost": 1, "novel": 2}}, known.QUOTA,
         {"lowEffortRateLimits.novel"}),
        ({"video": {"available": True, "novel": 1}, "music": None}, known.PRODUCTS,
         {"video.novel", "music"}),
        ({"fileMetadataId": "x", "fileMetadata": {"novel": 1}}, known.UPLOAD,
         {"fileMetadata.novel"}),
        ({"assets": [{"assetId": "a"}, {"novel": 1}], "total": 2}, known.ASSETS,
         {"assets[].novel", "total"}),
        ({"status": "x", "user": {"novel": 1}}, known.ACCOUNT, {"user.novel"}),
        ({"post": {"id": "p", "novel": 1}}, known.POST, {"post.novel"}),
        ({"hdMediaUrl": "u", "novel": 1}, known.UPSCALED, {"novel"}),
        ([1], known.QUOTA, set()),
        ("text", known.QUOTA, set()),
    ],
)  # fmt: skip
def test_path_in_an_answer(
    answer: Any, shape: Mapping[str, frozenset[str]], paths: set[str]
) -> None:
    assert news(json.dumps(answer).encode(), shape) == paths


def test_long_answer_is_not_compared() -> None:
    assert news(b'{"novel":"' + b"x" * (1 << 20) + b'"}', known.QUOTA) == set()


@pytest.mark.anyio
async def test_news_of_every_sort_of_answer_reach_the_attempt(
    server: Any, account: Any, attempt: Any, open_session: Any
) -> None:
    async def script(visit: Any) -> None:
        if "upload" in visit.path:
            await visit.reply(b'{"fileMetadataId":"f1","novel":1}')
        elif "assets" in visit.path:
            await visit.reply(b'{"assets":[],"novel":1}')
        else:
            await visit.reply(b'{"result":{"response":{"token":"x","novel":1}}}\n')

    server.script = script
    async with open_session(server, account, attempt) as session:
        await _ask(session, "See", Attachment(blob=_PICTURE, kind="image"))
        assert [file async for file in session.files()] == []

    assert attempt.drift == [
        ("upload", "novel"), ("converse", "result.response.novel"), ("files", "novel"),
    ]  # fmt: skip


@pytest.mark.anyio
async def test_news_of_a_quota_answer_reach_the_attempt(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any
) -> None:
    server.script = lambda visit: visit.reply(b'{"remainingQueries":1,"totalQueries":2,"novel":1}')
    settings = WebSettings(web_base=server.base, protocol="2026-04")
    context = UpstreamContext(settings=lambda: settings, log=log, clock=clock)
    async with open_driver(context) as driver:
        await driver.survey(account, attempt, buckets=frozenset(("fast",)))

    assert ("survey", "novel") in attempt.drift


class Quiet:
    """An attempt that notes what drifted."""

    first_s = idle_s = 10.0

    def __init__(self) -> None:
        self.drift: list[tuple[str, str]] = []

    def sent(self) -> None:
        pass

    def learned(self, facts: object, /) -> None:
        pass

    def drifted(self, operation: str, path: str, /) -> None:
        self.drift.append((operation, path))


SCENARIOS = (
    "echo", "thinking", "thinking late=3", "search", "search duplicate=1", "search twin=1",
    "markup", "markup unterminated=1", "agents agents=3", "tools", "tools style=nested",
    "long tokens=300", "unicode", "empty", "empty message=1", "intermediate",
    "intermediate partial=0", "image", "image image=4", "video",
)  # fmt: skip


@pytest.mark.anyio
@pytest.mark.parametrize("protocol", ["2026-02", "2026-04", "2026-08"])
async def test_nothing_the_document_knows_is_drift(protocol: Any, log: Any, clock: Any) -> None:
    line = Quiet()
    async with running_sandbox(Sandbox(protocol=protocol)) as (sandbox, base):
        settings = WebSettings(web_base=base, assets_base=f"{base}/__assets", protocol=protocol)
        context = UpstreamContext(settings=lambda: settings, log=log, clock=clock)
        async with open_driver(context) as driver:
            for number, fixture in enumerate(sandbox.accounts):
                account = Account(
                    id=f"a{number}", pool="ssoSuper", credential=Secret(str(fixture.token))
                )
                await _use_everything(driver, account, line, protocol)

    assert line.drift == []


async def _use_everything(driver: Any, account: Account, line: Quiet, protocol: str) -> None:
    name = "grok-3" if protocol == "2026-02" else "fast"
    params = {"mode": "MODEL_MODE_GROK_3"} if protocol == "2026-02" else {}
    wire = Wire(name=name, buckets=(name,), params=params)
    profile = load_profile(protocol)
    async with driver.session(account, wire, line) as session:
        for scenario in SCENARIOS:
            await _ask(session, f"@sim scenario={scenario}")
        await _ask(session, "See", Attachment(blob=_PICTURE, kind="image"))
        files = [file async for file in session.files()]
        for file in files[:2]:
            await session.delete_file(file.id)
    await driver.survey(account, line, buckets=frozenset(profile.quota.names))


_PICTURE = Blob.of_bytes(b"x", mime="image/png", name="a.png")


async def _ask(session: Any, text: str, *files: Attachment) -> None:
    message = Message(role="user", parts=(Text(text=text), *files))
    with suppress(UpstreamFailure):  # an answer without text is one
        async for _ in session.converse(Conversation(messages=(message,))):
            pass
