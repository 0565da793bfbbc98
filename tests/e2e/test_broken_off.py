"""Answers that break off or hold nothing: never told as complete, never asked for twice (V5-V7)."""

from collections.abc import Awaitable, Callable
from typing import Literal

import anthropic
import openai
import pytest

from e2e.conftest import EACH
from e2e.endpoints import CHAT, MESSAGES, MODEL, RESPONSES, Endpoint
from e2e.probe import KEY, QUOTA, Probe
from grokgate.sandbox import Cut, Protocol
from grokgate.sandbox.faults import LEAD

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, EACH]

Mode = Literal["clean", "reset"]
MODES = pytest.mark.parametrize("mode", ["clean", "reset"])
LONG = "@sim tokens=40"
BEGINNING = "Tokens flow down "


def cut(mode: Mode, tokens: int = 3) -> Cut:
    """An answer that ends after some of its output, within a line or frame."""
    return Cut(lines=LEAD + tokens, bytes=7, mode=mode)


@MODES
async def test_cut_stream_ends_with_an_error(
    gateway: Probe, endpoint: Endpoint, mode: Mode
) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(cut(mode, tokens=5))

    heard = await gateway.hear(endpoint, LONG)

    assert heard.text.startswith(BEGINNING)
    assert heard.error == endpoint.refusal(502, "upstream_error").name
    assert not heard.ended


@MODES
async def test_cut_answer_is_no_answer(gateway: Probe, endpoint: Endpoint, mode: Mode) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(cut(mode, tokens=5))

    refused = await gateway.refused(endpoint, LONG)

    assert refused == endpoint.refusal(502, "upstream_error")
    assert len(gateway.calls()) == 1


async def test_nothing_is_repeated_after_the_first_output(
    gateway: Probe, endpoint: Endpoint
) -> None:
    tokens = await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(cut("reset"))

    heard = await gateway.hear(endpoint, LONG)

    assert heard.text == BEGINNING
    assert heard.error
    assert len(gateway.calls()) == 1
    assert sum(gateway.account(token).units_taken for token in tokens) == 1
    await gateway.idle(1)
    await gateway.becomes(1, gateway.used)


# The clients' libraries


async def chat_by_sdk(base: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0) as sdk:
        async for _ in await sdk.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": LONG}], stream=True
        ):
            pass


async def response_by_sdk(base: str) -> None:
    async with openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0) as sdk:
        async for _ in await sdk.responses.create(model=MODEL, input=LONG, stream=True):
            pass


async def message_by_sdk(base: str) -> None:
    async with anthropic.AsyncAnthropic(base_url=base, api_key=KEY, max_retries=0) as sdk:
        async for _ in await sdk.messages.create(
            model=MODEL, max_tokens=1000, messages=[{"role": "user", "content": LONG}], stream=True
        ):
            pass


SDKS: dict[Endpoint, Callable[[str], Awaitable[None]]] = {
    CHAT: chat_by_sdk,
    RESPONSES: response_by_sdk,
    MESSAGES: message_by_sdk,
}


@MODES
async def test_sdk_raises_on_a_cut_stream(gateway: Probe, endpoint: Endpoint, mode: Mode) -> None:
    await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(cut(mode))

    with pytest.raises((openai.APIError, anthropic.APIError)) as raised:
        await SDKS[endpoint](gateway.service.base)

    assert endpoint.refusal(502, "upstream_error").name in repr(getattr(raised.value, "body", None))
    assert len(gateway.calls()) == 1


# Nothing in them


async def test_empty_answer_of_one_account_is_asked_of_another(
    gateway: Probe, endpoint: Endpoint
) -> None:
    empty, other = await gateway.fill(QUOTA + 1, QUOTA)
    gateway.sandbox.rules.add(Cut(lines=0), account=empty)

    answer = await gateway.ask(endpoint, "answer me")

    assert answer.status_code == 200
    assert "answer me" in endpoint.text(answer.json())
    assert gateway.accounts_asked() == [empty, other]


@pytest.mark.parametrize("prompt", ["@sim fault=cut lines=0", "@sim scenario=empty"])
@pytest.mark.parametrize("stream", [False, True], ids=["unary", "streamed"])
async def test_nothing_but_empty_answers_is_an_error(
    gateway: Probe, endpoint: Endpoint, protocol: Protocol, prompt: str, *, stream: bool
) -> None:
    """A socket that closes before its answer is a lost connection, not an empty answer."""
    await gateway.fill(QUOTA, QUOTA)
    lost = protocol == "2026-08" and "cut" in prompt

    refused = await gateway.refused(endpoint, prompt, stream=stream)

    assert refused == endpoint.refusal(502, "upstream_error" if lost else "empty_response")
    assert len(gateway.calls()) == 2
