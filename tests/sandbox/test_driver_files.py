"""The driver's files and quota against the sandbox, in every generation."""

import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, get_args

import anyio
import msgspec
import pytest
import structlog

from grokgate.sandbox import AccountFixture, Protocol, Sandbox, WindowFixture, faults
from grokgate.sandbox.accounts import StoredFile
from grokgate.sandbox.fixtures import WeeklyCredits
from grokgate.testing.server import running_sandbox
from grokgate.upstream import (
    Account,
    AccountFacts,
    Asset,
    Attachment,
    Blob,
    Conversation,
    Event,
    Kind,
    Message,
    Observation,
    Secret,
    Stage,
    Text,
    UpstreamContext,
    UpstreamFailure,
    UpstreamSession,
    Window,
    Wire,
)
from grokgate.upstreams import Line
from grokgate_web.driver import WebDriver, open_driver
from grokgate_web.settings import WebSettings

pytestmark = pytest.mark.anyio

GENERATIONS: tuple[Protocol, ...] = get_args(Protocol)
NEW_ONES = ("2026-04", "2026-08")
WIRES = {
    "2026-02": Wire(name="grok-3", buckets=("default",), params={"mode": "MODEL_MODE_GROK_3"}),
    "2026-04": Wire(name="fast", buckets=("fast",)),
    "2026-08": Wire(name="fast", buckets=("fast",)),
}
MODES = frozenset(("auto", "fast", "expert", "heavy", "grok_4_3"))
PRODUCTS = frozenset(("image", "image_edit", "image_pro", "video", "video_720p"))
FINE = Observation(operation="", kind=Kind.OK, stage=Stage.CONTENT)
PICTURE = b"\xff\xd8" + bytes(range(256)) * 400


class World:
    """A driver in front of a sandbox."""

    def __init__(self, driver: WebDriver, sandbox: Sandbox, wire: Wire) -> None:
        self.driver = driver
        self.sandbox = sandbox
        self.wire = wire

    @asynccontextmanager
    async def session(self, token: str = "t") -> AsyncIterator[UpstreamSession]:
        account = Account(id=f"id-{token}", pool="ssoBasic", credential=Secret(token))
        line = Line(first_s=5.0, idle_s=5.0)
        async with self.driver.session(account, self.wire, line) as session:
            yield session

    async def say(self, *blobs: Blob) -> tuple[list[Event], Observation]:
        files = tuple(Attachment(blob=blob, kind="image") for blob in blobs)
        request = Conversation(messages=(Message(role="user", parts=(Text(text="see"), *files)),))
        async with self.session() as session:
            return await read(session.converse(request))

    async def files(self) -> tuple[list[Any], Observation]:
        async with self.session() as session:
            return await read(session.files())

    async def fetch(
        self, key: str, token: str = "t", mime: str | None = "image/jpeg"
    ) -> tuple[bytes, Observation]:
        asset = Asset(ref=key, account=f"id-{token}", mime=mime)
        async with self.session(token) as session:
            pieces, observation = await read(session.fetch(asset))
        return b"".join(pieces), observation

    async def survey(self, *buckets: str) -> AccountFacts:
        account = Account(id="id-t", pool="ssoBasic", credential=Secret("t"))
        line = Line(first_s=5.0, idle_s=5.0)
        with anyio.fail_after(10):
            return await self.driver.survey(account, line, buckets=frozenset(buckets))

    def keep(self, content: bytes = PICTURE, *, token: str = "t", mime: str = "image/jpeg") -> str:
        """Put a file into an account; returns its path."""
        account = self.sandbox.accounts[token]
        number = len(account.files)
        file = StoredFile(
            id=f"00000000-0000-4000-8000-{number:012}",
            name=f"{number}.jpg",
            mime=mime,
            content=content,
            created_at=number,
            used_at=number,
        )
        account.keep(file)
        return account.key(file)


async def read(generator: Any) -> tuple[list[Any], Observation]:
    """Read to the end; return what came, and how it ended."""
    found = []
    with anyio.fail_after(15):
        try:
            async with aclosing(generator):
                async for item in generator:
                    found.append(item)  # noqa: PERF401 - what came before a failure counts
        except UpstreamFailure as failure:
            return found, failure.observation
    return found, FINE


