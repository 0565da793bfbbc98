"""Seals the key of an installation with a passphrase, for its way in an archive."""

import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from grokgate.errors import StartupError

SHORTEST_PASSPHRASE: Final = 12
"""Characters."""
_SALT_BYTES, _NONCE_BYTES = 16, 12


def sealed(content: bytes, passphrase: str) -> bytes:
    """Return salt, nonce and AES-256-GCM ciphertext."""
    salt, nonce = os.urandom(_SALT_BYTES), os.urandom(_NONCE_BYTES)
    return salt + nonce + _cipher(passphrase, salt).encrypt(nonce, content, None)


def unsealed(sealed: bytes, passphrase: str | None) -> bytes:
    """Return what `sealed` was given.

    Raises:
        StartupError: The passphrase is missing or wrong.
    """
    if passphrase is None:
        raise StartupError("This backup holds its key; give the passphrase it was made with.")
    salt, rest = sealed[:_SALT_BYTES], sealed[_SALT_BYTES:]
    try:
        return _cipher(passphrase, salt).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], None)
    except InvalidTag:
        raise StartupError("The passphrase is wrong.") from None


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    return AESGCM(Scrypt(salt, length=32, n=1 << 15, r=8, p=1).derive(passphrase.encode()))
