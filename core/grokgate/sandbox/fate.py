"""What becomes of a picture: finished, or withheld in one of several ways."""

from typing import Literal, TypeAlias

from grokgate.sandbox.faults import Action
from grokgate.sandbox.faults_media import Moderation, PartialImages

Fate: TypeAlias = Literal["final", "flag", "medium_no_final", "silent", "refusal_text"]
"""``final``, or the style in which a picture is withheld."""


def fate_of(slot: int, actions: tuple[Action, ...]) -> Fate:
    """Tell what becomes of the picture at a position, counted from 0."""
    for action in actions:
        match action:
            case Moderation(style=style) if action.hits(slot):
                return style
            case PartialImages(deliver=deliver) if slot >= deliver:
                return "medium_no_final"
            case _:
                pass
    return "final"
