"""Seals secrets at rest and makes keyed digests (S14, F-STO-10).

One master key per installation: a file of its own beside the database, never in it, or the text of
``GROKGATE_SECRET_KEY``. Every use has a key of its own, derived from the master key by HKDF, so
that no digest tells anything about a sealed text.

```text
key file     grokgate-key-1.<base64url of 32 random bytes>.<8 hex digits that show damage>
sealed text  version (1 byte) · key id (8) · nonce (12) · AES-256-GCM ciphertext with its tag
```
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from grokgate.errors import StateError

_MARK: Final = "grokgate-key-1"
_VERSION: Final = b"\x01"
_KEY_BYTES: Final = 32
_KEY_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_HEADER_BYTES: Final = len(_VERSION) + _KEY_ID_BYTES + _NONCE_BYTES
_LONGEST_KEY_FILE: Final = 4096
_SHORTEST_PASSPHRASE: Final = 32


class Vault:
    """Seals, opens and digests with one master key; use `open` to make one.

    May be used from several tasks and threads.
    """

    def __init__(self, master: bytes) -> None:
        self._master = master
        self._cipher = AESGCM(self._derive("seal"))
        self._digest_keys: dict[str, bytes] = {}
        self.key_id = self._derive("key id")[:_KEY_ID_BYTES]
        """Names the master key without telling it."""

    @classmethod
    def open(cls, path: Path, env_key: str | None, *, needed: bool = False) -> "Vault":
        """Read the master key, or make one at the first start.

        Args:
            path: The key file; not looked at when *env_key* is given.
            env_key: Value of ``GROKGATE_SECRET_KEY``: the text of a key file, or any text of at
                least 32 characters. None or empty: the file.
            needed: True where a database exists already: a missing file is then an error, since
                a new key could open nothing of it.

        Raises:
            StateError: The key is missing though needed, damaged, unreadable or too short. The
                file is left as it is.
        """
        if env_key and env_key.strip():
            return cls(_master_from_text(env_key.strip()))
        if not path.exists():
            if needed:
                raise StateError(
                    f"The key file {path} is missing, and the stored secrets cannot be read "
                    "without it. Restore it from a backup, or set GROKGATE_SECRET_KEY."
                )
            _write_key_file(path, secrets.token_bytes(_KEY_BYTES))
        return cls(_master_from_file(path))

    def seal(self, plaintext: bytes, *, context: str) -> bytes:
        """Encrypt *plaintext* so that it opens only under the same *context*.

        Args:
            plaintext: Any bytes.
            context: What the text belongs to, such as ``token:<id>``: bytes copied to another
                record do not open there.
        """
        nonce = os.urandom(_NONCE_BYTES)
        header = _VERSION + self.key_id + nonce
        return header + self._cipher.encrypt(nonce, plaintext, _associated(header, context))

    def unseal(self, sealed: bytes, *, context: str) -> bytes:
        """Decrypt what `seal` made under the same *context*.

        Raises:
            StateError: Damaged, sealed with another key, or under another context.
        """
        header, body = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        if len(header) < _HEADER_BYTES or header[:1] != _VERSION:
            raise StateError(f"The stored secret of {context} is damaged. Restore a backup.")
        if header[1 : 1 + _KEY_ID_BYTES] != self.key_id:
            raise StateError(
                f"The stored secret of {context} was sealed with another key. Restore the key "
                "file that belongs to this database, or set GROKGATE_SECRET_KEY to its text."
            )
        nonce = header[-_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, body, _associated(header, context))
        except InvalidTag as error:
            message = f"The stored secret of {context} is damaged. Restore a backup."
            raise StateError(message) from error

    def digest(self, purpose: str, text: str) -> bytes:
        """Return the 32 bytes of a keyed digest: equal for equal text, useless without the key.

        Args:
            purpose: Separates uses; digests of different purposes have nothing in common.
            text: Any text, lone surrogates included.
        """
        key = self._digest_keys.get(purpose)
        if key is None:
            key = self._digest_keys[purpose] = self._derive(f"digest {purpose}")
        return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")

    def _derive(self, use: str) -> bytes:
        derivation = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"grokgate " + use.encode())
        return derivation.derive(self._master)


def _associated(header: bytes, context: str) -> bytes:
    return header + context.encode()


def _master_from_text(text: str) -> bytes:
    if text.startswith(_MARK):
        return _parse_key(text, source="GROKGATE_SECRET_KEY")
    if len(text) < _SHORTEST_PASSPHRASE:
        raise StateError(
            f"GROKGATE_SECRET_KEY is too short: it needs at least {_SHORTEST_PASSPHRASE} "
            "characters, best from a random source such as `openssl rand -base64 32`."
        )
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _master_from_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_KEY_FILE)
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise StateError(
            f"The key file {path} cannot be read ({reason}). Correct its owner or mode."
        ) from error
    return _parse_key(content.decode("ascii", "replace").strip(), source=f"The key file {path}")


def _parse_key(text: str, *, source: str) -> bytes:
    try:
        mark, encoded, check = text.split(".")
        master = base64.b64decode(encoded, altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        mark, master, check = "", b"", ""
    if mark != _MARK or len(master) != _KEY_BYTES or check != _check(encoded):
        raise StateError(f"{source} is damaged. Restore it from a backup; it was left as it is.")
    return master


def _check(encoded: str) -> str:
    """Return digits that show a mistyped or damaged key; they tell nothing that it does not."""
    return hashlib.sha256(f"{_MARK}.{encoded}".encode()).hexdigest()[:8]


def _write_key_file(path: Path, master: bytes) -> None:
    """Write the file whole or not at all, and never over another one."""
    encoded = base64.urlsafe_b64encode(master).decode()
    content = f"{_MARK}.{encoded}.{_check(encoded)}\n".encode()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_synced(draft, content)
        try:
            os.link(draft, path)
        finally:
            draft.unlink()
        _sync_folder(path.parent)
    except FileExistsError:
        return  # another process was first: its key is the one to use
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise StateError(
            f"The key file {path} cannot be written ({reason}). Make its folder writable, or set "
            "GROKGATE_SECRET_KEY."
        ) from error


def _write_synced(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
