"""A store on a folder of the test's own, and a log that can be read."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import structlog
from msgspec import Meta
from structlog.testing import LogCapture

from grokgate.plugin.records import Settings
from grokgate.settings import Declaration, SettingsStore, Switch


class HaikuSettings(Settings, frozen=True, kw_only=True):
    model: Annotated[str, Meta(description="Model that writes.")] = "grok-4"
    lines: Annotated[int, Meta(ge=1, le=9, description="Lines.")] = 3
    words: Annotated[Mapping[str, str], Meta(description="Replacements.")] = {}
    mood: Annotated[Literal["calm", "wild"], Meta(description="Mood.")] = "calm"
    browser: Annotated[
        str,
        Meta(
            description="Fingerprint.",
            extra={"key": "grok.impersonate", "alias": "wreq_emulation"},
        ),
    ] = "chrome136"
    base: Annotated[
        str, Meta(description="Address.", extra={"key": "grok.web_base", "file_only": True})
    ] = ""


SWITCHES = (
    Switch("images", "images"),
    Switch("images_nsfw", "images", requires=("images",)),
    Switch("chat", "chat"),
    Switch("messages", "chat", default_enabled=False),
)

LoadStore = Callable[..., SettingsStore]


@pytest.fixture
def log() -> LogCapture:
    return LogCapture()


@pytest.fixture
def load(tmp_path: Path, log: LogCapture) -> LoadStore:
    """Load a store whose file holds the given text; None leaves the folder as it is."""

    def load(
        text: str | None = None,
        *,
        environ: Mapping[str, str] | None = None,
        overlay: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> SettingsStore:
        if text is not None:
            (tmp_path / "config.toml").write_text(text)
        arguments: dict[str, Any] = {
            "data_dir": tmp_path,
            "declarations": [Declaration("haiku", HaikuSettings)],
            "switches": SWITCHES,
            "profiles": {},
        }
        return SettingsStore.load(
            environ=environ or {},
            overlay=overlay or {},
            log=structlog.wrap_logger(None, processors=[log]),
            **(arguments | more),
        )

    return load


@pytest.fixture
def haiku() -> Declaration:
    return Declaration("haiku", HaikuSettings)
