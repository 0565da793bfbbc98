"""The user id that the gateway socket asks for, against a scripted upstream."""

from typing import Any

import pytest

from grokgate.upstream import (
    Account,
    Kind,
    Secret,
    Stage,
)
from plugins.web.talk_world import ANSWER, UID, whole

pytestmark = pytest.mark.anyio

OLD_UID = "00000000-2f6b-4b0e-9a53-0d8f5f0e1a11"


@pytest.fixture
def stranger() -> Account:
    """An account whose user id is not known yet."""
    return Account(id="a1", pool="ssoBasic", credential=Secret("secret-a"))


async def test_user_id_is_asked_once_and_kept(
    server: Any, stranger: Any, attempt: Any, talk: Any
) -> None:
    server.script = whole
    found, _ = await talk(stranger, attempt)

    first, second = server.visits
    assert found == ANSWER
    assert (first.path, second.path) == ("/api/auth/session", f"/ws/mgw/?uid={UID}")
    assert first.headers["cookie"] == "sso=secret-a; sso-rw=secret-a"
    assert not {"x-statsig-id", "content-type"} & set(first.headers)
    assert attempt.kept == {"user_id": UID}


@pytest.mark.parametrize(
    ("status", "body", "kind", "stage"),
    [
        (200, b'{"status":"unauthenticated"}', Kind.AUTH_DEAD, Stage.REFUSED),
        (200, b'{"status":"blocked"}', Kind.AUTH_DEAD, Stage.REFUSED),
        (200, b'{"session":{"userId":"me"}}', Kind.MALFORMED, Stage.UNSENT),
        (200, b"<html>", Kind.MALFORMED, Stage.UNSENT),
        (401, b'{"error":{"code":16}}', Kind.AUTH_FAIL, Stage.REFUSED),
        (403, b"<html>Just a moment...", Kind.CHALLENGE, Stage.REFUSED),
        (500, b"oops", Kind.TRANSIENT, Stage.UNSENT),
    ],
)
async def test_account_that_is_none(
    server: Any, stranger: Any, attempt: Any, talk: Any,
    *, status: int, body: bytes, kind: Kind, stage: Stage,
) -> None:  # fmt: skip
    server.script = lambda visit: visit.reply(body, status)
    _, observed = await talk(stranger, attempt)

    assert (observed.kind, observed.stage) == (kind, stage)
    assert (len(server.visits), attempt.sent_count, attempt.kept) == (1, 0, {})


async def test_user_id_that_changed_is_learned_anew(server: Any, attempt: Any, talk: Any) -> None:
    async def script(visit: Any) -> None:
        if visit.path.endswith(f"uid={OLD_UID}"):
            await visit.reply(b"wrong uid", 400)
        await whole(visit)

    server.script = script
    known = Account(id="a1", pool="p", credential=Secret("s"), kept={"user_id": OLD_UID})
    found, _ = await talk(known, attempt)

    assert (found, attempt.kept) == (ANSWER, {"user_id": UID})


async def test_note_that_is_no_user_id_is_not_sent(server: Any, attempt: Any, talk: Any) -> None:
    server.script = whole
    odd = Account(id="a1", pool="p", credential=Secret("s"), kept={"user_id": f"{UID}; sso=other"})
    found, _ = await talk(odd, attempt)

    assert (found, attempt.kept) == (ANSWER, {"user_id": UID})
    assert not any("other" in visit.headers["cookie"] for visit in server.visits)
