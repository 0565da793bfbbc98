"""What one process commits counts in the others: two on one PostgreSQL, with a bus over Valkey."""

import json
import random
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import anyio
import pytest
from msgspec.structs import replace
from structlog.testing import CapturingLogger

from core.chores_world import World
from grokgate.access import Access, Listener
from grokgate.bus.mailbox import MOST_IDS
from grokgate.bus.redis import RedisBus
from grokgate.chores import Pace
from grokgate.errors import GatewayError, InvalidRequest, ObjectNotFound, StoreUnavailable
from grokgate.keys import KeyRing
from grokgate.settings import SettingsStore
from grokgate.settings.stored import StoredSettings
from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock
from grokgate.tokens import TokenRecord, TokenStore
from grokgate.tokens.editing import Change
from grokgate.upstream import Secret
from grokgate.vault import Vault
from services.test_token_store_model import LATER_MS, WEB
from services.valkey import ValkeyServer, own_valkey

pytestmark = pytest.mark.anyio

KEY = "sk-0123456789abcdef"
LONG = "correct horse battery staple"


@pytest.fixture(scope="module")
def valkey_server() -> Iterator[ValkeyServer]:
    with own_valkey() as server:
        yield server


class Process:
    """The stores of one process, loaded."""

    def __init__(self, database: Database, bus: RedisBus, folder: Path) -> None:
        vault, clock, log = Vault(bytes(32)), FakeClock(), CapturingLogger()
        self.database = database
        self.clock = clock
        self.bus = bus
        self.followed: list[TokenRecord] = []
        self.edited_from: list[TokenRecord] = []
        self.refuses: GatewayError | None = None
        self.removed: list[str] = []
        self.settings = SettingsStore.load(
            data_dir=folder,
            declarations=[],
            switches=[],
            profiles={},
            environ={},
            overlay={"storage.config": "database"},
            log=log,
        )
        self.depot = StoredSettings(database, vault, clock)
        self.world = World(database, clock, Pace(at_once=1, step=50, most=3))
        self.keys = KeyRing(database, vault, clock)
        self.tokens = TokenStore(database, vault, {"web": WEB}, clock)
        self.access = Access(
            database,
            vault,
            clock,
            settings=self.settings,
            is_key=lambda _: False,
            listener=Listener(loopback=True, base=lambda: "http://localhost"),
            log=log,
        )

    async def begin(self) -> None:
        """Load all, and join the bus."""
        await self.settings.adopt(self.depot)
        await self.keys.load()
        await self.tokens.load()
        await self.access.begin()
        for one in (self.settings, self.keys, self.tokens, self.access, self.world.chores):
            one.join(self.bus)
        self.settings.subscribe(self.access.follow)
        self.tokens.subscribe_followed(self._note_followed)
        self.tokens.subscribe_baseline(self._note_baseline)
        self.keys.subscribe_removed(self._note_removed)

    async def _note_followed(self, records: Sequence[TokenRecord]) -> None:
        self.followed += records

    def _note_baseline(self, records: Sequence[TokenRecord]) -> None:
        if self.refuses:
            raise self.refuses
        self.edited_from += records

    async def _note_removed(self, key_id: str) -> None:
        self.removed.append(key_id)


Pair: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[Process, Process]]]


