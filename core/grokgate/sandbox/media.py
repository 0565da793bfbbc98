"""Picture edits and videos: chat calls that carry a media order (upstream-protocol.md 6.5 to 7.5).

Two shapes say the same: ``modelConfigOverride`` of older generations, ``mediaGenInput`` of the
newest one. Both are read into an `Order`, which is checked, charged and carried out.
"""

import re

import msgspec
from msgspec import Struct

from grokgate.sandbox.accounts import Account, QuotaWindow, StoredFile
from grokgate.sandbox.answer import Answer
from grokgate.sandbox.assets import own_file
from grokgate.sandbox.catalogue import allows
from grokgate.sandbox.directive import Directive, DirectiveError, parse_prompt
from grokgate.sandbox.drawing import PICTURE_UNITS, Shoot, draw, film
from grokgate.sandbox.faults import Action
from grokgate.sandbox.files import EDIT_SOURCE
from grokgate.sandbox.inband import refuses
from grokgate.sandbox.media_body import (
    EditConfig,
    ImageToImage,
    MediaBody,
    TextToVideo,
    VideoConfig,
)
from grokgate.sandbox.pacing import hold_back
from grokgate.sandbox.refusals import refused
from grokgate.sandbox.request import Answered, Reply, invalid
from grokgate.sandbox.routes import came_from
from grokgate.sandbox.streaming import stream_of
from grokgate.sandbox.studio import Studio
from grokgate.sandbox.turn import Asked, frame_of
from grokgate.sandbox.world import Visit


class Order(Struct, frozen=True, kw_only=True):
    """What is to be made, and at what price."""

    model: str
    question: str
    subject: str
    """What is to be seen: the prompt without directive and preset."""
    window: QuotaWindow | None
    """None: the plan has none."""
    units: int
    shoot: Shoot | None = None
    """None: an edit."""
    count: int = 1
    """Pictures of an edit."""
    ratio: str = "2:3"


class Refused(Exception):
    """An order that is turned away, by a word of ``refusals.toml`` or for its payload."""

    def __init__(self, word: str, message: str = "") -> None:
        super().__init__(message)
        self.word = word


async def generate(visit: Visit) -> Answered | None:
    """Carry out the order of a chat call, or say what is wrong with it; None: it orders nothing."""
    try:
        call = msgspec.json.decode(visit.request.body, type=MediaBody)
        order = _read_order(visit, call)
        directive = parse_prompt(call.message)
    except (msgspec.DecodeError, UnicodeDecodeError, DirectiveError) as error:
        visit.exchange.refusal = "invalid"
        return invalid(f"Invalid request: {error}")
    except Refused as refusal:
        return _refusal(visit, refusal)
    return None if order is None else await _carry_out(visit, order, directive)


async def _carry_out(visit: Visit, order: Order, directive: Directive) -> Answered:
    visit.exchange.model = order.model
    visit.exchange.faults = actions = visit.actions + directive.actions
    if (reply := refused(visit.world, directive.actions)) is not None:
        return reply
    await hold_back(directive.actions)
    if not refuses(actions) and not _charge(visit, order):
        return visit.world.refuse(visit.exchange, "rate_limited")
    random = visit.world.random(visit.account)
    studio = Studio(visit.account, random=random, now=visit.world.clock.epoch_s())
    asked = Asked(
        message=order.question,
        protocol=visit.account.protocol,
        name=order.model,
        temporary=True,
    )
    frame = frame_of(visit, asked, actions, random)
    made = _made(order, studio, actions)
    return stream_of(visit.world, made, frame, actions, delay_ms=directive.options.delay_ms)


def _made(order: Order, studio: Studio, actions: tuple[Action, ...]) -> Answer:
    if order.shoot is None:
        return draw(studio, order.subject, count=order.count, ratio=order.ratio, actions=actions)
    return film(studio, order.shoot, actions)


def _charge(visit: Visit, order: Order) -> bool:
    now = visit.world.clock.epoch_s()
    if order.window is None or not visit.account.take(order.window, order.units, now):
        return False
    visit.exchange.units += order.units
    return True


def _refusal(visit: Visit, refusal: Refused) -> Reply:
    if refusal.word != "invalid":
        return visit.world.refuse(visit.exchange, refusal.word)
    visit.exchange.refusal = "invalid"
    return invalid(str(refusal))


def _read_order(visit: Visit, call: MediaBody) -> Order | None:
    """Take the order out of a chat call and check it; None: it is none.

    Raises:
        Refused: The order is not carried out.
    """
    older = call.response_metadata.model_config_override.model_map
    newest = call.media_gen_input
    order: Order | None = None
    if newest.image_to_image is not None:
        order = _newest_edit(visit, call, newest.image_to_image)
    elif newest.text_to_video is not None:
        order = _newest_video(visit, call, newest.text_to_video)
    elif older.image_edit_model_config is not None:
        order = _older_edit(visit, call, older.image_edit_model_config)
    elif older.video_gen_model_config is not None:
        order = _older_video(visit, call, older.video_gen_model_config)
    if order is not None and visit.world.strict:
        _require(came_from(visit.request, _PAGES), "Wrong header: referer")
    return order


