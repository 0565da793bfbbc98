"""The files that lines go to."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from grokgate.telemetry.files import DailyFiles

DAY = date(2026, 8, 5)


def event(text: str) -> dict[str, str]:
    return {"msg": text}


def line(text: str) -> str:
    return f'{{"msg":"{text}"}}\n'


def files(folder: Path, days: Iterator[date], *, max_files: int = 3) -> DailyFiles:
    return DailyFiles(folder, max_bytes=20, max_files=max_files, today=lambda: next(days))


def test_full_file_is_numbered_and_the_oldest_goes(tmp_path: Path) -> None:
    handler = files(tmp_path, iter([DAY] * 10))
    for text in ("first", "second", "third", "fourth"):
        handler.write([event(text)])
    handler.close()

    contents = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert contents == {
        f"app_{DAY}.2.log": line("second"),
        f"app_{DAY}.3.log": line("third"),
        f"app_{DAY}.log": line("fourth"),
    }


def test_processes_write_to_the_same_files(tmp_path: Path) -> None:
    handlers = [files(tmp_path, iter([DAY] * 10)) for _ in range(2)]
    for number, text in enumerate(("first", "second", "third", "fourth")):
        handlers[number % 2].write([event(text)])
    for handler in handlers:
        handler.close()

    contents = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert contents == {
        f"app_{DAY}.2.log": line("second"),
        f"app_{DAY}.3.log": line("third"),
        f"app_{DAY}.log": line("fourth"),
    }


def test_each_day_has_its_own_file_readable_by_its_owner_only(tmp_path: Path) -> None:
    handler = files(tmp_path, iter([DAY, DAY.replace(day=6), DAY.replace(day=7)]), max_files=2)
    for text in ("a", "b", "c"):
        handler.write([event(text)])
    handler.close()

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "app_2026-08-06.log",
        "app_2026-08-07.log",
    ]
    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_file_of_an_earlier_start_is_continued_and_others_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / f"app_{DAY}.log").write_text("old\n")
    (tmp_path / "notes.log").write_text("mine")
    handler = files(tmp_path, iter([DAY]))
    handler.write([event("new")])
    handler.close()

    assert (tmp_path / f"app_{DAY}.log").read_text() == "old\n" + line("new")
    assert (tmp_path / "notes.log").exists()


def test_disk_that_refuses_costs_the_line_only(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "log").write_text("in the way")
    handler = files(tmp_path / "log", iter([DAY]))
    handler.write([event("lost")])
    handler.close()

    assert capsys.readouterr() == ("", "")
