"""The document shows what is on, and the structs the handlers take."""

from typing import Any

from grokgate.app import api_document
from grokgate.http.openapi import filtered


def test_body_is_documented_as_the_handler_takes_it(gateway: Any) -> None:
    document = api_document(gateway)
    body = document["paths"]["/v1/echo"]["post"]["requestBody"]["content"]["application/json"]
    name = body["schema"]["$ref"].rpartition("/")[2]

    assert set(document["components"]["schemas"][name]["properties"]) >= {"model", "n", "parts"}


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
