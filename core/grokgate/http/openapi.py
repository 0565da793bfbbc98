"""The API's own description, cut down to the routes that are on (D14)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_SCHEMA = re.compile(r"#/components/schemas/(.+)\Z")


def filtered(document: Mapping[str, Any], enabled: frozenset[str]) -> dict[str, Any]:
    """Return *document* without the operations of routes that are off, and what only they used.

    Args:
        document: An OpenAPI document whose operations are tagged with their route id; operations
            without tags stay. It is not changed.
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


def _operations(item: Mapping[str, Any], enabled: frozenset[str]) -> dict[str, Any]:
    return {method: operation for method, operation in item.items() if _is_on(operation, enabled)}


def _is_on(operation: Mapping[str, Any], enabled: frozenset[str]) -> bool:
    tags = operation.get("tags")
    return not tags or not enabled.isdisjoint(tags)


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
