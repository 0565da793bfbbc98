"""Seals secrets at rest and makes keyed digests (S14, F-STO-10).

The master keys of an installation: a file of its own beside the database, never in it, or the text
of ``GROKGATE_SECRET_KEY``. Every use has a key of its own, derived from a master key by HKDF, so
that no digest tells anything about a sealed text.

The first master key, the *root*, makes all digests and names the installation for ever: what was
digested is not there to be digested anew. One of them seals, the last one unless another is named,
as processes that share a database have to do so with the same. All open what they sealed, and where
they lie in a file, those are found that were added to it since.

```text
key file     a line for each key, the oldest first:
             grokgate-key-1.<base64url of 32 random bytes>.<8 hex digits that show damage>
sealed text  version (1 byte) · key id (8) · nonce (12) · AES-256-GCM ciphertext with its tag
```
"""

import base64
import binascii
import hashlib
import hmac
import math
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
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
_LONGEST_KEY_FILE: Final = 1 << 20
"""Bytes; enough for a rotation a day in forty years."""
_SHORTEST_PASSPHRASE: Final = 32
_VARIABLE: Final = "GROKGATE_SECRET_KEY"
_LOOK_S: Final = 1.0
"""Between two looks at the file for a key that is missing."""


class Vault:
    """Seals, opens and digests with the master keys; use `open` to make one.

    May be used from several tasks and threads.

    Args:
        root: Oldest master key.
        later: Those that followed it, the oldest first.
        path: The file they lie in; None: they come from elsewhere, and `add_key` cannot work.
        read: Returns the master keys as they are by now; None: they cannot change.
        source: Says where they come from.
    """

    def __init__(
        self,
        root: bytes,
        later: Sequence[bytes] = (),
        *,
        path: Path | None = None,
        read: Callable[[], Sequence[bytes]] | None = None,
        source: str = _VARIABLE,
    ) -> None:
        self.source = source
        """Where the keys come from, for messages."""
        self._root = root
        self._path = path
        self._read = read
        self._read_at = -math.inf
        self._adding = threading.Lock()
        self._ring = {_key_id(master): _cipher(master) for master in (root, *later)}
        """The oldest key first."""
        self._digest_keys: dict[str, bytes] = {}
        self.key_id = _key_id(root)
        """Names the installation's first key without telling it."""
        self.sealing_id = _key_id(later[-1] if later else root)
        """Names the key that seals."""

    @property
    def key_ids(self) -> frozenset[bytes]:
        """Names of all keys, each of which opens what it sealed."""
        return frozenset(self._ring)

    @classmethod
    def open(
        cls,
        path: Path,
        env_key: str | None,
        *,
        env_file: Path | None = None,
        needed: bool = False,
    ) -> "Vault":
        """Read the master key, or make one at the first start.

        Args:
            path: The key file; not looked at when *env_key* is given.
            env_key: Value of ``GROKGATE_SECRET_KEY``: the text of a key file (several keys stand
                with blanks between them), or any text of at least 32 characters, which the text of
                a key file may follow. None or empty: the file.
            env_file: The file that *env_key* was read from; None: nobody knows.
            needed: True where a database exists already: a missing file is then an error, since
                a new key could open nothing of it.

        Raises:
            StateError: The key is missing though needed, damaged, unreadable or too short. The
                file is left as it is.
        """
        if env_key and env_key.strip():
            root, *later = _masters_from_text(env_key.strip())
            if env_file is None:
                return cls(root, later)
            read = partial(_masters_from_text_file, env_file)
            return cls(root, later, read=read, source=f"the file {env_file}")
        if not path.exists():
            if needed:
                raise StateError(
                    f"The key file {path} is missing, and the stored secrets cannot be read "
                    "without it. Restore it from a backup, or set GROKGATE_SECRET_KEY."
                )
            _write_key_file(path, secrets.token_bytes(_KEY_BYTES))
        root, *later = _masters_from_file(path)
        read, source = partial(_masters_from_file, path), f"the key file {path}"
        return cls(root, later, path=path, read=read, source=source)

    def add_key(self) -> None:
        """Make a further master key, which seals from now on; the file has it when this returns.

        Raises:
            StateError: The keys come from the environment, or the file cannot be written or does
                not hold these keys any more.
        """
        if self._path is None:
            raise StateError(
                "The keys come from GROKGATE_SECRET_KEY. Append a new one there, with a blank "
                "before it, restart, and rotate with --resume."
            )
        # A key that another one's writing removes from the file would be lost with the process.
        with self._adding:
            masters = _masters_from_file(self._path)
            known = [_key_id(master) for master in masters]
            if known[0] != self.key_id or not self.key_ids <= set(known):
                raise StateError(
                    f"The key file {self._path} does not hold the keys in use. Restore it from a "
                    "backup."
                )
            master = secrets.token_bytes(_KEY_BYTES)
            _replace_key_file(self._path, "\n".join(map(_line, (*masters, master))))
            self._ring = {**self._ring, _key_id(master): _cipher(master)}
            self.sealing_id = _key_id(master)

    def seal_with(self, key_id: bytes) -> bool:
        """Seal with the key of this name from now on; False: there is none, nor in the file."""
        if key_id not in self._ring:
            self.read_again()
        if key_id not in self._ring:
            return False
        self.sealing_id = key_id
        return True

    def seal_with_newest(self) -> None:
        """Seal with the key that was added last, be it in the file alone."""
        self.read_again()
        self.sealing_id = list(self._ring)[-1]

    def read_again(self) -> None:
        """Take in keys that were added to the file; one that is not to be used changes nothing."""
        if self._read is None:
            return
        with self._adding, suppress(StateError):
            ring = {_key_id(master): _cipher(master) for master in self._read()}
            if next(iter(ring)) == self.key_id and self.key_ids <= ring.keys():
                self._ring = ring

    def seal(self, plaintext: bytes, *, context: str) -> bytes:
        """Encrypt *plaintext* so that it opens only under the same *context*.

        Args:
            plaintext: Any bytes.
            context: What the text belongs to, such as ``token:<id>``: bytes copied to another
                record do not open there.
        """
        nonce = os.urandom(_NONCE_BYTES)
        key_id = self.sealing_id
        header = _VERSION + key_id + nonce
        return header + self._ring[key_id].encrypt(nonce, plaintext, _associated(header, context))

    def unseal(self, sealed: bytes, *, context: str) -> bytes:
        """Decrypt what `seal` made under the same *context*.

        Raises:
            StateError: Damaged, sealed with another key, or under another context.
        """
        header, body = sealed[:_HEADER_BYTES], sealed[_HEADER_BYTES:]
        if len(header) < _HEADER_BYTES or header[:1] != _VERSION:
            raise StateError(f"The stored secret of {context} is damaged. Restore a backup.")
        cipher = self._cipher_of(header[1 : 1 + _KEY_ID_BYTES])
        if cipher is None:
            raise StateError(
                f"The stored secret of {context} was sealed with another key. Restore the key "
                "file that belongs to this database, or set GROKGATE_SECRET_KEY to its text."
            )
        nonce = header[-_NONCE_BYTES:]
        try:
            return cipher.decrypt(nonce, body, _associated(header, context))
        except InvalidTag as error:
            message = f"The stored secret of {context} is damaged. Restore a backup."
            raise StateError(message) from error

    def _cipher_of(self, key_id: bytes) -> AESGCM | None:
        """Return the cipher of a key; now and then the file is asked for one that is missing."""
        now_s = time.monotonic()
        if key_id not in self._ring and now_s - self._read_at >= _LOOK_S:
            self._read_at = now_s
            self.read_again()
        return self._ring.get(key_id)

    def digest(self, purpose: str, text: str) -> bytes:
        """Return the 32 bytes of a keyed digest: equal for equal text, useless without the key.

        Args:
            purpose: Separates uses; digests of different purposes have nothing in common.
            text: Any text, lone surrogates included.
        """
        key = self._digest_keys.get(purpose)
        if key is None:
            key = self._digest_keys[purpose] = _derive(self._root, f"digest {purpose}")
        return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256")


