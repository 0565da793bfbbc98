"""Failures told after status 200, in neutral words; `framing` and `frames` write them down."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

from grokgate.sandbox.answer import Picture
from grokgate.sandbox.faults import Action, AntiBot, ErrorAfter200, Place, RateLimit

Form: TypeAlias = Literal[
    "object", "response", "stream_errors", "model_response", "usage_limit", "anti_bot", "card"
]


class InBand(Struct, frozen=True, kw_only=True):
    """An error and where it ends the answer."""

    form: Form
    """``usage_limit``: the words about a used-up mode; ``anti_bot``: named by a word, where the
    wire has words; ``card``: inside a picture's card; the rest as in `ErrorAfter200`."""
    code: int
    """gRPC status."""
    place: Place

    @property
    def message(self) -> str:
        """What the upstream says to the code."""
        return MESSAGES[self.code]


def in_band(action: Action) -> InBand | None:
    """Return the error of an action that fails after status 200."""
    match action:
        case AntiBot(place="in_band"):
            return InBand(form="object", code=7, place="start")
        case AntiBot(place="ws_error"):
            return InBand(form="anti_bot", code=7, place="start")
        case RateLimit(place="in_band"):
            return InBand(form="object", code=8, place="start")
        case RateLimit(place="text"):
            return InBand(form="usage_limit", code=8, place="start")
        case RateLimit(place="stream_error"):
            return InBand(form="stream_errors", code=8, place="start")
        case RateLimit(place="card"):
            return InBand(form="card", code=8, place="start")
        case RateLimit(place="late"):
            return InBand(form="stream_errors", code=8, place="middle")
        case ErrorAfter200(form=form, place=place, code=code):
            return InBand(form=form, code=code, place=place)
        case _:
            return None


def limit_card() -> Picture:
    """Return news of a picture that no quota is left for."""
    return Picture(id=_PICTURE, url="", index=0, prompt="", progress=0, error="rate_limit")


def refuses(actions: tuple[Action, ...]) -> bool:
    """Tell whether one of *actions* fails before any output, so that nothing is charged."""
    errors = (in_band(action) for action in actions)
    return any(error is not None and error.place == "start" for error in errors)


_PICTURE = "0d9b7e61-5555-4f7b-8a11-1c2d3e4f5a60"
MESSAGES: Mapping[int, str] = {
    3: "Invalid request",
    5: "Not Found",
    7: "Request rejected by anti-bot rules.",
    8: "Too many requests",
    13: "Internal error",
    14: "Service unavailable",
    16: "Unauthenticated",
}
