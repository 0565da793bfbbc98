import hashlib
import hmac
import random
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import msgspec
import pytest
from structlog.testing import CapturingLogger

from grokgate import webhooks
from grokgate.errors import InvalidRequest, SettingsError
from grokgate.fetch import FetchRefused, IPAddress, Target
from grokgate.settings.limits import LimitsSettings
from grokgate.settings.observing import WebhookSettings
from grokgate.testing import running_gateway
from grokgate.testing.clock import FakeClock
from grokgate.testing.server import serving
from grokgate.webhooks import ATTEMPTS, MOST, Webhooks

pytestmark = pytest.mark.anyio

SECRET = "a-secret-of-webhooks"
URL = "https://alerts.example/hook/canary-in-the-path"
HOW_TO = Path(__file__).parents[2] / "docs/how-to/webhooks.md"


class Receiver:
    """What is posted to, and how it answers; the last answer is repeated."""

    def __init__(self, *answers: int | str) -> None:
        self.answers = list(answers) or [200]
        self.got: list[tuple[Target, Mapping[str, str], bytes]] = []
        self.addresses: list[str] = []

    async def __call__(
        self,
        target: Target,
        addresses: Sequence[IPAddress],
        *,
        headers: Mapping[str, str],
        body: bytes,
    ) -> int:
        self.got.append((target, headers, body))
        self.addresses += map(str, addresses)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, str):
            raise FetchRefused(answer)
        return answer


class Stand:
    """Webhooks without a network."""

    def __init__(self, receiver: Receiver, *, address: str = "8.8.8.8", **rules: Any) -> None:
        self.log = CapturingLogger()
        self.pauses: list[float] = []
        self.rules = WebhookSettings(**{"urls": (URL,), "secret": SECRET, **rules})
        self.limits = LimitsSettings()

        async def resolve(_host: str) -> list[str]:
            return [address]

        async def pause(seconds: float) -> None:
            self.pauses.append(seconds)

        self.webhooks = Webhooks(
            lambda: self.rules,
            lambda: self.limits,
            clock=FakeClock(),
            rng=random.Random(0),
            log=self.log,
            resolve=resolve,
            post=receiver,
            pause=pause,
        )

    async def ends(self, **outcomes: int) -> None:
        """Wait until that many deliveries have ended so."""
        with anyio.fail_after(5):
            while dict(self.webhooks.outcomes) != outcomes:
                await anyio.lowlevel.checkpoint()


@asynccontextmanager
async def working(stand: Stand) -> AsyncIterator[Webhooks]:
    async with anyio.create_task_group() as group:
        group.start_soon(stand.webhooks.run)
        yield stand.webhooks
        group.cancel_scope.cancel()


async def test_event_is_told_with_what_it_is_about() -> None:
    receiver = Receiver()
    stand = Stand(receiver)
    async with working(stand) as hooks:
        hooks.tell("incident", {"subject": "web", "state": "begun"})
        await stand.ends(delivered=1)

    ((target, headers, body),) = receiver.got
    event = msgspec.json.decode(body)
    assert target.url == URL
    assert headers["x-grokgate-event"] == event["event"] == "incident"
    assert headers["x-grokgate-delivery"] == event["id"]
    assert event["data"] == {"subject": "web", "state": "begun"}
    assert SECRET not in repr((headers, body))


async def test_signature_covers_time_and_body() -> None:
    receiver = Receiver()
    stand = Stand(receiver)
    await stand.webhooks.test()

    ((_, headers, body),) = receiver.got
    signed = headers["x-grokgate-timestamp"].encode() + b"." + body
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest()
    assert headers["x-grokgate-signature"] == f"v1={digest}"


async def test_snippet_of_the_documentation_verifies_and_refuses() -> None:
    receiver = Receiver()
    await Stand(receiver).webhooks.test()
    ((_, headers, body),) = receiver.got
    (snippet,) = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(snippet, names)

    now = int(headers["x-grokgate-timestamp"])
    assert names["is_genuine"](SECRET, headers, body, now=now)
    assert not names["is_genuine"]("another", headers, body, now=now)
    assert not names["is_genuine"](SECRET, headers, body + b" ", now=now)
    assert not names["is_genuine"](SECRET, headers, body, now=now + 3600)


async def test_nothing_is_sent_without_a_secret() -> None:
    receiver = Receiver()
    stand = Stand(receiver, secret="")
    stand.webhooks.tell("incident", {})

    assert not stand.webhooks.wanted
    assert [call.args for call in stand.log.calls] == [("webhook_without_secret",)]
    with pytest.raises(InvalidRequest, match="secret"):
        await stand.webhooks.test()
    assert receiver.got == []


async def test_only_events_that_are_asked_for_are_sent() -> None:
    receiver = Receiver()
    stand = Stand(receiver, events=("drift",))
    async with working(stand) as hooks:
        hooks.tell("incident", {})
        hooks.tell("drift", {})
        await stand.ends(delivered=1)

    assert [headers["x-grokgate-event"] for _, headers, _ in receiver.got] == ["drift"]


