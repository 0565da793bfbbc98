"""Pictures and videos asked of a scripted upstream: what the sandbox does not play."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from grokgate.upstream import (
    Finished,
    ImageReady,
    ImageRequest,
    Kind,
    Stage,
    UpstreamContext,
    UpstreamFailure,
    VideoReady,
    VideoRequest,
    Wire,
)
from grokgate_web.driver import open_driver
from grokgate_web.settings import WebSettings
from grokgate_web.transport import Request, Route, Transport, TransportError
from plugins.web.media_world import DONE, PICTURE, of, played

pytestmark = pytest.mark.anyio

WIRE = Wire(name="imagine", buckets=("image_pro",))
ASK = ImageRequest(prompt="a kite", method="socket")
EDIT = ImageRequest(prompt="blue", method="edit", references=(PICTURE,))
UPLOADED = b'{"fileMetadataId":"f1","fileUri":"users/u/f1/content"}'


@pytest.fixture
def session(open_session: Any, server: Any, account: Any, attempt: Any) -> Any:
    @asynccontextmanager
    async def opened(protocol: str = "2026-08", line: Any = None) -> AsyncIterator[Any]:
        settings = {"protocol": protocol, "assets_base": f"{server.base}/files"}
        async with open_session(server, account, line or attempt, WIRE, **settings) as one:
            yield one

    return opened


def frame(kind: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, "id": "i1", **fields}).encode()


async def asked(visit: Any) -> Any:
    """Accept the socket and take what is asked."""
    peer = await visit.upgrade()
    await peer.event()
    await peer.event()
    return peer


async def test_upgrade_looks_like_the_page(server: Any, session: Any) -> None:
    async def script(visit: Any) -> None:
        peer = await asked(visit)
        await peer.send(frame("image", blob="/9j/"))
        await peer.send(frame("json", current_status="completed"))
        await peer.part()

    server.script = script
    async with session() as one:
        events, outcome = await played(one.imagine(ASK))

    [visit] = server.visits
    assert (outcome, events[-1]) == (DONE, Finished())
    assert visit.path == "/ws/imagine/listen"
    assert visit.headers["cookie"] == "sso=secret-a; sso-rw=secret-a"
    assert not {"sec-ch-ua", "x-statsig-id", "x-xai-request-id"} & set(visit.headers)


async def test_address_stands_in_for_a_picture_that_is_not_in_its_message(
    server: Any, session: Any
) -> None:
    url = "https://imagine-public.x.ai/imagine-public/images/0a0b0c0d.jpg"

    async def script(visit: Any) -> None:
        peer = await asked(visit)
        await peer.send(frame("json", current_status="start_stage"))
        await peer.send(frame("image", url=url, percentage_complete=100))
        await peer.send(frame("json", current_status="completed"))
        await peer.part()

    server.script = script
    async with session() as one:
        events, _ = await played(one.imagine(ASK))

    assert [event.asset.ref for event in of(events, ImageReady)] == [url]


async def test_final_picture_that_lags_behind_is_not_waited_for_long(
    server: Any, session: Any, hasty: Any
) -> None:
    async def script(visit: Any) -> None:
        peer = await asked(visit)
        await peer.send(frame("image", blob="/9j/", percentage_complete=50))
        await peer.send(frame("json", current_status="completed"))
        await peer.gone()

    server.script = script
    async with session(line=hasty) as one:
        _, observed = await played(one.imagine(ASK))

    assert (observed.kind, observed.marker) == (Kind.MODERATION, "blocked")


async def test_silence_after_mere_words_is_a_timeout(server: Any, session: Any, hasty: Any) -> None:
    async def script(visit: Any) -> None:
        peer = await asked(visit)
        await peer.send(frame("json", current_status="start_stage"))
        await peer.gone()

    server.script = script
    async with session(line=hasty) as one:
        _, observed = await played(one.imagine(ASK))

    assert (observed.kind, observed.stage) == (Kind.TIMEOUT, Stage.SENT)
    assert not observed.first_byte_timeout


async def test_silence_after_previews_is_a_timeout(server: Any, session: Any, hasty: Any) -> None:
    """What is slow is not thereby moderated (6.4)."""

    async def script(visit: Any) -> None:
        peer = await asked(visit)
        await peer.send(frame("json", current_status="start_stage"))
        await peer.send(frame("image", blob="/9j/", percentage_complete=35))
        await peer.gone()

    server.script = script
    async with session(line=hasty) as one:
        _, observed = await played(one.imagine(ASK))

    assert (observed.kind, observed.stage) == (Kind.TIMEOUT, Stage.CONTENT)


async def test_odd_messages_do_no_harm(server: Any, session: Any, attempt: Any) -> None:
    async def script(visit: Any) -> None:
        peer = await asked(visit)
        await peer.send(b"\x00\xff", first=0x82)
        await peer.send(b"junk")
        await peer.send(frame("weather"))
        await peer.send(frame("image", blob="/9j/"))
        await peer.send(frame("json", current_status="completed", novel=1))
        await peer.part()

    server.script = script
    async with session() as one:
        _, outcome = await played(one.imagine(ASK))

    assert outcome == DONE
    assert attempt.drift == [("imagine", "frame"), ("imagine", "json.novel"), ("imagine", "type")]


async def test_message_over_the_limit_is_malformed(server: Any, session: Any) -> None:
    async def script(visit: Any) -> None:
        peer = await asked(visit)
        peer.writer.write(b"\x81\x7f" + (65 * 1024 * 1024).to_bytes(8, "big"))
        await peer.writer.drain()
        await peer.gone()

    server.script = script
    async with session() as one:
        _, observed = await played(one.imagine(ASK))

    assert (observed.kind, observed.stage) == (Kind.MALFORMED, Stage.SENT)


async def test_sign_of_life(server: Any, tmp_path: Path) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        heard.append(await peer.read())
        await peer.send(b"x" * 9)
        await peer.gone()

    heard: list[tuple[int, bytes]] = []
    server.script = script
    transport = Transport(tmp_path)
    request = Request(url=f"{server.base}/ws", headers=(), max_bytes=100)
    socket = transport.connect("a", Route(target="chrome136"), request, max_message=8)
    with anyio.fail_after(5):
        assert await socket.open(anyio.current_time() + 5)
        socket.ping()
        with pytest.raises(TransportError, match="too_large"):
            await socket.receive(anyio.current_time() + 5)
    socket.close()
    await transport.aclose()

    assert heard == [(9, b"")]


PROFILE = """
extends = "2026-08"
[images.socket]
path = "/ws/next"
item = "input_scroll"
ping_s = 0.05
"""


async def test_socket_by_a_new_data_file(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any, *, tmp_path: Path
) -> None:
    async def script(visit: Any) -> None:
        peer = await visit.upgrade()
        await peer.event()
        said.append(await peer.event())
        assert (await peer.read())[0] == 9, "a sign of life"
        await peer.send(frame("image", blob="/9j/"))
        await peer.send(frame("json", current_status="completed"))
        await peer.gone()

    said: list[Any] = []
    server.script = script
    (tmp_path / "mine.toml").write_text(PROFILE)
    settings = WebSettings(web_base=server.base, protocol="mine")
    context = UpstreamContext(settings=lambda: settings, log=log, clock=clock)
    async with (
        open_driver(context, own=tmp_path) as driver,
        driver.session(account, WIRE, attempt) as one,
    ):
        _, outcome = await played(one.imagine(ASK))

    assert (outcome, server.visits[0].path) == (DONE, "/ws/next")
    assert said[0]["item"]["content"][0]["type"] == "input_scroll"


def studio(posts: int = 200, *, uploaded: bytes = UPLOADED, answer: bytes = b"") -> Any:
    """Answer uploads, posts, and the order itself."""

    async def script(visit: Any) -> None:
        if "upload" in visit.path:
            await visit.reply(uploaded)
        elif "post/create" in visit.path:
            await visit.reply(b'{"post":{"id":"p1"}}', posts)
        else:
            await visit.reply(answer)

    return script


def line(**fields: Any) -> bytes:
    return json.dumps({"result": {"response": fields}}).encode() + b"\n"


@pytest.mark.parametrize(("status", "kind"), [(429, Kind.QUOTA), (401, Kind.AUTH_FAIL)])
async def test_account_that_may_not_post_may_not_edit(
    server: Any, session: Any, status: int, kind: Kind
) -> None:
    server.script = studio(status)
    async with session("2026-04") as one:
        _, observed = await played(one.imagine(EDIT))

    assert (observed.kind, observed.stage) == (kind, Stage.REFUSED)


async def test_upload_that_does_not_say_where_it_lies(server: Any, session: Any) -> None:
    server.script = studio(uploaded=b'{"fileMetadataId":"f1"}')
    async with session("2026-04") as one:
        _, observed = await played(one.imagine(EDIT))

    assert (observed.kind, observed.stage, observed.drift) == (
        Kind.MALFORMED, Stage.UNSENT, ("fileUri",),
    )  # fmt: skip


async def test_answer_without_pictures_is_empty(server: Any, session: Any) -> None:
    server.script = studio(answer=line(finalMetadata={}))
    async with session("2026-04") as one:
        _, observed = await played(one.imagine(EDIT))

    assert (observed.operation, observed.kind) == ("imagine", Kind.EMPTY)


@pytest.mark.parametrize(("moderated", "kind"), [(True, Kind.MODERATION), (False, Kind.EMPTY)])
async def test_video_that_never_came_is_moderated_only_if_that_is_told(
    server: Any, session: Any, kind: Kind, *, moderated: bool
) -> None:
    news = line(streamingVideoGenerationResponse={"progress": 100, "moderated": moderated})
    server.script = studio(answer=news + line(modelResponse={"message": "I made a video."}))
    async with session("2026-04") as one:
        _, observed = await played(one.film(VideoRequest(prompt="waves", seconds=6)))

    assert (observed.kind, observed.stage) == (kind, Stage.CONTENT)


async def test_video_before_a_break_counts(server: Any, session: Any) -> None:
    news = {"videoId": "v", "progress": 100, "videoUrl": "users/u/v.mp4"}

    async def script(visit: Any) -> None:
        if "post/create" in visit.path:
            await visit.reply(b'{"post":{"id":"p1"}}')
            return
        await visit.head()
        await visit.send(line(streamingVideoGenerationResponse=news))
        visit.writer.close()

    server.script = script
    async with session("2026-04") as one:
        events, outcome = await played(one.film(VideoRequest(prompt="waves", seconds=6)))

    assert (outcome, events[-1]) == (DONE, Finished())
    assert len(of(events, VideoReady)) == 1


async def test_news_of_a_post_reach_the_attempt(server: Any, session: Any, attempt: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.reply(b'{"post":{"id":"","novel":1}}')

    server.script = script
    async with session("2026-04") as one:
        with pytest.raises(UpstreamFailure):
            async for _ in one.film(VideoRequest(prompt="waves", seconds=6)):
                pass

    assert attempt.drift == [("film", "post.novel")]
