"""The scenarios with files behind them: pictures and a video (upstream-protocol.md 6.1, 7.3)."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from msgspec import Struct

from grokgate.sandbox.answer import Answer, Film, Picture, PicturesFollow, Say, Step
from grokgate.sandbox.fate import Fate, fate_of
from grokgate.sandbox.faults import Action
from grokgate.sandbox.studio import Studio, numbered

News: TypeAlias = Mapping[str, str | int | bool]

PICTURE_UNITS = 4
"""Units of a call for pictures, edits or a video in the oldest generation (3.2)."""
TRIGGERS = ("Image Generation:", "Drawing:", "Image Edit:")
"""Beginnings of a message that call the image tool (6.1)."""


class Shoot(Struct, frozen=True, kw_only=True):
    """How a video shall be."""

    prompt: str
    post_id: str = ""
    """``videoPostId``; empty: that of the video."""
    mode: str = "normal"
    resolution: str = "480p"
    model: str = "imagine-video-gen"


def subject_of(text: str) -> str | None:
    """Return what a message wants drawn; None: it wants no picture."""
    text = text.strip()
    found = (trigger for trigger in TRIGGERS if text.startswith(trigger))
    return next((text.removeprefix(trigger).strip() for trigger in found), None)


def draw(
    studio: Studio,
    subject: str,
    *,
    count: int = 2,
    ratio: str = "2:3",
    actions: tuple[Action, ...] = (),
) -> Answer:
    """Answer with pictures; each is first seen as a preview.

    Args:
        studio: Keeps them.
        subject: What they are of.
        count: How many.
        ratio: Width to height.
        actions: May withhold some or all.
    """
    fates = [fate_of(slot, actions) for slot in range(count)]
    steps: list[Step] = [PicturesFollow()]
    finished: list[Picture] = []
    for slot, fate in enumerate(fates):
        picture_id = studio.new_id()
        path = f"users/{studio.account.user_id}/generated/{picture_id}-part-0/image.jpg"
        preview = Picture(id=picture_id, url=path, index=slot, prompt=subject, progress=50)
        steps += _begun(preview, fate)
        if fate == "final":
            file = studio.picture(picture_id, numbered(slot, ratio=ratio, tint=picture_id))
            url = studio.account.key(file)
            finished.append(Picture(id=picture_id, url=url, index=slot, prompt=subject))
    return Answer(
        steps=[*steps, *finished],
        message=_said(subject, len(finished), fates),
        images=tuple(picture.url for picture in finished),
        ends=False,
    )


def film(studio: Studio, shoot: Shoot, actions: tuple[Action, ...] = ()) -> Answer:
    """Answer with a video and the picture that stands for it."""
    fate = fate_of(0, actions)
    if fate != "final":
        return Answer(steps=_withheld(studio, shoot, fate), message=_REFUSAL, ends=False)
    video, still = studio.video(shoot.prompt)
    post_id = shoot.post_id or video.id
    done: News = {
        "videoId": video.id,
        "progress": 100,
        "videoPostId": post_id,
        "assetId": video.id,
        "videoUrl": studio.account.key(video),
        "thumbnailImageUrl": studio.account.key(still),
        "moderated": False,
    }
    text = f"I generated a video with the prompt: '{shoot.prompt}'"
    return Answer(
        steps=[*_filming(video.id, post_id, shoot), Film(news=done), Say(text, stop=True)],
        attachments=(video.id,),
    )


def _begun(preview: Picture, fate: Fate) -> Iterator[Picture]:
    match fate:
        case "final" | "medium_no_final":
            yield preview
        case "flag":
            yield Picture(
                id=preview.id,
                url=preview.url,
                index=preview.index,
                prompt=preview.prompt,
                progress=preview.progress,
                moderated=True,
            )
        case "silent" | "refusal_text":
            return


def _said(subject: str, finished: int, fates: list[Fate]) -> str:
    if finished:
        pictures = "a picture" if finished == 1 else f"{finished} pictures"
        return f"Here {'is' if finished == 1 else 'are'} {pictures} of {subject}."
    told = any(fate in ("flag", "refusal_text") for fate in fates)
    return _REFUSAL if told else ""


def _withheld(studio: Studio, shoot: Shoot, fate: Fate) -> list[Step]:
    """Film up to where the video is withheld."""
    video_id = studio.new_id()
    begun = [] if fate in ("silent", "refusal_text") else _filming(video_id, video_id, shoot)
    if fate != "flag":
        return [*begun]
    end: News = {"videoId": video_id, "progress": 100, "videoPostId": video_id, "moderated": True}
    return [*begun, Film(news=end)]


def _filming(video_id: str, post_id: str, shoot: Shoot) -> list[Film]:
    return [Film(news=_progress(video_id, post_id, shoot, percent)) for percent in (0, 25, 25, 75)]


def _progress(video_id: str, post_id: str, shoot: Shoot, percent: int) -> News:
    return {
        "videoId": video_id,
        "progress": percent,
        "videoPostId": post_id,
        "moderated": False,
        "mode": shoot.mode,
        "resolutionName": shoot.resolution,
        "videoPrompt": shoot.prompt,
        "imageReference": "",
        "modelName": shoot.model,
        "width": 688,
        "height": 464,
    }


_REFUSAL = "I cannot create this picture or video."
