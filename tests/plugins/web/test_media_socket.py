"""Pictures over their own socket, against the sandbox."""

from contextlib import aclosing
from typing import Any

import anyio
import pytest

from grokgate.sandbox import faults
from grokgate.upstream import (
    Finished,
    ImagePreview,
    ImageReady,
    ImageRefused,
    ImageRequest,
    Kind,
    Progress,
    Stage,
    Started,
    Wire,
)
from grokgate_web.imagine import told_apart
from grokgate_web.profile_files import load_profile
from grokgate_web.settings import WebSettings
from plugins.web.media_world import DONE, PROTOCOLS, SOCKET, content, of, played, world

pytestmark = pytest.mark.anyio

PRO = Wire(name="imagine", buckets=("image_pro",), params={"pro": True})
JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG"


def kites(prompt: str = "a red kite", **more: Any) -> ImageRequest:
    return ImageRequest(prompt=prompt, **{"count": 2, "method": "socket", **more})


def asked(here: Any) -> list[Any]:
    """Return what the client said on the socket."""
    [call] = here.calls("imagine")
    return list(call.events("client"))


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_pictures(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, SOCKET, log=log, clock=clock) as here:
        events, outcome = await played(here.session.imagine(kites()))
        ready = of(events, ImageReady)
        files = [await content(here.session, event.asset) for event in ready]

    assert (outcome, events[0], events[-1]) == (DONE, Started(), Finished())
    assert sorted(event.slot for event in ready) == [0, 1]
    assert [len(file) for file in files] == [90_000, 90_000]
    assert all(file.startswith(JPEG) for file in files)
    assert here.limits.drift == []
    assert here.limits.sent_count == 1


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_pictures_come_with_their_messages(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, SOCKET, log=log, clock=clock) as here:
        events, _ = await played(here.session.imagine(kites(previews=True)))
        previews = of(events, ImagePreview)
        shown = [await content(here.session, event.asset) for event in previews]
        size = of(events, ImageReady)[0].asset.size

    assert [len(file) for file in shown] == [6_000, 6_000, 30_000, 30_000]
    assert all(file.startswith(PNG) for file in shown)
    assert {event.slot for event in previews} == {0, 1}
    assert size == 90_000
    assert not here.calls("public")


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_progress_never_falls(protocol: Any, log: Any, clock: Any) -> None:
    async with world(protocol, SOCKET, log=log, clock=clock) as here:
        events, _ = await played(here.session.imagine(kites()))

    news = [event.percent for event in of(events, Progress) if event.slot == 0]
    assert news == sorted(set(news)) == [35, 70]


async def test_words_of_the_first_generation(log: Any, clock: Any) -> None:
    async with world("2026-02", SOCKET, log=log, clock=clock) as here:
        await played(here.session.imagine(kites(nsfw=True)))
        [said] = asked(here)

    [piece] = said["item"]["content"]
    assert piece["type"] == "input_text"
    assert piece["properties"] == {
        "section_count": 0,
        "is_kids_mode": False,
        "enable_nsfw": True,
        "skip_upsampler": False,
        "is_initial": False,
        "aspect_ratio": "2:3",
    }


async def test_words_of_the_newest_generation(log: Any, clock: Any) -> None:
    async with world("2026-08", PRO, log=log, clock=clock) as here:
        await played(here.session.imagine(kites(ratio="20:9")))
        reset, said = asked(here)

    assert reset["item"]["content"] == [{"type": "reset"}]
    properties = said["item"]["content"][0]["properties"]
    assert properties["num_generations"] == 2
    assert properties["enable_pro"] is properties["enable_side_by_side"] is True
    assert (properties["aspect_ratio"], properties["enable_nsfw"]) == ("20:9", False)


async def test_quality_asks_for_the_better_model(log: Any, clock: Any) -> None:
    async with world("2026-04", SOCKET, log=log, clock=clock) as here:
        await played(here.session.imagine(kites(quality="quality")))
        _, said = asked(here)

    assert said["item"]["content"][0]["properties"]["enable_pro"] is True


async def test_adult_content_has_its_own_fingerprint(log: Any, clock: Any) -> None:
    async with world("2026-08", SOCKET, log=log, clock=clock, impersonate_nsfw="chrome120") as here:
        await played(here.session.imagine(kites(nsfw=True)))
        await played(here.session.imagine(kites()))
        agents = [call.header("user-agent") for call in here.calls("imagine")]

    assert ["Chrome/120" in agents[0], "Chrome/136" in agents[1]] == [True, True]


