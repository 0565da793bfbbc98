import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
from structlog.testing import LogCapture

from grokgate.errors import ConfigFileError, PluginError, StartupError
from grokgate.plugin.records import Settings
from grokgate.settings import Declaration, SettingsStore, Snapshot
from grokgate.settings.document import TEMPLATE
from grokgate.settings.grok import GrokSettings
from grokgate.upstream import ActiveProfile

pytestmark = pytest.mark.anyio
LoadStore = Callable[..., SettingsStore]


async def until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(5):
        while not condition():  # noqa: ASYNC110 - a file and a log have no event
            await anyio.sleep(0.01)


@asynccontextmanager
async def running(store: SettingsStore) -> AsyncIterator[None]:
    """Follow the file; the end must not wait for the watching thread's own timeout of 5 s."""
    async with anyio.create_task_group() as group:
        group.start_soon(store.run)
        yield
        group.cancel_scope.cancel()
        cancelled_at = anyio.current_time()
    assert anyio.current_time() - cancelled_at < 3


def test_first_start_makes_a_commented_file(load: LoadStore, tmp_path: Path) -> None:
    store = load()

    assert store.path == tmp_path / "config.toml"
    assert store.path.read_text() == TEMPLATE
    assert store.path.stat().st_mode & 0o777 == 0o600
    assert store.snapshot.warnings == ()


def test_layers_win_in_order(load: LoadStore) -> None:
    store = load(
        "[limits]\nqueue_size = 2\nfile_mb = 2\njson_body_mb = 2\n",
        environ={"GROKGATE__LIMITS__FILE_MB": "3", "GROKGATE__LIMITS__JSON_BODY_MB": "3"},
        overlay={"limits.json_body_mb": 4},
    )
    limits, origins = store.snapshot.limits, store.snapshot.origins

    assert (limits.queue_wait_sec, limits.queue_size, limits.file_mb, limits.json_body_mb) == (
        10,
        2,
        3,
        4,
    )
    assert [
        origins[f"limits.{key}"]
        for key in ("queue_wait_sec", "queue_size", "file_mb", "json_body_mb")
    ] == ["default", "file", "env", "overlay"]


@pytest.mark.parametrize("text", ["sk-a, sk-b", '["sk-a", "sk-b"]'])
def test_list_in_the_environment_is_comma_text_or_json(load: LoadStore, text: str) -> None:
    store = load(environ={"GROKGATE__APP__API_KEY": text})

    assert store.snapshot.app.api_key == ("sk-a", "sk-b")


def test_sections_of_plugins_are_found_by_their_type(load: LoadStore, haiku: Declaration) -> None:
    store = load("[plugins.haiku]\nlines = 5\n[grok]\nimpersonate = 'chrome131'\n")
    section: Any = store.snapshot.get(haiku.type)

    assert (section.lines, section.browser) == (5, "chrome131")
    assert store.snapshot.get(GrokSettings) is store.snapshot.grok
    assert type(store.snapshot.get(Settings)) is Settings


def test_map_is_one_value(load: LoadStore, haiku: Declaration) -> None:
    section: Any = load("[plugins.haiku.words]\nold = 'new'\n").snapshot.get(haiku.type)

    assert section.words == {"old": "new"}


def test_bad_value_at_start_falls_back_to_the_default(load: LoadStore, log: LogCapture) -> None:
    store = load("[grok]\ntimeout = 'soon'\nmax_retry = 1\n")

    assert (store.snapshot.grok.timeout, store.snapshot.grok.max_retry) == (120, 1)
    assert any("grok.timeout" in warning for warning in store.snapshot.warnings)
    assert [entry["event"] for entry in log.entries] == ["settings_warning"]


def test_bad_variable_counts_as_absent(load: LoadStore) -> None:
    store = load("[grok]\ntimeout = 60\n", environ={"GROKGATE__GROK__TIMEOUT": "soon"})

    assert store.snapshot.grok.timeout == 60
    assert any("GROKGATE__GROK__TIMEOUT" in warning for warning in store.snapshot.warnings)


def test_stream_by_default_is_warned_about(load: LoadStore) -> None:
    assert any(
        "grok.stream" in warning for warning in load("[grok]\nstream = true").snapshot.warnings
    )


@pytest.mark.parametrize("overlay", [{"grok.nonsense": 1}, {"grok.max_retry": 99}])
def test_overlay_at_fault_stops_the_start(load: LoadStore, overlay: dict[str, Any]) -> None:
    with pytest.raises(StartupError):
        load(overlay=overlay)


def test_damaged_file_stops_the_start_untouched(load: LoadStore, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"[grok]\n\xff\x00damage")

    with pytest.raises(ConfigFileError, match=r"config\.toml"):
        load()
    assert path.read_bytes() == b"[grok]\n\xff\x00damage"


