"""Conversations that become summaries, and come back as such."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

import grokgate_responses
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import Kind
from plugins.responses_world import MODEL, PATH, PIXEL, ask, heard, says

pytestmark = pytest.mark.anyio

COMPACT = f"{PATH}/compact"
TALK = [
    {"role": "user", "content": "My name is Ada."},
    {"role": "assistant", "content": "Noted."},
    {"role": "user", "content": "And I like tea."},
]


@pytest.fixture
async def running(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    del anyio_backend
    async with running_gateway(grokgate_responses, upstream=FakeUpstream()) as gateway:
        yield gateway


async def compact(running: RunningGateway, *answers: Any, **fields: Any) -> httpx.Response:
    running.fake.add(*answers)
    return await running.client.post(COMPACT, json={"model": MODEL, **fields})


async def test_reply_holds_one_compaction(running: RunningGateway) -> None:
    reply = (await compact(running, says("Ada likes tea."), input=TALK)).json()

    assert reply["id"].startswith("resp_")
    assert (reply["object"], type(reply["created_at"])) == ("response.compaction", int)
    (compaction,) = reply["output"]
    assert set(compaction) == {"type", "id", "encrypted_content"}
    assert (compaction["type"], compaction["id"][:4]) == ("compaction", "cmp_")


async def test_model_is_asked_for_a_summary_of_everything(running: RunningGateway) -> None:
    await compact(running, says("Ada likes tea."), input=TALK, instructions="Be brief.")

    asked = heard(running)
    assert asked[:4] == [
        ("system", "Be brief."),
        ("user", "My name is Ada."),
        ("assistant", "Noted."),
        ("user", "And I like tea."),
    ]
    assert asked[4][1].startswith("Summarize the conversation")


async def test_output_comes_back_as_input(running: RunningGateway) -> None:
    reply = (await compact(running, says("Ada likes tea."), input=TALK)).json()
    await ask(running, says("Ada."), input=[*reply["output"], {"role": "user", "content": "Name?"}])

    told = [text for _, text in heard(running)]
    assert "Ada likes tea." in told[0]
    assert told[0].endswith("And I like tea.")
    assert told[-1] == "Name?"


async def test_stored_chain_is_compacted(running: RunningGateway) -> None:
    first = await ask(running, says("Noted."), input="My name is Ada.")
    await compact(running, says("Ada."), previous_response_id=first["id"])

    assert heard(running)[:2] == [("user", "My name is Ada."), ("assistant", "Noted.")]


async def test_usage_counts_the_summary(running: RunningGateway) -> None:
    usage = (await compact(running, says("Ada likes tea."), input=TALK)).json()["usage"]

    assert usage["output_tokens"] == 4
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"] == {"cached_tokens": 0, "cache_write_tokens": 0}
    assert usage["output_tokens_details"] == {"reasoning_tokens": 0}


async def test_summary_is_sealed_for_its_key(running: RunningGateway) -> None:
    reply = (await compact(running, says("Ada likes tea."), input=TALK)).json()
    _, key = await running.gateway.keys.create("second")
    body = {"model": MODEL, "input": reply["output"]}
    refused = await running.client.post(PATH, json=body, headers={"authorization": f"Bearer {key}"})

    assert "Ada likes" not in str(reply["output"])
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "invalid_value")


async def test_sealed_reasoning_is_no_summary(running: RunningGateway) -> None:
    context: Any = running.gateway.context("responses")
    owner = running.gateway.keys.listing()[0].id
    sealed = context.objects.seal(b"thoughts", owner=owner)
    item = {"type": "compaction", "encrypted_content": sealed}
    refused = await ask(running, input=[item, {"role": "user", "content": "Hi"}])

    assert refused["error"]["code"] == "invalid_value"


async def test_last_words_may_be_a_picture(running: RunningGateway) -> None:
    shown = [{"role": "user", "content": [{"type": "input_image", "image_url": PIXEL}]}]
    reply = (await compact(running, says("A dot."), input=shown)).json()
    await ask(running, says("Yes."), input=[*reply["output"], {"role": "user", "content": "Sure?"}])

    assert heard(running)[0][1].endswith("A dot.")


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"input": "Hi"}, "model", "missing_required_parameter"),
        ({"model": MODEL}, "input", "missing_required_parameter"),
        ({"model": "grok-none", "input": "Hi"}, "model", "model_not_found"),
        ({"model": MODEL, "input": ""}, "input", "invalid_value"),
        (
            {"model": MODEL, "previous_response_id": "resp_none"},
            "previous_response_id",
            "previous_response_not_found",
        ),
    ],
)
async def test_wrong_request_is_refused(
    running: RunningGateway, body: dict[str, Any], param: str, code: str
) -> None:
    error = (await running.client.post(COMPACT, json=body)).json()["error"]

    assert (error["param"], error["code"]) == (param, code)


async def test_failure_of_the_model_is_told(running: RunningGateway) -> None:
    reply = await compact(running, Kind.BAD_REQUEST, input=TALK)

    assert (reply.status_code, running.pool.open_leases) == (502, 0)


async def test_summary_of_blanks_is_none(running: RunningGateway) -> None:
    reply = await compact(running, says("  "), input=TALK)

    assert (reply.status_code, reply.json()["error"]["code"]) == (502, "empty_response")