WITHHELD = [
    (protocol, style)
    for protocol in PROTOCOLS
    for style in ("flag", "medium_no_final", "silent", "refusal_text")
    if (protocol, style) != ("2026-02", "refusal_text")  # it says nothing at all then
]


@pytest.mark.parametrize(("protocol", "style"), WITHHELD)
async def test_withheld_pictures(protocol: Any, style: Any, log: Any, clock: Any) -> None:
    wanted = kites(f"a kite\n@sim fault=moderation style={style}")
    async with world(protocol, SOCKET, log=log, clock=clock, first_s=1.5, idle_s=0.3) as here:
        events, observed = await played(here.session.imagine(wanted))

    assert faults.Moderation(style=style).expected.admits(observed)
    refused = of(events, ImageRefused)
    assert [event.slot for event in refused] == ([] if style == "silent" else [0, 1])
    told = style != "medium_no_final" and protocol != "2026-02"
    assert {event.blocked for event in refused} <= {not told}


@pytest.mark.parametrize("protocol", ["2026-04", "2026-08"])
async def test_other_pictures_stand_in_for_withheld_ones(
    protocol: Any, log: Any, clock: Any
) -> None:
    """A generation that cannot be told a number makes more than were asked for."""
    wanted = kites("a kite\n@sim fault=moderation slots=0")
    async with world(protocol, SOCKET, log=log, clock=clock) as here:
        events, outcome = await played(here.session.imagine(wanted))

    spare = protocol == "2026-04"
    assert outcome == DONE
    assert len(of(events, ImageReady)) == (2 if spare else 1)
    assert len(of(events, ImageRefused)) == (0 if spare else 1)


@pytest.mark.parametrize("protocol", PROTOCOLS)
async def test_fewer_pictures_than_asked_for(protocol: Any, log: Any, clock: Any) -> None:
    wanted = kites("a kite\n@sim fault=partial_images deliver=1")
    async with world(protocol, SOCKET, log=log, clock=clock, idle_s=0.3) as here:
        events, outcome = await played(here.session.imagine(wanted))

    assert (outcome, len(of(events, ImageReady)), events[-1]) == (DONE, 1, Finished())
    assert [event.blocked for event in of(events, ImageRefused)] == [True]


CODES = ("rate_limit_exceeded", "unauthorized", "internal_error")
STAGES = {Kind.QUOTA: Stage.REFUSED, Kind.AUTH_FAIL: Stage.REFUSED, Kind.TRANSIENT: Stage.SENT}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("code", CODES)
async def test_error_message(protocol: Any, code: Any, log: Any, clock: Any) -> None:
    wanted = kites(f"a kite\n@sim fault=imagine_error code={code}")
    async with world(protocol, SOCKET, log=log, clock=clock) as here:
        events, observed = await played(here.session.imagine(wanted))

    assert faults.ImagineError(code=code).expected.admits(observed)
    assert observed.stage is STAGES[observed.kind]
    assert of(events, ImageReady) == []


async def test_unknown_ratio_is_a_bad_request(log: Any, clock: Any) -> None:
    async with world("2026-04", SOCKET, log=log, clock=clock) as here:
        _, observed = await played(here.session.imagine(kites(ratio="20:9")))

    assert (observed.kind, observed.stage) == (Kind.BAD_REQUEST, Stage.REFUSED)


@pytest.mark.parametrize(
    "form", ["401", "403_html", "403_empty", "403_json", "404", "429", "500", "slow"]
)
async def test_refused_upgrade(form: Any, log: Any, clock: Any) -> None:
    fault = faults.WsHandshake(form=form, delay_ms=20)
    async with world("2026-08", SOCKET, log=log, clock=clock) as here:
        here.sandbox.rules.add(fault, endpoint="imagine")
        _, observed = await played(here.session.imagine(kites()))

    assert fault.over_socket.admits(observed)
    assert observed.operation == ("" if form == "slow" else "listen")
    assert here.limits.sent_count == (form == "slow")


async def test_upgrade_that_is_forbidden_says_nothing_of_the_prompt(log: Any, clock: Any) -> None:
    async with world("2026-08", SOCKET, log=log, clock=clock) as here:
        here.sandbox.rules.add(faults.HttpStatus(code=403), endpoint="imagine")
        _, observed = await played(here.session.imagine(kites()))

    assert (observed.kind, observed.stage) == (Kind.FORBIDDEN, Stage.REFUSED)


