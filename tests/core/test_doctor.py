"""What the doctor says of observations, programs and folders, without any upstream."""

import asyncio
import re
from collections import Counter
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from grokgate.doctor import (
    Finding,
    Folder,
    Patients,
    Program,
    Words,
    code_of,
    look_at_folder,
    look_at_program,
    wal_reset_bug,
)
from grokgate.doctor.cause import code_of_way
from grokgate.doctor.examiner import by_status
from grokgate.doctor.patients import choose
from grokgate.doctor.reach import bare, first_closed, trace
from grokgate.doctor.routes import look_at_routes
from grokgate.doctor.upstream import look_at_upstream
from grokgate.doctor.visit import evidence, span
from grokgate.storage import open_database
from grokgate.testing.server import kept_port
from grokgate.tokens.record import Status, TokenRecord, TokenState
from grokgate.upstream import Kind, Observation, Secret, Stage

WORDS = Words.load()
PROGRAM = Program(
    version="1",
    python="3",
    sqlite=(3, 51, 3),
    plugins=("web",),
    broken={},
    config=Path("config.toml"),
    warnings=(),
    written_secrets=(),
    host="127.0.0.1",
    port=8000,
    on_loopback=True,
    anonymous=False,
)


def seen(kind: Kind, operation: str = "converse") -> Observation:
    return Observation(operation=operation, kind=kind, stage=Stage.REFUSED)


def levels(found: list[Finding]) -> dict[str, str]:
    return {finding.code: finding.level for finding in found}


# Words


@pytest.mark.parametrize("operation", ["survey", "converse"])
@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_words_and_a_remedy_in_both_languages(kind: Kind, operation: str) -> None:
    sentence = WORDS.sentences[code_of(seen(kind, operation))]

    assert sentence.en
    assert sentence.zh
    assert bool(sentence.do_en) == bool(sentence.do_zh) == (kind is not Kind.OK)


@pytest.mark.parametrize("code", WORDS.sentences)
def test_both_languages_say_the_same_values(code: str) -> None:
    sentence = WORDS.sentences[code]

    def values(text: str) -> set[str]:
        return set(re.findall(r"\{(\w+)\}", text))

    assert values(sentence.en) == values(sentence.zh)
    assert values(sentence.do_en) == values(sentence.do_zh)
    assert bool(sentence.do_en) == bool(sentence.do_zh)


@pytest.mark.parametrize("place", ["dns", "tcp", "tls", "open"])
@pytest.mark.parametrize("proxied", [False, True])
def test_every_broken_way_has_words(place: str, *, proxied: bool) -> None:
    assert WORDS.sentences[code_of_way(place, proxied=proxied)].do_zh


def test_call_is_named_before_its_cause() -> None:
    values = {"operation": "survey", "took_s": "0.1", "rule": "auth_fail", "id": "tok_1"}
    finding = Finding(area="account", code="auth_fail", values=values)

    assert WORDS.say(finding, "en").startswith("the quota call failed after 0.1 s: the upstream")
    assert WORDS.say(finding, "zh").startswith("额度查询在 0.1 秒后失败：")


@pytest.mark.parametrize(
    ("status", "en", "zh"),
    [
        (None, "(expired)", "（expired）"),
        (401, "(HTTP 401, expired)", "（HTTP 401, expired）"),
        (1008, "(socket closed 1008, expired)", "（套接字关闭 1008, expired）"),
    ],
)
def test_what_a_call_ended_with_is_named(status: int | None, en: str, zh: str) -> None:
    ended = Observation(
        operation="converse",
        kind=Kind.AUTH_DEAD,
        stage=Stage.SENT,
        status=status,
        marker="expired",
    )
    finding = Finding(area="account", code="auth_dead", values=evidence(ended))

    assert en in WORDS.say(finding, "en")
    assert zh in WORDS.say(finding, "zh")


# Causes


def test_refusal_for_quota_means_haste_while_quota_is_left() -> None:
    assert code_of(seen(Kind.QUOTA)) == "quota"
    assert code_of(seen(Kind.QUOTA), spare=True) == "too_many"
    assert code_of(seen(Kind.QUOTA, "survey")) == "too_many"


def test_refused_form_of_a_quota_call_is_a_changed_protocol() -> None:
    assert code_of(seen(Kind.BAD_REQUEST, "survey")) == "malformed"
    assert code_of(seen(Kind.BAD_REQUEST)) == "bad_request"