@pytest.mark.parametrize("answer", [500, 503, 429, 408, "connection"])
async def test_what_may_pass_is_tried_again(answer: int | str) -> None:
    receiver = Receiver(answer, answer, 200)
    stand = Stand(receiver)
    async with working(stand) as hooks:
        hooks.tell("incident", {})
        await stand.ends(delivered=1)

    assert len(receiver.got) == 3
    assert stand.pauses == sorted(stand.pauses)
    assert len({headers["x-grokgate-delivery"] for _, headers, _ in receiver.got}) == 1


@pytest.mark.parametrize("answer", [400, 401, 410, 302])
async def test_refusal_and_redirect_are_final(answer: int) -> None:
    receiver = Receiver(answer)
    stand = Stand(receiver)
    async with working(stand) as hooks:
        hooks.tell("incident", {})
        await stand.ends(failed=1)

    assert len(receiver.got) == 1


async def test_address_that_is_taken_back_is_tried_no_more() -> None:
    class Withdrawing(Receiver):
        async def __call__(self, *args: Any, **more: Any) -> int:
            stand.rules = WebhookSettings(secret=SECRET)
            return await super().__call__(*args, **more)

    receiver = Withdrawing(500)
    stand = Stand(receiver)
    async with working(stand) as hooks:
        hooks.tell("incident", {})
        await stand.ends(failed=1)

    assert len(receiver.got) == 1


async def test_repetitions_are_bounded_and_logged_by_host_alone() -> None:
    receiver = Receiver(500)
    stand = Stand(receiver)
    async with working(stand) as hooks:
        hooks.tell("incident", {})
        await stand.ends(failed=1)

    assert len(receiver.got) == ATTEMPTS
    assert "canary" not in repr(stand.log.calls)
    assert "alerts.example" in repr(stand.log.calls)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"])
async def test_own_network_is_not_contacted(address: str) -> None:
    receiver = Receiver()
    stand = Stand(receiver, address=address)

    (delivery,) = await stand.webhooks.test()
    assert (delivery.ok, delivery.reason, receiver.got) == (False, "address", [])


async def test_operator_may_allow_a_network() -> None:
    receiver = Receiver()
    stand = Stand(receiver, address="10.0.0.1", urls=("http://alerts.lan:9000/hook",))
    stand.limits = LimitsSettings(remote_fetch_cidrs=("10.0.0.0/8",))

    (delivery,) = await stand.webhooks.test()
    assert (delivery.ok, delivery.host) == (True, "alerts.lan:9000")
    assert receiver.addresses == ["10.0.0.1"]


async def test_queue_is_bounded() -> None:
    stand = Stand(Receiver())
    for _ in range(MOST + 10):
        stand.webhooks.tell("incident", {})

    assert stand.webhooks.outcomes["lost"] == 10


async def test_slow_receiver_holds_nobody_else_up() -> None:
    class Slow(Receiver):
        async def __call__(self, target: Target, *args: Any, **more: Any) -> int:
            if target.host == "slow.example":
                await anyio.sleep_forever()
            return await super().__call__(target, *args, **more)

    receiver = Slow()
    stand = Stand(receiver, urls=("https://slow.example/", URL))
    async with working(stand) as hooks:
        hooks.tell("incident", {})
        await stand.ends(delivered=1)


async def test_settings_decide_who_is_told() -> None:
    async with running_gateway() as gw:
        before = gw.gateway.webhooks.wanted
        await gw.change(webhooks={"urls": [URL], "secret": SECRET})

        assert (before, gw.gateway.webhooks.wanted) == (False, True)


async def test_post_arrives_as_it_was_signed() -> None:
    got: list[bytes] = []

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            headers = dict(scope["headers"])
            body = (await receive())["body"]
            stamp, sealed = headers[b"x-grokgate-timestamp"], headers[b"x-grokgate-signature"]
            got.append(sealed)
            assert sealed.decode() == webhooks.signature(SECRET, stamp.decode(), body)
            await send({"type": "http.response.start", "status": 204, "headers": []})
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async with serving(answer) as base:
        hooks = Webhooks(
            lambda: WebhookSettings(urls=(f"{base}/hook",), secret=SECRET),
            lambda: LimitsSettings(remote_fetch_cidrs=("127.0.0.0/8",)),
            clock=FakeClock(),
            rng=random.Random(0),
            log=CapturingLogger(),
        )
        (delivery,) = await hooks.test()

    assert (delivery.ok, delivery.status, len(got)) == (True, 204, 1)


async def test_address_of_a_webhook_is_checked_when_it_is_set() -> None:
    async with running_gateway() as gw:
        with pytest.raises(SettingsError):
            await gw.change(webhooks={"urls": ["ftp://alerts.example/"]})


async def test_events_are_checked_when_they_are_set() -> None:
    async with running_gateway() as gw:
        with pytest.raises(SettingsError):
            await gw.change(webhooks={"events": ["everything"]})


def test_signature_is_the_same_for_the_same_words() -> None:
    assert webhooks.signature("s", "1", b"{}") == (
        "v1=" + hmac.new(b"s", b"1.{}", hashlib.sha256).hexdigest()
    )
