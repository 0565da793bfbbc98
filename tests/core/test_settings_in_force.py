"""Settings that no other test proves: each changes what the next request gets."""

from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

import grokgate_chat
from admin.jobs_world import world
from core.scheduler.memory_world import Setting
from grokgate.process import build
from grokgate.run_options import VARIABLE, RunOptions
from grokgate.testing import FakeUpstream, RunningGateway, make_card, running_gateway
from grokgate.tokens.record import Bucket, TokenRecord, TokenState
from grokgate.upstream import Event, Kind, Secret, Source, Stage, TextDelta, ThinkingDelta, Wire

pytestmark = pytest.mark.anyio
THOUGHT: list[Event] = [ThinkingDelta(text="Hm."), TextDelta(text="Yes.")]


async def ask(
    gw: RunningGateway, answer: Sequence[Event] = THOUGHT, **fields: Any
) -> httpx.Response:
    gw.fake.add(answer)
    messages = [{"role": "user", "content": "Is it?"}]
    body = {"model": "grok-4", "messages": messages, **fields}
    return await gw.client.post("/v1/chat/completions", json=body)


async def message(gw: RunningGateway, answer: Sequence[Event] = THOUGHT) -> dict[str, Any]:
    reply: dict[str, Any] = (await ask(gw, answer)).json()["choices"][0]["message"]
    return reply


async def test_stream_is_what_old_front_ends_get_unasked() -> None:
    async with running_gateway(grokgate_chat) as gw:
        before = await ask(gw)
        await gw.change(grok={"stream": True})
        after = await ask(gw)

    assert before.headers["content-type"].startswith("application/json")
    assert after.headers["content-type"].startswith("text/event-stream")


async def test_thinking_is_shown_or_not() -> None:
    async with running_gateway(grokgate_chat) as gw:
        shown = await message(gw)
        await gw.change(grok={"thinking": False})
        hidden = await message(gw)

    assert shown["reasoning_content"] == "Hm."
    assert not hidden.get("reasoning_content")


async def test_thinking_goes_where_the_format_says() -> None:
    async with running_gateway(grokgate_chat) as gw:
        await gw.change(grok={"thinking_format": "think_tag"})
        found = await message(gw)

    assert "<think>" in found["content"]
    assert not found.get("reasoning_content")


async def test_summary_takes_the_place_of_the_reasoning() -> None:
    answer: list[Event] = [ThinkingDelta(text="Step one", summary=True), *THOUGHT]
    async with running_gateway(grokgate_chat) as gw:
        whole = await message(gw, answer)
        await gw.change(grok={"thinking_summary": True})
        short = await message(gw, answer)

    assert "Hm." in whole["reasoning_content"]
    assert "Step one" in short["reasoning_content"]
    assert "Hm." not in short["reasoning_content"]


async def test_sources_are_appended_or_not() -> None:
    answer: list[Event] = [Source(url="https://a.example/x", title="A"), TextDelta(text="Yes.")]
    async with running_gateway(grokgate_chat) as gw:
        bare = await message(gw, answer)
        await gw.change(grok={"show_search_sources": True})
        listed = await message(gw, answer)

    assert "https://a.example/x" not in bare["content"]
    assert "https://a.example/x" in listed["content"]


async def test_number_of_answers_is_limited() -> None:
    async with running_gateway(grokgate_chat) as gw:
        await gw.change(limits={"max_choices": 1})
        reply = await ask(gw, n=2)

    assert (reply.status_code, reply.json()["error"]["param"]) == (400, "n")


async def test_attempts_are_limited() -> None:
    async with running_gateway(grokgate_chat, tokens={"t1": 9, "t2": 9, "t3": 9}) as gw:
        await gw.change(grok={"max_retry": 1})
        gw.fake.add(Kind.FORBIDDEN, Kind.FORBIDDEN)
        reply = await gw.client.post(
            "/v1/chat/completions",
            json={"model": "grok-4", "messages": [{"role": "user", "content": "Is it?"}]},
        )

    assert reply.status_code >= 400
    assert len(gw.fake.asked) == 2


async def test_upstreams_are_tried_in_the_order_of_the_setting() -> None:
    wire = {name: Wire(name=name, buckets=("default",), units=1) for name in ("one", "two")}
    cards = [make_card("m1", wire=wire)]
    async with running_gateway(grokgate_chat, cards=cards) as gw:
        names = []
        for order in (["one"], ["two"]):
            await gw.change(upstreams={"order": order})
            await ask(gw, model="m1")
            names.append(gw.fake.asked[-1].wire)

    assert [wire and wire.name for wire in names] == ["one", "two"]


async def test_total_time_of_an_answer_is_limited() -> None:
    async def silent(_request: Any) -> AsyncGenerator[Event, None]:
        await anyio.sleep_forever()
        yield TextDelta(text="never")

    async with running_gateway(grokgate_chat, upstream=FakeUpstream(silent)) as gw:
        await gw.change(grok={"timeout": 0.2})
        reply = await gw.client.post(
            "/v1/chat/completions",
            json={"model": "grok-4", "messages": [{"role": "user", "content": "Is it?"}]},
        )

    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "upstream_timeout")


