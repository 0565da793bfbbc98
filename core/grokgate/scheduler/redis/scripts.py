"""The Lua scripts of the shared ledger and the names of its keys.

All keys of an installation carry one hash tag, so that a cluster keeps them together.
"""

from collections.abc import Sequence
from functools import cache
from importlib.resources import files

import msgspec
from msgspec import Struct

from grokgate.scheduler.redis.operations import Batch, Operation

_PARTS = ("holding", "row", "operations", "usage", "places", "apply")
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Batch)


class Keys(Struct, frozen=True):
    """Names of the keys of one installation."""

    installation: str

    @property
    def rows(self) -> str:
        """Hash: token → row."""
        return self._name("rows")

    @property
    def leases(self) -> str:
        """Sorted set: ``fence:token`` by the time it expires, Unix ms."""
        return self._name("leases")

    @property
    def facts(self) -> str:
        """Hash: ``epoch``, ``server``, ``layout``, ``begun_ms``, ``sequence``, ``change``."""
        return self._name("facts")

    @property
    def changes(self) -> str:
        """Stream: which tokens changed, numbered without gaps."""
        return self._name("changes")

    @property
    def usage(self) -> str:
        """Begin of the names of hashes: key and quota → used on the day."""
        return self._name("usage:")

    @property
    def places(self) -> str:
        """Begin of the names of sorted sets: who is in a room, and who came."""
        return self._name("places:")

    @property
    def lock(self) -> str:
        """Held by the process that begins an epoch."""
        return self._name("lock")

    @property
    def members(self) -> str:
        """Hash: process → epoch, how far it has come, and when that was (Unix ms)."""
        return self._name("members")

    def answer(self, process: str) -> str:
        """The last answer to *process*."""
        return self._name(f"answer:{process}")

    def of_batch(self, process: str) -> list[str]:
        """List what a batch needs, in the order of the script."""
        return [
            self.rows,
            self.leases,
            self.facts,
            self.changes,
            self.answer(process),
            self.usage,
            self.places,
        ]

    def _name(self, word: str) -> str:
        return f"grokgate:{{{self.installation}}}:{word}"


@cache
def text(*parts: str) -> str:
    """Return the script of *parts*; without any the one that carries out a batch."""
    folder = files("grokgate.scheduler") / "lua"
    return "\n".join((folder / f"{part}.lua").read_text("utf-8") for part in parts or _PARTS)


def arguments(
    epoch: str, process: str, number: int, operations: Sequence[Operation], lease_s: float
) -> list[str | int | bytes]:
    """List the arguments of a batch, in the order of the script."""
    return [epoch, process, number, _encoder.encode(operations), round(lease_s * 1000)]


def read(reply: Sequence[bytes]) -> tuple[Batch, dict[str, bytes]]:
    """Return what came of a batch, and the rows it touched; an empty one: the token is gone."""
    names = (token.decode() for token in reply[1::2])
    return _decoder.decode(reply[0]), dict(zip(names, reply[2::2], strict=True))
