"""The pictures in the documentation are what the sandbox makes."""

import runpy
from collections.abc import Mapping
from pathlib import Path

import pytest

pytestmark = pytest.mark.anyio
SCRIPT = Path(__file__).parents[2] / "docs" / "images" / "pictures.py"
_MOST_BYTES = 300_000


def told(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """What machines agree on: of a PNG file size and colours, for compression differs."""
    return {
        name: content.partition(b"IDAT")[0][:-4] if name.endswith(".png") else content
        for name, content in files.items()
    }


async def test_pictures_in_the_docs_are_current() -> None:
    made = await runpy.run_path(str(SCRIPT))["make"]()

    shown = {path.name: path.read_bytes() for path in SCRIPT.with_suffix("").iterdir()}
    assert told(made) == told(shown), f".venv/bin/python {SCRIPT.relative_to(SCRIPT.parents[2])}"
    assert sum(map(len, shown.values())) < _MOST_BYTES
