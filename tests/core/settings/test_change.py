import fcntl
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grokgate.errors import SettingsError, StoreUnavailable
from grokgate.settings import Declaration, SettingsLocked, SettingsStore
from grokgate.settings.files import locked, replace_file
from grokgate.settings.values import mask

pytestmark = pytest.mark.anyio
LoadStore = Callable[..., SettingsStore]


async def test_change_is_saved_and_in_force(load: LoadStore) -> None:
    store = load("# mine\n[grok]\ntimeout = 60 # slow\n")
    snapshot = await store.change({"grok": {"timeout": "90"}, "downstream": {"enable_chat": "off"}})

    assert snapshot is store.snapshot
    assert (snapshot.grok.timeout, "chat" in snapshot.enabled_routes) == (90, False)
    assert store.path.read_text() == (
        "# mine\n[grok]\ntimeout = 90 # slow\n\n[downstream]\nenable_chat = false\n"
    )


async def test_only_what_differs_from_the_default_is_written(load: LoadStore) -> None:
    store = load("[grok]\ntimeout = 60 # slow\n")
    await store.change({"grok": {"timeout": 120, "max_retry": 3}})

    assert store.path.read_text() == "[grok]\n# slow\n"
    assert store.snapshot.origins["grok.timeout"] == "default"


async def test_switch_goes_off_and_on_again(load: LoadStore) -> None:
    store = load("")
    await store.change({"downstream": {"enable_chat": False}})
    snapshot = await store.change({"downstream": {"enable_chat": True}})

    assert "chat" in snapshot.enabled_routes
    assert "enable_chat" not in store.path.read_text()


async def test_unknown_keys_are_kept_in_the_file_and_warned_about_in_a_patch(
    load: LoadStore,
) -> None:
    store = load("[app]\napp_key = 'x'\n[mine]\na = 1979-05-27\n")
    snapshot = await store.change({"grok": {"timeout": 90, "nonsense": 1}})

    assert "grok.nonsense is no setting and was ignored" in snapshot.warnings
    tree = tomllib.loads(store.path.read_text())
    assert (tree["app"], tree["grok"]) == ({"app_key": "x"}, {"timeout": 90})
    assert "mine" in tree


async def test_equal_value_is_no_change(load: LoadStore) -> None:
    store = load("[server]\nport = 9000\n", environ={"GROKGATE__GROK__TIMEOUT": "60"})
    before = store.snapshot
    after = await store.change(
        {"server": {"port": 9000}, "grok": {"timeout": 60, "max_retry": "3"}}
    )

    assert after is before


async def test_bad_value_is_refused_and_nothing_saved(load: LoadStore) -> None:
    store = load("")
    with pytest.raises(SettingsError) as caught:
        await store.change({"grok": {"timeout": 90, "max_retry": 99}})

    assert (caught.value.code, caught.value.param) == ("invalid_config", "grok.max_retry")
    assert store.path.read_text() == ""
    assert store.snapshot.grok.timeout == 120


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("server.port", 9000, "startup_only_config"),
        ("server.port", "junk", "startup_only_config"),
        ("plugins.enabled", ["x"], "startup_only_config"),
        ("app.api_key", ["sk-new"], "invalid_config"),
        ("grok.web_base", "https://evil.example", "invalid_config"),
    ],
)
async def test_some_keys_cannot_be_changed_this_way(
    load: LoadStore, key: str, value: Any, code: str
) -> None:
    store = load("")
    section, name = key.split(".")
    with pytest.raises(SettingsError) as caught:
        await store.change({section: {name: value}})

    assert (caught.value.status, caught.value.code, caught.value.param) == (400, code, key)
    assert store.path.read_text() == ""


async def test_key_set_by_environment_is_locked(load: LoadStore) -> None:
    store = load("", environ={"GROK_GROK_TIMEOUT": "60"}, overlay={"grok.max_retry": 1})
    with pytest.raises(SettingsLocked, match="GROK_GROK_TIMEOUT") as caught:
        await store.change({"grok": {"timeout": 61}})
    with pytest.raises(SettingsLocked, match="this run"):
        await store.change({"grok": {"max_retry": 2}})

    assert (caught.value.status, caught.value.code) == (409, "config_locked")


async def test_mask_posted_back_is_no_change(load: LoadStore) -> None:
    key = "sk-0123456789abcdef"
    store = load(f"[app]\napi_key = '{key}'\nmetrics_key = '{key}'\n")
    before = store.snapshot

    assert await store.change({"app": {"api_key": [mask(key)], "metrics_key": mask(key)}}) is before


@pytest.mark.parametrize("spelling", ["impersonate", "wreq_emulation"])
async def test_spelling_found_in_the_file_is_kept(
    load: LoadStore, haiku: Declaration, spelling: str
) -> None:
    store = load("[grok]\nwreq_emulation = 'chrome131'\n")
    await store.change({"grok": {spelling: "chrome124"}})
    section: Any = store.snapshot.get(haiku.type)

    assert section.browser == "chrome124"
    assert store.path.read_text() == '[grok]\nwreq_emulation = "chrome124"\n'


async def test_both_spellings_in_the_file_agree_after_a_save(load: LoadStore) -> None:
    store = load("[grok]\nwreq_emulation = 'a'\nimpersonate = 'b'\n")
    await store.change({"grok": {"impersonate": "c"}})

    assert store.path.read_text() == '[grok]\nwreq_emulation = "c"\nimpersonate = "c"\n'


