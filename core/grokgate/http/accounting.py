"""What is told of each request and turn at its end: one log event, the metrics, the request log."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, Protocol

from litestar.types import HTTPScope, WebSocketScope

from grokgate.http.departure import Departure
from grokgate.http.errors import is_admin, plugin_of
from grokgate.http.origin import client_address
from grokgate.openai.tally import Tally
from grokgate.statistics import Ended, Note
from grokgate.storage.requests import CLIENT_LEFT

CLIENT_GONE = CLIENT_LEFT
"""Status in log and metrics of a reply that was not completed (contract 2.1)."""
PROBES = frozenset({"/health", "/ready", "/metrics"})
UNROUTED = "unrouted"
"""Route label of requests that no route took."""
QUIET = "quiet"
"""Key of a handler's ``opt``: true for the files of pages, which nobody wants to read of."""

_READING = frozenset({"GET", "HEAD"})
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PATH_CHARS = 200
_FAULTS = 400
"""Statuses from here on are faults."""


class RequestMetrics(Protocol):
    """Where requests and defects are counted."""

    def request_finished(self, route: str, method: str, *, status: int, seconds: float) -> None:
        """Count one request; *seconds* is the time to its end."""
        ...

    def plugin_fault(self, plugin: str) -> None:
        """Count a defect of *plugin*."""
        ...


class LogRules(Protocol):
    """What is read of the ``log`` section (F-CFG-123)."""

    @property
    def health_requests(self) -> bool:
        """Whether probes are logged as well."""
        ...

    @property
    def slow_ms(self) -> int:
        """Milliseconds from which on an event says ``slow``; 0: never."""
        ...


class Accounting:
    """Tells of requests and turns; one per process, used from its event loop.

    Args:
        metrics: Counts them.
        log: Bound logger; gets one event each.
        note: Takes them into the request log.
        rules: Returns what to log now.
        trusted_proxies: Returns whose word about a client's address counts now.
    """

    def __init__(
        self,
        *,
        metrics: RequestMetrics,
        log: Any,
        note: Note,
        rules: Callable[[], LogRules],
        trusted_proxies: Callable[[], Sequence[str]],
    ) -> None:
        self._metrics = metrics
        self._log = log
        self._note = note
        self._rules = rules
        self._trusted_proxies = trusted_proxies

    def request(self, scope: HTTPScope, reply: Departure, tally: Tally) -> None:
        """Tell of a request; never of its query, never of a body."""
        state, path = scope["state"], scope["path"]
        method = scope["method"] if scope["method"] in _METHODS else "other"
        status = reply.status if reply.complete and reply.status is not None else CLIENT_GONE
        route = str(scope.get("path_template", UNROUTED))
        seconds = reply.elapsed_s
        counted = state.get("error_status", status) if reply.complete else status
        self._metrics.request_finished(route, method, status=counted, seconds=seconds)
        if (exception := state.get("exception")) is not None:
            plugin = plugin_of(scope)
            self._metrics.plugin_fault(plugin)
            self._log.error("unhandled_error", plugin=plugin, exc_info=exception)
        rules = self._rules()
        if path in PROBES and not rules.health_requests:
            return
        caller = state.get("caller")
        if _is_downstream(scope):
            ended = Ended(
                endpoint=f"{method} {route}",
                status=status,
                seconds=seconds,
                error=state.get("error_code"),
                address=self.address(scope),
                first_byte_s=reply.first_byte_s,
                caller=caller,
                stream=reply.is_stream,
                traceparent=_traceparent(scope),
            )
            self._note(ended, tally)
        tell = self._log.debug if _is_quiet(scope, status) else self._log.info
        tell(
            "request",
            method=method,
            route=route if route != UNROUTED else path[:_PATH_CHARS],
            status=status,
            outcome=_outcome(state, complete=reply.complete),
            ms=round(seconds * 1000, 1),
            key=caller.name if caller is not None else None,
            error=state.get("error_code"),
            **_used(tally),
            **_slowness(seconds, rules.slow_ms),
        )

    def turn(self, scope: WebSocketScope, ended: Ended, tally: Tally) -> None:
        """Tell of one turn over a socket."""
        route = str(scope.get("path_template"))
        seconds, method = ended.seconds, ended.endpoint.partition(" ")[0]
        self._metrics.request_finished(route, method, status=ended.status, seconds=seconds)
        # An operator's turns too: unlike other requests of theirs they use accounts.
        self._note(ended, tally)
        self._log.info(
            "request",
            method=method,
            route=route,
            status=ended.status,
            ms=round(seconds * 1000, 1),
            key=ended.caller.name if ended.caller is not None else None,
            error=ended.error,
            **_used(tally),
            **_slowness(seconds, self._rules().slow_ms),
        )

    def address(self, scope: Mapping[str, Any]) -> str:
        """Return where a client is."""
        trusted = self._trusted_proxies()
        client = scope.get("client")
        return client_address(scope, trusted) if trusted or not client else _plain(client[0])


@lru_cache(maxsize=1024)
def _plain(host: str) -> str:
    """Return the address of a client that no proxy speaks for."""
    return client_address({"client": (host, 0), "headers": ()}, ())


def _is_downstream(scope: Mapping[str, Any]) -> bool:
    """Tell whether a request belongs into the request log: it is a client's, not an operator's."""
    handler = scope.get("route_handler")
    if handler is None:
        return scope["path"].startswith("/v1/") and not is_admin(scope["path"])
    return "route_id" in handler.opt and handler.opt.get("family") != "admin"


def _is_quiet(scope: Mapping[str, Any], status: int) -> bool:
    """Tell whether nobody wants to read of a request: an open page of operators asks all the time.

    What they change is logged, and so is what failed.
    """
    handler = scope.get("route_handler")
    if handler is None or status >= _FAULTS or "error_code" in scope["state"]:
        return False
    looks = handler.opt.get("family") == "admin" and scope["method"] in _READING
    return looks or bool(handler.opt.get(QUIET, False))


def _traceparent(scope: HTTPScope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"traceparent":
            return value.decode("latin-1")
    return None


def _used(tally: Tally) -> dict[str, Any]:
    model = tally.model or tally.asked
    if not model:
        return {}
    return {"model": model, "account": tally.token, "attempts": tally.attempts}


def _slowness(seconds: float, slow_ms: int) -> dict[str, bool]:
    return {"slow": True} if slow_ms and seconds * 1000 >= slow_ms else {}


def _outcome(
    state: Mapping[str, Any], *, complete: bool
) -> Literal["completed", "failed", "cancelled"]:
    """Tell how a request ended; a stream that broke after its head has the status 200."""
    if "error_code" in state:
        return "failed"
    if complete:
        return "completed"
    return "failed" if "exception" in state else "cancelled"
