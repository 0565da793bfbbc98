"""One thing found: a code and values; `words` has the sentences."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from msgspec import Struct

Level: TypeAlias = Literal["ok", "note", "attention"]
"""``attention`` needs the operator; ``note`` is worth knowing and no fault."""


class Finding(Struct, frozen=True, kw_only=True):
    """What was found, without a word of any language and without a secret."""

    area: Literal["program", "upstream", "account"]
    code: str
    """Names the sentence."""
    level: Level = "ok"
    subject: str = ""
    """Id of the upstream or account; empty: the program."""
    values: Mapping[str, str] = {}
    """Fill the sentence."""