def _newest_edit(visit: Visit, call: MediaBody, edit: ImageToImage) -> Order:
    _require_newest(visit)
    _require(call.model_name == "imagine-image-edit", "Model not found", word="unknown_model")
    _require(1 <= len(edit.input_assets) <= _MOST_ASSETS, "inputAssets needs 1 to 8 assets")
    for asset_id in edit.input_assets:
        file = visit.account.files.get(asset_id)
        _require(file is not None and _may_be_edited(file), "Unknown input asset")
    return Order(
        model=call.model_name,
        question=call.message,
        subject=_subject(call.message),
        window=visit.account.imagine.get("image_edit"),
        units=1,
        ratio=edit.aspect_ratio if _RATIO.fullmatch(edit.aspect_ratio) else "1:1",
    )


def _newest_video(visit: Visit, call: MediaBody, video: TextToVideo) -> Order:
    _require_newest(visit)
    _require(call.model_name == "imagine-video-gen", "Model not found", word="unknown_model")
    _require(1 <= video.duration <= _LONGEST_S, "duration is out of range")
    sharp = video.resolution_name == "720p"
    _require(sharp or visit.account.fixture.tier != "basic", "", word="plan")
    offered = visit.account.imagine
    return Order(
        model=call.model_name,
        question=call.message,
        subject=_subject(video.prompt),
        window=offered.get("video_720p" if sharp else "video"),
        units=1,
        shoot=_shoot(call.message, video.prompt, resolution=video.resolution_name),
    )


def _older_edit(visit: Visit, call: MediaBody, edit: EditConfig) -> Order:
    known = call.model_name in ("imagine-image-edit", "grok-3")
    _require(known, "Model not found", word="unknown_model")
    _require_tier(visit)
    _require(bool(edit.image_references), "imageReferences is empty")
    _require_own(visit, edit.image_references)
    _require_parent(visit.account, edit.parent_post_id)
    return Order(
        model=call.model_name,
        question=call.message,
        subject=_subject(call.message),
        window=_older_window(visit, "image_edit"),
        units=_older_units(visit),
        count=2,
    )


def _older_video(visit: Visit, call: MediaBody, video: VideoConfig) -> Order:
    known = call.model_name in ("grok-3", "imagine-video-gen")
    _require(known, "Model not found", word="unknown_model")
    _require_tier(visit)
    longest = _SHORT_S if visit.account.fixture.tier == "basic" else _LONGEST_S
    _require(1 <= video.video_length <= longest, "videoLength is out of range")
    _require_own(visit, video.image_references)
    _require_parent(visit.account, video.parent_post_id, needed=True)
    if video.is_video_extension:
        _require_parent(visit.account, video.extend_post_id, needed=True)
        _require_parent(visit.account, video.original_post_id)
    resolution = video.resolution_name or ("720p" if video.video_resolution == "HD" else "480p")
    prompt = _MODE.sub("", call.message)
    return Order(
        model=call.model_name,
        question=call.message,
        subject=_subject(prompt),
        window=_older_window(visit, "video_720p" if resolution == "720p" else "video"),
        units=_older_units(visit),
        shoot=_shoot(call.message, prompt, resolution=resolution, post_id=video.parent_post_id),
    )


def _shoot(message: str, prompt: str, *, resolution: str, post_id: str = "") -> Shoot:
    mode = _MODE.search(message)
    return Shoot(
        prompt=parse_prompt(prompt).text.strip(),
        post_id=post_id,
        mode=mode[1] if mode else "custom",
        resolution=resolution,
    )


def _subject(prompt: str) -> str:
    return parse_prompt(_MODE.sub("", prompt)).text.strip()


def _require(holds: bool, message: str, *, word: str = "invalid") -> None:  # noqa: FBT001 - reads as an assertion
    if not holds:
        raise Refused(word, message)


def _require_newest(visit: Visit) -> None:
    newest = visit.account.protocol == "2026-08" or not visit.world.strict_generation
    _require(newest, "mediaGenInput is unknown")


def _require_tier(visit: Visit) -> None:
    """From 2026-04 on, edits and videos are for paid plans (3.4)."""
    if visit.account.protocol == "2026-04":
        _require(allows(visit.account.fixture.tier, "super"), "", word="plan")
    _require(
        visit.account.protocol != "2026-08" or not visit.world.strict_generation,
        "modelConfigOverride is unknown",
    )


def _require_own(visit: Visit, urls: list[str]) -> None:
    owned = all(own_file(visit, url) is not None for url in urls)
    _require(owned, "", word="invalid_parent")


def _require_parent(account: Account, post_id: str, *, needed: bool = False) -> None:
    """A file may stand for a post: clients derive ids from addresses (6.5)."""
    known = post_id in account.posts or post_id in account.files or (not post_id and not needed)
    _require(known, "", word="invalid_parent")


def _may_be_edited(file: StoredFile) -> bool:
    return file.source == EDIT_SOURCE or file.path.startswith("generated/")


def _older_window(visit: Visit, product: str) -> QuotaWindow | None:
    """Return the window an older call draws from: in the oldest generation that of chat."""
    if visit.account.protocol == "2026-02":
        return visit.account.window("default", "2026-02")
    return visit.account.imagine.get(product)


def _older_units(visit: Visit) -> int:
    return PICTURE_UNITS if visit.account.protocol == "2026-02" else 1


_MODE = re.compile(r" --mode=([a-z-]+)$", re.MULTILINE)
_RATIO = re.compile(r"\d+(\.\d+)?:\d+(\.\d+)?")
_PAGES = ("/imagine", "/imagine/post/*")
_MOST_ASSETS = 8
_SHORT_S, _LONGEST_S = 6, 15
"""Seconds of a video for free accounts, and for all."""
