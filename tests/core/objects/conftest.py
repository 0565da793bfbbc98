from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import CapturingLogger

from core.objects.keeping import Keeper
from grokgate.objects import ObjectStore, PluginObjects
from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock
from grokgate.vault import Vault


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "grokgate.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    async with open_database(path, busy_timeout_ms=50) as database:
        yield database


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(database: Database, clock: FakeClock) -> ObjectStore:
    return ObjectStore(database, Vault(bytes(32)), clock, log=CapturingLogger())


@pytest.fixture
def objects(store: ObjectStore) -> PluginObjects:
    return store.for_plugin("notes")


@pytest.fixture
def keep(objects: PluginObjects, clock: FakeClock) -> Keeper:
    return Keeper(objects, clock)
