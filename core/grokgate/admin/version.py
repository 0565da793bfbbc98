"""Which version runs, and what changed in it (F-UI-07); nothing is asked of anybody outside."""

import platform
import re
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Annotated, Final

from anyio import to_thread
from litestar import get
from msgspec import Meta, Struct

import grokgate

_CHANGELOG: Final = "CHANGELOG.md"
_FRAGMENTS: Final = "changelog.d"
_UNRELEASED: Final = "Unreleased"
_KINDS: Final = ("added", "changed", "fixed", "removed", "security", "contract")
"""How the names of fragments end, in the order of a release's sections."""
_RELEASE: Final = re.compile(r"## \[?([^\]\s]+)\]?(?:.*?(\d{4}-\d{2}-\d{2}))?")
_SECTION: Final = re.compile(r"### (.+)")
_ENTRY: Final = re.compile(r"[-*] (.+)")


class Section(Struct):
    """Changes of one kind."""

    title: Annotated[str, Meta(examples=["Added"])]
    entries: Annotated[list[str], Meta(description="Markdown, one sentence each.")] = []


class Release(Struct):
    """What one version changed."""

    version: Annotated[str, Meta(examples=["0.1.0"])]
    date: str | None
    sections: list[Section] = []


class VersionReply(Struct, frozen=True, kw_only=True):
    """What is installed."""

    version: Annotated[str, Meta(examples=["0.1.0"])]
    python: Annotated[str, Meta(examples=["3.11.9"])]
    changes: Annotated[
        list[Release],
        Meta(description="Newest first; in a checkout, what is to be released comes before."),
    ]
    status: str = "success"


@get("/version", summary="Tell which version runs, and what changed")
async def read_version() -> VersionReply:
    """Return the installed version with its change list."""
    return VersionReply(
        version=grokgate.__version__,
        python=platform.python_version(),
        changes=await to_thread.run_sync(_changes),
    )


HANDLERS: Final = (read_version,)


def _changes() -> list[Release]:
    """Read the list in the package; a checkout has it in its root, and fragments beside it."""
    packaged = resources.files(grokgate) / _CHANGELOG
    if packaged.is_file():
        return parse_changes(packaged.read_text(encoding="utf-8").splitlines())
    root = Path(grokgate.__file__).parents[2]
    return changes_of_checkout(root) if (root / _FRAGMENTS).is_dir() else []


def changes_of_checkout(root: Path) -> list[Release]:
    """Read the change list of a source tree, preceded by what its fragments tell."""
    sections = [
        Section(title=kind.capitalize(), entries=entries)
        for kind in _KINDS
        if (entries := _fragments(root / _FRAGMENTS, kind))
    ]
    coming = [Release(version=_UNRELEASED, date=None, sections=sections)] if sections else []
    file = root / _CHANGELOG
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [*coming, *parse_changes(lines)]


def _fragments(folder: Path, kind: str) -> list[str]:
    return [
        file.read_text(encoding="utf-8").strip() for file in sorted(folder.glob(f"*.{kind}.md"))
    ]


def parse_changes(lines: Iterable[str]) -> list[Release]:
    """Read a change list: ``## version date``, ``### kind``, and items, which may be continued."""
    releases: list[Release] = []
    for line in lines:
        if found := _RELEASE.match(line):
            releases.append(Release(version=found[1], date=found[2]))
        elif releases:
            _add(releases[-1], line)
    return releases


def _add(release: Release, line: str) -> None:
    """Add a line of a release to it."""
    if found := _SECTION.match(line):
        release.sections.append(Section(title=found[1].strip()))
    elif not release.sections:
        return
    elif found := _ENTRY.match(line):
        release.sections[-1].entries.append(found[1].strip())
    elif line.startswith(" ") and release.sections[-1].entries:
        release.sections[-1].entries[-1] += f" {line.strip()}"
