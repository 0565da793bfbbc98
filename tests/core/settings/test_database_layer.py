"""Secrets changed through the API, and all settings where ``storage.config`` says so (S14)."""

import tomllib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Annotated, Any

import anyio
import pytest
from msgspec import Meta

from grokgate.errors import SettingsError, StateError, StoreUnavailable
from grokgate.plugin.records import Settings
from grokgate.settings import Declaration, SettingsLocked, SettingsStore
from grokgate.settings.stored import StoredSettings
from grokgate.settings.values import mask
from grokgate.storage import Database, open_database
from grokgate.storage.acting import Act, acting
from grokgate.storage.audit import list_acts
from grokgate.storage.settings import load_settings
from grokgate.testing import FakeClock
from grokgate.vault import Vault

pytestmark = pytest.mark.anyio
LoadStore = Callable[..., SettingsStore]
KEY = "sk-0123456789abcdef"
OTHER = "sk-fedcba9876543210"
IN_DATABASE = "[storage]\nconfig = 'database'\n"


class CookieSettings(Settings, frozen=True, kw_only=True):
    cookie: Annotated[
        str, Meta(description="Cookie.", extra={"key": "grok.cf_clearance", "secret": True})
    ] = ""


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with open_database(tmp_path / "grokgate.db") as opened:
        yield opened


@pytest.fixture
def depot(database: Database) -> StoredSettings:
    return StoredSettings(database, Vault(b"k" * 32), FakeClock())


async def opened(load: LoadStore, depot: StoredSettings, text: str, **more: Any) -> SettingsStore:
    store = load(text, **more)
    await store.adopt(depot)
    return store


async def test_secret_goes_to_the_database_and_its_line_leaves_the_file(
    load: LoadStore, depot: StoredSettings
) -> None:
    store = await opened(load, depot, f"[app]\napi_key = '{KEY}' # mine\n[grok]\ntimeout = 60\n")
    await store.change({"app": {"api_key": [OTHER]}})

    assert store.snapshot.app.api_key == (OTHER,)
    assert store.snapshot.origins["app.api_key"] == "database"
    assert tomllib.loads(store.path.read_text()) == {"app": {}, "grok": {"timeout": 60}}


async def test_nothing_of_a_stored_secret_can_be_read_in_the_database(
    load: LoadStore, depot: StoredSettings, database: Database
) -> None:
    store = await opened(load, depot, "")
    await store.change({"app": {"metrics_key": KEY}})
    async with database.read() as connection:
        (row,) = await load_settings(connection)

    assert row.key == "app.metrics_key"
    assert KEY.encode() not in row.sealed
    with pytest.raises(StateError):
        Vault(b"k" * 32).unseal(row.sealed, context="setting:app.api_key")


async def test_next_start_reads_what_was_stored(load: LoadStore, depot: StoredSettings) -> None:
    store = await opened(load, depot, "")
    await store.change({"app": {"metrics_key": KEY}})
    again = await opened(load, depot, "")

    assert again.snapshot.app.metrics_key == KEY


async def test_secret_in_the_file_stays_until_it_is_changed(
    load: LoadStore, depot: StoredSettings
) -> None:
    text = f"[app]\nmetrics_key = '{KEY}'\n"
    store = await opened(load, depot, text)
    await store.change({"grok": {"timeout": 90}, "app": {"metrics_key": mask(KEY)}})

    assert store.path.read_text() == text + "\n[grok]\ntimeout = 90\n"
    assert store.snapshot.origins["app.metrics_key"] == "file"


async def test_line_of_a_predecessor_leaves_the_file_too(
    load: LoadStore, depot: StoredSettings
) -> None:
    text = f"[proxy]\ncf_clearance = '{KEY}'\nbrowser = 'chrome131'\n"
    declarations = [Declaration("web", CookieSettings)]
    store = await opened(load, depot, text, declarations=declarations)
    assert store.snapshot.get(CookieSettings).cookie == KEY
    await store.change({"grok": {"cf_clearance": OTHER}})

    assert KEY not in store.path.read_text()
    assert "chrome131" in store.path.read_text()
    assert store.snapshot.get(CookieSettings).cookie == OTHER


async def test_list_item_equal_to_a_mask_keeps_that_item(
    load: LoadStore, depot: StoredSettings
) -> None:
    store = await opened(load, depot, f"[app]\napi_key = ['{KEY}']\n")
    await store.change({"app": {"api_key": [mask(KEY), OTHER]}})

    assert store.snapshot.app.api_key == (KEY, OTHER)


@pytest.mark.parametrize("posted", [["…"], "…ffffff, sk-new"])
async def test_mask_that_could_mean_another_secret_is_refused(
    load: LoadStore, depot: StoredSettings, posted: Any
) -> None:
    store = await opened(load, depot, "[app]\napi_key = ['short', 'brief']\n")
    with pytest.raises(SettingsError) as caught:
        await store.change({"app": {"api_key": posted}})

    assert caught.value.param == "app.api_key"
    assert store.snapshot.app.api_key == ("short", "brief")


async def test_null_resets_to_the_default(load: LoadStore, depot: StoredSettings) -> None:
    store = await opened(load, depot, "[grok]\ntimeout = 60\n")
    await store.change({"app": {"metrics_key": KEY}})
    await store.change({"app": {"metrics_key": None}, "grok": {"timeout": None}})

    assert (store.snapshot.app.metrics_key, store.snapshot.grok.timeout) == ("", 120)
    assert store.snapshot.origins["app.metrics_key"] == "default"
    assert (await depot.load()).values == {}


