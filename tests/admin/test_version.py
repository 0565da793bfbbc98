from pathlib import Path

import pytest

import grokgate
import grokgate_chat
from grokgate.admin.version import changes_of_checkout, parse_changes
from grokgate.testing import running_gateway

pytestmark = pytest.mark.anyio

TEXT = """# Changelog

All notable changes.

## [0.2.0] - 2026-12-01

Not an item.

### Added

- Accounts are counted
  by pool.
- A second one.

### Fixed

* A defect.

## 0.1.0
"""


async def test_installed_version_is_told_to_operators_alone() -> None:
    async with running_gateway(grokgate_chat) as gw, gw.operator() as admin:
        reply = await admin.get("/version")
        stranger = await gw.client.get("/api/v1/admin/version")

    assert reply.json()["version"] == grokgate.__version__
    assert stranger.status_code == 401


def test_releases_are_read_with_their_dates() -> None:
    releases = parse_changes(TEXT.splitlines())

    assert [(one.version, one.date) for one in releases] == [
        ("0.2.0", "2026-12-01"),
        ("0.1.0", None),
    ]


def test_items_are_read_by_kind_and_may_be_continued() -> None:
    added, fixed = parse_changes(TEXT.splitlines())[0].sections

    assert (added.title, added.entries) == (
        "Added",
        ["Accounts are counted by pool.", "A second one."],
    )
    assert fixed.entries == ["A defect."]


def test_checkout_tells_what_is_to_be_released_before_the_rest(tmp_path: Path) -> None:
    (tmp_path / "CHANGELOG.md").write_text(TEXT)
    (tmp_path / "changelog.d").mkdir()
    (tmp_path / "changelog.d" / "README.md").write_text("# How to write them")
    (tmp_path / "changelog.d" / "keys.fixed.md").write_text("Keys fit.\n")
    (tmp_path / "changelog.d" / "locks.added.md").write_text("Locks are new.\n")

    coming, *released = changes_of_checkout(tmp_path)

    assert [(one.title, one.entries) for one in coming.sections] == [
        ("Added", ["Locks are new."]),
        ("Fixed", ["Keys fit."]),
    ]
    assert [one.version for one in (coming, *released)] == ["Unreleased", "0.2.0", "0.1.0"]
