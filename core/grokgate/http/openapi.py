"""The API's own description: what Litestar cannot tell is added, what is off is cut (D14)."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias

import msgspec

from grokgate.openai.anthropic import AnthropicErrorReply
from grokgate.openai.envelope import ErrorReply

ADMIN = "admin"
"""Tag of the operations of the admin API, which has no switch."""
EVENT = "event"
"""Key of a handler's ``opt``: the type of one event, where it may answer with a stream of them."""
Operation: TypeAlias = tuple[str, str, Mapping[str, Any]]
"""Path and method as the document has them, and the handler's ``opt``."""


class AdminErrorReply(ErrorReply, frozen=True, kw_only=True):
    """An error of the admin API."""

    detail: str
    """The message once more, where the predecessors had it (F-ADM-35)."""


_ERRORS = {
    "openai": (ErrorReply, ("400", "401", "404", "429", "502", "503", "504")),
    "anthropic": (AnthropicErrorReply, ("400", "401", "404", "429", "502", "529", "504")),
    "admin": (AdminErrorReply, ("400", "401", "403", "404", "409", "429", "503")),
}
"""Form of the errors of a family, and the statuses a client should be ready for."""
_STREAM_TYPE = "text/event-stream"
_TEMPLATE = "#/components/schemas/{name}"
_SCHEMA = re.compile(r"#/components/schemas/(.+)\Z")


def filtered(document: Mapping[str, Any], enabled: frozenset[str]) -> dict[str, Any]:
    """Return *document* without the operations of routes that are off, and what only they used.

    Args:
        document: An OpenAPI document whose operations are tagged with their route id; those of
            the admin API and those without tags stay. It is not changed.
        enabled: Ids of the routes that are on.
    """
    paths = {
        path: kept
        for path, item in document.get("paths", {}).items()
        if (kept := _operations(item, enabled))
    }
    components = document.get("components", {})
    schemas = components.get("schemas", {})
    used = _reachable(paths, schemas)
    return {
        **document,
        "paths": paths,
        "components": {
            **components,
            "schemas": {name: schema for name, schema in schemas.items() if name in used},
        },
    }


def complete(document: dict[str, Any], operations: Iterable[Operation]) -> None:
    """Add to *document*, in place, the errors of its operations and what their streams carry."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for path, method, opt in operations:
        responses = document["paths"][path][method]["responses"]
        if EVENT in opt:
            _add_stream(responses, _schema_of(opt[EVENT], schemas))
        responses.update(_errors(opt["family"], schemas))


def _add_stream(responses: Mapping[str, Any], event: Mapping[str, Any]) -> None:
    """Describe a reply that is either one object or a stream; Litestar sees one of unknown form."""
    content = next(reply["content"] for status, reply in responses.items() if status < "3")
    (media_type,) = content
    whole = [form for form in content[media_type]["schema"]["oneOf"] if form]
    content[media_type] = {"schema": whole[0] if len(whole) == 1 else {"oneOf": whole}}
    content[_STREAM_TYPE] = {"schema": event}


def _errors(family: str, schemas: dict[str, Any]) -> dict[str, Any]:
    reply, statuses = _ERRORS[family]
    content = {"application/json": {"schema": _schema_of(reply, schemas)}}
    return {
        status: {"description": "Refused or failed.", "content": content} for status in statuses
    }


def _schema_of(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """Return a reference to the schema of *kind*, which is put among *schemas*."""
    (reference,), components = msgspec.json.schema_components([kind], ref_template=_TEMPLATE)
    for name, schema in components.items():
        schemas.setdefault(name, schema)
    return reference


def _operations(item: Mapping[str, Any], enabled: frozenset[str]) -> dict[str, Any]:
    return {method: operation for method, operation in item.items() if _is_on(operation, enabled)}


def _is_on(operation: Mapping[str, Any], enabled: frozenset[str]) -> bool:
    tags = operation.get("tags")
    return not tags or ADMIN in tags or not enabled.isdisjoint(tags)


def _reachable(paths: Mapping[str, Any], schemas: Mapping[str, Any]) -> set[str]:
    """Collect the schemas that the paths refer to, directly or through others."""
    found: set[str] = set()
    pending = list(_references(paths))
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending.extend(_references(schemas.get(name, {})))
    return found


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "$ref" and isinstance(value, str) and (match := _SCHEMA.search(value)):
                yield match[1]
            else:
                yield from _references(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _references(value)
