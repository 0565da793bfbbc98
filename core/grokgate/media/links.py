"""Links that open a stored picture or video without a key (F-FILE-02, D21).

A link is the address with ``?exp=<Unix seconds>&sig=<signature>``. The signature covers the name,
the expiry and the key that caused the file; who has the link learns nothing of that key.
"""

import base64
import hmac
import re
from datetime import datetime
from typing import Final

from grokgate.storage.media import MediaKind
from grokgate.vault import Vault

_EXPIRY: Final = re.compile(r"[1-9][0-9]{0,11}\Z")


def path_of(kind: MediaKind, name: str) -> str:
    """Return the address of a file, without origin and signature."""
    return f"/v1/files/{kind}/{name}"


def signed(vault: Vault, path: str, name: str, *, owner: str, expires_at: datetime) -> str:
    """Return *path* as a link that holds until *expires_at*, with a precision of seconds."""
    expiry = int(expires_at.timestamp())
    return f"{path}?exp={expiry}&sig={_signature(vault, name, owner, expiry)}"


def left_s(vault: Vault, name: str, *, owner: str, exp: str, sig: str, now: datetime) -> int | None:
    """Return the seconds a link still holds; None: it has expired, or is none of ours."""
    if not _EXPIRY.match(exp):
        return None
    left = int(exp) - int(now.timestamp())
    expected = _signature(vault, name, owner, int(exp))
    is_ours = hmac.compare_digest(expected.encode(), sig.encode("utf-8", "surrogatepass"))
    return left if is_ours and left > 0 else None


def _signature(vault: Vault, name: str, owner: str, expiry: int) -> str:
    digest = vault.digest("media link", f"{name}\0{expiry}\0{owner}")
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
