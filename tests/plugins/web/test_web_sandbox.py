"""Driver and sandbox are two readings of one protocol document: here they meet."""

import itertools
from functools import partial
from typing import Any, get_args

import msgspec
import pytest

from grokgate.sandbox import Expectation, Sandbox, faults
from grokgate.sandbox.catalogue import Protocol
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
from grokgate_web.parallel import in_parallel
from grokgate_web.settings import WebSettings

pytestmark = pytest.mark.anyio

WIRES: dict[Protocol, Wire] = {
    "2026-02": Wire(name="grok-3", buckets=("default",), params={"mode": "MODEL_MODE_GROK_3"}),
    "2026-04": Wire(name="fast", buckets=("fast",)),
    "2026-08": Wire(name="fast", buckets=("fast",)),
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
    *knobs("anti_bot", place=("http", "in_band", "silent")),
    *knobs("rate_limit", place=("http", "in_band", "text", "late", "stream_error", "card")),
    *knobs("rate_limit", place=("http",), retry_after_s=(0, 30)),
    *knobs("cut", lines=(0, 2, 5), bytes=(0, 3), mode=("clean", "reset")),
    *knobs("malformed", form=("junk", "truncated", "utf8", "types", "duplicate_keys")),
    *knobs("framing", form=FRAMES, chunk_bytes=(0, 1)),
    *knobs("framing", encoding=("gzip", "deflate", "br", "zstd")),
    *knobs("pace", stall=("line",), lines=(0, 2, 6)),
    *knobs("pace", stall=("headers",)),
    *knobs("pace", first_ms=(20,), gap_ms=(1,)),
    *knobs("oversize", mib=(1, 7, 8, 12), at=(2, 5)),
    *knobs("nested"),
    *knobs("clock_skew", seconds=(-1_000_000_000, 86_400)),
    *knobs(
        "error_after_200",
        form=("object", "response", "stream_errors", "model_response"),
        place=("start", "middle", "end"),
        code=(7, 8, 13, 14, 16),
    ),
]


LONG_S = 30.0
"""Of a limit that must not pass, however busy the machine is."""
SHORT_S = 2.0
"""Of one that will: nothing comes, and before that there is a connection to be made."""


class Limits:
    def __init__(self, *, first_s: float = LONG_S, idle_s: float = LONG_S) -> None:
        self.first_s = first_s
        self.idle_s = idle_s
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
    protocol: Protocol = "2026-04",
    files: tuple[Attachment, ...] = (),
    limits: Limits | None = None,
) -> tuple[list[Event], Observation]:
    settings = WebSettings(web_base=base, protocol=protocol)
    context = UpstreamContext(settings=lambda: settings, log=log, clock=clock)
    account = Account(id="a1", pool="ssoSuper", credential=Secret(token))
    found: list[Event] = []
    async with (
        open_driver(context) as driver,
        driver.session(account, WIRES[protocol], limits or Limits()) as session,
    ):
        try:
            message = Message(role="user", parts=(Text(text=text), *files))
            async for event in session.converse(Conversation(messages=(message,))):
                found.append(event)  # noqa: PERF401 - what came before a failure counts
        except UpstreamFailure as failure:
            return found, failure.observation
    return found, Observation(operation="converse", kind=Kind.OK, stage=Stage.CONTENT)


def stalls(action: faults.Action) -> bool:
    """Tell whether a limit is to be seen passing, on either transport."""
    return Kind.TIMEOUT in (*action.expected.kinds, *action.over_socket.kinds)


def limits_for(expected: Expectation) -> Limits:
    """Return limits of which only the expected one passes."""
    if Kind.TIMEOUT not in expected.kinds:
        return Limits()
    begins = expected.first_byte_timeout is False
    return Limits(first_s=LONG_S if begins else SHORT_S, idle_s=SHORT_S)


def by_knob(faulty: list[faults.Action]) -> list[Any]:
    """Group faults, stalls apart: those have to be waited for."""
    groups: dict[str, list[faults.Action]] = {}
    for action in faulty:
        knob = str(action.__struct_config__.tag)
        groups.setdefault("stalls" if stalls(action) else knob, []).append(action)
    return [pytest.param(actions, id=name) for name, actions in groups.items()]


async def check_all(
    actions: list[faults.Action], protocol: Protocol, *, log: Any, clock: Any
) -> None:
    """Try faults side by side, each with an upstream of its own."""
    calls = [
        partial(
            check,
            action,
            action.over_socket if protocol == "2026-08" else action.expected,
            protocol,
            log=log,
            clock=clock,
        )
        for action in actions
    ]
    await in_parallel(calls, limit=16)


async def check(
    action: faults.Action,
    expected: Expectation,
    protocol: Protocol,
    *,
    log: Any,
    clock: Any,
) -> None:
    async with running_sandbox(protocol=protocol) as (sandbox, base):
        sandbox.rules.add(action, endpoint="chat")
        _, observed = await ask(
            base,
            token_of(sandbox),
            "one two three",
            log=log,
            clock=clock,
            protocol=protocol,
            limits=limits_for(expected),
        )

    assert expected.admits(observed), (action, protocol, observed, expected)


def token_of(sandbox: Sandbox) -> str:
    return str(next(iter(sandbox.accounts)).token)


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


@pytest.mark.parametrize("protocol", ["2026-02", "2026-04"])
@pytest.mark.parametrize("actions", by_knob(FAULTS))
async def test_fault_is_observed_as_expected(
    protocol: Protocol, actions: list[faults.Action], log: Any, clock: Any
) -> None:
    await check_all(actions, protocol, log=log, clock=clock)


