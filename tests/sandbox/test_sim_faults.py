import asyncio
import json
import re
import zlib
from collections import Counter
from typing import Any

import brotli
import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from grokgate.sandbox import (
    AccountFixture,
    AccountState,
    AntiBot,
    CfChallenge,
    ClockSkew,
    Cut,
    ErrorAfter200,
    Framing,
    HttpStatus,
    Malformed,
    Nested,
    Oversize,
    Pace,
    QuotaJson,
    RateLimit,
    Rule,
    Sandbox,
    UploadError,
)
from grokgate.sandbox.catalogue import load_catalogue
from grokgate.sandbox.faults import LEAD, Action
from grokgate.sandbox.framing import framed
from grokgate.sandbox.lines import Line, Phase
from grokgate.upstream import Kind, Observation, Stage
from sandbox.sim_client import CHAT, ask, chat, headers, prompt, talk

pytestmark = pytest.mark.anyio
TEXT = "A sentence that is long enough for several tokens."
ECHO = f"@sim scenario=echo\n{TEXT}"
FORMS = ("plain", "data", "event", "glued", "crlf", "blank", "done", "no_newline")


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox([AccountFixture(token="t")], protocol="2026-04")


def _objects(body: bytes) -> list[Any]:
    """Read objects as tolerantly as the protocol asks: the reference for all framings."""
    text, found, decoder = body.decode(), [], json.JSONDecoder()
    for line in text.split("\n"):
        rest = line.removeprefix("data: ")
        while rest.startswith("{"):
            value, end = decoder.raw_decode(rest)
            found.append(value)
            rest = rest[end:]
    return found


def test_every_knob_states_what_to_expect() -> None:
    for knob in Action.__args__:
        known = HttpStatus(code=500) if knob is HttpStatus else knob()

        assert known.expected.kinds
        assert known.over_socket.kinds


def test_expectation_admits_what_it_names() -> None:
    seen = Observation(operation="converse", kind=Kind.QUOTA, stage=Stage.REFUSED)

    assert RateLimit().expected.admits(seen)
    assert not AntiBot().expected.admits(seen)


@pytest.mark.parametrize(
    ("action", "word"),
    [
        (AccountState(), "expired"),
        (AccountState(state="blocked"), "blocked"),
        (AccountState(state="suspended"), "suspended"),
        (AccountState(state="session_lost"), "session_lost"),
        (CfChallenge(), "challenge"),
        (AntiBot(), "anti_bot"),
        (RateLimit(), "rate_limited"),
    ],
)
async def test_refusal_is_that_of_the_table(sandbox: Sandbox, action: Action, word: str) -> None:
    known = load_catalogue().refusals[word]
    sandbox.rules.add(action)
    answer = await chat(sandbox.app, TEXT)

    assert (answer.status, answer.body.decode()) == (known.status, known.body)
    assert (action.expected.kind, action.expected.stage) == (known.kind, known.stage)


@pytest.mark.parametrize(
    ("code", "body", "kind", "stage"),
    [
        (400, "json", Kind.BAD_REQUEST, Stage.REFUSED),
        (401, "json", Kind.AUTH_FAIL, Stage.REFUSED),
        (403, "json", Kind.FORBIDDEN, Stage.REFUSED),
        (403, "html", Kind.CHALLENGE, Stage.REFUSED),
        (403, "empty", Kind.CHALLENGE, Stage.REFUSED),
        (429, "text", Kind.QUOTA, Stage.REFUSED),
        (500, "json", Kind.TRANSIENT, Stage.SENT),
        (502, "html", Kind.TRANSIENT, Stage.SENT),
        (503, "html", Kind.CHALLENGE, Stage.REFUSED),
        (524, "text", Kind.TRANSIENT, Stage.SENT),
    ],
)
async def test_status_by_itself(
    sandbox: Sandbox, code: int, body: Any, kind: Kind, stage: Stage
) -> None:
    action = HttpStatus(code=code, body=body, headers={"retry-after": "9"})
    sandbox.rules.add(action)
    answer = await chat(sandbox.app, TEXT)

    assert (answer.status, answer.headers["retry-after"]) == (code, "9")
    assert (action.expected.kind, action.expected.stage) == (kind, stage)


