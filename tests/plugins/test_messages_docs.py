"""The examples of the page about Anthropic clients work as they stand."""

import re
import tomllib
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

import grokgate_messages
from grokgate.testing import FakeUpstream, make_card, running_gateway
from grokgate.upstream import TextDelta

pytestmark = pytest.mark.anyio

HOW_TO = Path(__file__).parents[2] / "docs" / "how-to"
PAGES = ["messages.md", "messages.zh-CN.md"]
CARDS = [make_card("grok-4"), make_card("grok-3-mini")]


def examples(page: str, language: str) -> list[str]:
    found: list[str] = re.findall(
        rf"^```{language}\n(.*?)^```", (HOW_TO / page).read_text(), re.MULTILINE | re.DOTALL
    )
    return found


@pytest.mark.parametrize("page", PAGES)
async def test_snippet_prints_the_answer(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    switch, _ = (tomllib.loads(text) for text in examples(page, "toml"))
    (snippet,) = examples(page, "python")
    upstream = FakeUpstream([TextDelta(text="Because "), TextDelta(text="it is.")])

    async with running_gateway(grokgate_messages, upstream=upstream) as running:
        await running.change(**switch)
        async with running.serve() as client:
            code = snippet.replace("http://127.0.0.1:8000", str(client.base_url))
            names: dict[str, Any] = {"KEY": running.key}
            await anyio.to_thread.run_sync(exec, code, names)
            names["client"].close()

    assert capsys.readouterr().out == "Because it is."


@pytest.mark.parametrize(
    ("model", "name"), [("claude-haiku-5", "grok-3-mini"), ("claude-opus-5", "grok-4")]
)
@pytest.mark.parametrize("page", PAGES)
async def test_map_of_the_page_is_followed(page: str, model: str, name: str) -> None:
    upstream = FakeUpstream([TextDelta(text="a")])
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": 9,
        "messages": [{"role": "user", "content": "Hi"}],
    }

    async with running_gateway(grokgate_messages, upstream=upstream, cards=CARDS) as running:
        for text in examples(page, "toml"):
            await running.change(**tomllib.loads(text))
        await running.client.post("/v1/messages", json=body)

    (asked,) = upstream.asked
    assert asked.wire is not None
    assert asked.wire.name == name
