"""``grokgate tokens show`` and ``refresh``, with and without a service."""

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import anyio.from_thread
import pytest
import structlog
from structlog.testing import LogCapture

from grokgate import control
from grokgate.cli import tokens
from grokgate.operations import OperationFailed, Operations, Progress

Run = Callable[..., Any]

SECRET = "a" * 20 + "-one-12345"
BUCKET = {
    "remaining": 3,
    "total": 20,
    "window_seconds": 7200,
    "reset_at": 4_102_444_800_000,
    "synced_at": 1_772_366_400_000,
    "source": "real",
}


@pytest.fixture
def account(run: Run, tmp_path: Path) -> str:
    """Import one account; returns its id."""
    ext = {"buckets": {"auto": BUCKET}, "max_inflight": 2}
    record = {"token": SECRET, "note": "mine", "last_fail_reason": "forbidden", "ext": ext}
    (tmp_path / "t.json").write_text(json.dumps({"ssoBasic": [record]}))
    run("tokens", "import", "t.json")
    return str(json.loads(run("tokens", "list", "--json").out)[0]["id"])


def test_show_tells_all_but_the_credential(run: Run, account: str) -> None:
    shown = run("tokens", "show", account)

    facts, _, buckets = shown.out.partition("\n\n")
    lines = dict(line.split("  ", 1) for line in facts.splitlines())
    assert {name: value.strip() for name, value in lines.items()}.items() >= {
        "id": account,
        "token": "…-12345",
        "pool": "ssoBasic",
        "status": "active",
        "in flight": "unknown, no service runs",
        "at once": "2",
        "note": "mine",
        "last fail reason": "forbidden",
        "last sync": "-",
    }.items()
    row = next(" ".join(line.split()) for line in buckets.splitlines() if line[:4] == "auto")
    assert row.startswith("auto 3 20 7200 2100-01-01 00:00 ")
    assert row.endswith(" ago real")
    assert SECRET not in shown.out


def test_show_as_json(run: Run, account: str) -> None:
    shown = json.loads(run("tokens", "show", account, "--json").out)

    assert shown["account"]["state"]["buckets"]["auto"]["remaining"] == 3
    assert shown["inflight"] is None


@pytest.mark.usefixtures("account")
def test_show_of_an_unknown_account(run: Run) -> None:
    assert run("tokens", "show", "tok_none") == (
        1,
        "",
        "grokgate: no account has the id 'tok_none', see grokgate tokens list\n",
    )


