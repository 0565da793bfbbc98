"""Sends traces to an OpenTelemetry collector (``telemetry.otlp_endpoint``, extra ``otel``).

The library is imported only where an endpoint is set. It sends in a thread of its own, in batches,
drops what it cannot send, and reads further options, such as headers, from its own ``OTEL_``
variables.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, Final, TypeAlias

import anyio
from anyio import to_thread
from msgspec import Struct

from grokgate import __version__

Attributes: TypeAlias = Mapping[str, str | int | bool]
_CLOSE_S: Final = 5.0
_EXPORT_S: Final = 4
"""Shorter than that: the process cannot end before the thread that sends has."""
_SERVICE: Final = "grokgate"


class Span(Struct, frozen=True, kw_only=True):
    """Something that took time. Holds neither prompts nor secrets."""

    name: str
    begin_ns: int
    """Unix nanoseconds."""
    end_ns: int
    attributes: Attributes
    failed: bool = False
    served: bool = False
    """We served it; else we asked another program for it."""
    parts: Sequence["Span"] = ()


class Traces:
    """Sends spans; made by `open_traces`, closed once.

    Args:
        endpoint: Base address of the collector.

    Raises:
        ImportError: The extra is not installed.
    """

    def __init__(self, endpoint: str) -> None:
        trace, export = _load("sdk.trace"), _load("sdk.trace.export")
        http = _load("exporter.otlp.proto.http.trace_exporter")
        self._api = _load("trace")
        self._context = _load("trace.propagation.tracecontext").TraceContextTextMapPropagator()
        named = _load("sdk.resources").Resource.create(
            {"service.name": _SERVICE, "service.version": __version__}
        )
        address = f"{endpoint.rstrip('/')}/v1/traces"
        exporter = http.OTLPSpanExporter(endpoint=address, timeout=_EXPORT_S)
        self._provider = trace.TracerProvider(resource=named, shutdown_on_exit=False)
        self._provider.add_span_processor(export.BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer(_SERVICE, __version__)

    def send(self, span: Span, *, parent: str | None = None) -> None:
        """Queue *span* and its parts; never waits.

        Args:
            span: What has ended.
            parent: A header ``traceparent`` of the client; one that is malformed is passed over.
        """
        carrier = {} if parent is None else {"traceparent": parent}
        self._send(span, self._context.extract(carrier))

    async def aclose(self) -> None:
        """Send what is queued; give up after some seconds."""
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await to_thread.run_sync(self._provider.shutdown, abandon_on_cancel=True)

    def _send(self, span: Span, context: Any) -> None:
        kinds = self._api.SpanKind
        begun = self._tracer.start_span(
            span.name,
            context=context,
            kind=kinds.SERVER if span.served else kinds.CLIENT,
            attributes=span.attributes,
            start_time=span.begin_ns,
        )
        if span.failed:
            begun.set_status(self._api.StatusCode.ERROR)
        inside = self._api.set_span_in_context(begun, context)
        for part in span.parts:
            self._send(part, inside)
        begun.end(end_time=span.end_ns)


def open_traces(endpoint: str, *, log: Any) -> Traces | None:
    """Make what sends traces to *endpoint*; None: it is empty, or the extra is missing."""
    if not endpoint:
        return None
    try:
        return Traces(endpoint)
    except ImportError:
        log.warning("traces_unavailable", detail="Install the extra grokgate[otel].")
        return None


def _load(name: str) -> Any:
    # By name: the extra need not be there when the types are checked.
    return import_module(f"opentelemetry.{name}")
