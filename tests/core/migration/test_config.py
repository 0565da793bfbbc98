"""Where the configuration of a predecessor goes, and what is told of it."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from grokgate.migration import Advice, OldConfig, settle_config
from grokgate.settings import Field, collect_fields
from grokgate.settings.core import CORE
from grokgate.settings.document import TEMPLATE

PY16 = {
    "app": {"api_key": "sk-secret"},
    "retry": {"max_retry": 5},
    "token": {"a": None, "b": [None]},
}


@pytest.fixture
def fields() -> Mapping[str, Field]:
    return collect_fields(CORE, ())


def settle(
    tmp_path: Path, fields: Mapping[str, Field], tree: Any = PY16, *, rehearsal: bool = False
) -> Advice:
    return settle_config(OldConfig(tree=tree), tmp_path, fields, rehearsal=rehearsal)


def read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text())


@pytest.mark.parametrize("present", [None, TEMPLATE, ""], ids=["no file", "template", "empty"])
def test_it_is_applied_where_none_is_in_force(
    tmp_path: Path, fields: Mapping[str, Field], present: str | None
) -> None:
    if present is not None:
        (tmp_path / "config.toml").write_text(present)

    advice = settle(tmp_path, fields)

    assert advice.is_applied
    assert read(tmp_path / "config.toml") == {
        "app": {"api_key": "sk-secret"},
        "grok": {"max_retry": 5},
    }
    assert (tmp_path / "config.toml").read_text().startswith(present or "")


@pytest.mark.parametrize("name", ["config.toml", "setting.toml"])
def test_one_that_is_there_stays_as_it_is(
    tmp_path: Path, fields: Mapping[str, Field], name: str
) -> None:
    (tmp_path / name).write_text("[grok]\ntimeout = 1\n")

    advice = settle(tmp_path, fields)

    assert (tmp_path / name).read_text() == "[grok]\ntimeout = 1\n"
    assert advice.path == tmp_path / "config.migrated.toml"
    assert read(advice.path)["grok"] == {"max_retry": 5}
    assert advice.path.stat().st_mode & 0o777 == 0o600


def test_file_of_a_predecessor_is_copied_with_its_comments(
    tmp_path: Path, fields: Mapping[str, Field]
) -> None:
    old = tmp_path / "old" / "setting.toml"
    old.parent.mkdir()
    old.write_text("# mine\n[grok]\nproxy_url = 'http://127.0.0.1:1'\n")
    config = OldConfig(tree=read(old), file=old)

    advice = settle_config(config, tmp_path, fields, rehearsal=False)

    assert (tmp_path / "setting.toml").read_text() == old.read_text()
    assert advice.notes == ("grok.proxy_url is read as grok.base_proxy_url",)


def test_secrets_and_what_nobody_knows_are_not_shown(
    tmp_path: Path, fields: Mapping[str, Field]
) -> None:
    advice = settle(tmp_path, fields, {**PY16, "mail": {"password": "hunter2"}})

    assert advice.lines == (
        "app.api_key = (not shown: secret)",
        "mail.password = (not shown: no setting of today)",
        "grok.max_retry = 5",
    )


def test_rehearsal_writes_nothing(tmp_path: Path, fields: Mapping[str, Field]) -> None:
    settle(tmp_path, fields, rehearsal=True)

    assert list(tmp_path.iterdir()) == []
