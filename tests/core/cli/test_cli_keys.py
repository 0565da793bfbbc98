import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[..., Any]


def test_a_key_is_shown_once_and_masked_afterwards(run: Run) -> None:
    made = run("keys", "create", "laptop")
    listed = run("keys", "list")

    key = made.out.strip()
    assert key.startswith("sk-")
    assert "shown this once" in made.err
    assert key not in listed.out
    assert f"laptop  {key[:6]}…  active" in listed.out


def test_a_revoked_key_says_so(run: Run) -> None:
    run("keys", "create", "laptop")

    assert run("keys", "revoke", "laptop").out.startswith("revoked laptop (sk-")
    assert "revoked" in run("keys", "list").out


def test_an_unknown_key_cannot_be_revoked(run: Run) -> None:
    run("keys", "create", "laptop")
    done = run("keys", "revoke", "phone")

    assert (done.code, done.out) == (1, "")
    assert done.err == "grokgate: No active key is called so; `keys list` shows the ids.\n"


def test_limits_and_use_of_today_are_listed(run: Run) -> None:
    run("keys", "create", "laptop", "--chat", "300", "--video", "0", "--rpm", "20")

    assert "chat 0/300, video 0/0" in run("keys", "list").out


def test_a_key_past_its_date_has_expired(run: Run) -> None:
    run("keys", "create", "laptop", "--expires", "2020-01-01")
    run("keys", "create", "phone", "--expires", "30d")

    lines = run("keys", "list").out.splitlines()
    assert "expired" in next(line for line in lines if "laptop" in line)
    assert "active" in next(line for line in lines if "phone" in line)


def test_a_date_that_is_none_is_refused(run: Run) -> None:
    assert run("keys", "create", "laptop", "--expires", "soon").code == 2


def test_a_deleted_key_is_gone(run: Run) -> None:
    run("keys", "create", "laptop")

    assert run("keys", "delete", "laptop").out.startswith("deleted laptop (sk-")
    assert "laptop" not in run("keys", "list").out


def test_keys_of_the_settings_are_listed_with_their_source(run: Run, tmp_path: Path) -> None:
    run("keys", "create", "laptop")
    text = "sk-of-the-settings-0123"
    (tmp_path / "data" / "config.toml").write_text(f'[app]\napi_key = ["{text}"]\n')
    listed, rows = run("keys", "list"), json.loads(run("keys", "list", "--json").out)

    assert [row["source"] for row in rows] == ["managed", "config"]
    assert "config  sk-of-…  active  config " in listed.out
    assert text not in listed.out
