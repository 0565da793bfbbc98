import base64
import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokgate.sandbox import AccountFixture, Sandbox
from grokgate.sandbox.scenarios import last_block, split_tokens
from sandbox.sim_client import chat

pytestmark = pytest.mark.anyio


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox([AccountFixture(token="t", tier="heavy")], protocol="2026-04")


async def test_echo_repeats_the_last_block(sandbox: Sandbox) -> None:
    answer = await chat(
        sandbox.app, "system: Be brief.\n\n@sim scenario=echo\n\nWhy is the sky blue?"
    )

    assert answer.said() == "Why is the sky blue?"
    assert answer.responses[-1]["modelResponse"]["message"] == "Why is the sky blue?"


async def test_newcomer_is_told_where_the_answer_comes_from(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "system: Be brief.\n\nWhy is {the} sky blue?")

    assert "\n\nWhy is {the} sky blue?\n\n" in answer.said()
    assert "sandbox" in answer.said()
    assert "No model was asked" in answer.said()


async def test_newcomer_can_watch_the_answer_arrive(sandbox: Sandbox) -> None:
    tokens = [r["token"] for r in (await chat(sandbox.app, "Hi")).responses if "token" in r]

    assert len(tokens) > 20
    assert max(map(len, tokens)) <= 8


async def test_long_text_is_repeated_without_a_greeting(sandbox: Sandbox) -> None:
    text = "word " * 100 + "end"

    assert (await chat(sandbox.app, text)).said() == text


async def test_echo_ends_with_soft_stop_metadata_message_and_title(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "Hello there")
    keys = [next(iter(obj["result"].get("response") or obj["result"])) for obj in answer.objects]

    assert keys[:4] == ["conversation", "userResponse", "uiLayout", "llmInfo"]
    assert answer.responses[-3]["isSoftStop"] is True
    assert keys[-3:] == ["finalMetadata", "modelResponse", "title"]


async def test_directive_line_is_not_echoed(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "Old question\n\n@sim scenario=echo\nNew question")

    assert answer.said() == "New question"


async def test_directive_of_the_newest_message_counts(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "user: @sim tokens=9\n\nassistant: Hm.\n\n@sim tokens=2\nGo")

    assert answer.said() == "Tokens flow "


async def test_prompt_of_a_directive_alone_is_greeted(sandbox: Sandbox) -> None:
    assert (await chat(sandbox.app, "@sim scenario=echo")).said() == "Hello from the sandbox."


@pytest.mark.parametrize(
    "line", ["scenario=nope", "tokens=-1", "what=1", "echo", "fault=nope", "fault=cut depth=3"]
)
async def test_unknown_directive_is_refused(sandbox: Sandbox, line: str) -> None:
    answer = await chat(sandbox.app, f"@sim {line}")

    assert answer.status == 400
    assert "@sim" in answer.json["error"]["message"]


async def test_same_seed_gives_the_same_answer() -> None:
    bodies = []
    for _ in range(2):
        sandbox = Sandbox([AccountFixture(token="t")], protocol="2026-04", seed=7)
        bodies.append((await chat(sandbox.app, "Some longer text to be cut")).responses[4:-1])

    assert bodies[0] == bodies[1]


async def test_expert_thinks_by_itself(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "Two words", mode="expert")
    tags = [r["messageTag"] for r in answer.responses if r.get("isThinking")]

    assert tags == ["header", "summary", "header", "summary"]
    assert "wrote 2 words" in answer.said(thinking=True)
    assert "Two words" in answer.said()


async def test_late_thinking_follows_the_first_token(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "@sim scenario=thinking late=2\nLong enough to be two tokens")
    thinking = [r["isThinking"] for r in answer.responses if "messageTag" in r]

    assert thinking[:8] == [True, True, True, True, False, True, True, False]


async def test_search_has_card_results_and_citations(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "@sim scenario=search search=3\nNews?")
    merged = {key: value for response in answer.responses for key, value in response.items()}

    assert merged["toolUsageCard"]["webSearch"]["args"] == {"query": "News?"}
    assert len(merged["webSearchResults"]["results"]) == 3
    assert answer.said().count("<grok:render ") == 3


async def test_card_arrives_before_its_mark(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "@sim scenario=search duplicate=1 twin=1")
    known, marks = set(), 0
    for response in answer.responses:
        if "cardAttachment" in response:
            known.add(json.loads(response["cardAttachment"]["jsonData"])["id"])
        elif "<grok:render" in response.get("token", ""):
            marks += 1
            assert response["token"].split('"')[1] in known

    assert (known, marks) == ({"c1", "c2", "t1"}, 4)


