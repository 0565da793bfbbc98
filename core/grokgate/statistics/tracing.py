"""Makes spans of requests and of their attempts, for traces."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol

from grokgate.openai.tally import Tally
from grokgate.plugin.records import AttemptRecord, CallRecord
from grokgate.statistics.ended import Ended
from grokgate.storage.requests import is_failure
from grokgate.telemetry.traces import Span
from grokgate.upstream import Kind

MOST: Final = 10_000
"""Requests whose attempts are remembered until they end."""
_NS: Final = 1_000_000_000


class Sender(Protocol):
    """Where spans go."""

    def send(self, span: Span, *, parent: str | None = None) -> None:
        """Queue *span*; never waits."""
        ...


class Tracing:
    """Puts together what was told of a request; used from one event loop.

    Args:
        sender: Gets one span per request, with one part per attempt.
        now_ns: Returns Unix nanoseconds.
    """

    def __init__(self, sender: Sender, *, now_ns: Callable[[], int]) -> None:
        self._sender = sender
        self._now_ns = now_ns
        self._attempts: OrderedDict[str, list[Span]] = OrderedDict()

    def called(self, record: CallRecord) -> None:
        """Take note of a call that has just ended."""
        if not record.tries or not record.request_id:
            return
        self._attempts.setdefault(record.request_id, []).extend(_attempts(record, self._now_ns()))
        if len(self._attempts) > MOST:
            self._attempts.popitem(last=False)

    def note(self, ended: Ended, tally: Tally) -> None:
        """Send a request that has just ended."""
        now = self._now_ns()
        method, _, route = ended.endpoint.partition(" ")
        attributes: dict[str, str | int | bool] = {
            "http.request.method": method,
            "http.route": route,
            "http.response.status_code": ended.status,
            "grokgate.request_id": tally.request_id,
            "grokgate.attempts": tally.attempts,
            "grokgate.units": tally.units,
            "grokgate.stream": ended.stream,
        }
        if ended.caller is not None:
            attributes["grokgate.key_id"] = ended.caller.key_id
        if tally.model:
            attributes["gen_ai.request.model"] = tally.model
        if tally.input is not None:
            attributes["gen_ai.usage.input_tokens"] = tally.input
            attributes["gen_ai.usage.output_tokens"] = tally.output
        if ended.error is not None:
            attributes["error.type"] = ended.error
        span = Span(
            name=ended.endpoint,
            begin_ns=now - round(ended.seconds * _NS),
            end_ns=now,
            attributes=attributes,
            failed=is_failure(ended.status, ended.error),
            served=True,
            parts=self._attempts.pop(tally.request_id, ()),
        )
        self._sender.send(span, parent=ended.traceparent)


def _attempts(record: CallRecord, now: int) -> list[Span]:
    """Make the spans of a call's attempts, which follow each other and of which the last ends now.

    How long the pauses between them were is not told: they are left out.
    """
    spans, end = [], now
    for attempt in reversed(record.tries):
        begin = end - round(attempt.duration_s * _NS)
        spans.append(_attempt(record, attempt, begin, end))
        end = begin
    return spans[::-1]


def _attempt(record: CallRecord, attempt: AttemptRecord, begin: int, end: int) -> Span:
    seen = attempt.observation
    attributes: dict[str, str | int | bool] = {
        "grokgate.upstream": attempt.upstream,
        "grokgate.account": attempt.account,
        "grokgate.kind": str(seen.kind),
        "grokgate.stage": str(seen.stage),
        "grokgate.units": attempt.units,
        "gen_ai.request.model": record.model,
    }
    if seen.status is not None:
        attributes["http.response.status_code"] = seen.status
    failed = seen.kind is not Kind.OK
    return Span(
        name=f"{attempt.upstream} {seen.operation}",
        begin_ns=begin,
        end_ns=end,
        attributes=attributes,
        failed=failed,
    )
