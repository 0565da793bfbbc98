"""Where the data of an installation may lie, by environment and settings."""

from pathlib import Path

import pytest

from grokgate.errors import StateError
from grokgate.migration.places import Places, find_places, lines_to_set
from grokgate.storage.backend import Kind
from grokgate.upstream import Secret

FILE = Path("data/grokgate.db")
SERVER = "postgresql://me:secret@db.example/grokgate"


def settle(folder: Path, text: str) -> None:
    (folder / "config.toml").write_text(f"[storage]\n{text}\n")


@pytest.mark.parametrize("name", ["SERVER_STORAGE_URL", "GROKGATE__STORAGE__URL"])
def test_address_of_the_environment_leaves_the_file_of_the_settings(
    tmp_path: Path, name: str
) -> None:
    settle(tmp_path, 'url = "/srv/mine.db"')
    places = find_places(tmp_path, {name: SERVER})

    assert (places.file, places.server.reveal()) == (Path("/srv/mine.db"), SERVER)


def test_address_of_the_settings_leaves_the_usual_file(tmp_path: Path) -> None:
    settle(tmp_path, f'type = "pgsql"\nurl = "{SERVER}"')
    places = find_places(tmp_path, {})

    assert (places.file, places.server.reveal()) == (tmp_path / "grokgate.db", SERVER)
    assert places.used == "pgsql"


def test_file_of_the_environment_leaves_the_address_of_the_settings(tmp_path: Path) -> None:
    settle(tmp_path, f'type = "pgsql"\nurl = "{SERVER}"')
    environ = {"SERVER_STORAGE_TYPE": "local", "SERVER_STORAGE_URL": "/srv/mine.db"}
    places = find_places(tmp_path, environ)

    assert (places.file, places.server.reveal()) == (Path("/srv/mine.db"), SERVER)
    assert places.used == "local"


def test_named_file_wins(tmp_path: Path) -> None:
    places = find_places(tmp_path, {"SERVER_STORAGE_URL": SERVER}, file=Path("other.db"))

    assert places.file == Path("other.db")


def test_folder_of_a_sandbox_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="sandbox"):
        find_places(tmp_path / "sandbox", {"SERVER_STORAGE_URL": SERVER})


@pytest.mark.parametrize(
    ("used", "wanted", "lines"),
    [
        ("pgsql", "pgsql", []),
        ("local", "pgsql", ["SERVER_STORAGE_TYPE=pgsql"]),
        (None, "local", ["SERVER_STORAGE_TYPE=local", f"SERVER_STORAGE_URL={FILE.absolute()}"]),
    ],
    ids=["as it is", "server", "file"],
)
def test_lines_to_set_name_what_changes(used: Kind | None, wanted: Kind, lines: list[str]) -> None:
    places = Places(file=FILE, server=Secret(SERVER), used=used)

    assert lines_to_set(places, wanted) == lines
