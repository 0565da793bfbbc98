"""One turn's answer, as events and as the response object (`openai-contract.md` 4.4, 4.8).

Pure: the events of an exchange go in, encoded events come out. `answer.output` writes the items;
here is what stands around them.
"""

from collections.abc import Mapping

from msgspec import structs

from grokgate.errors import GatewayError
from grokgate.openai import ErrorDetail, count
from grokgate.upstream import Event, Finished
from grokgate_responses.answer.echo import error_code, to_response
from grokgate_responses.answer.encode import Emitted, Encoder, encoded
from grokgate_responses.answer.events import (
    ErrorOccurred,
    ResponseCompleted,
    ResponseCreated,
    ResponseFailed,
    ResponseIncomplete,
    ResponseInProgress,
    ResponseQueued,
    TerminalEvent,
)
from grokgate_responses.answer.objects import (
    IncompleteDetails,
    IncompleteReason,
    OutputDetails,
    ResponseError,
    ResponseObject,
    ResponseStatus,
    ResponseUsage,
    UsageProvenance,
)
from grokgate_responses.answer.output import Output
from grokgate_responses.answer.pictures import Picture
from grokgate_responses.answer.writing import Seal
from grokgate_responses.request.translate import Asked

_REASONS: Mapping[str, IncompleteReason] = {
    "length": "max_output_tokens",
    "refused": "content_filter",
}
_TERMINAL: Mapping[ResponseStatus, type[TerminalEvent]] = {
    "completed": ResponseCompleted,
    "incomplete": ResponseIncomplete,
    "failed": ResponseFailed,
}


class Reply:
    """Turns the events of one exchange into events of the contract, and keeps the response.

    Args:
        asked: The request.
        id: Of the response.
        created_at: Unix seconds.
        input_units: Estimate of the prompt, for the usage numbers; may be set anew until the end.
        background: Of the response object.
        previous: Id of the response that is continued.
        seal: Seals reasoning for the client; used where ``include`` asks for it.
        silent: Encode no events; every list returned is empty then.
    """

    def __init__(
        self,
        asked: Asked,
        *,
        id: str,  # noqa: A002 - the field's name on the wire
        created_at: int,
        input_units: int,
        background: bool = False,
        previous: str | None = None,
        seal: Seal | None = None,
        silent: bool = False,
    ) -> None:
        self.takes_pictures = asked.takes_pictures
        """Pictures become items, and are to be fed as `Picture`."""
        self.input_units = input_units
        self._out = Encoder(asked.ids, silent=silent)
        self._output = Output(asked, self._out, seal)
        self._response = to_response(
            asked, id=id, created_at=created_at, background=background, previous=previous
        )
        self._terminal: TerminalEvent | None = None

    @property
    def shown(self) -> bool:
        """Something of the answer was seen."""
        return self._output.shown

    def begin(self, *, queued: bool = False) -> list[Emitted]:
        """Write that the turn exists; *queued*: `start` is called when it is under way."""
        if not queued:
            self._created()
            return self.start()
        self._response = structs.replace(self._response, status="queued")
        self._created()
        response = self.response()
        self._out.put(ResponseQueued(sequence_number=self._out.number(), response=response))
        return self._out.take()

    def start(self) -> list[Emitted]:
        """Write that the model works."""
        self._response = structs.replace(self._response, status="in_progress")
        response = self.response()
        self._out.put(ResponseInProgress(sequence_number=self._out.number(), response=response))
        return self._out.take()

    def feed(self, event: Event | Picture) -> list[Emitted]:
        """Take what comes next; return the events it gives."""
        self._output.feed(event)
        return self._out.take()

    def finish(
        self, finished: Finished, *, further_input: int, stored: bool, completed_at: int
    ) -> list[Emitted]:
        """End the answer; the last event returned is the terminal one.

        Args:
            finished: The end marker.
            further_input: Units that further calls read.
            stored: Whether the client is told that the response can be retrieved.
            completed_at: Unix seconds.
        """
        # As in chat, an answer that calls tools is whole, however its text ended.
        reason = None if self._output.answer.has_calls else _REASONS.get(finished.reason)
        self._output.finish("incomplete" if reason else "completed")
        self._response = structs.replace(
            self._response,
            status="incomplete" if reason else "completed",
            completed_at=None if reason else completed_at,
            incomplete_details=IncompleteDetails(reason=reason) if reason else None,
            usage=self._usage(finished, further_input),
            store=stored,
        )
        return self._end()

    def fail(self, error: GatewayError) -> list[Emitted]:
        """End a broken answer; the last event returned is the terminal one."""
        begun = self.start() if self._response.status == "queued" else []
        self._output.end("incomplete")
        self._out.put(
            ErrorOccurred(
                sequence_number=self._out.number(),
                code=error.code,
                message=error.told,
                param=error.param,
                error=ErrorDetail(
                    type=error.type, code=error.code, message=error.told, param=error.param
                ),
            )
        )
        told = ResponseError(code=error_code(error), message=error.told)
        self._response = structs.replace(self._response, status="failed", error=told)
        return begun + self._end()

    def unstored(self) -> Emitted:
        """Say ``store: false`` after all; returns what takes the terminal event's place."""
        assert self._terminal is not None, "the turn has not ended"
        self._response = structs.replace(self._response, store=False)
        self._terminal = structs.replace(self._terminal, response=self.response())
        return encoded(self._terminal)

    def response(self) -> ResponseObject:
        """Return the response as it stands; its output are the items that are complete."""
        return structs.replace(self._response, output=tuple(self._output.items))

    def _created(self) -> None:
        response = self.response()
        self._out.put(ResponseCreated(sequence_number=self._out.number(), response=response))

    def _end(self) -> list[Emitted]:
        kind = _TERMINAL[self._response.status]
        self._terminal = kind(sequence_number=self._out.number(), response=self.response())
        self._out.put(self._terminal)
        return self._out.take()

    def _usage(self, finished: Finished, further_input: int) -> ResponseUsage:
        counts = count([(self._output.answer, finished)], prompt=self.input_units + further_input)
        return ResponseUsage(
            input_tokens=counts.input,
            output_tokens=counts.output,
            output_tokens_details=OutputDetails(reasoning_tokens=counts.reasoning),
            total_tokens=counts.input + counts.output,
            grokgate=UsageProvenance(estimated=counts.estimated),
        )
