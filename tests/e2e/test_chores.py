"""Operators' jobs against a real gateway: watched from outside, and a crash in their middle."""

import os
import signal
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest

from e2e.probe import QUOTA, Probe, probe
from grokgate.sandbox import Sandbox, faults

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]

PASSWORD = "a-password-of-probes-0123456789"
BASE = "/api/v1/admin"
OPERATOR = {"authorization": f"Bearer {PASSWORD}"}


async def call(gateway: Probe, method: str, path: str, body: Any = None) -> httpx.Response:
    with anyio.fail_after(20):
        return await gateway.http.request(method, BASE + path, json=body, headers=OPERATOR)


async def test_job_that_a_kill_interrupts_is_an_error_after_the_restart(tmp_path: Path) -> None:
    """F-JOB-06: its row was committed before it was answered, and nobody works on it any more."""
    world = Sandbox(accounts=())
    async with probe(tmp_path, {"APP__APP_KEY": PASSWORD}, sandbox=world) as gateway:
        tokens = await gateway.fill(QUOTA, QUOTA)
        world.rules.add(faults.AntiBot(place="silent"), endpoint="preference")
        body = {"tokens": tokens}
        started = await call(gateway, "POST", "/tokens/nsfw/enable/async", body)
        for pid in gateway.service.pids:
            os.kill(pid, signal.SIGKILL)
        gateway.service.process.wait(10)

    world.rules.clear()
    async with probe(tmp_path, {"APP__APP_KEY": PASSWORD}, sandbox=world) as again:
        (task,) = (await call(again, "GET", "/batch")).json()["tasks"]
        stream = await call(again, "GET", f"/batch/{task['task_id']}/stream")
        repeated = await call(again, "POST", "/tokens/nsfw/enable", body)

    assert task["task_id"] == started.json()["task_id"]
    assert (task["status"], task["total"], task["ended_at_ms"] is not None) == ("error", 2, True)
    assert '"type":"error"' in stream.text
    assert repeated.json()["summary"] == {"total": 2, "ok": 2, "fail": 0}
