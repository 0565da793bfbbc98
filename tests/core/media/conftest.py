from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from core.media.library import Library
from grokgate.storage import Database, open_database
from grokgate.testing import FakeClock


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "grokgate.db", busy_timeout_ms=50) as database:
        yield database


@pytest.fixture
def library(tmp_path: Path, database: Database) -> Library:
    folder = tmp_path / "data"
    folder.mkdir()
    return Library(folder, database, FakeClock())