async def test_markup_is_split_over_tokens(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "@sim scenario=markup")
    tokens = [response.get("token", "") for response in answer.responses]

    assert "</xaiartifact>" in answer.said()
    assert not any("<xaiartifact" in token for token in tokens)


async def test_unterminated_markup_never_closes(sandbox: Sandbox) -> None:
    said = (await chat(sandbox.app, "@sim scenario=markup unterminated=1")).said()

    assert said.endswith("never closed")
    assert said.count("<xaiartifact") == said.count("</xaiartifact>") + 1


async def test_heavy_is_a_team(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "Hello team", mode="heavy")
    agents = {response["rolloutId"] for response in answer.responses if "rolloutId" in response}
    cards = [r["toolUsageCard"] for r in answer.responses if "toolUsageCard" in r]

    assert agents == {"Grok", "Agent 1", "Agent 2"}
    assert all("chatroomSend" in card for card in cards)


async def test_tool_call_carries_the_given_arguments(sandbox: Sandbox) -> None:
    args = base64.urlsafe_b64encode(b'{"x":1}').decode().rstrip("=")
    said = (await chat(sandbox.app, f"@sim scenario=tools name=f args={args} calls=2")).said()

    call = '<tool_call name="f">{"x":1}</tool_call>'
    assert said.endswith(f"<tool_calls>\n{call}\n{call}\n</tool_calls>")


@pytest.mark.parametrize(
    ("style", "part"),
    [
        ("broken", '"Lisbon",,</tool_call>'),
        ("nested", "<tool_name>lookup_city</tool_name>"),
        ("fenced", "```xml\n<tool_calls>"),
        ("undeclared", 'name="undeclared_tool"'),
    ],
)
async def test_tool_call_style(sandbox: Sandbox, style: str, part: str) -> None:
    assert part in (await chat(sandbox.app, f"@sim scenario=tools style={style}")).said()


async def test_quoted_broken_call_is_repaired(sandbox: Sandbox) -> None:
    directive = "@sim scenario=tools style=broken repair=1"
    broken = (await chat(sandbox.app, directive)).said()
    repaired = (await chat(sandbox.app, f"{directive}\n\nassistant: {broken}\n\nAgain.")).said()

    assert ",,</tool_call>" in broken
    assert '{"city":"Lisbon"}</tool_call>' in repaired


async def test_tool_arguments_that_are_no_base64_are_refused(sandbox: Sandbox) -> None:
    assert (await chat(sandbox.app, "@sim scenario=tools args=_")).status == 400


async def test_long_answer_has_as_many_tokens_as_asked(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "@sim scenario=long tokens=300")

    assert len([r for r in answer.responses if r.get("token")]) == 300


async def test_unicode_is_cut_inside_of_characters(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "@sim scenario=unicode")

    assert "世界" in answer.said()
    assert max(map(len, answer.chunks)) <= 7


@pytest.mark.parametrize(("option", "message"), [("", ""), ("message=1", "Only the final")])
async def test_empty_answer_has_no_token_and_no_soft_stop(
    sandbox: Sandbox, option: str, message: str
) -> None:
    answer = await chat(sandbox.app, f"@sim scenario=empty {option}")

    assert not any("token" in response for response in answer.responses)
    assert answer.responses[-1]["modelResponse"]["message"].startswith(message)


async def test_intermediate_message_comes_first(sandbox: Sandbox) -> None:
    answer = await chat(sandbox.app, "@sim scenario=intermediate\nA longer sentence to say")
    early, final = [r["modelResponse"] for r in answer.responses if "modelResponse" in r]

    assert early["partial"] is True
    assert final["message"].startswith(early["message"])


@given(st.text(min_size=9), st.integers())
def test_tokens_have_three_to_eight_characters(text: str, seed: int) -> None:
    tokens = list(split_tokens(text, Random(seed)))

    assert "".join(tokens) == text
    assert all(3 <= len(token) <= 8 for token in tokens)


@pytest.mark.parametrize(
    ("text", "block"),
    [("a\n\nb", "b"), ("a\n\nb\nc\n\n\n", "b\nc"), ("", ""), ("only", "only")],
)
def test_last_block(text: str, block: str) -> None:
    assert last_block(text) == block