def _derive(master: bytes, use: str) -> bytes:
    derivation = HKDF(SHA256(), _KEY_BYTES, salt=None, info=b"grokgate " + use.encode())
    return derivation.derive(master)


def _key_id(master: bytes) -> bytes:
    return _derive(master, "key id")[:_KEY_ID_BYTES]


def _cipher(master: bytes) -> AESGCM:
    return AESGCM(_derive(master, "seal"))


def _associated(header: bytes, context: str) -> bytes:
    return header + context.encode()


def _masters_from_text(text: str) -> list[bytes]:
    first, mark, later = text.partition(_MARK)
    first = first.rstrip() if mark else text
    keys = _parse_keys(mark + later, source="GROKGATE_SECRET_KEY") if mark else []
    if not first:
        return keys
    if len(first) < _SHORTEST_PASSPHRASE:
        raise StateError(
            f"GROKGATE_SECRET_KEY is too short: it needs at least {_SHORTEST_PASSPHRASE} "
            "characters, best from a random source such as `openssl rand -base64 32`."
        )
    return [hashlib.sha256(first.encode("utf-8", "surrogateescape")).digest(), *keys]


def _masters_from_file(path: Path) -> list[bytes]:
    return _parse_keys(_read_key_file(path), source=f"The key file {path}")


def _masters_from_text_file(path: Path) -> list[bytes]:
    try:
        return _masters_from_text(path.read_text("utf-8-sig").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise StateError(f"The file {path} cannot be read.") from error


def _read_key_file(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_KEY_FILE + 1)
    except OSError as error:
        reason = error.strerror or "unknown error"
        raise StateError(
            f"The key file {path} cannot be read ({reason}). Correct its owner or mode."
        ) from error
    if len(content) > _LONGEST_KEY_FILE:
        raise StateError(f"The key file {path} is too long to be one. Restore it from a backup.")
    return content.decode("ascii", "replace").strip()


def _parse_keys(text: str, *, source: str) -> list[bytes]:
    return [_parse_key(line, source=source) for line in text.split() or [""]]


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


def _line(master: bytes) -> str:
    encoded = base64.urlsafe_b64encode(master).decode()
    return f"{_MARK}.{encoded}.{_check(encoded)}"


def _write_key_file(path: Path, master: bytes) -> None:
    """Write the file whole or not at all, and never over another one."""
    with _draft(path, _line(master)) as draft:
        try:
            os.link(draft, path)
        except FileExistsError:
            return  # another process was first: its key is the one to use


def _replace_key_file(path: Path, lines: str) -> None:
    with _draft(path, lines) as draft:
        draft.replace(path)


@contextmanager
def _draft(path: Path, lines: str) -> Iterator[Path]:
    """Write *lines* to a file beside *path*, to be put in its place."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        _write_synced(draft, f"{lines}\n".encode())
        try:
            yield draft
        finally:
            draft.unlink(missing_ok=True)
        _sync_folder(path.parent)
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
