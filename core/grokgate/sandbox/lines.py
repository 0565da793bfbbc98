"""Pieces of an answer on their way to the wire, whatever the wire is."""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import NamedTuple

from grokgate.sandbox.knob import Place


class Phase(Enum):
    """Where in its answer a line stands."""

    LEAD = 1
    """Before any output."""
    OUTPUT = 2
    STOP = 3
    """What ends the answer politely: a soft stop, or the end of its last part."""
    TAIL = 4
    """After it."""


class Line(NamedTuple):
    """One object, without its line end; on a socket one frame."""

    phase: Phase
    data: bytes


def interrupted(lines: Iterable[Line], ending: Iterable[bytes], place: Place) -> Iterator[Line]:
    """End the answer with *ending*, after its first line, its first output, or its last."""
    for line in lines:
        if place == "end" and line.phase in (Phase.STOP, Phase.TAIL):
            break
        yield line
        if place == "start" or (place == "middle" and line.phase is Phase.OUTPUT):
            break
    yield from (Line(Phase.TAIL, data) for data in ending)


def slipped_in(lines: Iterable[Line], odd: Iterable[bytes], at: int) -> Iterator[Line]:
    """Put *odd* lines after the first *at* lines, or at the end of a shorter answer."""
    count = 0
    for line in lines:
        if count == at:
            yield from (Line(Phase.OUTPUT, data) for data in odd)
        count += 1
        yield line
    if count <= at:
        yield from (Line(Phase.TAIL, data) for data in odd)
