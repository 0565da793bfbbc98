"""The document shows what is on, and the structs the handlers take."""

from typing import Any

import pytest
from litestar import get
from msgspec import Struct

from grokgate.app import api_document
from grokgate.http.openapi import EVENT, filtered
from grokgate.plugin import EventStream


def _name(reference: dict[str, Any]) -> str:
    return str(reference["$ref"]).rpartition("/")[2]


def test_body_is_documented_as_the_handler_takes_it(gateway: Any) -> None:
    document = api_document(gateway)
    body = document["paths"]["/v1/echo"]["post"]["requestBody"]["content"]["application/json"]
    name = body["schema"]["$ref"].rpartition("/")[2]

    assert set(document["components"]["schemas"][name]["properties"]) >= {"model", "n", "parts"}


@pytest.mark.parametrize(
    ("family", "overloaded", "key"), [("openai", "503", "param"), ("anthropic", "529", "message")]
)
def test_errors_are_documented_in_the_form_of_the_family(
    gateway: Any, family: str, overloaded: str, key: str
) -> None:
    @get("/v1/other")
    async def other() -> None: ...

    gateway.add("other", other, family=family)
    document = api_document(gateway)
    responses = document["paths"]["/v1/other"]["get"]["responses"]
    schemas = document["components"]["schemas"]
    reply = schemas[_name(responses["400"]["content"]["application/json"]["schema"])]

    assert {"400", "401", "404", "429", "502", overloaded, "504"} <= set(responses)
    assert key in schemas[_name(reply["properties"]["error"])]["properties"]


def test_stream_is_documented_beside_the_whole_reply(gateway: Any) -> None:
    class Whole(Struct):
        pass

    class Event(Struct):
        pass

    @get("/v1/streamed", opt={EVENT: Event})
    async def streamed() -> Whole | EventStream:
        return Whole()

    gateway.add("streamed", streamed)
    document = api_document(gateway)
    content = document["paths"]["/v1/streamed"]["get"]["responses"]["200"]["content"]

    assert list(content) == ["application/json", "text/event-stream"]
    assert "Whole" in _name(content["application/json"]["schema"])
    assert _name(content["text/event-stream"]["schema"]) == "Event"


def test_routes_that_are_off_disappear_with_their_schemas(gateway: Any) -> None:
    document = api_document(gateway)
    shown = filtered(document, frozenset({"letters"}))

    assert set(shown["paths"]) == {"/v1/letters/{letter}"}
    assert not any("Echo" in name for name in shown["components"]["schemas"])
    assert "/v1/echo" in document["paths"]


def test_schemas_used_through_others_stay() -> None:
    document: dict[str, Any] = {
        "paths": {"/a": {"get": {"tags": ["a"], "x": {"$ref": "#/components/schemas/A"}}}},
        "components": {
            "schemas": {
                "A": {"items": [{"$ref": "#/components/schemas/B"}]},
                "B": {"$ref": "#/components/schemas/A"},
                "C": {},
            }
        },
    }

    assert set(filtered(document, frozenset({"a"}))["components"]["schemas"]) == {"A", "B"}


def test_operation_without_route_id_stays() -> None:
    document: dict[str, Any] = {"paths": {"/health": {"get": {}}}}

    assert filtered(document, frozenset())["paths"] == {"/health": {"get": {}}}