@pytest.mark.parametrize(("frames", "kind"), [(0, Kind.TRANSIENT), (5, Kind.TRUNCATED)])
async def test_socket_that_closes_before_a_picture(
    frames: int, kind: Kind, log: Any, clock: Any
) -> None:
    async with world("2026-08", SOCKET, log=log, clock=clock) as here:
        here.sandbox.rules.add(faults.WsDrop(frames=frames, code=1011), endpoint="imagine")
        _, observed = await played(here.session.imagine(kites()))

    assert (observed.kind, observed.status) == (kind, 1011)
    assert observed.stage is (Stage.CONTENT if frames else Stage.SENT)


async def test_pictures_before_a_loss_count(log: Any, clock: Any) -> None:
    wanted = kites("a kite\n@sim interleave=0")
    async with world("2026-08", SOCKET, log=log, clock=clock) as here:
        here.sandbox.rules.add(faults.WsDrop(frames=6), endpoint="imagine")
        events, outcome = await played(here.session.imagine(wanted))

    assert (outcome, len(of(events, ImageReady))) == (DONE, 1)


async def test_silence_from_the_beginning(log: Any, clock: Any) -> None:
    async with world("2026-08", SOCKET, log=log, clock=clock, first_s=1.5) as here:
        here.sandbox.rules.add(faults.WsSilence(), endpoint="imagine")
        _, observed = await played(here.session.imagine(kites()))

    assert (observed.kind, observed.stage, observed.first_byte_timeout) == (
        Kind.TIMEOUT, Stage.SENT, True,
    )  # fmt: skip


async def test_large_pictures(log: Any, clock: Any) -> None:
    wanted = kites("a kite\n@sim final_chars=8000000 medium_chars=4000000", count=3)
    async with world("2026-08", SOCKET, log=log, clock=clock) as here:
        events, outcome = await played(here.session.imagine(wanted))
        file = await content(here.session, of(events, ImageReady)[2].asset)

    assert (outcome, len(file)) == (DONE, 6_000_000)


@pytest.mark.parametrize(
    ("option", "final"), [("final_chars=100000", False), ("final_chars=100004", True)]
)
async def test_size_decides_where_nothing_tells_a_status(
    option: str, log: Any, clock: Any, *, final: bool
) -> None:
    """Table 13.8."""
    async with world("2026-02", SOCKET, log=log, clock=clock, idle_s=0.3) as here:
        events, _ = await played(here.session.imagine(kites(f"a kite\n@sim {option}")))

    assert bool(of(events, ImageReady)) == final


@pytest.mark.parametrize(("nsfw", "final"), [(True, True), (False, False)])
async def test_operator_says_what_an_adult_picture_is(
    log: Any, clock: Any, *, nsfw: bool, final: bool
) -> None:
    """As older configurations did (F-MIG-09)."""
    wanted = kites("a kite\n@sim final_chars=60000", nsfw=nsfw)
    own: dict[str, Any] = {"nsfw_final_over": 50_000, "nsfw_final_s": 3.0}
    async with world("2026-02", SOCKET, log=log, clock=clock, idle_s=0.3, **own) as here:
        events, _ = await played(here.session.imagine(wanted))

    assert bool(of(events, ImageReady)) == final


async def test_what_the_operator_leaves_open_the_profile_says() -> None:
    socket = load_profile("2026-08").images.socket
    settings = WebSettings(nsfw_grace_s=4.0, nsfw_medium_over=7)

    told = told_apart(socket, settings)

    assert (told.grace_s, told.medium_over) == (4.0, 7)
    assert (told.blocked_s, told.final_over) == (15, 100_000)


async def test_status_decides_where_it_is_told(log: Any, clock: Any) -> None:
    wanted = kites("a kite\n@sim final_chars=40000")
    async with world("2026-08", SOCKET, log=log, clock=clock) as here:
        events, outcome = await played(here.session.imagine(wanted))

    assert (outcome, len(of(events, ImageReady))) == (DONE, 2)


async def test_closing_ends_the_socket_at_once(log: Any, clock: Any) -> None:
    wanted = kites("a kite\n@sim delay_ms=200", previews=True)
    async with world("2026-08", SOCKET, log=log, clock=clock) as here:
        with anyio.fail_after(5):
            async with aclosing(here.session.imagine(wanted)) as events:
                async for event in events:
                    if isinstance(event, ImagePreview):
                        break
            await here.sandbox.journal.until(
                lambda: all(call.closed_s for call in here.calls("imagine"))
            )
        [call] = here.calls("imagine")

    assert call.outcome == "abandoned"