@asynccontextmanager
async def running(protocol: Protocol = "2026-08", **account: Any) -> AsyncIterator[World]:
    fixtures = [AccountFixture(token="t", **account), AccountFixture(token="other")]
    async with running_sandbox(protocol=protocol, accounts=fixtures) as (sandbox, base):
        settings = WebSettings(web_base=base, assets_base=f"{base}/__assets", protocol=protocol)
        context = UpstreamContext(
            settings=lambda: settings, log=structlog.get_logger(), clock=sandbox.clock
        )
        async with open_driver(context) as driver:
            yield World(driver, sandbox, WIRES[protocol])


def knobs(name: str, **choices: tuple[Any, ...]) -> list[faults.Action]:
    return [
        msgspec.convert({"knob": name, **dict(zip(choices, values, strict=True))}, faults.Action)
        for values in itertools.product(*choices.values())
    ]


def blob(content: bytes = PICTURE, name: str = "a.jpg") -> Blob:
    return Blob.of_bytes(content, mime="image/jpeg", name=name)


# -- uploads ---------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", GENERATIONS)
async def test_conversation_has_its_attachments(protocol: Protocol) -> None:
    async with running(protocol) as world:
        _, observed = await world.say(blob(), blob(b"second", 'ü "2".jpg'))
        files = world.sandbox.accounts["t"].files.values()
        [chat] = world.sandbox.journal.of("chat")

    assert observed == FINE
    assert {file.content for file in files} == {PICTURE, b"second"}
    assert {file.mime for file in files} == {"image/jpeg"}
    said = chat.body.decode() if not chat.frames else str(chat.events("client"))
    assert all(file.id in said for file in files)


