"""The project's own promises: locked requirements, import contracts, changelog, documents."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from grokgate import errors
from grokgate.cli import main as cli
from grokgate.plugin import hookspecs

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/**/*.md"),
    *ROOT.glob("plugins/*/*.md"),
    *ROOT.glob("changelog.d/*.md"),
]

EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
KINDS = {"added", "changed", "fixed", "removed", "security", "contract"}
HOST = re.compile(
    r"https?:|--(?:index-url|extra-index-url|find-links)|\b[\w-]+\.(?:org|com|io|net)\b"
)
PIN = re.compile(
    r"([A-Za-z0-9._-]+)==([^\s;]+)(?: ; [^\\]+)? \\\n(?: +--hash=sha256:[0-9a-f]{64}(?: \\)?\n)+"
)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)

SAFE = {"curl-cffi": "0.15", "granian": "2.8", "litestar": "2.25", "multipart": "1.3.1"}
"""Versions below these have published weaknesses (S22)."""


def pins(name: str) -> dict[str, set[Version]]:
    """Return the versions a requirement file pins; markers may ask for several of one package."""
    found: dict[str, set[Version]] = {}
    for package, version in PIN.findall((ROOT / "requirements" / name).read_text()):
        found.setdefault(canonicalize_name(package), set()).add(Version(version))
    return found


def wanted(group: str) -> Iterator[Requirement]:
    for entry in PROJECT["dependency-groups"][group]:
        if isinstance(entry, str):
            yield Requirement(entry)
        else:
            yield from wanted(entry["include-group"])


def of_extra(name: str) -> list[Requirement]:
    return [Requirement(text) for text in EXTRAS[name]]


def asked_of(name: str) -> list[Requirement]:
    """Return what `pyproject.toml` wants in a requirement file."""
    base = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    groups = {"build": "build", "program": "program", "release": "release", "uv": "bootstrap"}
    match name:
        case "base":
            return base
        case "dev":
            return [*base, *wanted("dev"), *(one for extra in EXTRAS for one in of_extra(extra))]
        case _ if name.startswith("extra-"):
            return [*base, *of_extra(name.removeprefix("extra-"))]
        case _:
            return list(wanted(groups[name]))


# Requirements


@pytest.mark.parametrize(
    "name",
    ["base", "build", "dev", "program", "release", "uv", *(f"extra-{one}" for one in EXTRAS)],
)
def test_requirement_file_pins_what_the_project_asks_for(name: str) -> None:
    have = pins(f"{name}.txt")

    missing = [
        str(need)
        for need in asked_of(name)
        if not any(
            version in need.specifier for version in have.get(canonicalize_name(need.name), ())
        )
    ]
    assert missing == []


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_requirement_file_holds_nothing_but_pins_with_hashes(lock: Path) -> None:
    assert PIN.sub("", lock.read_text()) == ""


@pytest.mark.parametrize("name", ["base.txt", "build.txt"])
def test_test_tools_do_not_change_what_runs(name: str) -> None:
    dev = pins("dev.txt")

    assert {
        package for package, versions in pins(name).items() if dev.get(package) != versions
    } == set()


@pytest.mark.parametrize("package", SAFE)
def test_pinned_version_is_safe(package: str) -> None:
    assert min(pins("base.txt")[package]) >= Version(SAFE[package])


@pytest.mark.parametrize(
    "path", [*LOCKS, *(ROOT / "requirements").glob("node/*.json")], ids=lambda path: path.name
)
def test_lock_file_names_no_host(path: Path) -> None:
    assert HOST.findall(path.read_text()) == []


def test_node_lock_pins_what_is_asked_for() -> None:
    folder = ROOT / "requirements" / "node"
    asked = json.loads((folder / "package.json").read_text())["dependencies"]
    locked = json.loads((folder / "package-lock.json").read_text())["packages"]

    # An alias such as npm:ai@6.0.322 asks for another version under a name of its own.
    versions = {name: version.rpartition("@")[2] for name, version in asked.items()}
    assert {name: locked[f"node_modules/{name}"]["version"] for name in asked} == versions
    assert all("integrity" in entry for path, entry in locked.items() if path)


# Launcher and packaging


def test_launcher_imports_the_standard_library_only() -> None:
    text = (ROOT / "dev.py").read_text()
    imported = set(re.findall(r"^ *(?:import|from) (\w+)", text, re.MULTILINE))

    assert imported <= sys.stdlib_module_names


def test_continuous_integration_runs_the_launcher() -> None:
    script = ROOT / ".ci" / "run"

    assert os.access(script, os.X_OK)
    assert script.read_text().splitlines()[-1] == "exec python3 dev.py test"


def test_bundled_plugins_are_the_folders_of_plugins() -> None:
    declared = set(PROJECT["project"]["entry-points"]["grokgate.plugins"].values())

    assert declared == {path.parent.name for path in ROOT.glob("plugins/*/__init__.py")}


def test_import_contracts_hold() -> None:
    tool = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [tool, "--no-logo", "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert run.returncode == 0, run.stdout + run.stderr


# Changelog


@pytest.mark.parametrize(
    "fragment",
    [path for path in (ROOT / "changelog.d").iterdir() if path.name != "README.md"],
    ids=lambda path: path.name,
)
def test_changelog_fragment_is_one_sentence_of_a_known_kind(fragment: Path) -> None:
    name = re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*\.([a-z]+)\.md", fragment.name)

    assert name is not None
    assert name[1] in KINDS
    assert re.fullmatch(r"[^\n]{10,300}\.\n", fragment.read_text())


# Documents


def links(page: Path) -> list[str]:
    """Return the relative links of a page."""
    found = LINK.findall(FENCE.sub("", page.read_text()))
    return [link for link in found if not re.match(r"[a-z]+:", link)]


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in links(page):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)

    assert broken == []


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {(index.parent / link).resolve() for link in links(index)}

    assert set(ROOT.glob("docs/**/*.md")) - linked == {index}


TRANSLATED = [
    ROOT / "README.md",
    *(page for page in ROOT.glob("docs/how-to/*.md") if not page.name.endswith(".zh-CN.md")),
]


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: str(page.stem))
def test_translation_has_the_same_parts(page: Path) -> None:
    def parts(path: Path) -> list[str]:
        """Kinds of its lines that stay when a text is translated, in order."""
        prose = FENCE.sub("", path.read_text())
        return re.findall(r"^(?:#+ |\| |- |\d+\. |!\[)", prose, re.MULTILINE)

    assert parts(page.with_suffix(".zh-CN.md")) == parts(page)


COMMANDS = re.compile(r"^[ \t]*(?:\.venv/bin/|python3 |curl |\[|[a-z_.]+ = |\{).*", re.MULTILINE)


@pytest.mark.parametrize("page", TRANSLATED, ids=lambda page: str(page.stem))
def test_translation_shows_the_same_examples(page: Path) -> None:
    def examples(path: Path) -> list[str]:
        blocks = "\n".join(FENCE.findall(path.read_text()))
        return [re.sub(r"[ \t]*#.*", "", line) for line in COMMANDS.findall(blocks)]

    assert examples(page.with_suffix(".zh-CN.md")) == examples(page)


def test_reference_names_every_command() -> None:
    page = (ROOT / "docs/reference/cli.md").read_text()

    assert set(re.findall(r"^\| `([a-z -]+?)(?: [A-Z]+)?` \|", page, re.MULTILINE)) == set(
        _commands(cli._parser())
    )


def _commands(parser: Any, before: str = "") -> Iterator[str]:
    groups = [action for action in parser._actions if hasattr(action, "add_parser")]
    for group in groups:
        for name, child in group.choices.items():
            yield from _commands(child, f"{before}{name} ")
    if not groups:
        yield before.strip()


def test_reference_names_every_error() -> None:
    page = (ROOT / "docs/reference/errors.md").read_text()
    named = set(re.findall(r"^\| (\d+) \| `(\w+)` \|", page, re.MULTILINE))

    raised = {
        (str(kind.status), kind.default_code)
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.GatewayError)
    }
    assert raised <= named
    assert named - raised == {
        ("400", "startup_only_config"),
        ("409", "config_locked"),
        ("409", "job_running"),
    }


def test_plugin_contract_names_every_hook() -> None:
    page = (ROOT / "docs/plugins/README.md").read_text()
    hooks = {name for name in vars(hookspecs) if name.startswith("grokgate_")}

    assert set(re.findall(r"^\| `(grokgate_\w+)` \|", page, re.MULTILINE)) == hooks