@pytest.mark.parametrize(
    "action", knobs("upload_error", form=("missing_ids", "413", "415", "500", "503")), ids=str
)
async def test_upload_fault_is_observed_as_expected(
    action: faults.Action, log: Any, clock: Any
) -> None:
    picture = Attachment(blob=Blob.of_bytes(b"x", mime="image/png", name="a.png"), kind="image")
    async with running_sandbox(protocol="2026-04") as (sandbox, base):
        sandbox.rules.add(action, endpoint="upload")
        _, observed = await ask(
            base, token_of(sandbox), "see", log=log, clock=clock, files=(picture,)
        )

    assert action.expected.admits(observed), (observed, action.expected)


async def test_uploaded_file_is_attached(log: Any, clock: Any) -> None:
    picture = Attachment(blob=Blob.of_bytes(b"x", mime="image/png", name="a.png"), kind="image")
    async with running_sandbox(protocol="2026-04") as (sandbox, base):
        _, observed = await ask(
            base, token_of(sandbox), "see", log=log, clock=clock, files=(picture,)
        )

    assert observed.kind is Kind.OK


FORMS = ("missing_fields", "prefix", "loop_prefix", "bom", "empty", "zero_totals")


@pytest.mark.parametrize("action", [None, *knobs("quota_json", form=FORMS)], ids=str)
@pytest.mark.parametrize("protocol", WIRES)
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


@pytest.mark.parametrize("protocol", WIRES)
async def test_echo(protocol: Any, log: Any, clock: Any) -> None:
    async with running_sandbox(Sandbox(protocol=protocol)) as (sandbox, base):
        events, observed = await ask(
            base, token_of(sandbox), "Ü 😀 text", log=log, clock=clock, protocol=protocol
        )

    assert observed.kind is Kind.OK
    assert "Ü 😀 text" in text_of(events)
    assert events[-1] == Finished()


SCENARIOS = (
    "echo", "thinking", "thinking late=3", "search", "search duplicate=1", "search search=3",
    "markup", "markup unterminated=1", "tools", "long tokens=300", "unicode", "empty message=1",
    "empty", "intermediate",
)  # fmt: skip


@pytest.mark.parametrize("scenario", [*SCENARIOS, "agents"])
async def test_scenario(scenario: str, log: Any, clock: Any) -> None:
    async with running_sandbox(protocol="2026-04") as (sandbox, base):
        text = f"@sim scenario={scenario}"
        events, _ = await ask(base, token_of(sandbox), text, log=log, clock=clock)

    assert bool(text_of(events)) == (scenario != "empty")
    assert "<grok:render" not in text_of(events)
    assert "<xai" not in text_of(events)


def told(events: list[Event], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_scenario_is_the_same_in_every_generation(
    scenario: str, log: Any, clock: Any
) -> None:
    """All but the agents' names, for which the gateway has no word."""
    answers = []
    for protocol in WIRES:
        async with running_sandbox(Sandbox(protocol=protocol)) as (sandbox, base):
            text = f"@sim scenario={scenario}"
            token = token_of(sandbox)
            events, observed = await ask(base, token, text, log=log, clock=clock, protocol=protocol)
        thoughts = [
            (event.text, event.summary) for event in events if isinstance(event, ThinkingDelta)
        ]
        sources = [event.url for event in events if isinstance(event, Source)]
        answers.append((observed.kind, text_of(events), thoughts, sources, told(events, Citation)))

    assert answers[0] == answers[1] == answers[2]


SOCKET_FAULTS = [
    *FAULTS,
    *knobs("ws_handshake", form=("401", "403_html", "403_empty", "403_json", "404", "429", "500")),
    *knobs("ws_handshake", form=("slow",), delay_ms=(50,)),
    *knobs("ws_drop", frames=(0, 3, 8), code=(1000, 1001, 1006, 1008, 1011)),
    *knobs("ws_silence", pings=(False, True)),
    *knobs(
        "ws_order",
        form=("attached_first", "foreign_event", "other_conversation", "binary", "unknown_event"),
    ),
    *knobs("session_ended", when=("before", "during", "after")),
    *knobs("anti_bot", place=("ws_error",)),
    *knobs("oversize", mib=(15, 16, 20), at=(2, 5)),
]


def test_every_fault_of_a_conversation_is_tried() -> None:
    """Faults of pictures, videos and preferences are tried with what they belong to."""
    elsewhere = {
        "moderation", "partial_images", "imagine_error", "post_error", "grpc",
        "asset_error", "bad_paging", "upload_error", "quota_json",
    }  # fmt: skip
    tried = {action.__struct_config__.tag for action in SOCKET_FAULTS}

    assert tried | elsewhere == {kind.__struct_config__.tag for kind in get_args(faults.Action)}


@pytest.mark.parametrize("actions", by_knob(SOCKET_FAULTS))
async def test_fault_of_the_gateway_is_observed_as_expected(
    actions: list[faults.Action], log: Any, clock: Any
) -> None:
    await check_all(actions, "2026-08", log=log, clock=clock)


async def test_search_gives_sources_and_citations(log: Any, clock: Any) -> None:
    async with running_sandbox(protocol="2026-04") as (sandbox, base):
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
    async with running_sandbox(protocol="2026-04") as (sandbox, base):
        text = "@sim scenario=agents agents=3"
        events, _ = await ask(base, token_of(sandbox), text, log=log, clock=clock)

    agents = {event.agent for event in events if isinstance(event, ThinkingDelta | Activity)}
    assert len(agents - {None}) >= 3


async def test_answer_without_anything_is_empty(log: Any, clock: Any) -> None:
    async with running_sandbox(protocol="2026-04") as (sandbox, base):
        text = "@sim scenario=empty"
        _, observed = await ask(base, token_of(sandbox), text, log=log, clock=clock)

    assert observed.kind is Kind.EMPTY
