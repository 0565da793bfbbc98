"""Ids of items: each leads to the response it belongs to, so that no index of items is kept."""

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from grokgate.openai import new_id

NewId: TypeAlias = Callable[[str], str]
"""Prefix → id."""

_RESPONSE: Final = "resp_"
_ITEM: Final = re.compile(r"[a-z]+_([0-9a-f]{32})[0-9a-f]{6,}\Z")


class ItemIds:
    """Makes the ids of the items of one response: prefix, the response's own digits, a number."""

    def __init__(self) -> None:
        self.response_id = new_id(_RESPONSE)
        self._made = 0

    def __call__(self, prefix: str) -> str:
        """Make the next id."""
        self._made += 1
        return f"{prefix}{self.response_id.removeprefix(_RESPONSE)}{self._made:06x}"


def response_of(item_id: str) -> str | None:
    """Return the id of the response that an item belongs to; None: we did not make its id."""
    found = _ITEM.match(item_id)
    return f"{_RESPONSE}{found[1]}" if found is not None else None
