"""Tells other systems of events by signed POST requests (S21).

```text
tell ──> queue, bounded ──> one attempt at a time for each address and event
                               ├─ 2xx ──> done
                               ├─ 4xx, redirect, address not permitted ──> given up
                               └─ no answer, 408, 429, 5xx ──> pause ──> again, at most 5 times
```

A receiver checks ``x-grokgate-signature``: ``v1=`` and, in hexadecimal digits, the HMAC-SHA256
under the secret of the timestamp, a dot and the body. Addresses pass the same checks as those of
clients (S9), and may hold secrets themselves: logs and answers name their host alone.
"""

import hashlib
import hmac
import random
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Protocol, TypeAlias

import anyio
import msgspec
from anyio import CapacityLimiter
from anyio.abc import TaskGroup
from msgspec import Struct

from grokgate.errors import InvalidRequest
from grokgate.fetch import (
    FetchLimits,
    FetchRefused,
    IPAddress,
    Resolver,
    SystemResolver,
    Target,
    parse_target,
    permitted,
)
from grokgate.openai.ids import new_id
from grokgate.settings.observing import WebhookEvent
from grokgate.upstream import Clock

MOST: Final = 256
"""Deliveries that wait or are under way, pauses included; further ones are given up."""
ATTEMPTS: Final = 5
TIMEOUT_S: Final = 10.0
"""For one attempt."""
TEST: Final = "test"
"""Event of `Webhooks.test`."""
_AT_ONCE: Final = 4
_FIRST_PAUSE_S: Final = 2.0
_GROWTH: Final = 4
_AGAIN: Final = frozenset({408, 429})
_OK: Final = range(200, 300)
_SERVER_FAULT: Final = 500


class WebhookRules(Protocol):
    """What is read of the ``webhooks`` section, anew for each event."""

    @property
    def urls(self) -> Sequence[str]:
        """Who is told."""
        ...

    @property
    def secret(self) -> str:
        """Signs; empty: nobody is told."""
        ...

    @property
    def events(self) -> Sequence[str]:
        """What is told; empty: everything."""
        ...


class Post(Protocol):
    """Sends one POST to one of the addresses it is given, and returns the status."""

    async def __call__(
        self,
        target: Target,
        addresses: Sequence[IPAddress],
        *,
        headers: Mapping[str, str],
        body: bytes,
    ) -> int:
        """Send *body*; raises `FetchRefused` when there is no answer."""
        ...


Pause: TypeAlias = Callable[[float], Awaitable[None]]


class Delivery(Struct, frozen=True, kw_only=True):
    """How one attempt went."""

    host: str
    ok: bool
    status: int | None = None
    reason: str | None = None
    """Machine word, where there is no status."""
    ms: int = 0


class _Notice(Struct, frozen=True, kw_only=True):
    """An event for one address."""

    id: str
    event: str
    url: str
    body: bytes


