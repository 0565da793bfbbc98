"""One answer of an upstream, turned into what the client gets. Pure.

1. `Cutter` ends the text at a stop sequence or at its longest length.
2. `Sieve` takes the block of tool calls out of it; `judge` checks the calls.
3. With a JSON form the rest is kept until it is complete and valid.

Events go in, events come out as early as they are certain; `end` says whether the upstream has to
be asked again, and what is sent if that does not help.
"""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct, structs

from grokgate.errors import EmptyResponse, GatewayError, UpstreamError
from grokgate.openai.emulate.block import RawCall
from grokgate.openai.emulate.calls import judge
from grokgate.openai.emulate.cut import Cutter, StoppedAt
from grokgate.openai.emulate.sieve import Sieve
from grokgate.openai.emulate.tools import correction, demand
from grokgate.openai.emulate.wanted import Wanted
from grokgate.openai.emulate.written import Written
from grokgate.openai.ids import new_id
from grokgate.openai.usage import Estimate, told
from grokgate.upstream import Citation, Event, Finished, TextDelta, ThinkingDelta, ToolCall

_NOT_NOW = "None of these tools may be called in this turn."
_NO_CALL = "The model did not call a tool, though it was asked twice."
_NO_OBJECT = "The upstream's answer does not have the wanted JSON form."


class Again(Struct, frozen=True, kw_only=True):
    """The answer cannot be used as it is."""

    correction: str
    """What to tell the model."""
    only_calls: bool
    """A second answer is of use only if it calls a tool."""
    is_new: bool = False
    """Nothing of the first answer was sent: the text of the second one takes its place."""
    fallback: tuple[Event, ...] = ()
    """What to send if the second answer is no better."""
    error: GatewayError | None = None
    """What to raise instead."""


