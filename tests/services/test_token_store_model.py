"""The token store on a real database does what a plain dictionary would do."""

import asyncio
import json
import sqlite3
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from grokgate.storage import Place, open_database
from grokgate.testing.clock import FakeClock
from grokgate.tokens import Bucket, TokenState, TokenStore
from grokgate.upstream import (
    ActiveProfile,
    PoolSpec,
    UpstreamContext,
    UpstreamDriver,
    UpstreamSpec,
)
from grokgate.vault import Vault
from services.token_model import ASSUMED, POOLS, READ, Entry, Model, seen, stored

CREDENTIALS = [f"credential-{letter}" for letter in "abcdef"]
LATER_MS = 2_000_000_000_000
MEMORY = Path("/dev/shm")
"""A folder whose fsync costs nothing, where there is one."""


def _open(_context: UpstreamContext[Any]) -> AbstractAsyncContextManager[UpstreamDriver]:
    raise AssertionError("the store opens no driver")


WEB = UpstreamSpec(
    id="web",
    title={"en": "Web"},
    pools=(
        PoolSpec(name="ssoBasic", tier="basic", synonyms=("basic",), assumed=ASSUMED["ssoBasic"]),
        PoolSpec(name="ssoSuper", tier="super", synonyms=("super",), assumed=ASSUMED["ssoSuper"]),
    ),
    serves={},
    offers=frozenset({"converse"}),
    clean=str.strip,
    open=_open,
    profile=lambda _settings: ActiveProfile(chain=()),
)

NAMED: Sequence[Entry] = (
    {},
    {"tags": ["x"], "note": "n"},
    {"tags": ["y", "x"], "max_inflight": 2},
    {"tags": [], "proxy_url": "http://p:1", "odd": 0},
    {"note": "", "proxy_url": "", "odd": 1},
    {"max_inflight": 1, "odd": 1},
)
COUNTED: Sequence[Entry] = (
    {},
    {"quota": 3, "use_count": 2},
    {"quota": -1, "status": "active"},
    {"quota": 0, "status": "expired", "use_count": 0},
    {"status": "disabled"},
)
"""What an entry may say of a record and of its state; drawn whole, which is far cheaper."""

fields = st.builds(
    lambda *parts: parts[0] | parts[1], st.sampled_from(NAMED), st.sampled_from(COUNTED)
)
some = st.sets(st.sampled_from(CREDENTIALS), max_size=3)


def entries(more: st.SearchStrategy[Mapping[str, Any]]) -> st.SearchStrategy[list[Entry]]:
    one = st.builds(
        lambda credential, pool, fields: {"token": credential, "pool": pool, **fields},
        st.sampled_from(CREDENTIALS),
        st.sampled_from([*POOLS]),
        more,
    )
    return st.lists(one, min_size=1, max_size=3, unique_by=lambda entry: entry["token"])


def as_lines(accounts: Sequence[Entry]) -> str:
    return "\n".join(
        f"{entry['pool']}: {entry['token']}" if entry["pool"] else entry["token"]
        for entry in accounts
    )


def as_list(accounts: Sequence[Entry]) -> str:
    return json.dumps(accounts)


def as_records(accounts: Sequence[Entry]) -> str:
    return json.dumps({"tokens": accounts})


def as_pools(accounts: Sequence[Entry]) -> str:
    pools: dict[str, list[Entry]] = {}
    for entry in accounts:
        pools.setdefault(entry["pool"] or "", []).append(entry)
    return json.dumps(pools)


@cache
def empty_database() -> bytes:
    """Make the file once: it takes longer than ten steps."""

    async def make(path: Path) -> None:
        async with open_database(path):
            pass

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grokgate.db"
        asyncio.run(make(path))
        return path.read_bytes()


