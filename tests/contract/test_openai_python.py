"""The OpenAI Python SDK, in strict validation, against a real server process."""

import base64

import openai
import pytest
from openai import OpenAI

from service import Service

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture(scope="module")
def client(gateway: Service) -> OpenAI:
    return OpenAI(
        base_url=f"{gateway.base}/v1",
        api_key=gateway.key,
        max_retries=0,
        _strict_response_validation=True,
    )


def test_unary_answer_is_complete(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="grok-4", messages=[{"role": "user", "content": "Say hello to Lisbon"}]
    )

    assert "hello to Lisbon" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_streamed_text_equals_unary_text(client: OpenAI) -> None:
    messages = [{"role": "user", "content": "Say the same twice"}]
    unary = client.chat.completions.create(model="grok-4-fast", messages=messages)  # type: ignore[call-overload]
    stream = client.chat.completions.create(  # type: ignore[call-overload]
        model="grok-4-fast", messages=messages, stream=True, stream_options={"include_usage": True}
    )

    chunks = list(stream)
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == unary.choices[0].message.content
    assert chunks[-1].usage.completion_tokens == unary.usage.completion_tokens
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"


def test_reasoning_arrives_beside_the_answer(client: OpenAI) -> None:
    stream = client.chat.completions.create(
        model="grok-4-thinking",
        messages=[{"role": "user", "content": "Think about kites"}],
        stream=True,
    )

    deltas = [chunk.choices[0].delta for chunk in stream if chunk.choices]
    reasoning = "".join(getattr(delta, "reasoning_content", None) or "" for delta in deltas)
    assert reasoning
    assert "kites" in "".join(delta.content or "" for delta in deltas)


def test_reasoning_can_be_hidden(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="grok-4-thinking",
        messages=[{"role": "user", "content": "Think about kites"}],
        reasoning_effort="none",
    )

    assert not getattr(answer.choices[0].message, "reasoning_content", None)


def test_an_image_is_uploaded_with_the_prompt(client: OpenAI) -> None:
    url = "data:image/png;base64," + base64.b64encode(PNG).decode()
    answer = client.chat.completions.create(
        model="grok-4",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": url}},
                ],
            }
        ],
    )

    assert "image/png" in (answer.choices[0].message.content or "")


def test_models_are_listed_and_found(client: OpenAI) -> None:
    ids = [model.id for model in client.models.list()]

    assert "grok-4" in ids
    assert client.models.retrieve("grok-4.1-fast").id == "grok-4.1-fast"


def test_wrong_key_is_an_authentication_error(client: OpenAI) -> None:
    with pytest.raises(openai.AuthenticationError) as caught:
        client.with_options(api_key="sk-wrong").models.list()

    assert caught.value.code == "invalid_api_key"


def test_unknown_model_is_a_not_found_error(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(
            model="grok-99", messages=[{"role": "user", "content": "hi"}]
        )

    assert (caught.value.code, caught.value.param) == ("model_not_found", "model")


def test_bad_value_is_a_bad_request_error(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="grok-4", messages=[{"role": "user", "content": "hi"}], temperature=9
        )

    assert (caught.value.code, caught.value.param) == (
        "decimal_above_max_value",
        "temperature",
    )


def test_upstream_limit_is_a_rate_limit_error(client: OpenAI) -> None:
    stream = "\n@sim scenario=echo"
    with pytest.raises(openai.APIStatusError) as caught:
        client.embeddings.create(model="grok-4", input="x" + stream)

    assert (caught.value.status_code, caught.value.code) == (404, "endpoint_not_supported")


def test_request_id_is_exposed(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="grok-4", messages=[{"role": "user", "content": "hi"}]
    )

    assert answer._request_id
    assert answer._request_id.startswith("req_")
