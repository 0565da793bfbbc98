import os
import stat
from pathlib import Path

import pytest

from grokgate.errors import StateError
from grokgate.storage import hold_folder


def test_folder_is_made_for_the_owner_only(tmp_path: Path) -> None:
    with hold_folder(tmp_path / "a" / "data"):
        mode = stat.S_IMODE((tmp_path / "a" / "data").stat().st_mode)

    assert mode == 0o700


def test_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)

    with hold_folder(tmp_path):
        assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700


def test_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    with (
        hold_folder(tmp_path),
        pytest.raises(StateError, match=rf"in use.*{os.getpid()}"),
        hold_folder(tmp_path),
    ):
        pass


def test_lock_is_free_after_its_holder(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        pass

    with hold_folder(tmp_path):
        assert (tmp_path / ".locks" / "serve.lock").exists()


def test_refused_holder_does_not_free_the_lock(tmp_path: Path) -> None:
    with hold_folder(tmp_path):
        for _ in range(2):
            with pytest.raises(StateError), hold_folder(tmp_path):
                pass


def test_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")

    with pytest.raises(StateError, match="cannot be used"), hold_folder(tmp_path / "data"):
        pass


def test_workers_of_one_start_hold_it_together(tmp_path: Path) -> None:
    with (
        hold_folder(tmp_path, holder=1, start="one"),
        hold_folder(tmp_path, holder=1, start="one"),
    ):
        for other in (
            hold_folder(tmp_path, holder=2, start="two"),
            hold_folder(tmp_path, holder=1),
        ):
            with pytest.raises(StateError, match=r"in use.*id 1\)"), other:
                pass


def test_worker_of_another_container_with_the_same_id_is_refused(tmp_path: Path) -> None:
    with (
        hold_folder(tmp_path, holder=1, start="one"),
        pytest.raises(StateError, match=r"in use.*id 1\)"),
        hold_folder(tmp_path, holder=1, start="two"),
    ):
        pass


def test_worker_cannot_join_a_process_that_is_alone(tmp_path: Path) -> None:
    with (
        hold_folder(tmp_path, holder=1),
        pytest.raises(StateError),
        hold_folder(tmp_path, holder=1, start="one"),
    ):
        pass
