"""Driver and sandbox are two readings of one protocol document: here they meet."""

import itertools
from typing import Any

import msgspec
import pytest

from grokgate.sandbox import Sandbox, faults
from grokgate.testing.server import running_sandbox
from grokgate.upstream import (
    Account,
    Activity,
    Attachment,
    Blob,
    Citation,
    Conversation,
    Event,
    Finished,
    Kind,
    Message,
    Observation,
    Secret,
    Source,
    Stage,
    Text,
    TextDelta,
    ThinkingDelta,
    UpstreamContext,
    UpstreamFailure,
    Wire,
)
from grokgate_web.driver import open_driver
from grokgate_web.settings import WebSettings

pytestmark = pytest.mark.anyio

WIRES = {
    "2026-02": Wire(name="grok-3", buckets=("default",), params={"mode": "MODEL_MODE_GROK_3"}),
    "2026-04": Wire(name="fast", buckets=("fast",)),
}


def knobs(name: str, **choices: tuple[Any, ...]) -> list[faults.Action]:
    """Return the knob with every combination of the given parameters."""
    return [
        msgspec.convert({"knob": name, **dict(zip(choices, values, strict=True))}, faults.Action)
        for values in itertools.product(*choices.values())
    ]


FRAMES = ("plain", "data", "event", "glued", "crlf", "blank", "done", "no_newline")
FAULTS = [
    *knobs("http_status", code=(400, 401, 403, 404, 413, 415, 429), body=("json", "text")),
    *knobs("http_status", code=(500, 502, 503, 504, 520)),
    *knobs("http_status", code=(403, 503), body=("html", "empty")),
    *knobs("account_state", state=("session_lost", "expired", "blocked", "suspended")),
    *knobs("cf_challenge", status=(403, 503)),
    *knobs("anti_bot", place=("http", "in_band")),
    *knobs("rate_limit", place=("http", "in_band", "text", "late")),
    *knobs("cut", lines=(0, 2, 5), bytes=(0, 3), mode=("clean", "reset")),
    *knobs("malformed", form=("junk", "truncated", "utf8", "types", "duplicate_keys")),
    *knobs("framing", form=FRAMES, chunk_bytes=(0, 1)),
    *knobs("framing", encoding=("gzip", "deflate")),
    *knobs("pace", stall=("line",), lines=(0, 2, 6)),
    *knobs("pace", stall=("headers",)),
    *knobs("oversize", mib=(1, 7, 8, 12), at=(2, 5)),
    *knobs("nested"),
    *knobs(
        "error_after_200",
        form=("object", "response", "stream_errors", "model_response"),
        place=("start", "middle", "end"),
        code=(7, 8, 13, 14, 16),
    ),
]


class Limits:
    def __init__(self) -> None:
        self.first_s = 0.4
        self.idle_s = 0.4
        self.sent_count = 0

    def sent(self) -> None:
        self.sent_count += 1

    def learned(self, facts: object, /) -> None:
        pass

    def drifted(self, operation: str, path: str, /) -> None:
        pass


async def ask(
    base: str,
    token: str,
    text: str,
    *,
    log: Any,
    clock: Any,
    protocol: str = "2026-04",
    files: tuple[Attachment, ...] = (),
) -> tuple[list[Event], Observation]:
    settings = WebSettings(web_base=base, protocol=protocol)
    context = UpstreamContext(settings=lambda: settings, log=log, clock=clock)
    account = Account(id="a1", pool="ssoSuper", credential=Secret(token))
    found: list[Event] = []
    async with (
        open_driver(context) as driver,
        driver.session(account, WIRES[protocol], Limits()) as session,
    ):
        try:
            message = Message(role="user", parts=(Text(text=text), *files))
            async for event in session.converse(Conversation(messages=(message,))):
                found.append(event)  # noqa: PERF401 - what came before a failure counts
        except UpstreamFailure as failure:
            return found, failure.observation
    return found, Observation(operation="converse", kind=Kind.OK, stage=Stage.CONTENT)


def token_of(sandbox: Sandbox) -> str:
    return str(next(iter(sandbox.accounts)).token)


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("action", FAULTS, ids=str)
async def test_fault_is_observed_as_expected(action: faults.Action, log: Any, clock: Any) -> None:
    async with running_sandbox() as (sandbox, base):
        sandbox.rules.add(action)
        _, observed = await ask(base, token_of(sandbox), "one two three", log=log, clock=clock)

    assert action.expected.admits(observed), (observed, action.expected)


