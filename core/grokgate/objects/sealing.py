"""Seals and opens values of any size without holding up the loop."""

from functools import partial
from typing import Final

from anyio import to_thread

from grokgate.vault import Vault

_LARGE: Final = 256 << 10
"""Bytes from which sealing goes to a thread; it takes 0.4 ms for these, 40 ms for 25 MiB."""


async def seal(vault: Vault, value: bytes, *, context: str) -> bytes:
    """Encrypt *value*; it opens under the same *context* alone."""
    work = partial(vault.seal, value, context=context)
    return work() if len(value) < _LARGE else await to_thread.run_sync(work)


async def unseal(vault: Vault, sealed: bytes, *, context: str) -> bytes:
    """Decrypt what `seal` made.

    Raises:
        StateError: It is damaged, or not ours.
    """
    work = partial(vault.unseal, sealed, context=context)
    return work() if len(sealed) < _LARGE else await to_thread.run_sync(work)
