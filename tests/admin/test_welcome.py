from typing import Any

import pytest

import grokgate_chat
from grokgate.admin.warning_words import in_both
from grokgate.testing import FakeUpstream, RunningGateway, running_gateway
from grokgate.upstream import TextDelta

pytestmark = pytest.mark.anyio

QUESTION = {"model": "grok-4", "messages": [{"role": "user", "content": "Hello"}]}


async def welcome(gw: RunningGateway) -> dict[str, Any]:
    async with gw.operator() as admin:
        reply = await admin.get("/welcome")
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def done(found: dict[str, Any]) -> dict[str, bool]:
    return {step["id"]: step["done"] for step in found["steps"]}


async def test_new_gateway_has_a_key_and_nothing_else() -> None:
    async with running_gateway(grokgate_chat, tokens={}) as gw:
        found = await welcome(gw)

    assert done(found) == {"accounts": False, "key": True, "request": False}
    assert (found["accounts"], found["keys"], found["sandbox"]) == (0, 1, False)


async def test_answered_request_is_the_last_step() -> None:
    async with running_gateway(grokgate_chat, upstream=FakeUpstream([TextDelta(text="Hi")])) as gw:
        await gw.client.post("/v1/chat/completions", json=QUESTION)
        found = await welcome(gw)

    assert done(found) == {"accounts": True, "key": True, "request": True}


async def test_failed_request_leaves_the_last_step_undone() -> None:
    async with running_gateway(grokgate_chat, tokens={}) as gw:
        await gw.client.post("/v1/chat/completions", json=QUESTION)

        assert done(await welcome(gw))["request"] is False


async def test_snippets_get_the_public_address_and_a_model_that_can_be_called() -> None:
    settings = {"app.app_url": "https://grok.example.com/"}
    async with running_gateway(grokgate_chat, settings=settings) as gw:
        found = await welcome(gw)

    assert found["base_url"] == "https://grok.example.com"
    assert found["model"].startswith("grok-")


async def test_without_a_public_address_the_page_knows_its_own() -> None:
    async with running_gateway(grokgate_chat) as gw:
        assert (await welcome(gw))["base_url"] is None


async def test_anonymous_access_is_warned_of() -> None:
    settings = {"app.allow_anonymous": True, "server.host": "127.0.0.1"}
    async with running_gateway(grokgate_chat, settings=settings) as gw:
        found = await welcome(gw)

    assert found["anonymous"] is True
    assert "anonymous" in [one["code"] for one in found["warnings"]]
    assert all(one["text"]["zh"] for one in found["warnings"])


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        (
            "server.max_connections: the change takes effect at the next start",
            "server.max_connections：更改将在下次启动时生效",
        ),
        ("environment variable GROK_X names no setting", "环境变量 GROK_X 不对应任何设置"),
        ("a plugin's own words", "a plugin's own words"),
    ],
)
def test_warnings_about_settings_are_in_both_languages(text: str, chinese: str) -> None:
    assert in_both(text) == {"en": text, "zh": chinese}


async def test_no_active_key_is_warned_of() -> None:
    async with running_gateway(grokgate_chat) as gw:
        for record in gw.gateway.keys.listing():
            await gw.gateway.keys.revoke(record.id)
        found = await welcome(gw)

    assert done(found)["key"] is False
    assert "no_key" in [one["code"] for one in found["warnings"]]