def test_key_of_two_owners_stops_the_start(load: LoadStore, haiku: Declaration) -> None:
    with pytest.raises(PluginError, match=r"'other'.*'haiku'"):
        load(declarations=[haiku, Declaration("other", haiku.type, "plugins.haiku")])


def test_route_needs_its_requirements(load: LoadStore) -> None:
    assert load().snapshot.enabled_routes == {"chat", "images", "images_nsfw"}
    store = load("[downstream]\nenable_images = false\nenable_messages = 1\n")

    assert store.snapshot.enabled_routes == {"chat", "messages"}


def test_profiles_are_functions_of_the_settings(load: LoadStore) -> None:
    def profile(get: Callable[[type[Settings]], Any]) -> ActiveProfile:
        return ActiveProfile(chain=(f"retry-{get(GrokSettings).max_retry}",))

    store = load("[grok]\nmax_retry = 1\n", profiles={"web": profile})

    assert store.snapshot.profiles["web"].chain == ("retry-1",)


async def test_profile_that_refuses_values_refuses_the_change(load: LoadStore) -> None:
    def profile(get: Callable[[type[Settings]], Any]) -> ActiveProfile:
        return ActiveProfile(chain=(["none", "one"][get(GrokSettings).max_retry],))

    store = load("[grok]\nmax_retry = 1\n", profiles={"web": profile})
    with pytest.raises(Exception, match="upstream web"):
        await store.change({"grok": {"max_retry": 9}})

    assert store.snapshot.profiles["web"].chain == ("one",)
    assert store.path.read_text() == "[grok]\nmax_retry = 1\n"


def test_profile_that_fails_at_start_leaves_its_upstream_without(load: LoadStore) -> None:
    store = load(profiles={"web": lambda _: 1 / 0})

    assert store.snapshot.profiles["web"] == ActiveProfile(chain=())
    assert any("upstream web" in warning for warning in store.snapshot.warnings)


def test_reload_takes_over_an_edit(load: LoadStore) -> None:
    store = load("[grok]\ntimeout = 60\n")
    store.path.write_text("[grok]\ntimeout = 61\n")

    assert store.reload()
    assert (store.snapshot.grok.timeout, store.snapshot.revision) == (61, 2)
    assert not store.reload()


def test_edit_of_a_comment_makes_no_revision(load: LoadStore) -> None:
    store = load("[grok]\ntimeout = 60\n")
    before = store.snapshot
    store.path.write_text("# hello\n[grok]\ntimeout = 60\n")

    assert not store.reload()
    assert store.snapshot is before


def test_bad_value_at_reload_leaves_the_last_good_one(load: LoadStore) -> None:
    store = load("[grok]\ntimeout = 60\nmax_retry = 1\n")
    store.path.write_text("[grok]\ntimeout = -1\nmax_retry = 2\n")

    assert store.reload()
    assert (store.snapshot.grok.timeout, store.snapshot.grok.max_retry) == (60, 2)
    assert any("grok.timeout" in warning for warning in store.snapshot.warnings)


@pytest.mark.parametrize("damage", [b"\xff", b"[grok", b"a = " + b"[" * 100_000])
def test_damaged_file_at_reload_leaves_the_snapshot(
    load: LoadStore, log: LogCapture, damage: bytes
) -> None:
    store = load("[grok]\ntimeout = 60\n")
    before = store.snapshot
    store.path.write_bytes(damage)

    assert not store.reload()
    assert store.snapshot is before
    assert log.entries[-1]["event"] == "settings_file_unreadable"
    store.path.write_text("[grok]\ntimeout = 61\n")
    assert store.reload()


def test_vanished_file_leaves_the_snapshot(load: LoadStore) -> None:
    store = load("[grok]\ntimeout = 60\n")
    store.path.unlink()

    assert not store.reload()
    assert store.snapshot.grok.timeout == 60


def test_setting_fixed_at_start_stays_until_the_next(load: LoadStore) -> None:
    store = load("[server]\nport = 9000\n")
    store.path.write_text("[server]\nport = 9001\n")
    store.reload()

    assert store.snapshot.server.port == 9000
    assert "server.port: the change takes effect at the next start" in store.snapshot.warnings


def test_listener_hears_both_snapshots_until_it_ends(load: LoadStore) -> None:
    store = load("")
    heard: list[tuple[Snapshot, Snapshot]] = []
    end = store.subscribe(lambda old, new: heard.append((old, new)))
    before = store.snapshot
    store.path.write_text("[grok]\ntimeout = 1\n")
    store.reload()
    end()
    end()
    store.path.write_text("")
    store.reload()

    assert [(old.revision, new.revision) for old, new in heard] == [(1, 2)]
    assert heard[0][0] is before


