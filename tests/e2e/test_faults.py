"""An upstream that fails: what the client gets, and what it costs (reliability section 3)."""

from typing import Literal

import openai
import pytest

from e2e.conftest import BOTH
from e2e.probe import KEY, QUOTA, Probe, at_once
from grokgate.sandbox import (
    AccountState,
    CfChallenge,
    Cut,
    ErrorAfter200,
    HttpStatus,
    Protocol,
    RateLimit,
)
from grokgate.sandbox.faults import LEAD

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, BOTH]

Mode = Literal["clean", "reset"]
FORMS = ["object", "response", "stream_errors", "model_response"]


def cut(mode: Mode, tokens: int = 3) -> Cut:
    """An answer that ends after some of its output."""
    return Cut(lines=LEAD + tokens, bytes=7, mode=mode)


# One of several accounts fails


@pytest.mark.parametrize("prompt", [None, "chat-"], ids=["at once", "when asked"])
async def test_failing_account_is_passed_over(gateway: Probe, prompt: str | None) -> None:
    """A socket fails in its handshake at once, and with an event when the prompt is known."""
    broken, *_ = tokens = await gateway.fill(*[QUOTA] * 10)
    gateway.sandbox.rules.add(HttpStatus(code=500), account=broken, prompt=prompt)

    answers = await at_once(50, lambda number: gateway.chat(f"chat-{number:02}"))

    assert [answer.status_code for answer in answers] == [200] * 50
    used = [gateway.accounts_asked(f"chat-{number:02}") for number in range(50)]
    assert all(len(set(accounts)) == len(accounts) <= 4 for accounts in used)
    assert broken in gateway.accounts_asked()
    statuses = {token: await gateway.status(token) for token in tokens}
    assert statuses.pop(broken) in {"active", "cooling"}
    assert set(statuses.values()) == {"active"}
    await gateway.idle(1)


async def test_dead_account_expires_and_another_answers(gateway: Probe) -> None:
    dead, _ = await gateway.fill(QUOTA + 1, QUOTA)
    gateway.sandbox.rules.add(AccountState(state="expired"), account=dead)

    answer = await gateway.chat()

    assert answer.status_code == 200
    assert gateway.accounts_asked()[0] == dead
    await gateway.becomes("expired", lambda: gateway.status(dead))


async def test_waiting_is_a_real_status_for_a_stream_too(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(RateLimit(retry_after_s=7))

    async with gateway.stream() as response:
        assert response.status_code == 429
        assert "retry-after" in response.headers


async def test_challenge_is_tried_on_two_accounts_at_most(gateway: Probe) -> None:
    tokens = await gateway.fill(QUOTA, QUOTA, QUOTA)
    gateway.sandbox.rules.add(CfChallenge(), prompt="challenged")

    answer = await gateway.chat("challenged")

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_blocked")
    assert len(gateway.calls()) <= 2
    statuses = [await gateway.status(token) for token in tokens]
    assert statuses.count("active") >= 2
    assert "expired" not in statuses


# The answer breaks off


@pytest.mark.parametrize("mode", ["clean", "reset"])
async def test_cut_stream_ends_with_an_error_frame(gateway: Probe, mode: Mode) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(cut(mode, tokens=5))

    answer = await gateway.read("@sim tokens=40")

    assert answer.status == 200
    assert answer.content
    assert answer.error
    assert (answer.error["type"], answer.error["code"]) == ("server_error", "upstream_error")
    assert answer.data[-1] == "[DONE]"
    assert answer.reasons == []


@pytest.mark.parametrize("mode", ["clean", "reset"])
async def test_cut_answer_is_no_answer(gateway: Probe, mode: Mode) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(cut(mode, tokens=5))

    answer = await gateway.chat("@sim tokens=40")

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")
    assert len(gateway.calls()) == 1


@pytest.mark.parametrize("mode", ["clean", "reset"])
async def test_python_sdk_raises_on_a_cut_stream(gateway: Probe, mode: Mode) -> None:
    await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(cut(mode))

    async with openai.AsyncOpenAI(
        base_url=f"{gateway.service.base}/v1", api_key=KEY, max_retries=0
    ) as sdk:
        stream = await sdk.chat.completions.create(
            model="grok-4-fast",
            messages=[{"role": "user", "content": "@sim tokens=40"}],
            stream=True,
        )
        with pytest.raises(openai.APIError) as raised:
            async for _ in stream:
                pass

    assert raised.value.code == "upstream_error"


async def test_nothing_is_repeated_after_the_first_output(gateway: Probe) -> None:
    tokens = await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(cut("reset"))

    answer = await gateway.read("@sim tokens=40")

    assert answer.content == "Tokens flow down "
    assert answer.error
    assert len(gateway.calls()) == 1
    assert sum(gateway.account(token).units_taken for token in tokens) == 1
    await gateway.idle(1)
    await gateway.becomes(1, gateway.used)


# The answer is empty, or an error


async def test_empty_answer_of_one_account_is_asked_of_another(gateway: Probe) -> None:
    empty, other = await gateway.fill(QUOTA + 1, QUOTA)
    gateway.sandbox.rules.add(Cut(lines=0), account=empty)

    answer = await gateway.chat("answer me")

    assert answer.status_code == 200
    assert "answer me" in answer.json()["choices"][0]["message"]["content"]
    assert gateway.accounts_asked() == [empty, other]


@pytest.mark.parametrize("prompt", ["@sim fault=cut lines=0", "@sim scenario=empty"])
@pytest.mark.parametrize("stream", [False, True])
async def test_nothing_but_empty_answers_is_an_error(
    gateway: Probe, protocol: Protocol, prompt: str, *, stream: bool
) -> None:
    """A socket that closes before its answer is a lost connection, not an empty answer."""
    await gateway.fill(QUOTA, QUOTA)
    lost = protocol == "2026-08" and "cut" in prompt

    answer = await gateway.chat(prompt, stream=stream)

    code = "upstream_error" if lost else "empty_response"
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, code)
    assert len(gateway.calls()) == 2


@pytest.mark.parametrize("form", FORMS)
async def test_error_inside_an_answer_is_tried_elsewhere(gateway: Probe, form: str) -> None:
    broken, other = await gateway.fill(QUOTA + 1, QUOTA)
    error = ErrorAfter200(form=form, place="start")  # type: ignore[arg-type]  # a parameter
    gateway.sandbox.rules.add(error, account=broken)

    answer = await gateway.read()

    assert (answer.status, answer.reasons) == (200, ["stop"])
    assert gateway.accounts_asked() == [broken, other]


@pytest.mark.parametrize("form", FORMS)
async def test_error_inside_every_answer_is_no_answer(gateway: Probe, form: str) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(ErrorAfter200(form=form, place="start"))  # type: ignore[arg-type]

    answer = await gateway.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")


@pytest.mark.parametrize("place", ["middle", "end"])
@pytest.mark.parametrize("form", FORMS)
async def test_error_behind_output_ends_the_stream(gateway: Probe, form: str, place: str) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(ErrorAfter200(form=form, place=place))  # type: ignore[arg-type]

    answer = await gateway.read("@sim tokens=20")

    assert answer.content
    assert answer.error
    assert answer.error["code"] == "upstream_error"
    assert (answer.reasons, answer.data[-1]) == ([], "[DONE]")
    assert len(gateway.calls()) == 1


async def test_upstream_text_stays_in_the_gateway(gateway: Probe) -> None:
    await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(HttpStatus(code=500, message="<img src=x> from backend-7"))

    answer = await gateway.chat()

    assert answer.status_code == 502
    assert "backend-7" not in answer.text
