"""The vendored modules of the admin UI are what the manifest says, and find each other."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
VENDOR = ROOT / "admin_ui/grokgate_admin_ui/static/vendor"
ROWS: list[dict[str, Any]] = json.loads((VENDOR / "manifest.json").read_text())
FILES = [str(row["file"]) for row in ROWS]
MODULES = [name for name in FILES if not name.endswith(".css")]


@pytest.mark.parametrize("row", ROWS, ids=FILES)
def test_file_has_the_hash_of_the_manifest(row: dict[str, Any]) -> None:
    assert hashlib.sha256((VENDOR / row["file"]).read_bytes()).hexdigest() == row["sha256"]


@pytest.mark.parametrize("row", ROWS, ids=FILES)
def test_file_has_the_locked_version(row: dict[str, Any]) -> None:
    lock = json.loads((ROOT / "requirements/node/package-lock.json").read_text())

    assert lock["packages"][f"node_modules/{row['name']}"]["version"] == row["version"]


def test_the_folder_holds_nothing_that_the_manifest_does_not_name() -> None:
    ours = {"manifest.json", "LICENSES.txt", "README.md"}
    served = {file.name for file in VENDOR.iterdir() if not file.name.endswith((".d.ts", ".d.mts"))}

    assert served == {*FILES, *ours}


@pytest.mark.parametrize("name", MODULES)
def test_module_imports_only_files_beside_it(name: str) -> None:
    imported = re.findall(
        r"""\b(?:from|import)\s*["']([^"'\s]+)["']""", (VENDOR / name).read_text()
    )

    assert set(imported) <= {f"./{each}" for each in MODULES}


@pytest.mark.parametrize("name", MODULES)
def test_module_has_a_declaration_of_its_types(name: str) -> None:
    declaration = re.sub(r"\.(m?)js$", r".d.\1ts", name)

    assert (VENDOR / declaration).exists()


@pytest.mark.parametrize("package", sorted({str(row["name"]) for row in ROWS}))
def test_license_of_every_package_is_there(package: str) -> None:
    version = next(row["version"] for row in ROWS if row["name"] == package)

    assert f"{package} {version}\n====" in (VENDOR / "LICENSES.txt").read_text()