class TokenStoreMachine(RuleBasedStateMachine):
    """Does the same to a store and to a model, and compares memory and rows after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.ids: dict[str, str] = {}
        self.clock = FakeClock()
        self._closing = ExitStack()
        self._run = self._closing.enter_context(asyncio.Runner()).run
        self._closing.callback(self._close)
        self.place = self._make_place()
        self._open()

    def _make_place(self) -> Place:
        """Make an empty database."""
        parent = MEMORY if MEMORY.is_dir() else None
        folder = self._closing.enter_context(tempfile.TemporaryDirectory(dir=parent))
        path = Path(folder) / "grokgate.db"
        path.write_bytes(empty_database())
        self._reader = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self._closing.callback(self._reader.close)
        return path

    def _rows(self) -> Iterable[Sequence[Any]]:
        """Read what lies there, past the store."""
        return self._reader.execute(READ)

    def _open(self) -> None:
        self._opened = open_database(self.place)
        self._database = self._run(self._opened.__aenter__())
        self.store = TokenStore(self._database, Vault(bytes(32)), {"web": WEB}, self.clock)
        self._run(self.store.load())

    def _close(self) -> None:
        self._run(self._opened.__aexit__(None, None, None))

    def teardown(self) -> None:
        self._closing.close()

    @rule(
        form=st.sampled_from([as_list, as_records, as_pools]),
        accounts=entries(fields),
        mode=st.sampled_from(["add", "update", "replace"]),
    )
    def import_records(
        self, form: Callable[[Sequence[Entry]], str], accounts: list[Entry], mode: str
    ) -> None:
        self._import(form(accounts), accounts, mode)

    @rule(accounts=entries(st.just({})), mode=st.sampled_from(["add", "update", "replace"]))
    def import_lines(self, accounts: list[Entry], mode: str) -> None:
        self._import(as_lines([*accounts, accounts[0]]), accounts, mode)

    @rule(accounts=entries(fields))
    def import_twice(self, accounts: list[Entry]) -> None:
        for _ in range(2):
            self._import(as_list(accounts), accounts, "update")

    @rule()
    def import_own_export(self) -> None:
        before = dict(self.store.records)
        text = self.store.export("a")
        self._run(self.store.import_text(text, mode="update"))

        assert {**self.store.records} == before

    def _import(self, text: str, accounts: list[Entry], mode: Any) -> None:
        report = self._run(self.store.import_text(text, mode=mode))
        self.model.take_in(accounts, mode, self._now_ms)

        assert not report.rejected
        for record in self.store.records.values():
            self.ids[record.credential.reveal()] = record.id

    @rule(chosen=some, enabled=st.booleans())
    def enable_or_disable(self, chosen: set[str], *, enabled: bool) -> None:
        change = self.model.enable if enabled else self.model.disable
        change(row for row in self.model.live if row["token"] in chosen)
        self._run(self.store.set_enabled(self._ids(chosen), enabled=enabled))

    @rule(chosen=some)
    def delete(self, chosen: set[str]) -> None:
        self.model.delete((r for r in self.model.live if r["token"] in chosen), self._now_ms)
        self._run(self.store.delete(self._ids(chosen)))

    @rule(chosen=some)
    def restore(self, chosen: set[str]) -> None:
        rows = self.model.rows.values()
        self.model.restore(
            [r for r in rows if r["token"] in chosen and r["deleted_at"] is not None]
        )
        self._run(self.store.restore(self._ids(chosen)))

    @rule()
    def erase(self) -> None:
        now_ms = self._now_ms
        rows = self.model.rows.items()
        self.model.rows = {
            token: row
            for token, row in rows
            if row["deleted_at"] is None or row["deleted_at"] >= now_ms
        }
        self._run(self.store.erase_deleted(before_ms=now_ms))

    @rule(
        chosen=some,
        status=st.sampled_from(["active", "cooling", "expired", "disabled"]),
        left=st.integers(-1, 3),
        uses=st.integers(0, 3),
    )
    def write_states(self, chosen: set[str], status: Any, left: int, uses: int) -> None:
        numbers = {
            "status": status,
            "state_reason": "quota",
            "use_count": uses,
            "fail_count": uses,
            "cooldown_until": LATER_MS if status == "cooling" else None,
        }
        for row in self.model.rows.values():
            if row["token"] in chosen:
                self.model.write(row, numbers | {"buckets": {"default": (left, "real")}})
        states = [
            TokenState(
                id=token_id,
                status=status,
                state_reason="quota",
                buckets={"default": Bucket(remaining=left, source="real")},
                use_count=uses,
                fail_count=uses,
                cooldown_until_ms=numbers["cooldown_until"],
            )
            for token_id in [*self._ids(chosen), "tok_of_nobody"]
        ]
        self._run(self.store.write_states(states))

    @rule()
    def wait(self) -> None:
        self.clock.advance(1)

    @rule()
    def reopen(self) -> None:
        before = dict(self.store.records)
        self._close()
        self._open()

        assert {**self.store.records} == before

    @invariant()
    def memory_is_as_the_model(self) -> None:
        there = {row["token"]: row for row in map(seen, self.store.records.values())}

        assert there == {row["token"]: row for row in self.model.live}

    @invariant()
    def listing_is_as_the_model(self) -> None:
        ids = {self.ids[row["token"]] for row in self.model.live}

        assert {view.id for view in self.store.listing()} == ids

    @invariant()
    def database_is_as_the_model(self) -> None:
        there = {row[0]: tuple(row[1:]) for row in self._rows()}

        assert there == {
            self.ids[row["token"]]: tuple(stored(row)) for row in self.model.rows.values()
        }

    def _ids(self, credentials: Iterable[str]) -> list[str]:
        return [self.ids[token] for token in sorted(credentials) if token in self.ids]

    @property
    def _now_ms(self) -> int:
        return int(self.clock.now().timestamp() * 1000)


TestTokenStore = TokenStoreMachine.TestCase
TestTokenStore.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)