@pytest.mark.parametrize("protocol", GENERATIONS)
@pytest.mark.parametrize("size", [0, 1, 2, 3, 3_000_001])
async def test_upload_is_complete(protocol: Protocol, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    async with running(protocol) as world:
        _, observed = await world.say(blob(content[:size]))
        [file] = world.sandbox.accounts["t"].files.values()

    assert observed == FINE
    assert file.content == content[:size]


UPLOAD_FAULTS = [
    *knobs("upload_error", form=("missing_ids", "terminal_error", "413", "415", "500", "503")),
    *knobs("http_status", code=(400, 401, 413, 415, 429, 500, 502, 520)),
    *knobs("account_state", state=("session_lost", "blocked")),
    *knobs("cf_challenge", status=(403, 503)),
]


@pytest.mark.parametrize("protocol", GENERATIONS)
@pytest.mark.parametrize("action", UPLOAD_FAULTS, ids=str)
async def test_upload_fault_is_observed_as_expected(
    protocol: Protocol, action: faults.Action
) -> None:
    async with running(protocol) as world:
        world.sandbox.rules.add(action, endpoint="upload")
        _, observed = await world.say(blob())

        assert not world.sandbox.journal.of("chat")
    assert observed.kind in action.expected.kinds
    assert observed.stage in (Stage.UNSENT, Stage.REFUSED)


@pytest.mark.parametrize("protocol", GENERATIONS)
async def test_forbidden_upload_is_about_its_content(protocol: Protocol) -> None:
    [forbidden] = knobs("http_status", code=(403,))
    async with running(protocol) as world:
        world.sandbox.rules.add(forbidden, endpoint="upload")
        _, observed = await world.say(blob())

    assert (observed.kind, observed.stage) == (Kind.MODERATION, Stage.REFUSED)


async def test_file_that_is_too_large_is_refused_while_it_is_sent() -> None:
    async with running() as world:
        _, observed = await world.say(blob(bytes(33 * 1024 * 1024)))

    assert (observed.kind, observed.stage) == (Kind.BAD_REQUEST, Stage.REFUSED)


# -- list, delete, download ------------------------------------------------------------------


@pytest.mark.parametrize("protocol", GENERATIONS)
async def test_files_are_listed_over_all_pages(protocol: Protocol) -> None:
    async with running(protocol) as world:
        for _ in range(120):
            world.keep()
        world.keep(token="other")
        files, observed = await world.files()

    assert observed == FINE
    assert [file.name for file in files] == [f"{number}.jpg" for number in reversed(range(120))]
    assert {(file.mime, file.size) for file in files} == {("image/jpeg", len(PICTURE))}
    assert files[-1].created_at == 0


@pytest.mark.parametrize(
    "action", knobs("bad_paging", form=("repeated", "endless", "empty_page")), ids=str
)
async def test_bad_paging_ends(action: faults.Action) -> None:
    async with running() as world:
        for _ in range(60):
            world.keep()
        world.sandbox.rules.add(action, endpoint="assets")
        files, observed = await world.files()

    assert observed.kind in action.expected.kinds
    assert len({file.id for file in files}) == len(files) >= 50


@pytest.mark.parametrize("protocol", GENERATIONS)
async def test_file_is_deleted_once(protocol: Protocol) -> None:
    async with running(protocol) as world:
        world.keep()
        [file], _ = await world.files()
        async with world.session() as session:
            await session.delete_file(file.id)
            await session.delete_file(file.id)

        assert not world.sandbox.accounts["t"].files


async def test_file_of_another_account_is_not_deleted() -> None:
    async with running() as world:
        world.keep(token="other")
        [file_id] = world.sandbox.accounts["other"].files
        async with world.session() as session:
            with pytest.raises(UpstreamFailure) as raised:
                await session.delete_file(file_id)

        assert world.sandbox.accounts["other"].files
    observed = raised.value.observation
    assert (observed.kind, observed.stage) == (Kind.FORBIDDEN, Stage.REFUSED)


@pytest.mark.parametrize("protocol", GENERATIONS)
async def test_owner_downloads_a_file(protocol: Protocol) -> None:
    async with running(protocol) as world:
        content, observed = await world.fetch(world.keep())

    assert (content, observed) == (PICTURE, FINE)


async def test_file_of_another_account_is_not_downloaded() -> None:
    async with running() as world:
        content, observed = await world.fetch(world.keep(), token="other")

    assert (content, observed.kind, observed.stage) == (b"", Kind.FORBIDDEN, Stage.REFUSED)


@pytest.mark.parametrize(
    "action",
    knobs(
        "asset_error", form=("403", "404", "slow", "content_type", "short", "changed", "redirect")
    ),
    ids=str,
)
async def test_download_fault_is_observed_as_expected(action: faults.Action) -> None:
    async with running() as world:
        world.sandbox.rules.add(action, endpoint="download")
        content, observed = await world.fetch(world.keep())

    assert action.expected.admits(observed), (observed, action.expected)
    assert PICTURE.startswith(content)


async def test_file_that_appears_late_is_waited_for() -> None:
    [missing] = knobs("asset_error", form=("404",))
    async with running() as world:
        world.sandbox.rules.add(missing, endpoint="download", times=2)
        content, observed = await world.fetch(world.keep())

    assert (content, observed) == (PICTURE, FINE)


async def test_file_that_breaks_off_is_continued() -> None:
    [short] = knobs("asset_error", form=("short",))
    async with running() as world:
        world.sandbox.rules.add(short, endpoint="download", times=2)
        content, observed = await world.fetch(world.keep())
        wanted = [one.status for one in world.sandbox.journal]

    assert (content, observed) == (PICTURE, FINE)
    assert wanted == [200, 206, 206]


async def test_two_files_are_never_joined() -> None:
    [changed] = knobs("asset_error", form=("changed",))
    async with running() as world:
        world.sandbox.rules.add(changed, endpoint="download", times=1)
        content, observed = await world.fetch(world.keep())

    assert content == PICTURE[: len(PICTURE) // 2]
    assert observed.kind is Kind.MALFORMED


# -- quota -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tier", ["basic", "super", "heavy"])
@pytest.mark.parametrize("protocol", NEW_ONES)
async def test_tier_follows_from_the_windows(protocol: Protocol, tier: Any) -> None:
    async with running(protocol, tier=tier) as world:
        facts = await world.survey(*MODES)

    assert facts.tier == tier
    assert ("heavy" in facts.windows) == (tier == "heavy")


async def test_only_what_is_asked_for_is_asked() -> None:
    async with running() as world:
        facts = await world.survey("fast", "image", "unheard_of")
        asked = [exchange.endpoint for exchange in world.sandbox.journal]

    assert set(facts.windows) == {"fast", "image"}
    assert sorted(asked) == ["imagine_quota", "rate_limits"]


async def test_products_are_learned() -> None:
    spent = WindowFixture(total=5, window_s=3600, remaining=0)
    async with running(tier="super", imagine={"image_edit": spent}) as world:
        facts = await world.survey(*PRODUCTS)

    assert facts.windows["image"] == Window(remaining=100, window_s=7200)
    assert facts.windows["image_edit"].remaining == 0
    assert facts.windows["image_edit"].reset_in_s is not None
    assert set(facts.windows) == PRODUCTS


QUOTA_FAULTS = knobs(
    "quota_json",
    form=(
        "missing_fields", "prefix", "loop_prefix", "bom", "empty", "zero_totals", "null_products",
    ),
)  # fmt: skip


@pytest.mark.parametrize("action", QUOTA_FAULTS, ids=str)
@pytest.mark.parametrize(
    ("endpoint", "protocol"),
    [*(("rate_limits", protocol) for protocol in GENERATIONS), ("imagine_quota", "2026-08")],
)
async def test_odd_quota_is_observed_as_expected(
    protocol: Protocol, action: faults.Action, endpoint: str
) -> None:
    buckets = PRODUCTS if endpoint == "imagine_quota" else frozenset(("default", "fast"))
    async with running(protocol) as world:
        world.sandbox.rules.add(action, endpoint=endpoint)
        observed = FINE
        try:
            await world.survey(*buckets)
        except UpstreamFailure as failure:
            observed = failure.observation

    assert action.expected.admits(observed), (observed, action.expected)


@pytest.mark.parametrize("action", knobs("http_status", code=(403, 500)), ids=str)
async def test_failed_call_costs_its_own_windows_only(action: faults.Action) -> None:
    async with running() as world:
        world.sandbox.rules.add(action, endpoint="imagine_quota")
        facts = await world.survey("fast", "image", "video")

    assert facts.windows["fast"].remaining == 30
    assert facts.unknown == {"image", "video"}
    assert "image" not in facts.windows


async def test_account_that_was_asked_too_often_keeps_its_numbers() -> None:
    [burst] = knobs("http_status", code=(429,))
    async with running() as world:
        world.sandbox.rules.add(burst, endpoint="imagine_quota")
        with pytest.raises(UpstreamFailure) as raised:
            await world.survey("fast", "image")

    assert raised.value.observation.kind is Kind.QUOTA


async def test_account_that_is_not_let_in_has_no_numbers() -> None:
    [lost] = knobs("http_status", code=(401,))
    async with running() as world:
        world.sandbox.rules.add(lost, endpoint="imagine_quota")
        with pytest.raises(UpstreamFailure) as raised:
            await world.survey("fast", "image")

    assert raised.value.observation.kind is Kind.AUTH_FAIL


@pytest.mark.parametrize("protocol", NEW_ONES)
@pytest.mark.parametrize(("used", "left"), [(12.5, -1), (0.0, -1), (100.0, 0)])
async def test_weekly_pool_decides_over_an_empty_window(
    protocol: Protocol, used: float, left: int
) -> None:
    spent = WindowFixture(total=140, window_s=7200, remaining=0)
    weekly = WeeklyCredits(used_percent=used)
    async with running(protocol, tier="super", credits=weekly, buckets={"fast": spent}) as world:
        facts = await world.survey("fast", "auto")

    assert facts.windows["fast"].remaining == left
    assert facts.windows["auto"].remaining == (0 if used == 100 else 50)


async def test_account_without_a_pool_keeps_its_windows() -> None:
    spent = WindowFixture(total=140, window_s=7200, remaining=0)
    async with running(tier="super", buckets={"fast": spent}) as world:
        facts = await world.survey("fast", "auto")

    assert facts.windows["fast"].remaining == 0
    assert world.sandbox.journal.of("credits")


@pytest.mark.parametrize(
    "action",
    [
        *knobs("grpc", status=(4, 7, 9), place=("trailer", "header"), form=("plain", "text")),
        *knobs("grpc", status=(0,), form=("compressed", "truncated")),
        *knobs("http_status", code=(403, 404, 500)),
    ],
    ids=str,
)
async def test_failed_question_for_the_pool_costs_nothing(action: faults.Action) -> None:
    async with running(tier="super", credits=WeeklyCredits(used_percent=100)) as world:
        world.sandbox.rules.add(action, endpoint="credits")
        facts = await world.survey("fast")

    assert facts.windows["fast"].remaining == 140
