"""What an answer that is made of pictures or a video has in common with the others of its kind.

It is read for what it makes: text is passed over, and once everything is there the rest is not
waited for. What came counts, even if the answer breaks off after it.
"""

from collections.abc import AsyncGenerator, Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from grokgate.upstream import (
    Event,
    Finished,
    ImagePreview,
    ImageReady,
    ImageRefused,
    Kind,
    Observation,
    Progress,
    Stage,
    Started,
    UpstreamFailure,
    VideoReady,
)
from grokgate_web.actor import Actor
from grokgate_web.classify import in_band_evidence
from grokgate_web.decode.answer import Answer
from grokgate_web.talk import Talk

CLOSING_S = 0.25
"""Seconds an answer that was read has to end by itself, so that its connection can be reused.

The client waits for its last frames meanwhile. Not longer; and not in the background either: the
account's next call would begin while this one is still open (V13).
"""

_MADE = (Started, Progress, ImagePreview, ImageReady, ImageRefused, VideoReady)
_TURNED_AWAY = frozenset(
    (
        Kind.QUOTA,
        Kind.PLAN,
        Kind.AUTH_DEAD,
        Kind.AUTH_FAIL,
        Kind.FORBIDDEN,
        Kind.ANTI_BOT,
        Kind.CHALLENGE,
        Kind.BAD_REQUEST,
    )
)
"""Nothing was made, though status 200 or an open socket came before it: another account may be
tried, as after the same refusal by a status."""


class Ending(Struct, frozen=True, kw_only=True):
    """How making something ended."""

    events: list[Event]
    """What is still to be told."""
    failure: UpstreamFailure | None = None
    """Raised after it; None: the answer is complete."""


async def made(
    actor: Actor, talk: Talk, *, operation: str, enough: Callable[[Answer], bool]
) -> AsyncGenerator[Event, None]:
    """Yield what an answer makes, until there is *enough*, and its end marker; closes *talk*.

    Raises:
        UpstreamFailure: Nothing was finished.
    """
    decoder, answer = talk.decoder, talk.decoder.answer
    try:
        while not (decoder.done or decoder.settled or enough(answer)):
            events = await talk.read()
            if events is None:
                break
            for event in _telling(events):
                yield event
        if decoder.error is None and (decoder.done or decoder.settled or enough(answer)):
            await talk.finish(CLOSING_S)
        for event in _telling(decoder.finish()):
            yield event
    except UpstreamFailure:
        if not (answer.pictures.ready or answer.film.ready):
            raise
    finally:
        talk.close()
        actor.report_drift(operation, decoder.drift)
    end = _ending(actor, talk, operation=operation)
    for event in end.events:
        yield event
    if end.failure is not None:
        raise end.failure


def withheld(refusals: list[Event], operation: str) -> Ending:
    """End with moderation having stopped everything."""
    return Ending(events=refusals, failure=stopped(refusals, operation))


def stopped(refusals: list[Event], operation: str) -> UpstreamFailure:
    """Say that moderation stopped everything."""
    blocked = any(isinstance(event, ImageRefused) and event.blocked for event in refusals)
    observation = Observation(
        operation=operation,
        kind=Kind.MODERATION,
        stage=Stage.CONTENT,
        marker="blocked" if blocked else "withheld",
    )
    return UpstreamFailure(observation)


def turned_away(failure: UpstreamFailure) -> UpstreamFailure:
    """Correct the stage of a refusal that came in band before anything was made."""
    observation = failure.observation
    if observation.stage is not Stage.SENT or observation.kind not in _TURNED_AWAY:
        return failure
    return UpstreamFailure(replace(observation, stage=Stage.REFUSED))


def _telling(events: list[Event]) -> Iterator[Event]:
    """Pass over what does not tell of something made."""
    return (event for event in events if isinstance(event, _MADE))


def _ending(actor: Actor, talk: Talk, *, operation: str) -> Ending:
    """Say what an answer that ended stands for: what it made, or why it made nothing."""
    decoder, answer = talk.decoder, talk.decoder.answer
    pictures, film = answer.pictures, answer.film
    if pictures.ready or film.ready:
        missing = pictures.refusals() if decoder.complete else []
        return Ending(events=[*missing, Finished()])
    if decoder.error is not None:
        evidence = in_band_evidence(decoder.error)
        failure = turned_away(actor.caller.judged(evidence, operation, talk.stage))
        return Ending(events=[], failure=failure)
    if decoder.complete and moderated(answer):
        return withheld(pictures.refusals(), operation)
    if decoder.complete or decoder.blank:
        kind = Kind.EMPTY
    else:
        kind = Kind.TRUNCATED if decoder.output else Kind.TRANSIENT
    observation = Observation(
        operation=operation,
        kind=kind,
        stage=talk.stage,
        status=talk.close_code,
        drift=tuple(sorted(decoder.drift)),
    )
    return Ending(events=[], failure=UpstreamFailure(observation))


def moderated(answer: Answer) -> bool:
    """Tell whether moderation is why a complete answer made nothing.

    What it stops just never comes, and a text may say why (6.1, 7.3).
    """
    if answer.film.lost:
        return False
    return answer.pictures.begun or answer.film.begun or answer.spoke