class Webhooks:
    """Sends events; used from one event loop.

    Args:
        rules: Returns what to send where, now.
        limits: Returns what may be contacted, now.
        clock: Time.
        rng: Spreads repetitions.
        log: A bound structlog logger.
        resolve: Looks host names up.
        post: None: real connections.
        pause: Waits between two attempts.
    """

    def __init__(
        self,
        rules: Callable[[], WebhookRules],
        limits: Callable[[], FetchLimits],
        *,
        clock: Clock,
        rng: random.Random,
        log: Any,
        resolve: Resolver | None = None,
        post: Post | None = None,
        pause: Pause = anyio.sleep,
    ) -> None:
        self.outcomes: Counter[str] = Counter()
        """Deliveries so far: ``delivered``, ``failed``, ``lost``."""
        self._rules = rules
        self._limits = limits
        self._clock = clock
        self._rng = rng
        self._log = log
        self._resolve = resolve or SystemResolver()
        self._given_post = post
        self._pause = pause
        self._queue: deque[_Notice] = deque()
        self._under_way = 0
        self._stirred = anyio.Event()
        self._limiter = CapacityLimiter(_AT_ONCE)

    @property
    def wanted(self) -> bool:
        """Whether anybody would be told of anything now."""
        rules = self._rules()
        return bool(rules.urls and rules.secret)

    def tell(self, event: WebhookEvent, data: Mapping[str, Any]) -> None:
        """Queue an event for everybody who wants it; never waits.

        Args:
            event: Its name.
            data: JSON types, without any secret.
        """
        rules = self._rules()
        if rules.events and event not in rules.events:
            return
        if rules.urls and not rules.secret:
            self._log.warning("webhook_without_secret", event_name=event)
            return
        id_ = new_id("evt_")
        body = self._body(id_, event, data)
        for url in rules.urls:
            self._queue.append(_Notice(id=id_, event=event, url=url, body=body))
        while self._queue and len(self._queue) + self._under_way > MOST:
            self._queue.popleft()
            self.outcomes["lost"] += 1
        self._stirred.set()

    async def test(self) -> list[Delivery]:
        """Send an event called ``test`` to every address, once, and tell how that went.

        Raises:
            InvalidRequest: There is no address, or no secret.
        """
        rules = self._rules()
        if not rules.urls:
            raise InvalidRequest("No webhook is set: webhooks.urls is empty.")
        if not rules.secret:
            raise InvalidRequest("Webhooks need a secret: webhooks.secret is empty.")
        id_ = new_id("evt_")
        body = self._body(id_, TEST, {})
        return [
            await self._attempt(_Notice(id=id_, event=TEST, url=url, body=body))
            for url in rules.urls
        ]

    async def run(self) -> None:
        """Send what is queued until cancelled; what was not sent by then is lost."""
        async with anyio.create_task_group() as group:
            while True:
                self._start_all(group)
                await self._stirred.wait()
                self._stirred = anyio.Event()

    def _start_all(self, group: TaskGroup) -> None:
        while self._queue:
            self._under_way += 1
            group.start_soon(self._deliver, self._queue.popleft())

    async def _deliver(self, notice: _Notice) -> None:
        """Send one event to one address, again and again if that may help."""
        pause_s = _FIRST_PAUSE_S
        try:
            for attempt in range(1, ATTEMPTS + 1):
                async with self._limiter:
                    delivery = await self._attempt(notice)
                if delivery.ok or not _may_retry(delivery) or attempt == ATTEMPTS:
                    break
                await self._pause(pause_s * self._rng.uniform(0.8, 1.2))
                pause_s *= _GROWTH
        except Exception:  # noqa: BLE001 - a fence: one delivery must not end the others
            self._log.exception("webhook_defect", event_name=notice.event)
            return
        finally:
            self._under_way -= 1
        self._count(notice, delivery, attempt)

    def _count(self, notice: _Notice, delivery: Delivery, attempts: int) -> None:
        self.outcomes["delivered" if delivery.ok else "failed"] += 1
        if not delivery.ok:
            self._log.warning(
                "webhook_failed",
                event_name=notice.event,
                host=delivery.host,
                status=delivery.status,
                reason=delivery.reason,
                attempts=attempts,
            )

    async def _attempt(self, notice: _Notice) -> Delivery:
        host, began = "", time.perf_counter()
        status: int | None = None
        reason: str | None = None
        try:
            target = parse_target(notice.url)
            host = target.authority
            with anyio.fail_after(TIMEOUT_S):
                rules = self._rules()
                if not rules.secret or notice.url not in rules.urls:
                    raise FetchRefused("withdrawn")
                addresses = await permitted(target, self._limits(), self._resolve)
                headers = self._headers(notice)
                status = await self._post(target, addresses, headers=headers, body=notice.body)
        except FetchRefused as refusal:
            reason = refusal.reason
        except TimeoutError:
            reason = "timeout"
        except OSError:
            reason = "connection"
        return Delivery(
            host=host,
            ok=status in _OK,
            status=status,
            reason=reason,
            ms=round((time.perf_counter() - began) * 1000),
        )

    def _body(self, id_: str, event: str, data: Mapping[str, Any]) -> bytes:
        at = self._clock.now().isoformat(timespec="seconds").replace("+00:00", "Z")
        return msgspec.json.encode({"id": id_, "event": event, "at": at, "data": data})

    def _headers(self, notice: _Notice) -> dict[str, str]:
        timestamp = str(int(self._clock.now().timestamp()))
        return {
            "content-type": "application/json",
            "x-grokgate-event": notice.event,
            "x-grokgate-delivery": notice.id,
            "x-grokgate-timestamp": timestamp,
            "x-grokgate-signature": signature(self._rules().secret, timestamp, notice.body),
        }

    @cached_property
    def _post(self) -> Post:
        if self._given_post is not None:
            return self._given_post
        from grokgate.fetch.transport import PinnedTransport  # noqa: PLC0415 - loads an HTTP client

        return PinnedTransport().post


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """Return the value of ``x-grokgate-signature``."""
    signed = timestamp.encode() + b"." + body
    return f"v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def _may_retry(delivery: Delivery) -> bool:
    if delivery.status is None:
        return delivery.reason in {"connection", "timeout"}
    return delivery.status in _AGAIN or delivery.status >= _SERVER_FAULT