async def test_challenge_with_another_status(sandbox: Sandbox) -> None:
    sandbox.rules.add(CfChallenge(status=503, mitigated=False))
    answer = await chat(sandbox.app, TEXT)

    assert (answer.status, answer.headers["server"]) == (503, "cloudflare")
    assert "cf-mitigated" not in answer.headers


async def test_limit_with_retry_after(sandbox: Sandbox) -> None:
    sandbox.rules.add(RateLimit(retry_after_s=60))

    assert (await chat(sandbox.app, TEXT)).headers["retry-after"] == "60"


@pytest.mark.parametrize(
    ("action", "text"),
    [
        (AntiBot(place="in_band"), "anti-bot"),
        (RateLimit(place="in_band"), "Too many requests"),
        (RateLimit(place="text"), "usage limit"),
        (ErrorAfter200(), "Internal error"),
        (ErrorAfter200(form="response", code=14), "Service unavailable"),
    ],
)
async def test_error_after_the_first_line(sandbox: Sandbox, action: Action, text: str) -> None:
    sandbox.rules.add(action)
    answer = await chat(sandbox.app, TEXT)

    assert (answer.status, len(answer.objects)) == (200, 2)
    assert text in answer.body.decode()
    assert sandbox.accounts["t"].units_taken == 0


@pytest.mark.parametrize("place", ["middle", "end"])
@pytest.mark.parametrize("form", ["object", "response", "stream_errors", "model_response"])
async def test_error_after_output_ends_the_answer(sandbox: Sandbox, form: Any, place: Any) -> None:
    action = ErrorAfter200(form=form, place=place)
    sandbox.rules.add(action)
    answer = await chat(sandbox.app, ECHO)

    assert "Internal error" in json.dumps(answer.objects[-1])
    assert answer.said() == (TEXT if place == "end" else answer.responses[3]["token"])
    assert action.expected.stage is Stage.CONTENT


async def test_late_limit_follows_output(sandbox: Sandbox) -> None:
    sandbox.rules.add(RateLimit(place="late"))
    answer = await chat(sandbox.app, TEXT)

    assert answer.responses[3]["token"]
    assert answer.responses[4]["modelResponse"]["streamErrors"][0]["error"]["code"] == 8


async def test_limit_inside_a_card(sandbox: Sandbox) -> None:
    sandbox.rules.add(RateLimit(place="card"))
    *_, card, end = (await chat(sandbox.app, ECHO)).responses

    assert "rate_limit" in card["cardAttachment"]["jsonData"]
    assert end["modelResponse"]["generatedImageUrls"] == []


@pytest.mark.parametrize("place", ["in_band", "ws_error"])
async def test_anti_bot_after_the_status_is_one_over_http(sandbox: Sandbox, place: Any) -> None:
    sandbox.rules.add(AntiBot(place=place))

    assert (await chat(sandbox.app, ECHO)).objects[-1]["error"]["code"] == 7


async def test_silence_is_no_answer(sandbox: Sandbox) -> None:
    sandbox.rules.add(AntiBot(place="silent"))
    async with talk(sandbox.app, "POST", CHAT, prompt(TEXT), sent=headers()) as talking:
        async with asyncio.timeout(5):
            await sandbox.journal.until(lambda: sandbox.journal.inflight("t") == 1)

    assert talking.status is None


async def test_time_stamps_may_be_wrong(sandbox: Sandbox) -> None:
    sandbox.rules.add(ClockSkew(seconds=-86_400 * 400))
    answer = await chat(sandbox.app, ECHO)
    created = answer.objects[0]["result"]["conversation"]["createTime"]

    assert int(created[:4]) < sandbox.clock.now().year


