"""Finds values in decoded answers whose form is not ours to trust."""

from typing import Any


def at(value: Any, path: str) -> Any:
    """Return what stands at *path*, whose levels are separated by dots; None: nothing."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def first_text(value: Any, paths: tuple[str, ...]) -> str | None:
    """Return the first text that is not empty at one of *paths*."""
    found = (at(value, path) for path in paths)
    return next((text for text in found if isinstance(text, str) and text), None)
