"""The reference names every address of the admin API, and the document describes each."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import grokgate_images
from grokgate.admin.mounting import BASE, AdminApi
from grokgate.app import api_document, mount
from grokgate.testing import RunningGateway, running_gateway

pytestmark = pytest.mark.anyio

PAGE = Path(__file__).parents[2] / "docs/reference/http.md"
TEXTS = Path(__file__).parents[2] / "admin_ui/grokgate_admin_ui/static/i18n"


@pytest.fixture
async def gw() -> Any:
    async with running_gateway(grokgate_images) as running:
        yield running


async def test_reference_names_every_address(gw: RunningGateway) -> None:
    page = PAGE.read_text()
    routes = mount(gw.gateway, admin=AdminApi(gw.gateway)).routes

    paths = {
        str(route.path_format).removeprefix(BASE)
        for route in routes
        if str(route.path_format).startswith(f"{BASE}/")
    }

    assert len(paths) > 50
    named = {path: path.removesuffix("/async").removesuffix("/{rest}") for path in paths}
    assert [path for path in sorted(paths) if named[path] not in page] == []


async def test_document_describes_every_operation_with_an_example(gw: RunningGateway) -> None:
    document = api_document(gw.gateway, AdminApi(gw.gateway))

    operations = {
        f"{method} {path}": operation
        for path, item in document["paths"].items()
        if path.startswith(f"{BASE}/")
        for method, operation in item.items()
    }

    assert [name for name, one in operations.items() if not one.get("summary")] == []
    described = {name: one for name, one in operations.items() if is_text(one)}
    assert len(described) > 60
    assert [name for name, one in described.items() if not has_example(one, document)] == []


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_act_of_the_audit_trail_has_words(gw: RunningGateway, language: str) -> None:
    words = json.loads((TEXTS / language / "audit.json").read_text())
    document = api_document(gw.gateway, AdminApi(gw.gateway))

    acts = {
        re.sub(
            r"\W+", "_", re.sub(r"/{\w+}", "", path).removeprefix(f"{BASE}/").removesuffix("/async")
        )
        for path, item in document["paths"].items()
        if path.startswith(f"{BASE}/") and item.keys() & {"post", "put", "patch", "delete"}
    }

    assert len(acts) > 30
    told = {re.sub(r"^did_|_(?:name|kind|task_id)_str", "", key): key for key in words}
    assert [act for act in sorted(acts) if act not in told] == []


def answer(operation: Any) -> Any:
    """Return what an operation answers when it succeeds, by media type."""
    return next(reply["content"] for code, reply in operation["responses"].items() if code < "3")


def is_text(operation: Any) -> bool:
    """Tell whether it answers with more than the bytes of a file."""
    return any(form.get("schema") for form in answer(operation).values())


def has_example(operation: Any, document: Any) -> bool:
    """Tell whether something of what an operation takes or answers has an example."""
    pending, seen = [answer(operation), operation.get("requestBody")], set[str]()
    while pending:
        node = pending.pop()
        if isinstance(node, dict):
            if "example" in node or "examples" in node:
                return True
            reference = node.get("$ref")
            if isinstance(reference, str) and reference not in seen:
                seen.add(reference)
                name = reference.rpartition("/")[2]
                pending.append(document["components"]["schemas"][name])
            pending.extend(value for key, value in node.items() if key != "$ref")
        elif isinstance(node, list | tuple):
            pending.extend(node)
    return False
