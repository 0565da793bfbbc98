"""What earlier major versions of the OpenAI SDK must be able to do; run by their own Python.

The program runs every case and prints, as JSON, what went wrong by the name of the case.
"""

import json
import os
import traceback
from collections.abc import Callable
from typing import Any

import openai
from openai import OpenAI

from clients.asking import CITY, ECHO, MODEL, PORTO, RESULT, THINKER, TOOLS, City, tool, user

Case = Callable[[OpenAI], None]


def chat(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=user(f"Say hello{ECHO}"))
    assert "Say hello" in (answer.choices[0].message.content or "")


def chat_stream(client: OpenAI) -> None:
    asked: Any = {"model": MODEL, "messages": user(f"Say hello{ECHO}")}
    stream = client.chat.completions.create(
        stream=True, stream_options={"include_usage": True}, **asked
    )
    *chunks, last = list(stream)
    assert "Say hello" in "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert last.usage.total_tokens > 0


def chat_tools(client: OpenAI) -> None:
    history: Any = user(TOOLS)
    first = client.chat.completions.create(model=MODEL, messages=history, tools=[tool()])
    message: Any = first.choices[0].message
    (call,) = message.tool_calls
    history += [message, {"role": "tool", "tool_call_id": call.id, "content": RESULT}]
    second = client.chat.completions.create(model=MODEL, messages=history, tools=[tool()])
    assert "sunny" in (second.choices[0].message.content or "")


def chat_parsed(client: OpenAI) -> None:
    answer = client.chat.completions.parse(model=MODEL, messages=user(PORTO), response_format=City)
    assert answer.choices[0].message.parsed == City(city="Porto")


def response(client: OpenAI) -> None:
    answer = client.responses.create(model=MODEL, input=f"Say hello{ECHO}")
    assert "Say hello" in answer.output_text
    assert client.responses.retrieve(answer.id).output_text == answer.output_text


def response_stream(client: OpenAI) -> None:
    with client.responses.stream(model=THINKER, input="Think about kites") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert [item.type for item in final.output] == ["reasoning", "message"]
    assert "response.reasoning_summary_text.delta" in kinds


def response_tools(client: OpenAI) -> None:
    look: Any = {"type": "function", "name": "lookup_city", "parameters": CITY, "strict": True}
    first = client.responses.create(model=MODEL, input=TOOLS, tools=[look])
    call = next(item for item in first.output if item.type == "function_call")
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
    second = client.responses.create(
        model=MODEL, previous_response_id=first.id, input=[result], tools=[look]
    )
    assert "sunny" in second.output_text


def response_parsed(client: OpenAI) -> None:
    answer = client.responses.parse(model=MODEL, input=PORTO, text_format=City)
    assert answer.output_parsed == City(city="Porto")


def errors(client: OpenAI) -> None:
    try:
        client.chat.completions.create(model="grok-99", messages=user("hi"))
    except openai.NotFoundError as error:
        assert (error.code, error.param) == ("model_not_found", "model")  # noqa: PT017 - no pytest there
    else:
        raise AssertionError("a model that is not there answered")


def models(client: OpenAI) -> None:
    assert MODEL in {model.id for model in client.models.list()}


CASES: tuple[Case, ...] = (
    chat,
    chat_stream,
    chat_tools,
    chat_parsed,
    response,
    response_stream,
    response_tools,
    response_parsed,
    errors,
    models,
)


def outcome(case: Case, client: OpenAI) -> str:
    """Return what went wrong; empty: nothing."""
    try:
        case(client)
    except Exception:  # noqa: BLE001 - it is told by the test of that name
        return traceback.format_exc()
    return ""


if __name__ == "__main__":
    base, key = os.environ["GATEWAY_URL"], os.environ["GATEWAY_KEY"]
    with OpenAI(
        base_url=f"{base}/v1", api_key=key, max_retries=0, _strict_response_validation=True
    ) as sdk:
        outcomes = {case.__name__: outcome(case, sdk) for case in CASES}
    print(json.dumps({"version": openai.__version__, "outcomes": outcomes}))  # noqa: T201
