"""Reads the model cards that lie beside a plugin."""

from functools import cache
from importlib.resources import files

import msgspec

from grokgate.plugin.records import ModelCard


class _File(msgspec.Struct, forbid_unknown_fields=True):
    card: list[ModelCard] = []


def load_cards(package: str, name: str = "models.toml") -> list[ModelCard]:
    """Read the cards of *package*'s data file *name*, in the file's order.

    Raises:
        ValueError: The file does not have the form of cards; names the place.
    """
    content = files(package).joinpath(name).read_bytes()
    try:
        return list(_decoded(content))
    except msgspec.DecodeError as error:
        raise ValueError(f"{package}/{name}: {error}") from error


@cache
def _decoded(content: bytes) -> tuple[ModelCard, ...]:
    """Return the cards of a file; decoding takes 10 ms, and a start asks more than once."""
    return tuple(msgspec.toml.decode(content, type=_File).card)