@pytest.mark.parametrize(
    ("seconds", "text"), [(3, "3 s"), (90, "1 min"), (3_600, "1 h 00 min"), (7_500, "2 h 05 min")]
)
def test_span_reads_alike_in_both_languages(seconds: float, text: str) -> None:
    assert span(seconds) == text


# Program


@pytest.mark.parametrize(
    ("version", "affected"),
    [((3, 6, 23), False), ((3, 7, 0), True), ((3, 51, 2), True), ((3, 51, 3), False)],
)
def test_wal_reset_bug_is_known_by_version(version: tuple[int, ...], *, affected: bool) -> None:
    assert wal_reset_bug(version) is affected


def test_healthy_program_needs_no_attention() -> None:
    assert set(levels(list(look_at_program(PROGRAM))).values()) == {"ok"}


@pytest.mark.parametrize(
    ("change", "code", "level"),
    [
        ({"sqlite": (3, 50, 0)}, "sqlite_wal_reset", "note"),
        ({"broken": {"haiku": "no such module"}}, "plugin_broken", "attention"),
        ({"warnings": ("x: unknown",)}, "config_warning", "attention"),
        ({"written_secrets": ("grok.statsig",)}, "config_secrets", "note"),
        ({"on_loopback": False}, "listening_open", "note"),
        ({"on_loopback": False, "anonymous": True}, "listening_anonymous", "attention"),
    ],
)
def test_fault_of_the_program_is_found(change: dict[str, Any], code: str, level: str) -> None:
    found = levels(list(look_at_program(replace(PROGRAM, **change))))

    assert found[code] == level


# Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    path = tmp_path / "data"
    path.mkdir(mode=0o700)
    key = path / "secret.key"
    key.touch(mode=0o600)
    database = path / "grokgate.db"
    return Folder(path=path, database=database, key_file=key, env_key=False, media_url="")


@pytest.mark.anyio
async def test_private_folder_is_well(folder: Folder) -> None:
    async with open_database(folder.database):
        found = levels(list(look_at_folder(folder)))

    assert found == dict.fromkeys(("folder", "space", "key", "database"), "ok")


@pytest.mark.parametrize("is_there", [False, True])
def test_key_without_what_it_opens_needs_attention(folder: Folder, *, is_there: bool) -> None:
    if is_there:
        folder.database.touch()
    found = levels(list(look_at_folder(folder)))

    assert (found["key"], found["database_is_new"]) == ("ok", "attention")


def test_readable_folder_and_key_need_attention(folder: Folder) -> None:
    folder.path.chmod(0o755)
    folder.key_file.chmod(0o644)
    found = levels(list(look_at_folder(folder)))

    assert (found["folder_open"], found["key_open"]) == ("attention", "attention")


def test_missing_key_matters_once_there_is_a_database(folder: Folder) -> None:
    folder.key_file.unlink()
    before = levels(list(look_at_folder(folder)))
    folder.database.touch()
    after = levels(list(look_at_folder(folder)))

    assert before["key_later"] == "note"
    assert after["key_missing"] == "attention"


def test_foreign_file_in_place_of_the_database_is_refused(folder: Folder) -> None:
    folder.database.write_bytes(b"no database" * 100)
    found = levels(list(look_at_folder(folder)))

    assert found["database_refused"] == "attention"


@pytest.mark.parametrize(
    ("place", "code", "level"),
    [("media", "media", "ok"), ("secret.key", "media_refused", "attention")],
)
def test_place_of_media_is_tried(folder: Folder, place: str, code: str, level: str) -> None:
    found = levels(list(look_at_folder(replace(folder, media_url=str(folder.path / place)))))

    assert found[code] == level
    assert not [path for path in folder.path.rglob("*") if path.name.startswith("check-")]


def test_folder_that_is_not_there_is_left_alone(folder: Folder) -> None:
    absent = replace(folder, path=folder.path / "absent")

    assert levels(list(look_at_folder(absent))) == {"folder_missing": "note"}
    assert not absent.path.exists()


# Choice of accounts


