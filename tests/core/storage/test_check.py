from pathlib import Path

import anyio
import pytest

from grokgate.errors import StateError
from grokgate.storage import open_database, quick_check


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "grokgate.db"

    async def make() -> None:
        async with open_database(path):
            pass

    anyio.run(make)
    return path


def test_whole_database_passes_and_is_left_alone(database: Path) -> None:
    before = database.read_bytes()

    assert quick_check(database) is False
    assert database.read_bytes() == before


@pytest.mark.anyio
async def test_database_in_use_can_be_checked(tmp_path: Path) -> None:
    async with open_database(tmp_path / "grokgate.db") as database, database.write():
        assert quick_check(database.path) is False


def test_damaged_page_is_found(database: Path) -> None:
    content = bytearray(database.read_bytes())
    content[8192:12288] = b"\xff" * 4096
    database.write_bytes(content)

    assert quick_check(database) is True


def test_foreign_file_is_refused(database: Path) -> None:
    database.write_bytes(b"no database" * 100)

    with pytest.raises(StateError):
        quick_check(database)
