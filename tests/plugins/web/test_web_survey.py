"""Surveys, against a scripted upstream."""

from typing import Any

import msgspec
import pytest

from grokgate.upstream import (
    Kind,
    UpstreamContext,
    UpstreamFailure,
    Window,
)
from grokgate_web.driver import open_driver
from grokgate_web.settings import WebSettings

pytestmark = pytest.mark.anyio


async def survey(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any, *buckets: str, **settings: Any
) -> Any:
    now = WebSettings(web_base=server.base, **settings)
    context = UpstreamContext(settings=lambda: now, log=log, clock=clock)
    async with open_driver(context) as driver:
        return await driver.survey(account, attempt, buckets=frozenset(buckets))


async def test_survey_of_modes(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any
) -> None:
    async def script(visit: Any) -> None:
        name = msgspec.json.decode(visit.body)["modelName"]
        if name == "fast":
            await visit.reply(
                b'{"windowSizeSeconds":86400,"remainingQueries":29,"totalQueries":30}'
            )
        elif name == "auto":
            await visit.reply(b'{"remainingQueries":0,"totalQueries":0}')
        else:
            await visit.reply(b"{}", 404)

    server.script = script
    facts = await survey(server, account, attempt, log, clock, "fast", "auto", "heavy", "other")

    assert facts.windows == {"fast": Window(remaining=29, total=30, window_s=86_400)}
    assert facts.unknown == {"other"}
    assert facts.tier == "basic"
    assert len(server.visits) == 3


async def test_window_whose_call_fails_is_unknown(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any
) -> None:
    async def script(visit: Any) -> None:
        if msgspec.json.decode(visit.body)["modelName"] == "fast":
            await visit.reply(b'{"remainingQueries":29,"totalQueries":30}')
        else:
            await visit.reply(b"oops", 500)

    server.script = script
    facts = await survey(server, account, attempt, log, clock, "fast", "auto")

    assert (facts.windows.keys(), facts.unknown) == ({"fast"}, {"auto"})


async def test_survey_of_units_with_its_own_fingerprint(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any
) -> None:
    server.script = lambda visit: visit.reply(
        b')]}\'\n{"windowSizeSeconds":72000,"remainingTokens":80,"totalTokens":80}'
    )
    settings = {"protocol": "2026-02", "impersonate_usage": "firefox135"}
    facts = await survey(server, account, attempt, log, clock, "default", **settings)

    assert facts.windows["default"].remaining == 80
    assert (facts.tier, server.visits[0].path) == ("basic", "/rest/rate-limits")
    assert "Firefox/135.0" in server.visits[0].headers["user-agent"]
    assert "sec-ch-ua" not in server.visits[0].headers


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"", Kind.MALFORMED),
        (401, b"token revoked", Kind.AUTH_DEAD),
        (429, b"", Kind.QUOTA),
        (500, b"", Kind.TRANSIENT),
    ],
)
async def test_failed_survey_teaches_nothing(
    server: Any, account: Any, attempt: Any, log: Any, clock: Any,
    *, status: int, body: bytes, kind: Kind,
) -> None:  # fmt: skip
    server.script = lambda visit: visit.reply(body, status)
    with pytest.raises(UpstreamFailure) as raised:
        await survey(server, account, attempt, log, clock, "fast", "auto")

    assert raised.value.observation.kind is kind
    assert raised.value.observation.operation == "survey"
