import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grokgate.dispatch.journal import CallStory
from grokgate.plugin.records import AttemptRecord, CallRecord
from grokgate.scheduler.home import Decision, Scored
from grokgate.storage import open_database
from grokgate.storage.decisions import DecisionRow, write_decisions
from grokgate.upstream import Kind, Observation, Stage

Run = Callable[..., Any]
TOKENS = "made-up-credential-1\nmade-up-credential-2\n"


@pytest.fixture
def stored(run: Run, tmp_path: Path) -> Path:
    """Import two accounts; return the data folder."""
    file = tmp_path / "accounts.txt"
    file.write_text(TOKENS)
    assert run("tokens", "import", str(file)).code == 0
    return tmp_path / "data"


@pytest.mark.usefixtures("stored")
def test_model_is_explained_from_what_is_stored(run: Run) -> None:
    done = run("explain", "grok-4")

    assert done.code == 0
    assert "no service runs here: this is what is stored" in done.err
    first, *_ = done.out.split("\n\n")
    assert first.startswith("grok-4 by web as ")
    assert " takes 1 unit of the window auto\npools, in the order they are tried: sso" in first
    assert "the first is next: by pool, within a pool by max_quota" in first
    assert first.count("tok_") == 2
    assert "made-up" not in done.out


@pytest.mark.usefixtures("stored")
def test_disabled_account_is_named_with_its_reason(run: Run) -> None:
    ids = [row["id"] for row in json.loads(run("tokens", "list", "--json").out)]
    run("tokens", "disable", *ids)
    done = run("explain", "grok-4")

    assert done.code == 1
    assert "no candidate: All accounts for this model are disabled." in done.out
    assert "out: 2 disabled" in done.out


def test_account_not_detected_yet_is_shown_as_such(run: Run, tmp_path: Path) -> None:
    (tmp_path / "accounts.txt").write_text(TOKENS)
    run("tokens", "import", "accounts.txt", "--pool", "auto")

    first, *_ = run("explain", "grok-4").out.split("\n\n")
    assert first.count("auto, counted as ssoBasic") == 2


def test_accounts_of_the_sandbox_are_pointed_at(
    run: Run, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    stored.rename(tmp_path / "other" / "sandbox")
    monkeypatch.setenv("DATA_DIR", "other")

    for command in ("explain grok-4", "tokens list", "tokens refresh --all", "doctor"):
        done = run(*command.split())
        assert done.code == 1
        assert "Set DATA_DIR=other/sandbox for the accounts of serve --" in done.out + done.err


@pytest.mark.parametrize("command", ["serve --sandbox", "doctor --sandbox"])
def test_no_sandbox_is_made_in_a_sandbox(
    run: Run, stored: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    folder = stored.rename(stored.with_name("sandbox"))
    monkeypatch.setenv("DATA_DIR", "sandbox")
    done = run(*command.split())

    assert done.code == 1
    assert "Set DATA_DIR=." in done.err
    assert not (folder / "sandbox").exists()
    assert "DATA_DIR=. grokgate serve --sandbox" in run("tokens", "refresh", "--all").err


@pytest.mark.usefixtures("stored")
def test_json_is_the_whole_truth(run: Run) -> None:
    found = json.loads(run("explain", "grok-4", "--json").out)

    assert found["model"] == "grok-4"
    assert {"candidates", "out", "ruled_out", "next_reset_s"} <= found["ways"][0].keys()


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (("nope",), 1, "does not exist"),
        (("grok-4", "--key", "nobody"), 1, "No key is called so"),
        ((), 2, "Name a model, or a request"),
        (("grok-4", "--request", "r1"), 2, "Name a model, or a request"),
    ],
)
def test_what_cannot_be_explained_is_refused(
    run: Run, arguments: tuple[str, ...], code: int, reason: str
) -> None:
    done = run("explain", *arguments)

    assert (done.code, done.out) == (code, "")
    assert reason in done.err


@pytest.mark.usefixtures("stored")
def test_model_is_explained_as_a_key_sees_it(run: Run) -> None:
    run("keys", "create", "laptop")
    assert run("explain", "grok-4", "--key", "laptop").code == 0

    run("keys", "revoke", "laptop")
    assert "That key is revoked" in run("explain", "grok-4", "--key", "laptop").err


def test_without_a_data_folder_nothing_is_made(run: Run, tmp_path: Path) -> None:
    done = run("explain", "grok-4")

    assert (done.code, done.out) == (1, "")
    assert "There is no database" in done.err
    assert not (tmp_path / "data").exists()


def test_stored_request_shows_attempts_and_decisions(run: Run, stored: Path) -> None:
    asyncio.run(_keep(stored / "grokgate.db", _story()))
    done = run("explain", "--request", "req-1")

    assert done.code == 0
    assert "grok-4 for chat: failed (upstream_error) after 1.50 s, 1 unit\n" in done.out
    assert "transient  socket closed 1000" in done.out
    assert "decision 7 on web as grok-4-auto (ssoBasic): took tok_a" in done.out
    assert "tok_a ssoBasic 9 units=9" in done.out
    assert "out: 3 out of quota" in done.out


@pytest.mark.usefixtures("stored")
def test_unknown_request_says_so(run: Run) -> None:
    done = run("explain", "--request", "never")

    assert done.code == 1
    assert done.out.startswith("nothing is known of this request")


def _story() -> CallStory:
    seen = Observation(operation="converse", kind=Kind.TRANSIENT, stage=Stage.SENT, status=1000)
    attempt = AttemptRecord(
        upstream="web", account="tok_a", observation=seen, units=1, duration_s=1.2, decision=7
    )
    call = CallRecord(
        request_id="req-1",
        plugin="chat",
        model="grok-4",
        upstream="web",
        outcome="failed",
        observation=seen,
        units=1,
        outputs=0,
        attempts=1,
        duration_s=1.5,
        first_event_s=None,
        tries=(attempt,),
        error="upstream_error",
    )
    decision = Decision(
        request_id="req-1",
        model="grok-4",
        upstream="web",
        policy="max_quota",
        chosen="tok_a",
        best=(Scored("tok_a", 9.0, {"units": 9.0}, "ssoBasic"),),
        out={"empty": 3},
        pools=("ssoBasic",),
        number=7,
        wire="grok-4-auto",
    )
    return CallStory(call=call, at_ms=1_700_000_000_000, decisions=(decision,))


async def _keep(path: Path, story: CallStory) -> None:
    row = DecisionRow(
        id="call_1",
        request_id=story.call.request_id,
        at_ms=story.at_ms,
        outcome=story.call.outcome,
        detail=msgspec.json.encode(story),
    )
    async with open_database(path) as database, database.write() as connection:
        await write_decisions(connection, [row])
