"""What was found at a source, in the forms of a predecessor's files."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from grokgate.adoption import OldFile

MOST_ENTRIES: Final = 20_000
MOST_BYTES: Final = 16 << 20
"""Of one text of accounts; an import takes twice as much."""


class OldConfig(Struct, frozen=True, kw_only=True):
    """The configuration of a predecessor."""

    tree: Mapping[str, Any]
    """As it was written, in the keys of then."""
    file: Path | None = None
    """Where it lies, if it lies in a file."""


class Found(Struct, frozen=True, kw_only=True):
    """What one source holds."""

    files: tuple[OldFile, ...] = ()
    config: OldConfig | None = None
    remarks: tuple[str, ...] = ()
    """Sentences without a secret."""

    @property
    def is_empty(self) -> bool:
        """Whether no predecessor kept anything here."""
        return not self.files and self.config is None


def token_files(name: str, records: Iterable[Mapping[str, Any]]) -> Iterator[OldFile]:
    """Write accounts down in texts that are small enough for one import each (form D).

    Args:
        name: For the report.
        records: Fields by name; values are of JSON types, dates or decimals.
    """
    portion: list[bytes] = []
    size = after = 0
    for record in records:
        entry = msgspec.json.encode(record, enc_hook=_plain)
        if len(portion) == MOST_ENTRIES or (portion and size + len(entry) > MOST_BYTES):
            yield _file(name, portion, after)
            after += len(portion)
            portion, size = [], 0
        portion.append(entry)
        size += len(entry)
    if portion:
        yield _file(name, portion, after)


def _file(name: str, portion: Iterable[bytes], after: int) -> OldFile:
    text = (b'{"tokens":[' + b",".join(portion) + b"]}").decode()
    return OldFile(
        name=f"{name} from {after + 1}" if after else name, kind="tokens", text=text, after=after
    )


def _plain(value: Any) -> Any:
    """Return a JSON type for what a database driver may return in a column nobody knows."""
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
