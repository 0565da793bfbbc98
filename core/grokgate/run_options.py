"""What one start of the gateway is told; handed from the command to the server process."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

VARIABLE = "GROKGATE_RUN"
"""Environment variable that carries the options to the server process; never a secret."""
SANDBOX_FOLDER = "sandbox"
"""Folder in a data folder with the data of ``serve --sandbox``, a data folder of its own."""


class RunOptions(Struct, frozen=True, kw_only=True):
    """Where the data lies, and what this run lays over the settings."""

    data_dir: Path
    log_dir: Path
    overlay: Mapping[str, Any] = {}
    """Full setting keys → values that win over every other layer."""
    sandbox: str | None = None
    """Base address of a simulated upstream; upstreams that know no sandbox stay closed."""
    sandbox_accounts: str = ""
    """Accounts of that sandbox as import text; made up, so no secret."""
    refusal_file: Path | None = None
    """Where the server writes why it refused to start, so that the command can say it and fail."""
    starts_file: Path | None = None
    """Grows by a byte with each worker that has started; None: there is one worker alone."""
    announce: bool = False
    """True: the server prints its address, and at the first start the new API key."""
    look_only: bool = False
    """True: the gateway is built to be looked at, not run; neither folder nor file is made."""

    def to_json(self) -> str:
        """Render for `VARIABLE`."""
        return msgspec.json.encode(self, enc_hook=str).decode()

    @classmethod
    def from_json(cls, text: str) -> "RunOptions":
        """Parse what `to_json` rendered."""
        return msgspec.json.decode(text, type=cls, dec_hook=lambda kind, value: kind(value))
