from collections.abc import Callable
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
