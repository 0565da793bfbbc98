"""`grokgate simulate` from the command line, and the numbers behind its table."""

import re
from pathlib import Path

import pytest

from grokgate.cli.main import main
from grokgate.scheduler.simulate.arrivals import BadArrival, read_arrivals
from grokgate.scheduler.simulate.measure import jain
from grokgate.scheduler.strategy import POLICIES

CHART = Path(__file__).parents[2] / "docs" / "images" / "simulation.svg"
SMALL = ["simulate", "--tokens", "6", "--duration", "600"]


@pytest.mark.parametrize(
    ("values", "index"), [([1, 1, 1], 1.0), ([1, 0, 0, 0], 0.25), ([0, 0], 1.0), ([], 1.0)]
)
def test_jains_index(values: list[float], index: float) -> None:
    assert jain(values) == index


def test_every_strategy_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(SMALL) == 0

    table = capsys.readouterr().out.split("\n\n")[0].splitlines()
    assert {line.split()[0] for line in table[1:]} == POLICIES


def test_output_fits_a_terminal_of_100_columns(capsys: pytest.CaptureFixture[str]) -> None:
    main([*SMALL, "--rate", "3"])

    lines = capsys.readouterr().out.splitlines()
    assert "rate_limit_exceeded" in "".join(lines)
    assert max(map(len, lines)) <= 100


def test_without_faults_and_with_quota_enough_everything_succeeds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main([*SMALL, "--faults", "0", "--policy", "random", "--rate", "0.05"])

    row = capsys.readouterr().out.splitlines()[1].split()
    assert row[:2] == ["random", "100.0%"]


def test_recorded_calls_are_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text('{"at_s": 2, "tier": "heavy", "outcome": "moderation"}\n\n{"at_s": 1}\n')

    code = main(["simulate", "--arrivals", str(calls), "--faults", "0", "--policy", "score"])

    out = capsys.readouterr().out
    assert code == 0
    assert out.splitlines()[1].split()[:2] == ["score", "50.0%"]
    assert re.search(r"Calls not answered, of 2 +score\n +failed: moderation +1\n", out)


def test_a_line_that_is_no_call_is_named(tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text('{"at_s": 1}\n{"at_s": 1, "colour": "red"}\n')

    with pytest.raises(BadArrival, match=r"line 2: .*colour"):
        read_arrivals(calls)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--policy", "best"], "no strategy 'best'"),
        (["--pools", "basic=x"], "--pools"),
        (["--rate", "1000", "--duration", "1e9"], "at most"),
        (["--tokens", "0"], "--tokens must be at least 1"),
        (["--arrivals", "/dev/null"], "holds no call"),
        (["--arrivals", "/no/such.jsonl"], "cannot be read (No such file"),
    ],
)
def test_what_cannot_be_simulated_is_refused(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *arguments]) == 1
    assert message in capsys.readouterr().err


def test_comment_among_recorded_calls_is_named(tmp_path: Path) -> None:
    calls = tmp_path / "calls.jsonl"
    calls.write_text("# recorded in May\n")

    with pytest.raises(BadArrival, match="line 1: comments are not read"):
        read_arrivals(calls)


def test_one_seed_is_one_seed(capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", "--check", "7", "--events", "20"])

    assert capsys.readouterr().out.startswith("1 seed, ")


def test_chart_in_the_docs_is_current(tmp_path: Path) -> None:
    chart = tmp_path / "simulation.svg"

    main(["simulate", "--svg", str(chart)])

    assert chart.read_text() == CHART.read_text(), (
        "grokgate simulate --svg docs/images/simulation.svg"
    )