def test_account_without_a_pool_is_listed_as_such(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(SECRET)
    run("tokens", "import", "t.txt", "--pool", "auto")

    assert "auto (not detected yet)" in run("tokens", "list").out


def test_expired_account_has_to_answer_first(run: Run, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(json.dumps([{"token": SECRET, "status": "expired"}]))
    run("tokens", "import", "t.json")
    (row,) = json.loads(run("tokens", "list", "--json").out)

    done = run("tokens", "enable", row["id"])

    assert done.code == 1
    assert done.out.splitlines() == [
        "0 enabled",
        f"expired: {row['id']}: it has to answer first: grokgate tokens refresh {row['id']}",
    ]


def test_refresh_needs_a_service(run: Run, account: str) -> None:
    done = run("tokens", "refresh", account)

    assert (done.code, done.out) == (1, "")
    assert "Start it: grokgate serve" in done.err


@pytest.mark.parametrize("arguments", [(), ("tok_1", "--all"), ("tok_1", "--pool", "ssoBasic")])
def test_refresh_has_to_be_told_of_what(run: Run, arguments: tuple[str, ...]) -> None:
    done = run("tokens", "refresh", *arguments)

    assert (done.code, done.out) == (2, "")
    assert "--pool POOL, or --all" in done.err


def _state(remaining: int, status: str = "active") -> dict[str, Any]:
    return {
        "status": status,
        "state_reason": None,
        "cooldown_until_ms": None,
        "buckets": {"auto": {"remaining": remaining, "total": 20}},
    }


def _answer(number: int, of: int, **said: Any) -> dict[str, Any]:
    base = {"id": f"tok_{number}", "of": of, "before": _state(3), "failure": None}
    return {**base, "after": _state(20), **said}


class Service(Operations):
    """Answers a refresh, or a look at the accounts, as told."""

    def __init__(self, answers: Sequence[dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: list[Any] = []

    async def run(self, name: str, arguments: Any, progress: Progress | None = None) -> Any:
        assert progress is not None
        self.asked.append((name, arguments))
        if name == "tokens.list":
            return self.answers
        if not self.answers:
            raise OperationFailed("there is no account")
        for answer in self.answers:
            await progress(answer)
        return None


@asynccontextmanager
async def _serving(folder: Path, service: Service) -> AsyncIterator[None]:
    log = structlog.wrap_logger(None, processors=[LogCapture()])
    async with control.serve(folder, service, log=log):
        yield


@contextmanager
def _service(folder: Path, *answers: dict[str, Any]) -> Iterator[Service]:
    """Run a service in a thread, as beside a command."""
    folder.mkdir()
    service = Service(answers)
    with (
        anyio.from_thread.start_blocking_portal() as portal,
        portal.wrap_async_context_manager(_serving(folder, service)),
    ):
        yield service


def test_refresh_prints_before_and_after(run: Run, tmp_path: Path) -> None:
    expired = _answer(2, 2, before=_state(0, "expired"))
    with _service(tmp_path / "data", _answer(1, 2), expired) as service:
        done = run("tokens", "refresh", "--pool", "ssoBasic")

    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines() == [
        "tok_1: active, auto 3/20 -> active, auto 20/20",
        "tok_2: expired, auto 0/20 -> active, auto 20/20",
    ]
    assert service.asked == [("tokens.refresh", {"ids": None, "pool": "ssoBasic"})]


def test_refresh_fails_when_an_account_did_not_answer(run: Run, tmp_path: Path) -> None:
    answers = [
        _answer(1, 3, failure="transient", after=_state(3)),
        _answer(2, 3, failure="disabled", after=_state(3, "disabled")),
        _answer(3, 3, failure="unknown", before=None, after=None),
    ]
    with _service(tmp_path / "data", *answers):
        done = run("tokens", "refresh", "tok_1", "tok_2", "tok_3")

    assert done.code == 1
    assert done.out.splitlines() == [
        "tok_1: failed (transient; more: grokgate doctor tok_1): active, auto 3/20",
        "tok_2: not asked, enable it first: disabled, auto 3/20",
        "tok_3: not asked: no such account",
    ]


def test_long_refresh_says_how_far_it_is(run: Run, tmp_path: Path) -> None:
    with _service(tmp_path / "data", *(_answer(number, 120) for number in range(120))):
        done = run("tokens", "refresh", "--all")

    assert done.err.splitlines() == ["grokgate: asked 50 of 120", "grokgate: asked 100 of 120"]


def test_refusal_of_a_refresh_is_one_line(run: Run, tmp_path: Path) -> None:
    with _service(tmp_path / "data"):
        done = run("tokens", "refresh", "--all")

    assert (done.code, done.err) == (1, "grokgate: there is no account\n")


@pytest.mark.parametrize(
    ("buckets", "quota"),
    [
        ({"auto": (-1, 50, "real"), "fast": (3, 30, "real")}, "auto ?/50, fast 3/30"),
        ({"auto": (3, 20, "real"), "default": (0, 0, "default")}, "auto 3/20"),
        ({"auto": (3, 20, "real"), "default": (80, None, "default")}, "auto 3/20"),
        ({"default": (80, None, "default"), "auto": (-1, None, "default")}, "default 80"),
        ({"auto": (-1, None, "default")}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_quota_of_an_account(buckets: dict[str, tuple[int, int | None, str]], quota: str) -> None:
    known = {
        name: {"remaining": remaining, "total": total, "source": source}
        for name, (remaining, total, source) in buckets.items()
    }

    assert tokens._quota(known) == quota


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (("expired", "account_marker", "survey auth_dead 401"), "expired (credential is dead)"),
        (("expired", "unauthorized", "converse auth_fail 401"), "expired (credential refused)"),
        (("expired", "odd", None), "expired (odd)"),
        (("disabled", "operator", "survey auth_dead 401"), "disabled (operator)"),
    ],
)
def test_reason_of_a_status_is_in_words(state: tuple[str, str, str | None], status: str) -> None:
    names = ("status", "state_reason", "evidence", "cooldown_until_ms")

    assert tokens._status(dict(zip(names, (*state, None), strict=True))) == status


def test_list_marks_old_numbers_and_odd_pools(run: Run, tmp_path: Path) -> None:
    row = {
        "id": "tok_1",
        "masked": "…",
        "pool": "ssoBasic",
        "routed": True,
        "hint": "ssoSuper",
        "stale": True,
        "tags": [],
        "note": "",
        "state": {**_state(3), "last_used_at_ms": None},
    }
    with _service(tmp_path / "data", row):
        done = run("tokens", "list")

    assert "ssoBasic (looks like ssoSuper)" in done.out
    assert "auto 3/20 (stale)" in done.out
