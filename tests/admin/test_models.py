"""All model cards through the admin API, and the operator's own (F-MOD-06)."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

import grokgate_chat
import grokgate_models
from grokgate.testing import RunningGateway, running_gateway
from grokgate.upstream import TextDelta

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway for what is looked at or refused."""
    del anyio_backend
    async with running_gateway(grokgate_chat) as gw:
        yield gw


async def rows(admin: httpx.AsyncClient) -> Mapping[str, Mapping[str, Any]]:
    return {row["id"]: row for row in (await admin.get("/models")).json()["models"]}


async def listed(client: httpx.AsyncClient) -> list[str]:
    return [row["id"] for row in (await client.get("/v1/models")).json()["data"]]


async def ask(client: httpx.AsyncClient, model: str) -> httpx.Response:
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    return await client.post("/v1/chat/completions", json=body)


async def test_card_is_told_with_origin_wires_and_cost(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        row = (await rows(admin))["grok-4.1-thinking"]

    assert (row["origin"], row["offered"], row["obstacle"]) == ("chat", True, None)
    assert row["aliases"] == ["grok-4.1.thinking"]
    active = [wire for wire in row["wires"] if wire["active"]]
    assert [wire["name"] for wire in active] == ["expert"]
    assert all(wire["units"] >= 1 for wire in row["wires"])


async def test_model_whose_endpoint_is_off_says_why_it_is_not_offered() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        await gw.change(downstream={"enable_chat_completions": False})
        row = (await rows(admin))["grok-4"]

    assert (row["offered"], row["obstacle"]) == (False, "switched_off")
    assert row["why_not"]


async def test_added_model_is_offered_and_answers_at_once() -> None:
    async with (
        running_gateway(grokgate_chat, grokgate_models) as gw,
        gw.operator() as admin,
    ):
        gw.fake.add([TextDelta(text="hello")])
        card = {"id": "house", "like": "grok-4-heavy", "display_name": "House"}
        reply = await admin.post("/models", json={"add": [card]})
        answer = await ask(gw.client, "house")
        row = (await rows(admin))["house"]

        assert reply.status_code == 200
        assert "house" in await listed(gw.client)
    assert (answer.status_code, answer.json()["model"]) == (200, "house")
    assert (row["origin"], row["tier"], row["display_name"]) == ("operator", "heavy", "House")


async def test_hidden_model_is_neither_listed_nor_answered() -> None:
    async with (
        running_gateway(grokgate_chat, grokgate_models) as gw,
        gw.operator() as admin,
    ):
        await admin.post("/models", json={"hide": ["grok-4"]})
        answer = await ask(gw.client, "grok-4")

        assert "grok-4" not in await listed(gw.client)
        assert (await rows(admin))["grok-4"]["obstacle"] == "hidden"
    assert answer.json()["error"]["code"] == "model_not_found"


async def test_alias_leads_to_its_model() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        gw.fake.add([TextDelta(text="hello")])
        reply = await admin.post("/models", json={"alias": {"gpt-4.1": "grok-4"}})
        answer = await ask(gw.client, "gpt-4.1")

    assert reply.json()["alias"] == {"gpt-4.1": "grok-4"}
    assert (answer.status_code, answer.json()["model"]) == (200, "gpt-4.1")


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"add": [{"id": "grok-4", "like": "grok-3"}]}, "models.add"),
        ({"add": [{"id": "x", "like": "nothing"}]}, "models.add"),
        ({"add": [{"id": "x"}]}, "models.add"),
        ({"hide": ["nothing"]}, "models.hide"),
        ({"alias": {"grok-4": "grok-3"}}, "models.alias"),
        ({"alias": {"x": "nothing"}}, "models.alias"),
    ],
    ids=["id taken", "like nothing", "says too little", "hides nothing", "name taken", "no model"],
)
async def test_clash_is_refused_and_nothing_saved(
    shared: RunningGateway, change: dict[str, Any], param: str
) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/models", json=change)

    assert (reply.status_code, reply.json()["error"]["code"]) == (400, "invalid_config")
    assert reply.json()["error"]["param"] == param
    assert shared.gateway.settings.snapshot.models.add == ()


async def test_field_that_no_card_has_is_refused(shared: RunningGateway) -> None:
    async with shared.operator() as admin:
        reply = await admin.post("/models", json={"add": [{"id": "x", "prompt": "be evil"}]})

    assert reply.status_code == 400


async def test_clash_in_the_file_is_a_warning_and_the_rest_counts() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        settings = gw.gateway.settings
        settings.path.write_text(
            '[models]\nhide = ["nothing"]\n'
            '[[models.add]]\nid = "house"\nlike = "grok-4"\n'
            '[[models.add]]\nid = "grok-3"\nlike = "grok-4"\n'
        )
        settings.reload()
        found = await rows(admin)

        assert (found["house"]["origin"], found["grok-3"]["origin"]) == ("operator", "chat")
        assert sorted(text.partition(":")[0] for text in settings.snapshot.warnings) == [
            "models.add",
            "models.hide",
        ]


async def test_fault_of_the_file_does_not_hinder_other_changes() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        settings = gw.gateway.settings
        settings.path.write_text('[models]\nhide = ["nothing"]\n')
        settings.reload()
        reply = await admin.post("/models", json={"alias": {"x": "grok-4"}})

    assert reply.status_code == 200


async def test_trail_tells_which_models_were_hidden() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        await admin.post("/models", json={"hide": ["grok-3"]})
        (line,) = (await admin.get("/audit")).json()["lines"]

    assert line["detail"] == {"models.hide": {"added": ["grok-3"], "removed": []}}


async def test_change_is_refused_when_another_one_came_first() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        seen = {"if-match": (await admin.get("/models")).headers["etag"]}
        first = await admin.post("/models", json={"hide": ["grok-4"]}, headers=seen)
        second = await admin.post("/models", json={"hide": ["grok-3"]}, headers=seen)
        again = {"if-match": first.headers["etag"]}
        third = await admin.post("/models", json={"hide": ["grok-3"]}, headers=again)

        assert gw.gateway.settings.snapshot.models.hide == ("grok-3",)
    assert (first.status_code, second.status_code, third.status_code) == (200, 409, 200)
    assert second.json()["error"]["code"] == "revision_conflict"


async def test_other_settings_do_not_stand_in_the_way_of_a_change() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        seen = {"if-match": (await admin.get("/models")).headers["etag"]}
        await admin.post("/config", json={"grok": {"timeout": 90}})
        changed = await admin.post("/models", json={"hide": ["grok-3"]}, headers=seen)

    assert changed.status_code == 200