def accounts(*statuses: str) -> dict[str, TokenRecord]:
    """Make accounts of the pools small and large in turn."""
    records = {}
    for number, status in enumerate(statuses):
        state: Any = TokenState(id=f"tok_{number}", status=status)  # type: ignore[arg-type]
        records[state.id] = TokenRecord(
            id=state.id,
            pool=("small", "large")[number % 2],
            credential=Secret("c"),
            state=state,
        )
    return records


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (Patients(), ["tok_2", "tok_1"]),
        (Patients(pool="small"), ["tok_2", "tok_4", "tok_0"]),
        (Patients(all=True), ["tok_2", "tok_4", "tok_1", "tok_0", "tok_5"]),
        (Patients(ids=("tok_3",)), ["tok_3"]),
    ],
    ids=["usual", "pool", "all", "by id"],
)
def test_most_telling_accounts_are_tried(wanted: Patients, chosen: list[str]) -> None:
    records = accounts("expired", "cooling", "active", "disabled", "active", "expired")

    assert [record.id for record in choose(records, wanted)] == chosen


@pytest.mark.parametrize("wanted", [Patients(ids=("tok_9",)), Patients(pool="huge")])
def test_accounts_that_are_not_there_are_refused(wanted: Patients) -> None:
    with pytest.raises(ValueError, match="no account"):
        choose(accounts("active"), wanted)


@pytest.mark.parametrize(
    ("statuses", "code", "level"),
    [
        (("active", "active", "disabled"), "accounts_by_status", "ok"),
        (("active", "expired", "expired"), "accounts_by_status", "note"),
        (("cooling", "expired"), "accounts_by_status", "note"),
        (("expired", "disabled"), "accounts_unusable", "attention"),
    ],
)
def test_accounts_are_counted_by_status(
    statuses: tuple[Status, ...], code: str, level: str
) -> None:
    found = by_status(Counter(statuses))

    assert (found.code, found.level) == (code, level)
    assert found.values["expired"] in WORDS.say(found, "en")


# Upstream


def test_upstream_that_describes_nothing_is_passed_over() -> None:
    assert list(look_at_upstream("other", {})) == []


def test_fingerprint_that_is_not_there_is_noted() -> None:
    shown = {"wanted": "chrome141", "target": "chrome136", "exact": False}
    (found,) = look_at_upstream("web", {"impersonate": shown})

    assert (found.code, found.level) == ("fingerprint_other", "note")
    assert "chrome141" in WORDS.say(found, "zh")


# Way


@pytest.mark.anyio
async def test_name_that_cannot_be_resolved_is_found_on_the_way() -> None:
    assert await trace(f"https://{'a' * 64}") == "dns"


@pytest.mark.anyio
async def test_broken_handshake_is_found_on_the_way() -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]

        assert await trace(f"http://127.0.0.1:{port}") == "open"
        assert await trace(f"https://127.0.0.1:{port}") == "tls"


@pytest.mark.anyio
async def test_closed_port_is_found_on_the_way() -> None:
    with kept_port() as port:
        assert await trace(f"http://127.0.0.1:{port}") == "tcp"


@pytest.mark.anyio
async def test_port_that_cannot_be_accepts_nothing() -> None:
    assert await trace("http://127.0.0.1:99999") == "tcp"


@pytest.mark.anyio
async def test_first_address_that_is_closed_is_named() -> None:
    with kept_port() as one, kept_port() as other:
        closed = [f"http://127.0.0.1:{port}" for port in (one, other)]

        assert await first_closed(closed) == ("tcp", closed[0])
        assert await first_closed([]) is None


@pytest.mark.anyio
async def test_routes_are_tried_side_by_side() -> None:
    waiting = 0
    both = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal waiting
        if await reader.read(1):  # the handshake; the connection before it sends nothing
            waiting += 1
            if waiting == 2:
                both.set()
            await both.wait()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        routes = [f"https://127.0.0.1:{port}", f"https://joe:secret@127.0.0.1:{port}"]
        with anyio.fail_after(4):  # one handshake after the other would wait for 5 s
            found = await look_at_routes("web", {"routes": routes})

    assert [one.code for one in found] == ["connect_tls", "connect_tls"]
    assert [one.values["address"] for one in found] == [routes[0], routes[0]]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://joe:p@ss@proxy:8080", "http://proxy:8080"),
        ("https://joe:pass@site.invalid/x@y", "https://site.invalid/x@y"),
        ("https://site.invalid", "https://site.invalid"),
    ],
)
def test_address_is_shown_without_its_password(address: str, shown: str) -> None:
    assert bare(address) == shown