async def test_parameters_of_a_fault_are_not_options(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "@sim fault=http_status code=502 message=gone")

    assert answer.json["error"]["message"] == "gone"


@pytest.mark.parametrize("mode", ["clean", "reset"])
async def test_cut_after_lines(sandbox: Sandbox, mode: Any) -> None:
    sandbox.rules.add(Cut(lines=5, mode=mode))
    answer = await chat(sandbox.app, TEXT)

    assert len(answer.objects) == 5
    assert (answer.ended, answer.cut) == (mode == "clean", mode == "reset")


async def test_cut_in_mid_line(sandbox: Sandbox) -> None:
    sandbox.rules.add(Cut(lines=2, bytes=10))
    answer = await chat(sandbox.app, TEXT)

    *whole, rest = answer.body.split(b"\n")
    assert (len(whole), len(rest)) == (2, 10)


async def test_cut_after_bytes_counts_over_lines(sandbox: Sandbox) -> None:
    sandbox.rules.add(Cut(lines=0, bytes=1_000))

    assert len((await chat(sandbox.app, TEXT)).body) == 1_000


async def test_cut_beyond_the_end_harms_nothing(sandbox: Sandbox) -> None:
    sandbox.rules.add(Cut(lines=500, mode="reset"))

    assert (await chat(sandbox.app, TEXT)).ended


@pytest.mark.parametrize(
    ("cut", "kind", "stage"),
    [
        (Cut(lines=LEAD), Kind.TRANSIENT, Stage.SENT),
        (Cut(lines=LEAD + 1), Kind.TRUNCATED, Stage.CONTENT),
        (Cut(lines=0, mode="reset"), Kind.TRANSIENT, Stage.SENT),
    ],
)
def test_cut_is_judged_by_what_came_before(cut: Cut, kind: Kind, stage: Stage) -> None:
    assert (cut.expected.kind, cut.expected.stage) == (kind, stage)


async def test_stock_answers_lead_in_with_four_lines(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, TEXT)

    assert ["token" in obj["result"].get("response", {}) for obj in answer.objects[: LEAD + 1]] == [
        *[False] * LEAD,
        True,
    ]


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("junk", b"this is no JSON"),
        ("truncated", b'"token":"lost'),
        ("utf8", b"\xff\xfe"),
        ("types", b'"token":["lost"]'),
        ("duplicate_keys", b'"token":"","token":""'),
    ],
)
async def test_malformed_lines_stand_between_good_ones(
    sandbox: Sandbox, form: Any, part: bytes
) -> None:
    sandbox.rules.add(Malformed(form=form, at=5))
    lines = (await chat(sandbox.app, ECHO)).body.splitlines()
    tokens = [re.search(rb'"token":"([^"]*)",', line) for line in lines]

    assert part in lines[5]
    assert b"".join(found[1] for found in tokens if found).decode() == TEXT


async def test_oversize_line_is_json_of_that_size(sandbox: Sandbox) -> None:
    sandbox.rules.add(Oversize(mib=1, at=0))
    line, *rest = (await chat(sandbox.app, TEXT)).body.splitlines()

    assert len(line) > 1024 * 1024
    assert "progressReport" in json.loads(line)["result"]["response"]
    assert len(rest) > LEAD


async def test_nested_has_no_response_wrapper(sandbox: Sandbox) -> None:
    sandbox.rules.add(Nested())
    results = [known["result"] for known in (await chat(sandbox.app, ECHO)).objects]

    assert not any("response" in result for result in results)
    assert "".join(result.get("token", "") for result in results) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_compressed_answer_is_readable_line_by_line(sandbox: Sandbox, encoding: Any) -> None:
    sandbox.rules.add(Framing(encoding=encoding))
    answer = await chat(sandbox.app, TEXT)
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)

    assert answer.headers["content-encoding"] == encoding
    assert json.loads(unpacker.decompress(answer.chunks[0]))["result"]["conversation"]


