"""What may be a password, and whether a text is the one in force (S1, S5, F-CFG-21)."""

import hmac
import os
import re
from collections.abc import Callable
from typing import Final

import anyio.to_thread
from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

SHORTEST: Final = 12
"""Characters, unless the listen address is loopback."""
LONGEST: Final = 512
_REFUSED: Final = frozenset({"grok2api", "admin", "password", "grokgate", "grok"})
_HASH: Final = re.compile(
    r"\$argon2id\$v=19\$m=(\d{1,7}),t=(\d{1,3}),p=(\d{1,2})\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{16,}"
)
_LEAST_KIB: Final = 8
_MOST_KIB: Final = 1 << 20
_MEMORY_KIB: Final = 19 * 1024
_ROUNDS: Final = 2
_SALT_BYTES: Final = 16
_DIGEST_BYTES: Final = 32


def is_hash(stored: str) -> bool:
    """Tell whether a stored password is an argon2id hash, not the password itself."""
    return stored.startswith("$argon2id$")


def password_fault(text: str, *, loopback: bool, is_key: Callable[[str], bool]) -> str | None:
    """Return what is wrong with a password, to complete "The password …"; None: nothing.

    Args:
        text: As somebody typed it.
        loopback: The listener is reachable from this machine alone, so that a short one will do.
        is_key: Tells whether a text is an API key.
    """
    if not text:
        return "must not be empty"
    if text.strip().lower() in _REFUSED:
        return "is a well-known word, which others try first"
    if len(text) < SHORTEST and not loopback:
        return f"is shorter than {SHORTEST} characters, which works on loopback only"
    if len(text) > LONGEST:
        return f"is longer than {LONGEST} characters"
    if is_key(text):
        return "is also an API key"
    return None


def stored_fault(stored: str, *, loopback: bool, is_key: Callable[[str], bool]) -> str | None:
    """Return what is wrong with a password as settings hold it: plain or hashed."""
    if not is_hash(stored):
        return password_fault(stored, loopback=loopback, is_key=is_key)
    match = _HASH.fullmatch(stored)
    if match is None or not _LEAST_KIB <= int(match[1]) <= _MOST_KIB or "0" in match.group(2, 3):
        return "is no argon2id hash that can be read"
    return None


def equals(text: str, stored: str) -> bool:
    """Compare a password with a plain stored one, in constant time."""
    return hmac.compare_digest(text.encode("utf-8", "surrogatepass"), stored.encode())


async def hashed(text: str) -> str:
    """Return the argon2id hash of a password: 19 MiB and some 40 ms, in a thread."""
    return await anyio.to_thread.run_sync(_hash, text)


async def matches(text: str, stored: str) -> bool:
    """Tell whether *stored* is the hash of a password; as costly as `hashed`."""
    return await anyio.to_thread.run_sync(_matches, text, stored)


def _hash(text: str) -> str:
    derivation = Argon2id(
        salt=os.urandom(_SALT_BYTES),
        length=_DIGEST_BYTES,
        iterations=_ROUNDS,
        lanes=1,
        memory_cost=_MEMORY_KIB,
    )
    return derivation.derive_phc_encoded(text.encode())


def _matches(text: str, stored: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(text.encode("utf-8", "surrogatepass"), stored)
    except (InvalidKey, ValueError):
        return False
    return True
