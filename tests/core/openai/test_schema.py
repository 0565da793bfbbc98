import time
from typing import Any

import pytest

from grokgate.openai.schema import JsonSchema

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "left": {"$ref": "#/$defs/node"},
                "right": {"$ref": "#/$defs/node"},
            },
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}


def nest(depth: int, leaf: Any = 1) -> Any:
    for _ in range(depth):
        leaf = {"a": leaf}
    return leaf


def doubling(depth: int) -> dict[str, Any]:
    twice = {
        f"d{level}": {"allOf": [{"$ref": f"#/$defs/d{level + 1}"}] * 2} for level in range(depth)
    }
    return {"$defs": {**twice, f"d{depth}": {}}, "$ref": "#/$defs/d0"}


def test_valid_value_has_no_problem() -> None:
    assert JsonSchema(CITY).problem({"city": "Lisbon"}) == ""
    assert JsonSchema({}).problem(None) == ""


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, 'At #: "city" is a required property.'),
        ({"city": 1}, 'At #/city: The value is not of type "string".'),
        ([], 'At #: The value is not of type "object".'),
    ],
)
def test_problem_names_place_and_rule(value: Any, problem: str) -> None:
    assert JsonSchema(CITY).problem(value) == problem


def test_problem_repeats_no_text_of_the_value() -> None:
    schema = JsonSchema({"properties": {"a": {"enum": ["x"]}, "b": {"pattern": "^x$"}}})

    for value in ({"a": "secret"}, {"b": "secret"}):
        assert "secret" not in schema.problem(value)


def test_recursive_schemas_are_checked() -> None:
    schema = JsonSchema(TREE)

    assert schema.problem({"name": "a", "left": {"name": "b", "right": {}}}) == ""
    assert schema.problem({"left": {"right": {"name": 1}}}) == "It is not valid against the schema."


@pytest.mark.parametrize(
    "document",
    [
        {"type": "strng"},
        {"properties": {"a": {"type": 1}}},
        {"pattern": "("},
        {"required": "city"},
        {"$ref": "#/$defs/none"},
        {"$ref": "http://127.0.0.1:1/schema"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "other.json"},
        {"$defs": {"a": {"$dynamicRef": "#b"}}},
        {"$ref": "#anchor", "$defs": {"a": {"$anchor": "anchor"}}},
        {"$dynamicRef": "#a"},
        {"$defs": {"a": {"$id": "http://a.example", "$ref": "#/x"}}},
        {"$schema": "http://a.example/unknown"},
        doubling(16),
        nest(500, {}),
        {"enum": list(range(30_000))},
    ],
    ids=lambda document: str(document)[:50],
)
def test_what_is_no_usable_schema_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        JsonSchema(document)


def test_definitions_may_be_used_often() -> None:
    shared = {f"d{n}": {"properties": {"a": {"$ref": f"#/$defs/d{n + 1}"}}} for n in range(60)}
    document = {"$defs": {**shared, "d60": {"type": "string"}}, "$ref": "#/$defs/d0"}

    assert JsonSchema(document).problem(nest(60, "x")) == ""
    assert JsonSchema(document).problem(nest(60, 1)) != ""


def test_properties_may_be_called_like_words_of_json_schema() -> None:
    document = {"properties": {"$ref": {"type": "string"}, "definitions": {"type": "string"}}}

    assert JsonSchema(document).problem({"$ref": "a", "definitions": "b"}) == ""
    assert JsonSchema(document).problem({"$ref": "a", "definitions": 1}) != ""


@pytest.mark.parametrize("draft", ["draft-04", "draft-06", "draft-07"])
def test_older_drafts_are_known(draft: str) -> None:
    schema = JsonSchema({"$schema": f"http://json-schema.org/{draft}/schema#", **CITY})

    assert schema.problem({"city": "Lisbon"}) == ""


def both(keyword: str) -> dict[str, Any]:
    child = {"properties": {"a": {"$ref": "#"}}, "type": "object"}
    return {keyword: [child, {**child}]}


SLOW = {
    "all of two": (both("allOf"), nest(100)),
    "any of two": (both("anyOf"), nest(100)),
    "one of two": (both("oneOf"), nest(100)),
    "unfolded": (doubling(10), {}),
    "backtracking": ({"pattern": r"^(?=a)(a+)+\1$"}, "a" * 5000 + "b"),
    "pattern": ({"pattern": "(a|b)*a(a|b){50}c"}, "ab" * 100_000),
    "many": ({"items": {"anyOf": [{"const": n} for n in range(200)]}}, ["x"] * 100_000),
    "unique": ({"uniqueItems": True}, [{"a": n} for n in range(50_000)]),
    "long enum": ({"items": {"enum": [f"n{n}" for n in range(5_000)]}}, ["x"] * 50_000),
}


@pytest.mark.parametrize(("document", "value"), SLOW.values(), ids=SLOW)
def test_no_schema_takes_for_ever(document: dict[str, Any], value: Any) -> None:
    began = time.process_time()

    JsonSchema(document).problem(value)

    assert time.process_time() - began < 1


@pytest.mark.parametrize(
    "value", [{"city": "\ud800"}, nest(20_000)], ids=["lone surrogate", "depth"]
)
def test_odd_values_do_no_harm(value: Any) -> None:
    assert isinstance(JsonSchema({**CITY, "items": {"$ref": "#"}}).problem(value), str)