@pytest.mark.parametrize(
    ("encoding", "decoded"),
    [
        ("br", brotli.decompress),
        ("zstd", lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body)),
    ],
)
async def test_newer_encodings(sandbox: Sandbox, encoding: Any, decoded: Any) -> None:
    sandbox.rules.add(Framing(encoding=encoding))
    answer = await chat(sandbox.app, ECHO)

    assert answer.headers["content-encoding"] == encoding
    assert TEXT[-5:].encode() in decoded(answer.body)


async def test_one_byte_per_chunk(sandbox: Sandbox) -> None:
    sandbox.rules.add(Framing(chunk_bytes=1))
    answer = await chat(sandbox.app, "Hi")

    assert {len(chunk) for chunk in answer.chunks} == {1}


@pytest.mark.parametrize(
    ("form", "end"),
    [("done", b"data: [DONE]\n"), ("no_newline", b"}"), ("crlf", b"}\r\n"), ("data", b"}\n\n")],
)
async def test_framing_ends(sandbox: Sandbox, form: Any, end: bytes) -> None:
    sandbox.rules.add(Framing(form=form))

    assert (await chat(sandbox.app, TEXT)).body.endswith(end)


@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), max_size=8),
    st.sampled_from(FORMS),
    st.sampled_from(["identity", "gzip", "deflate"]),
)
def test_framing_never_changes_the_objects(
    objects: list[dict[str, str]], form: Any, encoding: Any
) -> None:
    lines = (Line(Phase.OUTPUT, msgspec.json.encode(known)) for known in objects)
    body = b"".join(framed(lines, (Framing(form=form, encoding=encoding),)))
    if encoding != "identity":
        body = zlib.decompress(body, wbits=zlib.MAX_WBITS | 32)

    assert _objects(body) == objects


async def test_stalled_answer_is_closed_when_the_client_leaves(sandbox: Sandbox) -> None:
    sandbox.rules.add(Pace(stall="line", lines=5))
    async with talk(sandbox.app, "POST", CHAT, prompt(TEXT), sent=headers()) as talking:
        async with asyncio.timeout(5):
            await talking.until(lambda: len(talking.chunks) == 5)
            exchange = sandbox.journal.of("chat")[0]
            talking.leave()
            await sandbox.journal.until(lambda: exchange.outcome == "abandoned")

    assert exchange.closed_s is not None
    assert sandbox.journal.inflight() == 0


async def test_stall_before_the_status_sends_nothing(sandbox: Sandbox) -> None:
    sandbox.rules.add(Pace(stall="headers"))
    async with talk(sandbox.app, "POST", CHAT, prompt(TEXT), sent=headers()) as talking:
        async with asyncio.timeout(5):
            await sandbox.journal.until(lambda: sandbox.journal.inflight("t") == 1)
        status = talking.status
    (exchange,) = sandbox.journal

    assert (status, exchange.status, exchange.outcome) == (None, None, "abandoned")
    assert sandbox.accounts["t"].units_taken == 0


async def test_pace_is_kept(sandbox: Sandbox) -> None:
    sandbox.rules.add(Pace(first_ms=5, gap_ms=2))
    answer = await chat(sandbox.app, "Hi there")
    (exchange,) = sandbox.journal

    assert exchange.closed_s is not None
    assert exchange.closed_s - exchange.started_s >= 0.005 + 0.002 * (len(answer.objects) - 1)


@pytest.mark.parametrize(
    ("pace", "stage", "first_byte"),
    [
        (Pace(stall="headers"), Stage.SENT, True),
        (Pace(stall="line", lines=0), Stage.SENT, True),
        (Pace(stall="line", lines=LEAD), Stage.SENT, False),
        (Pace(stall="line", lines=LEAD + 1), Stage.CONTENT, False),
    ],
)
def test_stall_is_a_timeout(pace: Pace, stage: Stage, *, first_byte: bool) -> None:
    assert pace.expected.kind is Kind.TIMEOUT
    assert (pace.expected.stage, pace.expected.first_byte_timeout) == (stage, first_byte)