def test_failing_listener_stops_nobody(load: LoadStore, log: LogCapture) -> None:
    store = load("")
    heard: list[int] = []

    def fail(_old: Snapshot, _new: Snapshot) -> None:
        raise RuntimeError

    store.subscribe(fail)
    store.subscribe(lambda _, new: heard.append(new.revision))
    store.path.write_text("[grok]\ntimeout = 1\n")

    assert store.reload()
    assert heard == [2]
    assert "settings_listener_failed" in [entry["event"] for entry in log.entries]


def write(path: Path, text: str) -> None:
    path.write_text(text)


def replace(path: Path, text: str) -> None:
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").replace(path)


@pytest.mark.parametrize("edit", [write, replace])
async def test_manual_edit_is_noticed_every_time(
    load: LoadStore, edit: Callable[[Path, str], None]
) -> None:
    store = load("")
    async with running(store):
        for number in (1, 2, 3):
            edit(store.path, f"[grok]\ntimeout = {number}\n")
            await until(lambda number=number: store.snapshot.grok.timeout == number)  # type: ignore[misc]


async def test_edit_behind_a_symbolic_link_is_noticed(load: LoadStore, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere" / "real.toml"
    target.parent.mkdir()
    target.write_text("")
    (tmp_path / "config.toml").symlink_to(target)
    store = load()
    async with running(store):
        target.write_text("[grok]\ntimeout = 1\n")
        await until(lambda: store.snapshot.grok.timeout == 1)


async def test_edit_that_hides_its_time_and_size_is_noticed(
    load: LoadStore, tmp_path: Path
) -> None:
    target = tmp_path / "elsewhere" / "real.toml"
    target.parent.mkdir()
    target.write_text("")
    (tmp_path / "config.toml").symlink_to(target)
    store = load()
    async with running(store):
        target.write_text("[grok]\ntimeout = 1\n")
        await until(lambda: store.snapshot.grok.timeout == 1)
        before = target.stat()
        target.write_text("[grok]\ntimeout = 2\n")
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
        await until(lambda: store.snapshot.grok.timeout == 2)


def folder_in_the_way(path: Path) -> None:
    path.mkdir()


def pipe_in_the_way(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize("put", [folder_in_the_way, pipe_in_the_way])
async def test_what_is_no_file_is_survived(
    load: LoadStore, log: LogCapture, put: Callable[[Path], None]
) -> None:
    store = load("[grok]\ntimeout = 1\n")
    async with running(store):
        store.path.unlink()
        put(store.path)
        await until(lambda: any("no plain file" in str(entry) for entry in log.entries))
        store.path.rename(store.path.with_suffix(".odd"))
        store.path.write_text("[grok]\ntimeout = 2\n")
        await until(lambda: store.snapshot.grok.timeout == 2)


async def test_damage_while_running_is_survived(load: LoadStore, log: LogCapture) -> None:
    store = load("")
    async with running(store):
        store.path.write_bytes(b"\xff")
        await until(lambda: any("unreadable" in entry["event"] for entry in log.entries))
        store.path.write_text("[grok]\ntimeout = 1\n")
        await until(lambda: store.snapshot.grok.timeout == 1)


async def test_oldest_file_is_written_in_todays_form_at_the_next_save(
    load: LoadStore, tmp_path: Path
) -> None:
    old = tmp_path / "setting.toml"
    old.write_text(
        "[grok]\nshow_thinking = false\nfiltered_tags = 'a,b'\n[global]\nadmin_password = 'x'\n"
    )
    store = load()
    assert not store.snapshot.grok.thinking
    assert not store.path.exists()

    await store.change({"grok": {"timeout": 60}})

    again = load()
    assert (again.snapshot.grok.thinking, again.snapshot.grok.timeout) == (False, 60)
    assert 'app_key = "x"' in store.path.read_text()
    assert "show_thinking" in old.read_text()


async def test_default_wins_over_an_old_key_once_chosen(load: LoadStore) -> None:
    store = load("[chat]\ntimeout = 60\n")
    assert store.snapshot.grok.timeout == 60

    await store.change({"grok": {"timeout": 120}})

    assert store.snapshot.grok.timeout == 120
    assert load().snapshot.grok.timeout == 120
    assert "[chat]\ntimeout = 60\n" in store.path.read_text()


def test_old_password_and_unknown_keys_are_never_logged(load: LoadStore, log: LogCapture) -> None:
    load("[app]\napp_key = 'hunter2hunter2'\n[grok]\nmax_retry = 'hunter2hunter2'\n")

    assert "hunter2" not in str(log.entries)


def test_representation_shows_no_values(load: LoadStore) -> None:
    assert repr(load("[app]\napi_key = 'sk-secret'\n").snapshot) == "Snapshot(revision=1)"


def test_folder_that_cannot_be_made_is_survived(load: LoadStore, log: LogCapture) -> None:
    store = load(data_dir=Path("/proc/none"))

    assert store.snapshot.grok.timeout == 120
    assert [entry["event"] for entry in log.entries] == ["settings_file_not_created"]