@pytest.fixture
def pair(
    postgres: Secret, valkey_server: ValkeyServer, tmp_path: Path, request: pytest.FixtureRequest
) -> Pair:
    """Starts two processes; where nobody *hears*, only what is read before an edit is known."""
    rng = random.Random(1)

    @asynccontextmanager
    async def opened(name: str) -> AsyncIterator[Process]:
        bus = RedisBus(
            Secret(valkey_server.url), request.node.name, log=CapturingLogger(), rng=rng, look_s=0.1
        )
        async with open_database(postgres, shared=True) as database:
            process = Process(database, bus, tmp_path / name)
            await process.begin()
            yield process

    @asynccontextmanager
    async def running(*, hears: bool = True) -> AsyncIterator[tuple[Process, Process]]:
        async with opened("one") as one, opened("two") as two, anyio.create_task_group() as group:
            for process in (one, two) if hears else ():
                group.start_soon(process.bus.run)
            yield one, two
            group.cancel_scope.cancel()

    return running


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a state that nobody announces, as long as may pass until it is followed."""
    with anyio.fail_after(2):
        while not condition():  # noqa: ASYNC110 - see above
            await anyio.sleep(0.005)


# Keys


async def test_key_counts_in_the_other_process_until_it_is_revoked(pair: Pair) -> None:
    async with pair() as (one, two):
        record, text = await one.keys.create("a")
        await until(lambda: two.keys.find(text) is not None)

        await one.keys.revoke(record.id)
        await until(lambda: two.keys.find(text) is None)
        assert not two.keys.get(record.id).is_active


async def test_removed_key_is_gone_in_the_other_process_which_is_told(pair: Pair) -> None:
    async with pair() as (one, two):
        record, _ = await one.keys.create("a")
        await until(lambda: bool(two.keys.listing()))
        await one.keys.delete(record.id)

        await until(lambda: two.removed == [record.id])
        with pytest.raises(ObjectNotFound):
            two.keys.get(record.id)


async def test_edits_of_a_key_in_two_processes_are_both_kept(pair: Pair) -> None:
    async with pair(hears=False) as (one, two):
        record, _ = await one.keys.create("a")
        await two.keys.update(record.id, lambda known: replace(known, name="b"))
        await one.keys.update(record.id, lambda known: replace(known, limits={"chat": 1}))

        await two.keys.load()
        after = two.keys.get(record.id)
        assert (after.name, after.limits) == ("b", {"chat": 1})


async def test_text_of_a_key_is_taken_in_all_processes(pair: Pair) -> None:
    async with pair(hears=False) as (one, two):
        await one.keys.create(text=KEY)

        with pytest.raises(InvalidRequest, match="such a key already"):
            await two.keys.create(text=KEY)


async def test_only_one_process_makes_the_first_key(pair: Pair) -> None:
    async with pair(hears=False) as (one, two):
        made: list[str | None] = []

        async def ensure(process: Process) -> None:
            made.append(await process.keys.ensure_first_key())

        async with anyio.create_task_group() as group:
            group.start_soon(ensure, one)
            group.start_soon(ensure, two)

        assert [text is None for text in made].count(True) == 1
        assert (one.keys.usable, two.keys.usable) == (True, True)


# Accounts


async def test_new_and_edited_accounts_are_known_in_the_other_process(pair: Pair) -> None:
    async with pair() as (one, two):
        (token,) = (await one.tokens.import_text(tokens("a"))).added
        await until(lambda: token in two.tokens.records)

        await one.tokens.edit(token, Change(note="n", status="disabled"))
        await until(lambda: two.tokens.records[token].note == "n")
        assert two.tokens.records[token] == one.tokens.records[token]
        assert two.followed[-1].state.status == "disabled"


async def test_deleted_restored_and_erased_accounts_are_so_in_the_other_process(
    pair: Pair,
) -> None:
    async with pair() as (one, two):
        (token,) = (await one.tokens.import_text(tokens("a"))).added
        await one.tokens.delete([token])
        await until(lambda: token in two.tokens.deleted)
        await one.tokens.restore([token])
        await until(lambda: token in two.tokens.records)
        await one.tokens.delete([token])
        await one.tokens.erase_deleted(before_ms=LATER_MS)

        await until(lambda: not two.tokens.records and not two.tokens.deleted)
        assert two.followed[-1].deleted_at_ms is not None


async def test_many_accounts_are_followed_without_their_ids(pair: Pair) -> None:
    async with pair() as (one, two):
        report = await one.tokens.import_text(tokens(*map(str, range(MOST_IDS + 1))))

        await until(lambda: len(two.tokens.records) == len(report.added))


async def test_edits_of_an_account_in_two_processes_are_both_kept(pair: Pair) -> None:
    async with pair(hears=False) as (one, two):
        (token,) = (await one.tokens.import_text(tokens("a"))).added
        await two.tokens.edit(token, Change(note="n"))
        after = await one.tokens.edit(token, Change(add_tags=("x",)))

        assert (after.note, after.tags, after.revision) == ("n", ("x",), 3)


async def test_state_of_another_process_is_told_before_an_edit_starts_from_it(pair: Pair) -> None:
    async with pair(hears=False) as (one, two):
        (token,) = (await one.tokens.import_text(tokens("a"))).added
        await two.tokens.edit(token, Change(note="n"))
        state = replace(two.tokens.records[token].state, use_count=7)
        await one.tokens.write_states([state])
        two.edited_from.clear()
        two.followed.clear()
        after = await two.tokens.edit(token, Change(note="m"))

        assert [(record.state, record.note) for record in two.edited_from] == [(state, "n")]
        assert after.state == state
        assert two.followed == []  # they may wait for a server, and others for the transaction


async def test_edit_that_could_not_be_told_is_not_made(pair: Pair) -> None:
    async with pair(hears=False) as (one, two):
        (token,) = (await one.tokens.import_text(tokens("a"))).added
        one.refuses = StoreUnavailable()
        with pytest.raises(StoreUnavailable):
            await one.tokens.edit(token, Change(note="n"))

        assert one.tokens.records[token].note == ""
        await two.tokens.edit(token, Change(add_tags=("x",)))
        assert two.tokens.records[token].note == ""


async def test_states_written_by_two_processes_are_merged(pair: Pair) -> None:
    async with pair(hears=False) as (one, two):
        (token,) = (await one.tokens.import_text(tokens("a"))).added
        first = one.tokens.records[token].state
        newer = replace(first, use_count=5, consumed=9, last_used_at_ms=2000, status="cooling")
        older = replace(first, use_count=4, consumed=8, last_used_at_ms=1000, sync_count=0)
        await one.tokens.write_states([newer])
        await two.tokens.write_states([older])

        await two.tokens.set_enabled([token], enabled=False)
        state = two.tokens.records[token].state
        assert (state.use_count, state.consumed, state.last_used_at_ms) == (5, 9, 2000)


async def test_state_on_its_way_leaves_an_account_disabled_in_another_process(
    pair: Pair,
) -> None:
    async with pair(hears=False) as (one, two):
        (token,) = (await one.tokens.import_text(tokens("a"))).added
        state = one.tokens.records[token].state
        await two.tokens.set_enabled([token], enabled=False)
        await one.tokens.write_states([replace(state, use_count=1)])

        assert one.tokens.records[token].state.status == "disabled"
        assert one.tokens.records[token].state.use_count == 1


def tokens(*names: str) -> str:
    return json.dumps([f"credential-{name}" for name in names])


# Settings, operators


async def test_change_of_the_settings_counts_in_the_other_process(pair: Pair) -> None:
    async with pair() as (one, two):
        await one.settings.change({"app": {"api_key": [KEY]}, "quota": {"tz_offset_minutes": 60}})

        await until(lambda: two.settings.snapshot.app.api_key == (KEY,))
        assert two.settings.snapshot.quota.tz_offset_minutes == 60
        assert "60" not in one.settings.path.read_text()


async def test_changes_of_two_processes_are_both_kept(pair: Pair) -> None:
    async with pair() as (one, two):
        async with anyio.create_task_group() as group:
            group.start_soon(one.settings.change, {"token": {"max_inflight": 3}})
            group.start_soon(two.settings.change, {"token": {"fail_threshold": 9}})

        await until(lambda: both_of(one.settings) == both_of(two.settings) == (3, 9))


def both_of(settings: SettingsStore) -> tuple[int, int]:
    token = settings.snapshot.token
    return token.max_inflight, token.fail_threshold


async def test_session_counts_in_the_other_process_until_it_ends(pair: Pair) -> None:
    async with pair() as (one, two):
        session, text = await one.access.sessions.open(address="::1", agent="a")
        await until(lambda: two.access.sessions.find(text) is not None)

        await two.access.sessions.end(session.id)
        await until(lambda: one.access.sessions.find(text) is None)


async def test_another_password_ends_the_sessions_of_all_processes(pair: Pair) -> None:
    async with pair() as (one, two):
        _, text = await two.access.sessions.open(address="::1", agent="a")
        await one.settings.change({"app": {"app_key": LONG}})

        await until(lambda: two.access.has_password and two.access.epoch == 1)
        assert two.access.sessions.find(text) is None


async def test_set_up_and_reset_count_in_the_other_process(pair: Pair) -> None:
    async with pair() as (one, two):
        link = two.access.setup_link() or ""
        assert one.access.setup_link() == link
        await two.access.set_up(link.partition("#")[2], LONG, address="::1")
        await until(lambda: one.access.has_password)

        link = await one.access.reset()
        await until(lambda: two.access.setup_link() == link)


async def test_use_of_a_session_keeps_it_alive_in_all_processes(pair: Pair) -> None:
    async with pair() as (one, two):
        session, text = await one.access.sessions.open(address="::1", agent="a")
        await until(lambda: two.access.sessions.is_alive(session.id))
        for process in (one, two):
            process.clock.advance(7 * 3600)
        one.access.sessions.find(text)
        await one.access.sessions.flush()
        two.clock.advance(2 * 3600)
        await two.access.sessions.flush()

        assert two.access.sessions.is_alive(session.id)


# Jobs


async def test_cancel_reaches_the_process_that_works(pair: Pair) -> None:
    async with pair() as (one, two), one.world.jobs.accepting():
        one.world.worker.gate.clear()
        task = await one.world.start("a", "b")
        await one.world.worker.begins(1)
        await two.world.chores.cancel(task.id)
        await until(lambda: task.cancelled)
        one.world.worker.gate.set()
        with anyio.fail_after(5):
            await task.wait()

    assert one.world.worker.begun == ["a"]


async def test_start_of_a_process_leaves_the_work_of_others_alone(pair: Pair) -> None:
    async with pair(hears=False) as (one, two), one.world.jobs.accepting():
        one.world.worker.gate.clear()
        task = await one.world.start("a")
        await two.world.chores.begin()
        (goes_on,) = await two.world.chores.listing()
        two.clock.advance(61)
        await two.world.chores.begin()
        (dead,) = await two.world.chores.listing()
        task.cancel()
        one.world.worker.gate.set()

    assert (goes_on.status, dead.status) == ("running", "error")