async def test_directive_may_ask_for_a_fault(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "@sim fault=cut lines=5 mode=reset\nHello world")
    (exchange,) = sandbox.journal

    assert (answer.cut, exchange.outcome) == (True, "cut")
    assert exchange.faults == (Cut(lines=5, mode="reset"),)


async def test_directive_may_ask_for_a_status(sandbox: Sandbox) -> None:
    assert (await chat(sandbox.app, "@sim fault=http_status code=502")).status == 502


@pytest.mark.parametrize(
    ("form", "status"), [("missing_ids", 200), ("413", 413), ("415", 415), ("503", 503)]
)
async def test_upload_error(sandbox: Sandbox, form: Any, status: Any) -> None:
    sandbox.rules.add(UploadError(form=form), endpoint="upload")
    upload = {"fileName": "a.txt", "fileMimeType": "text/plain", "content": "eA=="}
    answer = await ask(sandbox.app, "POST", "/rest/app-chat/upload-file", upload, sent=headers())

    assert answer.status == status
    assert b"fileMetadataId" not in answer.body


@pytest.mark.parametrize(
    ("form", "start"),
    [
        ("missing_fields", b"{}"),
        ("prefix", b")]}'\n{"),
        ("loop_prefix", b"for (;;);{"),
        ("bom", b"\xef\xbb\xbf{"),
        ("empty", b""),
        ("zero_totals", b'{"windowSizeSeconds":0'),
    ],
)
async def test_odd_quota_answer(sandbox: Sandbox, form: Any, start: bytes) -> None:
    sandbox.rules.add(QuotaJson(form=form), endpoint="rate_limits")
    answer = await ask(
        sandbox.app, "POST", "/rest/rate-limits", {"modelName": "fast"}, sent=headers()
    )

    assert answer.body.startswith(start)
    assert form != "empty" or answer.body == b""


async def test_first_matching_rule_wins(sandbox: Sandbox) -> None:
    sandbox.rules.add(HttpStatus(code=500), prompt="nothing like it")
    sandbox.rules.add(HttpStatus(code=502), prompt="^A sent", account="t", model="fast")
    sandbox.rules.add(HttpStatus(code=503))

    assert (await chat(sandbox.app, TEXT)).status == 502


async def test_rule_for_the_nth_call(sandbox: Sandbox) -> None:
    sandbox.rules.add(HttpStatus(code=500), nth=2)

    assert [(await chat(sandbox.app, TEXT)).status for _ in range(3)] == [200, 500, 200]


async def test_rule_acts_as_often_as_it_may(sandbox: Sandbox) -> None:
    sandbox.rules.add(HttpStatus(code=500), times=2)

    assert [(await chat(sandbox.app, TEXT)).status for _ in range(3)] == [500, 500, 200]


async def test_rule_acts_with_its_probability() -> None:
    sandbox = Sandbox([AccountFixture(token="t", tier="heavy")], protocol="2026-04", seed=3)
    sandbox.rules.add(HttpStatus(code=500), probability=0.5)
    seen = Counter([(await chat(sandbox.app, "Hi")).status for _ in range(60)])

    assert 15 < seen[500] < 45


async def test_rule_with_several_actions(sandbox: Sandbox) -> None:
    sandbox.rules.add(Framing(form="data", encoding="gzip"), Cut(lines=5))
    answer = await chat(sandbox.app, TEXT)

    assert zlib.decompress(answer.body, wbits=zlib.MAX_WBITS | 16).count(b"data: ") == 5


def test_rule_with_a_broken_pattern_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="prompt pattern"):
        sandbox.rules.add(Nested(), prompt="(")


def test_rules_can_be_written_as_json() -> None:
    text = b'{"actions":[{"knob":"cut","lines":7}],"endpoint":"chat","times":1}'

    assert msgspec.json.decode(text, type=Rule) == Rule(
        actions=(Cut(lines=7),), endpoint="chat", times=1
    )