async def test_database_lies_where_the_setting_says(tmp_path: Path) -> None:
    place = tmp_path / "elsewhere.db"
    async with running_gateway(settings={"storage.url": str(place)}) as gw:
        assert gw.gateway.database.path == place
        assert place.exists()


async def test_files_lie_where_the_setting_says(tmp_path: Path) -> None:
    async with running_gateway(settings={"storage.media_url": str(tmp_path)}) as gw:
        sent = {"file": ("a.txt", b"of a client")}
        reply = await gw.client.post("/v1/files", files=sent, data={"purpose": "user_data"})
        kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]  # noqa: ASYNC240 - a test's own folder

    assert (reply.status_code, kept) == (200, [b"of a client"])


async def test_keys_of_the_settings_open_the_gateway() -> None:
    key = "sk-of-the-operators-own-choice"
    async with running_gateway() as gw:
        headers = {"authorization": f"Bearer {key}"}
        before = await gw.client.get("/v1/files", headers=headers)
        await gw.change(app={"api_key": [key]})
        after = await gw.client.get("/v1/files", headers=headers)

    assert (before.status_code, after.status_code) == (401, 200)


async def asked_account(gw: RunningGateway) -> str:
    await ask(gw)
    return gw.fake.asked[-1].account


@pytest.mark.parametrize("strategy", ["least_consumed", "score"])
async def test_account_is_picked_as_the_setting_says(strategy: str) -> None:
    async with running_gateway(grokgate_chat, tokens={"most": 90, "rest": 80}) as gw:
        first = await asked_account(gw)
        again = await asked_account(gw)
        await gw.change(token={"selection": strategy})
        other = await asked_account(gw)

    assert first == again
    assert other != first


async def test_accounts_of_unknown_quota_go_first_where_the_setting_says_so() -> None:
    async with running_gateway(grokgate_chat, tokens={"full": 90, "fresh": -1}) as gw:
        usual = await asked_account(gw)
        await gw.change(token={"unknown_first": True})
        now = await asked_account(gw)

    assert now != usual


async def test_states_are_written_after_the_time_of_the_setting() -> None:
    written = []

    async def watch(delay_ms: int, at: Setting) -> None:
        at.settle(await at.lease(), Kind.OK, Stage.CONTENT)
        await at.store.written.wait()
        written.append(delay_ms)

    async with anyio.create_task_group() as group:
        with anyio.fail_after(5):
            async with anyio.create_task_group() as watched:
                for delay_ms in (250, 0):
                    state = TokenState(id="a", buckets={"default": Bucket(remaining=9)})
                    record = TokenRecord(
                        id="a", pool="ssoBasic", credential=Secret("a"), state=state
                    )
                    at = Setting(record, save_delay_ms=delay_ms)
                    group.start_soon(at.home.run)
                    watched.start_soon(watch, delay_ms, at)
        group.cancel_scope.cancel()

    assert written == [0, 250]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("usage_max_tokens", "/tokens/refresh/async"),
        ("nsfw_max_tokens", "/tokens/nsfw/enable/async"),
        ("assets_max_tokens", "/cache/online/clear/async"),
    ],
)
async def test_list_of_accounts_is_cut_where_the_setting_says(key: str, path: str) -> None:
    async with world() as at:
        texts = [f"account-number-{number}" for number in range(3)]
        await at.running.gateway.tokens.import_text("\n".join(texts))
        await at.running.change(performance={key: 2})
        reply = await at.post(path, {"tokens": texts})

    assert (reply.json()["total"], "first 2 of 3" in reply.json()["warning"]) == (2, True)


@pytest.fixture
def log_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Build a process with the given settings, let it log a line, and list the log files."""
    folder = tmp_path / "logs"
    folder.mkdir()

    def run(**log: Any) -> list[str]:
        overlay = {f"log.{name}": value for name, value in log.items()}
        options = RunOptions(data_dir=tmp_path / "data", log_dir=folder, overlay=overlay)
        monkeypatch.setenv(VARIABLE, options.to_json())
        _, logs = build()
        logs.logger().info("said")
        logs.close()
        return sorted(path.name for path in folder.iterdir())

    return run


def test_log_files_can_be_left_out(log_once: Any) -> None:
    assert log_once(file_enabled=False) == []
    assert len(log_once()) == 1


def test_number_of_log_files_is_a_setting(log_once: Any, tmp_path: Path) -> None:
    for day in range(1, 10):
        (tmp_path / "logs" / f"app_2001-01-0{day}.log").touch()

    assert len(log_once()) == 7
    assert len(log_once(max_files=2)) == 2


def test_size_of_a_log_file_is_a_setting(log_once: Any, tmp_path: Path) -> None:
    full = tmp_path / "logs" / f"app_{datetime.now(UTC).date()}.log"
    full.write_bytes(b"." * (1 << 20))

    assert log_once() == [full.name]
    assert log_once(max_file_mb=1) == [full.name.replace(".log", ".1.log"), full.name]