async def test_all_changes_go_to_the_database_where_the_operator_chose_it(
    load: LoadStore, depot: StoredSettings
) -> None:
    text = IN_DATABASE + "[grok]\ntimeout = 60\n"
    store = await opened(load, depot, text)
    await store.change({"grok": {"timeout": 90, "max_retry": 1}})

    assert store.path.read_text() == text
    assert (await depot.load()).values == {"grok.timeout": 90, "grok.max_retry": 1}
    assert store.snapshot.origins["grok.timeout"] == "database"


async def test_default_is_stored_where_the_file_says_otherwise(
    load: LoadStore, depot: StoredSettings
) -> None:
    store = await opened(load, depot, IN_DATABASE + "[grok]\ntimeout = 60\n")
    await store.change({"grok": {"timeout": 120}})
    await store.change({"grok": {"max_retry": 3}})

    assert store.snapshot.grok.timeout == 120
    assert (await depot.load()).values == {"grok.timeout": 120}


async def test_stored_settings_have_no_effect_once_the_operator_chose_the_file(
    load: LoadStore, depot: StoredSettings
) -> None:
    store = await opened(load, depot, IN_DATABASE)
    await store.change({"grok": {"timeout": 90}, "app": {"metrics_key": KEY}})
    again = await opened(load, depot, "")

    assert (again.snapshot.grok.timeout, again.snapshot.app.metrics_key) == (120, KEY)
    assert any(warning.startswith("grok.timeout") for warning in again.snapshot.warnings)


async def test_change_in_the_file_clears_the_row_of_former_times(
    load: LoadStore, depot: StoredSettings
) -> None:
    store = await opened(load, depot, IN_DATABASE)
    await store.change({"grok": {"timeout": 90}})
    again = await opened(load, depot, "")
    await again.change({"grok": {"timeout": 80}})

    assert (await depot.load()).values == {}
    assert again.snapshot.warnings == ()


async def test_environment_wins_over_the_database(load: LoadStore, depot: StoredSettings) -> None:
    store = await opened(load, depot, IN_DATABASE)
    await store.change({"grok": {"timeout": 90}})
    again = await opened(load, depot, IN_DATABASE, environ={"GROKGATE__GROK__TIMEOUT": "70"})

    assert (again.snapshot.grok.timeout, again.snapshot.origins["grok.timeout"]) == (70, "env")
    with pytest.raises(SettingsLocked):
        await again.change({"grok": {"timeout": 71}})


@pytest.mark.parametrize("key", ["storage.url", "grok.web_base"])
async def test_some_keys_come_from_the_file_alone(
    load: LoadStore, depot: StoredSettings, key: str
) -> None:
    await depot.save({key: "x"}, ())
    store = await opened(load, depot, IN_DATABASE)
    section, name = key.split(".")

    assert any(warning.startswith(key) for warning in store.snapshot.warnings)
    with pytest.raises(SettingsError):
        await store.change({section: {name: "y"}})


async def test_stored_value_that_does_not_fit_any_more_is_passed_over(
    load: LoadStore, depot: StoredSettings
) -> None:
    await depot.save({"grok.timeout": "soon", "gone.key": 1}, ())
    store = await opened(load, depot, IN_DATABASE + "[grok]\ntimeout = 60\n")

    assert store.snapshot.grok.timeout == 60
    assert sorted(warning.partition(" ")[0] for warning in store.snapshot.warnings) == [
        "gone.key",
        "grok.timeout:",
    ]


async def test_audit_line_is_committed_with_the_row(
    load: LoadStore, depot: StoredSettings, database: Database
) -> None:
    store = await opened(load, depot, "")
    with acting(Act(actor="as_1", action="config", target="app.metrics_key")):
        await store.change({"app": {"metrics_key": KEY}})
    async with database.read() as connection:
        (line,) = await list_acts(connection, limit=9)

    assert (line.actor, line.action, line.target) == ("as_1", "config", "app.metrics_key")


async def test_file_that_cannot_be_written_leaves_the_database_as_it_was(
    load: LoadStore, depot: StoredSettings, tmp_path: Path
) -> None:
    store = await opened(load, depot, f"[app]\nmetrics_key = '{KEY}'\n")
    (tmp_path / ".locks").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        await store.change({"app": {"metrics_key": OTHER}, "grok": {"timeout": 90}})

    assert (await depot.load()).values == {}
    assert store.snapshot.app.metrics_key == KEY


async def test_database_that_cannot_be_written_leaves_the_file_as_it_was(
    load: LoadStore, depot: StoredSettings, database: Database
) -> None:
    text = f"[app]\nmetrics_key = '{KEY}'\n"
    store = await opened(load, depot, text)
    async with database.write() as connection:
        await connection.exec_driver_sql("DROP TABLE stored_settings")
    with pytest.raises(Exception, match="stored_settings"):
        await store.change({"app": {"metrics_key": OTHER}})

    assert store.path.read_text() == text
    assert [path.name for path in store.path.parent.glob(".config*")] == []
    assert store.snapshot.app.metrics_key == KEY


async def test_another_process_follows_within_two_seconds(
    load: LoadStore, depot: StoredSettings
) -> None:
    one, other = [await opened(load, depot, "") for _ in range(2)]
    seen = anyio.Event()
    other.subscribe(lambda _old, _new: seen.set())
    async with anyio.create_task_group() as group:
        group.start_soon(other.run)
        await one.change({"app": {"metrics_key": KEY}})
        with anyio.fail_after(2):
            await seen.wait()
        group.cancel_scope.cancel()

    assert other.snapshot.app.metrics_key == KEY


async def test_change_is_made_of_what_another_process_has_just_stored(
    load: LoadStore, depot: StoredSettings
) -> None:
    one, other = [await opened(load, depot, "") for _ in range(2)]
    await one.change({"app": {"metrics_key": KEY}})
    await other.change({"app": {"metrics_key": None}})

    assert (await depot.load()).values == {}
    assert other.snapshot.app.metrics_key == ""
