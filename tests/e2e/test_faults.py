"""An upstream that fails: what the client gets, and what it costs (reliability section 3)."""

import pytest

from e2e.conftest import BOTH, EACH
from e2e.endpoints import Endpoint
from e2e.probe import QUOTA, Probe, at_once
from grokgate.sandbox import AccountState, CfChallenge, ErrorAfter200, HttpStatus, RateLimit

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

FORMS = ["object", "response", "stream_errors", "model_response"]


# One of several accounts fails


@BOTH
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


@BOTH
async def test_dead_account_expires_and_another_answers(gateway: Probe) -> None:
    dead, _ = await gateway.fill(QUOTA + 1, QUOTA)
    gateway.sandbox.rules.add(AccountState(state="expired"), account=dead)

    answer = await gateway.chat()

    assert answer.status_code == 200
    assert gateway.accounts_asked()[0] == dead
    await gateway.becomes("expired", lambda: gateway.status(dead))


@EACH
async def test_waiting_is_a_real_status_for_a_stream_too(
    gateway: Probe, endpoint: Endpoint
) -> None:
    await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(RateLimit(retry_after_s=7))

    async with gateway.stream(to=endpoint) as response:
        assert response.status_code == 429
        assert "retry-after" in response.headers


@BOTH
async def test_challenge_is_tried_on_two_accounts_at_most(gateway: Probe) -> None:
    tokens = await gateway.fill(QUOTA, QUOTA, QUOTA)
    gateway.sandbox.rules.add(CfChallenge(), prompt="challenged")

    answer = await gateway.chat("challenged")

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_blocked")
    assert len(gateway.calls()) <= 2
    statuses = [await gateway.status(token) for token in tokens]
    assert statuses.count("active") >= 2
    assert "expired" not in statuses


# The answer is an error


@BOTH
@pytest.mark.parametrize("form", FORMS)
async def test_error_inside_an_answer_is_tried_elsewhere(gateway: Probe, form: str) -> None:
    broken, other = await gateway.fill(QUOTA + 1, QUOTA)
    error = ErrorAfter200(form=form, place="start")  # type: ignore[arg-type]  # a parameter
    gateway.sandbox.rules.add(error, account=broken)

    answer = await gateway.read()

    assert (answer.status, answer.reasons) == (200, ["stop"])
    assert gateway.accounts_asked() == [broken, other]


@BOTH
@pytest.mark.parametrize("form", FORMS)
async def test_error_inside_every_answer_is_no_answer(gateway: Probe, form: str) -> None:
    await gateway.fill(QUOTA, QUOTA)
    gateway.sandbox.rules.add(ErrorAfter200(form=form, place="start"))  # type: ignore[arg-type]

    answer = await gateway.chat()

    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "upstream_error")


@BOTH
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


@EACH
async def test_upstream_text_stays_in_the_gateway(gateway: Probe, endpoint: Endpoint) -> None:
    await gateway.fill(QUOTA)
    gateway.sandbox.rules.add(HttpStatus(code=500, message="<img src=x> from backend-7"))

    answer = await gateway.ask(endpoint)

    assert answer.status_code == 502
    assert "backend-7" not in answer.text