class Turn:
    """Takes the events of one answer.

    Args:
        wanted: What the request wants.
        native: What the session did itself.
        most: Units this answer may have; None: no limit.
        id_prefix: Of the ids of calls.
    """

    def __init__(
        self, wanted: Wanted, native: frozenset[str], *, most: int | None, id_prefix: str
    ) -> None:
        self.again: Again | None = None
        """Set by `end`."""
        self.calls: tuple[ToolCall, ...] = ()
        self.finished: Finished | None = None
        self._wanted = wanted
        self._id_prefix = id_prefix
        self._tools = {tool.name: tool for tool in wanted.tools}
        self._cutter = Cutter(
            () if "stop" in native else wanted.stop, None if "max_output" in native else most
        )
        customs = {tool.name: tool.custom for tool in wanted.tools}
        self._sieve = Sieve(customs) if customs and "tools" not in native else None
        self._format = None if "schema" in native else wanted.format
        self._must_call = self._sieve is not None and wanted.choice.mode == "required"
        self._held: list[Event] = []
        """Waits for the first call, where one is required."""
        self._kept: list[Event] = []
        self._written = Written()
        self._buffered: list[str] = []
        """Text of a JSON form."""
        self._citations: list[Citation] = []
        self._spoken = False
        self._shown = Estimate()
        self._thought = Estimate()
        self._length = 0
        """Characters of text shown."""
        self._object = self._misfit = ""
        """The JSON object asked for, once it is valid; else what is wrong."""
        self._judged = False
        self._correction = ""

    @property
    def cut(self) -> bool:
        """The answer is over here, whatever the upstream still says."""
        return self._cutter.ended is not None

    @property
    def raw(self) -> str:
        """The end of what the model wrote."""
        return self._written.end

    @property
    def delivered(self) -> int:
        """Units of what came out so far."""
        return self._shown.total + self._thought.total

    def feed(self, event: Event) -> list[Event]:
        """Take the next event; return what is certain now."""
        match event:
            case TextDelta():
                self._spoken = True
                return self._say(self._cutter.feed(event.text))
            case ThinkingDelta():
                return self._think(event)
            case Citation():
                self._citations.append(event)
                return []
            case Finished():
                self.finished = event
                return []
            case ToolCall():
                self.calls += (event,)
                return self._release([event])
            case _:
                return self._hold([event])

    def end(self) -> list[Event]:
        """Note the end of the answer; return the rest, or set `again`."""
        out = self._say(self._cutter.end())
        is_whole = self._cutter.ended is None and self._reason == "stop"
        if is_whole and self._sieve is not None:
            out += self._show(self._sieve.end())
            out += self._judge()
        if self.calls:
            return out + self._cited()
        self._read_object()
        self.again = self._lacks() if is_whole else None
        if self.again is not None:
            return out
        rest = self._object or "".join(self._buffered)
        return out + self._release(self._texts(rest)) + self._cited()

    def closing(self, extra: Finished | None) -> Finished:
        """Return the end marker; *extra* is that of a second answer."""
        usage = told([end for end in (self.finished, extra) if end is not None])
        sequence = self._cutter.stopped_at
        if sequence is not None:
            return StoppedAt(usage=usage, sequence=sequence)
        reason = "length" if self._cutter.ended == "length" else self._reason
        return Finished(reason=reason, usage=usage)

    @property
    def is_good(self) -> bool:
        """The answer is complete and as wanted; known after `end`."""
        return self.again is None and not self.cut and self._reason == "stop"

    @property
    def texts(self) -> list[Event]:
        """The text of what was kept."""
        return [event for event in self._kept if isinstance(event, TextDelta)]

    def keep(self, events: Iterable[Event]) -> None:
        """Keep *events* instead of sending them."""
        self._kept += events

    def released(self, events: Iterable[Event]) -> list[Event]:
        """Return what was held back for the first call, its text replaced by *events*."""
        held = [event for event in self._release([]) if not isinstance(event, TextDelta)]
        return [*held, *events]

    @property
    def _reason(self) -> Literal["stop", "length", "refused"]:
        """How the upstream ended; an answer that was cut here has no such end."""
        return self.finished.reason if self.finished is not None else "stop"

    def _say(self, text: str) -> list[Event]:
        if self._sieve is None and self._format is None:
            return self._show(text)
        self._written.add(text)
        if self._sieve is None:
            return self._show(text)
        out = self._show(self._sieve.feed(text))
        return out + self._judge()

    def _show(self, text: str) -> list[Event]:
        if self._format is None:
            return self._hold(self._texts(text))
        self._buffered.append(text)
        return []

    def _think(self, event: ThinkingDelta) -> list[Event]:
        """Pass reasoning on; what comes after the answer began is nobody's."""
        kept = "" if self._spoken else self._cutter.think(event.text)
        if not kept:
            return []
        self._thought.add(kept)
        return self._hold([structs.replace(event, text=kept)])

    def _texts(self, text: str) -> list[Event]:
        if not text:
            return []
        self._shown.add(text)
        self._length += len(text)
        return [TextDelta(text=text)]

    def _hold(self, events: list[Event]) -> list[Event]:
        if self._must_call and not self.calls:
            self._held += events
            return []
        return events

    def _release(self, events: list[Event]) -> list[Event]:
        held, self._held = self._held, []
        return held + events

    def _judge(self) -> list[Event]:
        """Look at the block, once, when it is complete."""
        if self._sieve is None or self._sieve.block is None or self._judged:
            return []
        self._judged = True
        judged = judge(self._sieve.block.calls, self._tools, self._wanted.choice)
        if judged.problems:
            self._correction = correction(judged.problems)
            return []
        self.calls = tuple(self._call(call) for call in judged.accepted)
        if not self.calls:
            return []
        self._read_object()
        return self._release([*self._texts(self._object), *self.calls])

    def _call(self, call: RawCall) -> ToolCall:
        return ToolCall(
            id=new_id(self._id_prefix),
            name=call.name,
            arguments=call.arguments,
            custom=self._tools[call.name].custom,
        )

    def _read_object(self) -> None:
        """Look for the JSON object that is wanted; without one, note what to tell the model."""
        if self._format is not None:
            self._object, self._misfit = self._format.read("".join(self._buffered))

    def _lacks(self) -> Again | None:
        """Say why the upstream has to be asked again; None: the answer will do."""
        if self._correction:
            error = EmptyResponse(_NO_CALL) if self._must_call else None
            return Again(
                correction=self._correction,
                only_calls=True,
                is_new=self._must_call,
                fallback=(TextDelta(text=self._block_as_text()),),
                error=error,
            )
        if self._must_call:
            say = demand(self._wanted.choice)
            return Again(
                correction=say, only_calls=True, is_new=True, error=EmptyResponse(_NO_CALL)
            )
        if self._judged and not self._length and not "".join(self._buffered).strip():
            say = correction([_NOT_NOW])
            return Again(correction=say, only_calls=False, error=EmptyResponse())
        if self._format is None or self._object:
            return None
        failed = UpstreamError(_NO_OBJECT, code="structured_output_failed")
        return Again(
            correction=self._format.correction(self._misfit),
            only_calls=False,
            fallback=(TextDelta(text="".join(self._buffered)),),
            error=failed if self._format.strict else None,
        )

    def _block_as_text(self) -> str:
        """Return the block that stays invalid, with all that was kept back before it."""
        assert self._sieve is not None
        text = "".join(self._buffered) + self._sieve.raw
        return text if self._length else text.lstrip()

    def _cited(self) -> list[Event]:
        """Move citations to where their text is now; those of text that is gone are dropped."""
        lost = self._lost()
        moved = (
            structs.replace(cited, start=cited.start - lost, end=cited.end - lost)
            for cited in self._citations
        )
        return [cited for cited in moved if cited.start >= 0 and cited.end <= self._length]

    def _lost(self) -> int:
        """Count the characters that the text lost at its beginning."""
        if self._sieve is None and self._format is None:
            return 0
        if self._object:
            return max(0, "".join(self._buffered).find(self._object)) + self._written.leading
        return self._written.leading
