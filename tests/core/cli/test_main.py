import subprocess
import sys
import time

import pytest

from grokgate import __version__
from grokgate.cli import main as cli

HEAVY = {"litestar", "sqlalchemy", "granian", "curl_cffi", "structlog", "msgspec", "alembic"}


def commands(parser: object = None, before: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command and group there is, as arguments."""
    parser = parser or cli._parser()
    found = [before]
    for action in parser._actions:  # type: ignore[attr-defined]
        if hasattr(action, "add_parser"):
            for name, child in action.choices.items():
                found += commands(child, (*before, name))
    return found


def test_help_imports_nothing_heavy_and_answers_at_once() -> None:
    code = (
        "import sys\nfrom grokgate.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted(sys.modules), file=sys.stderr)"
    )
    began = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    took_s = time.perf_counter() - began

    loaded = {name.strip("[]', ").partition(".")[0] for name in done.stderr.split(",")}
    assert loaded & HEAVY == set()
    assert took_s < 3


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_every_command_explains_itself(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([*arguments, "--help"])

    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert shown.startswith(" ".join(("usage: grokgate", *arguments)))
    assert len(shown.split("\n\n")[1]) > 10


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([]) == 2
    assert "commands:" in capsys.readouterr().out


def test_an_unknown_command_is_a_wrong_argument(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["fly"])

    assert ended.value.code == 2
    assert "fly" in capsys.readouterr().err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"
