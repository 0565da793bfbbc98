from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from grokgate.storage import Database, open_database
from grokgate.testing.clock import FakeClock
from grokgate.tokens import TokenStore
from grokgate.upstream import (
    ActiveProfile,
    PoolSpec,
    UpstreamContext,
    UpstreamDriver,
    UpstreamSpec,
)
from grokgate.vault import Vault


def _clean(text: str) -> str:
    value = "".join(text.split()).removeprefix("sso=").partition(";")[0]
    if not value.isascii() or not value:
        raise ValueError("the token is empty")
    return value


def _open(
    _context: UpstreamContext[Any],
) -> AbstractAsyncContextManager[UpstreamDriver]:
    raise AssertionError("tests of the pool open no driver")


WEB = UpstreamSpec(
    id="web",
    title={"en": "Web"},
    pools=(
        PoolSpec(
            name="ssoBasic",
            tier="basic",
            synonyms=("ssonormal", "sso", "basic", "normal"),
            assumed={"default": 80, "heavy": -1},
        ),
        PoolSpec(
            name="ssoSuper",
            tier="super",
            synonyms=("super",),
            assumed={"default": 140, "heavy": -1},
        ),
        PoolSpec(name="ssoHeavy", tier="heavy", synonyms=("heavy",), assumed={"default": 140}),
    ),
    serves={},
    offers=frozenset({"converse"}),
    clean=_clean,
    open=_open,
    profile=lambda _settings: ActiveProfile(chain=()),
)


@pytest.fixture
def specs() -> dict[str, UpstreamSpec]:
    return {"web": WEB}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def vault() -> Vault:
    return Vault(bytes(32))


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "grokgate.db", busy_timeout_ms=50) as database:
        yield database


@pytest.fixture
async def store(
    database: Database, vault: Vault, specs: dict[str, UpstreamSpec], clock: FakeClock
) -> TokenStore:
    store = TokenStore(database, vault, specs, clock)
    await store.load()
    return store
