"""The key of the admin page's playground: signed, so that nothing has to be kept (F-UI-80)."""

import base64
import hmac
from typing import Final

from grokgate.access.sessions import Sessions
from grokgate.plugin.records import Caller
from grokgate.upstream import Clock
from grokgate.vault import Vault

PLAYGROUND_S: Final = 3600
"""Seconds a key is good for."""
OWNER: Final = "admin"
"""Whom calls count for, and who owns what they make (S13)."""
_PREFIX: Final = "sk-playground-"
_CALLER: Final = Caller(key_id=OWNER, name=OWNER)


class Playground:
    """Makes keys of the playground, and knows them again. `find` never waits.

    Args:
        sessions: A key ends with its session.
        vault: Signs them.
        clock: Time.
    """

    def __init__(self, sessions: Sessions, vault: Vault, clock: Clock) -> None:
        self._sessions = sessions
        self._vault = vault
        self._clock = clock

    def issue(self, session_id: str) -> str:
        """Return a new key of a session."""
        content = f"{session_id}.{int(self._clock.now().timestamp()) + PLAYGROUND_S}"
        return f"{_PREFIX}{content}.{self._sign(content)}"

    def find(self, text: str) -> Caller | None:
        """Return whose key *text* is, or None: it is none, or has ended."""
        content, _, signature = text.removeprefix(_PREFIX).rpartition(".")
        if not text.startswith(_PREFIX) or not text.isascii():
            return None
        if not hmac.compare_digest(signature, self._sign(content)):
            return None
        session_id, _, until = content.partition(".")
        alive = self._clock.now().timestamp() < int(until) and self._sessions.is_alive(session_id)
        return _CALLER if alive else None

    def _sign(self, content: str) -> str:
        digest = self._vault.digest("playground key", content)
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
