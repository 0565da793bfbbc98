"""Earlier major versions of the OpenAI Python SDK, in strict validation, each where it fits."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from clients import earlier

ENVIRONMENTS = Path(__file__).parents[2] / ".clients"
TESTS = Path(earlier.__file__).parents[1]


@cache
def outcomes(major: str, base: str, key: str) -> Any:
    """Run all cases with one version of the SDK."""
    python = ENVIRONMENTS / f"openai-{major}" / "bin" / "python"
    if not python.exists():
        # Never silent: `dev.py test` lists what could not be had, and fails on it with CI=true.
        pytest.skip(f"version {major} is not installed")
    environ = {
        **os.environ,
        "GATEWAY_URL": base,
        "GATEWAY_KEY": key,
        "PYTHONPATH": str(TESTS),
    }
    done = subprocess.run(
        [python, earlier.__file__],
        env=environ,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("major", ["1", "2"])
@pytest.mark.parametrize("case", [case.__name__ for case in earlier.CASES])
def test_earlier_version(major: str, case: str, base: str, key: str) -> None:
    told = outcomes(major, base, key)

    assert told["version"].startswith(f"{major}.")
    assert told["outcomes"][case] == ""
