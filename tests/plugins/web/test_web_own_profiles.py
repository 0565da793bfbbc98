"""Profiles of the operator beside the bundled ones."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

import grokgate_web
from grokgate.upstream import UpstreamContext
from grokgate_web.driver import open_driver
from grokgate_web.profile_files import load_profile, profile_name, profile_names
from grokgate_web.settings import WebSettings


@pytest.fixture
def own(tmp_path: Path) -> Path:
    (tmp_path / "mine.toml").write_text('extends = "2026-04"\nrefused = ["expert"]\n')
    return tmp_path


def test_own_profiles_come_after_the_bundled_ones(own: Path) -> None:
    assert profile_names(own) == [*profile_names(), "mine"]
    assert profile_names(own / "absent") == profile_names()


def test_auto_is_never_an_own_profile(own: Path) -> None:
    (own / "2031-01.toml").write_text('extends = "2026-08"\n')

    assert profile_name("auto", own) == profile_names()[-1]
    assert profile_name("2031-01", own) == "2031-01"


@pytest.mark.parametrize("name", ["base", "2026-08"])
def test_bundled_profile_cannot_be_replaced(own: Path, name: str) -> None:
    (own / f"{name}.toml").write_text("nonsense = 1\n")

    assert profile_names(own).count(name) == profile_names().count(name)
    assert load_profile("mine", own=own).chain == ("mine", "2026-04", "base")


@pytest.mark.parametrize("name", ["../mine", "Mine", ".hidden", "a/b", ""])
def test_name_that_leaves_the_folder_is_refused(own: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name of a profile"):
        load_profile(name, own=own)


def test_declaration_in_a_folder_speaks_its_profiles(own: Path) -> None:
    (bundled,) = grokgate_web.grokgate_upstreams()
    assert bundled.placed is not None
    placed = bundled.placed(own)

    assert placed.profile(WebSettings(protocol="mine")).refused == {"expert"}
    placed.checks["grok.protocol"]("mine")
    with pytest.raises(ValueError, match="no protocol profile"):
        bundled.checks["grok.protocol"]("mine")


@pytest.mark.anyio
async def test_profile_whose_file_is_gone_is_still_spoken(
    own: Path, server: Any, account: Any, attempt: Any, *, log: Any, clock: Any
) -> None:
    (own / "mine.toml").write_text('extends = "2026-04"\n[quota]\npath = "/mine"\n')
    settings = WebSettings(protocol="mine", web_base=server.base)
    context = UpstreamContext(settings=lambda: settings, log=log, clock=clock)

    async def script(visit: Any) -> None:
        await visit.reply(b'{"remainingQueries":3,"totalQueries":30,"windowSizeSeconds":7200}')

    server.script = script
    async with open_driver(context, own=own) as driver:
        await driver.survey(account, attempt, buckets=frozenset(("fast",)))
        (own / "mine.toml").unlink()
        settings = replace(settings, temporary=False)
        await driver.survey(account, attempt, buckets=frozenset(("fast",)))

    assert {visit.path for visit in server.visits} == {"/mine"}
