import json
import re
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

Run = Callable[..., Any]
PAGES = Path(__file__).parents[3] / "docs" / "how-to"


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "profiles"
    folder.mkdir(parents=True, mode=0o700)
    return folder


def rows(out: str) -> dict[str, list[str]]:
    return {line.split()[0]: line.split()[1:] for line in out.splitlines()[1:]}


def example(page: str) -> str:
    """Return the profile that a page shows."""
    found = re.search(r"```toml\n( *# data/profiles/2026-11\.toml\n.*?) *```", page, re.DOTALL)
    assert found is not None
    return dedent(found[1])


def test_bundled_profiles_are_listed_with_the_one_in_use(run: Run) -> None:
    listed = rows(run("profiles", "list").out)

    assert listed["2026-08"] == ["web", "yes", "good"]
    assert listed["2026-02"] == ["web", "no", "good"]


def test_all_bundled_profiles_pass(run: Run) -> None:
    done = run("profiles", "check")

    assert done.code == 0
    assert "2026-04: good" in done.out


def test_request_is_shown_without_a_secret(run: Run, profiles: Path) -> None:
    (profiles.parent / "config.toml").write_text(
        "[grok]\n"
        'cf_clearance = "hidden-1"\n'
        'cf_cookies = "__cf_bm=hidden-2"\n'
        'statsig = "hidden-3"\n'
        'custom_instruction = "hidden-4"\n'
    )
    shown = "".join(run("profiles", "check", name).out for name in ("2026-04", "2026-08"))

    assert "hidden" not in shown
    assert "Cookie: sso=…; sso-rw=…; cf_clearance=…; __cf_bm=…" in shown
    assert "x-statsig-id: …" in shown


def test_sockets_are_shown_as_sockets(run: Run, profiles: Path) -> None:
    shown = [run("profiles", "check", "2026-08").out]
    (profiles.parent / "config.toml").write_text('[grok]\nweb_base = "http://127.0.0.1:9"\n')
    shown.append(run("profiles", "check", "2026-08").out)

    for text, secure in zip(shown, ("s", ""), strict=True):
        assert f"\nconversation: GET ws{secure}://" in text
        assert f"\nquota: POST http{secure}://" in text


def test_shown_profile_holds_what_it_extends(run: Run) -> None:
    shown = json.loads(run("profiles", "show", "2026-08").out)

    assert shown["chain"] == ["2026-08", "2026-04", "base"]
    assert shown["quota"]["path"] == "/rest/rate-limits"


@pytest.mark.parametrize("page", ["add-a-profile.md", "add-a-profile.zh-CN.md"])
def test_profile_of_the_how_to_page_is_taken(run: Run, profiles: Path, page: str) -> None:
    text = example((PAGES / page).read_text(encoding="utf-8"))
    (profiles / "2026-11.toml").write_text(text, encoding="utf-8")
    checked = run("profiles", "check", "2026-11")

    assert checked.code == 0
    assert checked.out.startswith("profile 2026-11 < 2026-08 < 2026-04 < base")
    assert "/ws/next/?uid=<uid>" in checked.out
    assert rows(run("profiles", "list").out)["2026-11"] == ["web", "no", "good"]


def test_own_profile_is_used_once_the_setting_names_it(run: Run, profiles: Path) -> None:
    (profiles / "mine.toml").write_text('extends = "2026-04"\n')
    (profiles.parent / "config.toml").write_text('[grok]\nprotocol = "mine"\n')

    assert rows(run("profiles", "list").out)["mine"] == ["web", "yes", "good"]
    assert run("config", "check").code == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('extends = "2026-99"\n', "profile 2026-99: no such file; known: 2026-02, "),
        ("extends = ", "profile mine: "),
        ('extends = "2026-08"\nsurprise = 1\n', "unknown field"),
        ('extends = "../mine"\n', "no name of a profile"),
        ('extends = "mine"\n', "extends itself"),
    ],
    ids=["missing", "no toml", "unknown", "path", "circle"],
)
def test_faulty_profile_is_named_and_the_default_is_used(
    run: Run, profiles: Path, text: str, reason: str
) -> None:
    (profiles / "mine.toml").write_text(text)
    (profiles.parent / "config.toml").write_text('[grok]\nprotocol = "mine"\n')
    checked, config = run("profiles", "check", "mine"), run("config", "check")

    assert checked.code == 1
    assert reason in checked.err
    assert reason in config.out
    assert rows(run("profiles", "list").out)["2026-08"][1] == "yes"


def test_unknown_profile_is_refused_with_those_there_are(run: Run) -> None:
    done = run("profiles", "check", "2031-01")

    assert done.code == 1
    assert "known: 2026-02, 2026-04, 2026-08" in done.err


def test_file_whose_name_is_none_of_a_profile_is_listed_with_the_reason(
    run: Run, profiles: Path
) -> None:
    (profiles / "Mine.toml").write_text('extends = "2026-08"\n')
    reason = "no name of a profile, which is made of small letters"

    assert reason in run("profiles", "list").out
    assert f"Mine: profile 'Mine': {reason}" in run("profiles", "check").out
    assert reason in run("profiles", "check", "Mine").err


def test_setting_that_could_be_no_file_name_is_refused(run: Run, profiles: Path) -> None:
    (profiles.parent / "config.toml").write_text('[grok]\nprotocol = "../mine"\n')

    assert "grok.protocol: " in run("config", "check").out