async def test_two_spellings_with_different_values_are_refused(load: LoadStore) -> None:
    store = load("")
    with pytest.raises(SettingsError) as caught:
        await store.change({"grok": {"impersonate": "a", "wreq_emulation": "b"}})

    assert caught.value.param == "grok.impersonate"


def test_empty_key_gives_way_to_its_older_spelling(load: LoadStore, haiku: Declaration) -> None:
    section: Any = load("[grok]\nimpersonate = ''\nwreq_emulation = 'a'\n").snapshot.get(haiku.type)

    assert section.browser == "a"


async def test_old_key_gives_way_to_an_older_spelling_of_the_new_one(
    load: LoadStore, haiku: Declaration
) -> None:
    text = "[proxy]\nbrowser = 'x'\n[grok]\nwreq_emulation = 'a'\n"
    section: Any = load(text).snapshot.get(haiku.type)

    assert section.browser == "a"


async def test_edit_not_yet_noticed_survives_a_change(load: LoadStore) -> None:
    store = load("")
    store.path.write_text("[grok]\nmax_retry = 1\n")
    await store.change({"grok": {"timeout": 90}})

    assert (store.snapshot.grok.max_retry, store.snapshot.grok.timeout) == (1, 90)


async def test_change_over_a_damaged_file_is_refused(load: LoadStore) -> None:
    store = load("")
    store.path.write_bytes(b"\xff")
    with pytest.raises(SettingsError):
        await store.change({"grok": {"timeout": 90}})

    assert store.path.read_bytes() == b"\xff"


async def test_change_after_the_file_vanished_writes_everything(load: LoadStore) -> None:
    store = load("[grok]\nmax_retry = 1\n")
    store.path.unlink()
    await store.change({"grok": {"timeout": 90}})

    assert store.path.read_text() == "[grok]\nmax_retry = 1\ntimeout = 90\n"


async def test_file_that_cannot_be_written_keeps_the_snapshot(
    load: LoadStore, tmp_path: Path
) -> None:
    store = load("")
    (tmp_path / ".locks").write_text("in the way")
    with pytest.raises(StoreUnavailable):
        await store.change({"grok": {"timeout": 90}})

    assert store.snapshot.grok.timeout == 120


async def test_changes_at_the_same_time_follow_each_other(load: LoadStore) -> None:
    store = load("")
    async with anyio.create_task_group() as group:
        group.start_soon(store.change, {"grok": {"timeout": 90}})
        group.start_soon(store.change, {"grok": {"max_retry": 1}})
        group.start_soon(store.change, {"log": {"level": "warn"}})

    assert store.snapshot.revision == 4
    assert tomllib.loads(store.path.read_text()) == {
        "grok": {"timeout": 90, "max_retry": 1},
        "log": {"level": "warning"},
    }


async def test_own_write_is_no_news(load: LoadStore) -> None:
    store = load("")
    await store.change({"grok": {"timeout": 90}})

    assert not store.reload()
    assert store.snapshot.revision == 2


async def test_cancelled_change_leaves_file_and_snapshot_in_step(load: LoadStore) -> None:
    store = load("")
    with anyio.CancelScope() as scope:
        scope.cancel()
        await store.change({"grok": {"timeout": 90}})
    saved = tomllib.loads(store.path.read_text()).get("grok", {}).get("timeout", 120)

    assert store.snapshot.grok.timeout == saved


CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "grok": st.fixed_dictionaries(
            {},
            optional={
                "timeout": st.floats(min_value=0.01, max_value=1e6),
                "max_retry": st.integers(0, 10),
                "retry_status_codes": st.lists(st.integers(100, 599), max_size=4),
                "impersonate": st.text(min_size=1),
                "thinking_format": st.sampled_from(["reasoning_content", "think_tag", "both"]),
            },
        ),
        "downstream": st.fixed_dictionaries({}, optional={"enable_chat": st.booleans()}),
        "plugins": st.fixed_dictionaries(
            {},
            optional={
                "haiku": st.fixed_dictionaries(
                    {}, optional={"words": st.dictionaries(st.text(), st.text(), max_size=2)}
                )
            },
        ),
    },
)
FILE = """\
# first
[grok] # second
wreq_emulation = "a" # third
timeout = 60
mine = {a = 1}

# fourth
[other]
x = [1,
  2]
"""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(patch=CHANGES)
def test_every_valid_change_comes_back_from_the_file(
    load: LoadStore, patch: dict[str, Any]
) -> None:
    store = load(FILE)
    anyio.run(store.change, patch)
    again = load()
    text = store.path.read_text()

    assert again.snapshot.sections == store.snapshot.sections
    assert again.snapshot.enabled_routes == store.snapshot.enabled_routes
    assert [
        word for word in ("first", "second", "third", "fourth") if f"# {word}" not in text
    ] == []
    assert tomllib.loads(text)["other"] == {"x": [1, 2]}
    assert tomllib.loads(text)["grok"]["mine"] == {"a": 1}


def test_replaced_file_keeps_its_mode_and_leaves_no_other(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("old")
    path.chmod(0o640)
    replace_file(path, b"new")

    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert [entry.name for entry in tmp_path.iterdir()] == ["config.toml"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_replaced_file_keeps_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("old")
    os.chown(path, 12345, 12346)
    replace_file(path, b"new")

    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "real.toml"
    target.write_text("old")
    (tmp_path / "link").symlink_to(target)
    replace_file(tmp_path / "link", b"new")

    assert (tmp_path / "link").is_symlink()
    assert target.read_bytes() == b"new"


def test_lock_held_by_another_ends_the_wait(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StoreUnavailable), locked(path, wait_s=0):
            pass

    with locked(path, wait_s=0):
        assert path.exists()