@pytest.mark.parametrize(
    "action", knobs("upload_error", form=("missing_ids", "413", "415", "500", "503")), ids=str
)
async def test_upload_fault_is_observed_as_expected(
    action: faults.Action, log: Any, clock: Any
) -> None:
    picture = Attachment(blob=Blob.of_bytes(b"x", mime="image/png", name="a.png"), kind="image")
    async with running_sandbox() as (sandbox, base):
        sandbox.rules.add(action, endpoint="upload")
        _, observed = await ask(
            base, token_of(sandbox), "see", log=log, clock=clock, files=(picture,)
        )

    assert action.expected.admits(observed), (observed, action.expected)


async def test_uploaded_file_is_attached(log: Any, clock: Any) -> None:
    picture = Attachment(blob=Blob.of_bytes(b"x", mime="image/png", name="a.png"), kind="image")
    async with running_sandbox() as (sandbox, base):
        _, observed = await ask(
            base, token_of(sandbox), "see", log=log, clock=clock, files=(picture,)
        )

    assert observed.kind is Kind.OK


FORMS = ("missing_fields", "prefix", "loop_prefix", "bom", "empty", "zero_totals")


@pytest.mark.parametrize("action", [None, *knobs("quota_json", form=FORMS)], ids=str)
@pytest.mark.parametrize("protocol", ["2026-02", "2026-04"])
async def test_survey(protocol: Any, action: faults.Action | None, log: Any, clock: Any) -> None:
    async with running_sandbox(Sandbox(protocol=protocol)) as (sandbox, base):
        if action is not None:
            sandbox.rules.add(action, endpoint="rate_limits")
        settings = WebSettings(web_base=base, protocol=protocol)
        context = UpstreamContext(settings=lambda: settings, log=log, clock=clock)
        account = Account(id="a1", pool="ssoBasic", credential=Secret(token_of(sandbox)))
        async with open_driver(context) as driver:
            kind = Kind.OK
            try:
                buckets = frozenset(WIRES[protocol].buckets)
                facts = await driver.survey(account, Limits(), buckets=buckets)
            except UpstreamFailure as failure:
                kind = failure.observation.kind

    assert kind in (action.expected.kinds if action else (Kind.OK,))
    if action is None:
        assert set(facts.windows) == buckets
        assert facts.tier == "basic"


@pytest.mark.parametrize("protocol", ["2026-02", "2026-04"])
async def test_echo(protocol: Any, log: Any, clock: Any) -> None:
    async with running_sandbox(Sandbox(protocol=protocol)) as (sandbox, base):
        events, observed = await ask(
            base, token_of(sandbox), "Ü 😀 text", log=log, clock=clock, protocol=protocol
        )

    assert observed.kind is Kind.OK
    assert "Ü 😀 text" in text_of(events)
    assert events[-1] == Finished()


@pytest.mark.parametrize(
    "scenario",
    [
        "thinking", "search", "markup", "agents", "tools", "long tokens=300", "unicode",
        "empty message=1", "intermediate", "thinking late=3", "search duplicate=1",
    ],
)  # fmt: skip
async def test_scenario(scenario: str, log: Any, clock: Any) -> None:
    async with running_sandbox() as (sandbox, base):
        text = f"@sim scenario={scenario}"
        events, observed = await ask(base, token_of(sandbox), text, log=log, clock=clock)

    assert observed.kind is Kind.OK
    assert text_of(events)
    assert "<grok:render" not in text_of(events)
    assert "<xai" not in text_of(events)


async def test_search_gives_sources_and_citations(log: Any, clock: Any) -> None:
    async with running_sandbox() as (sandbox, base):
        text = "@sim scenario=search search=3"
        events, _ = await ask(base, token_of(sandbox), text, log=log, clock=clock)

    whole = text_of(events)
    cited = [event for event in events if isinstance(event, Citation)]
    assert [whole[event.start : event.end] for event in cited] == [
        f"[[{event.number}]]({event.url})" for event in cited
    ]
    assert len(cited) == sum(isinstance(event, Source) for event in events) == 3
    assert any(isinstance(event, Activity) for event in events)


async def test_agents_are_told_apart(log: Any, clock: Any) -> None:
    async with running_sandbox() as (sandbox, base):
        text = "@sim scenario=agents agents=3"
        events, _ = await ask(base, token_of(sandbox), text, log=log, clock=clock)

    agents = {event.agent for event in events if isinstance(event, ThinkingDelta | Activity)}
    assert len(agents - {None}) >= 3


async def test_answer_without_anything_is_empty(log: Any, clock: Any) -> None:
    async with running_sandbox() as (sandbox, base):
        text = "@sim scenario=empty"
        _, observed = await ask(base, token_of(sandbox), text, log=log, clock=clock)

    assert observed.kind is Kind.EMPTY
