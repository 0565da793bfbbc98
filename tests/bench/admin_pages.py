"""How quickly the admin pages are answered for a large pool and a long request log.

Run from the root of the repository::

    python tests/bench/admin_pages.py                     # 100 000 accounts and requests
    python tests/bench/admin_pages.py --size 10000

A gateway in a process of its own is filled and asked over HTTP on loopback. One line per question
tells the milliseconds of the first answer, and of the middle and the slowest of those after it, the
bytes of the answer, and the longest time for which the gateway's event loop was held meanwhile.
"""

import argparse
import asyncio
import random
import sys
import time
from multiprocessing import get_context
from typing import Any, Final

import httpx
import msgspec

import grokgate_chat
from grokgate.statistics.spans import HOUR_MS, begin_of_hour
from grokgate.storage.requests import RequestRow, write_requests
from grokgate.storage.statistics import Numbers, add_numbers
from grokgate.testing import RunningGateway, running_gateway

_ROUNDS: Final = 15
_DAY_MS: Final = 24 * HOUR_MS
_PORTION: Final = 5000
_STATUSES: Final = ("active", "active", "active", "active", "cooling", "expired", "disabled")
_QUESTIONS: Final = (
    "/storage",
    "/tokens/list",
    "/tokens/list?page_size=2000",
    "/tokens/list?status=active",
    "/tokens/list?pool=ssoSuper&sort=-quota",
    "/tokens/list?sort=-last_used_at",
    "/tokens/list?sort=use_count&page=900",
    "/tokens/list?tag=nsfw",
    "/tokens/list?tag=no%20nsfw",
    "/tokens/list?q=batch%2017",
    "/tokens/list?q=tok_00",
    "/overview",
    "/metrics",
    "/welcome",
    "/downstream",
    "/tokens/explain?model=grok-4",
    "/requests?failed=true",
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the answers of the admin API.")
    parser.add_argument("--size", type=int, default=100_000)
    parser.add_argument("--only", default="", help="part of the questions to ask")
    chosen = parser.parse_args()
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(chosen.size, theirs), daemon=True)
    process.start()
    base, headers = ours.recv()
    try:
        with httpx.Client(base_url=f"{base}/api/v1/admin", headers=headers, timeout=60) as client:
            for question in _QUESTIONS:
                if chosen.only in question:
                    _say(_measured(client, ours, question))
    finally:
        ours.send("end")
        process.join(30)


def _measured(client: httpx.Client, gateway: Any, question: str) -> str:
    _asked(client, "/verify")  # opens the connection
    gateway.send("begin")
    gateway.recv()
    times, size = [], 0
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        size = len(_asked(client, question))
        times.append(1000 * (time.perf_counter() - began))
        time.sleep(0.02)
    gateway.send("gap")
    first, *rest = times
    rest.sort()
    return (
        f"{question:42} first {first:6.1f}  middle {rest[len(rest) // 2]:6.1f}  "
        f"slowest {rest[-1]:6.1f} ms  {size:>8} B  loop held {1000 * gateway.recv():5.1f} ms"
    )


def _asked(client: httpx.Client, question: str) -> bytes:
    reply = client.get(question)
    reply.raise_for_status()
    return reply.content


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _serve(size: int, pipe: Any) -> None:
    asyncio.run(_served(size, pipe))


async def _served(size: int, pipe: Any) -> None:
    async with running_gateway(grokgate_chat, tokens={}) as gw:
        await gw.gateway.tokens.import_text(_accounts(size))
        await _fill_log(gw, size)
        async with gw.operator() as admin, gw.serve() as client:
            pipe.send((str(client.base_url), {"authorization": admin.headers["authorization"]}))
            await _watched(pipe)


async def _watched(pipe: Any) -> None:
    """Note the longest pause of the loop, until the other process has had enough."""
    longest, pause_s = 0.0, 0.001
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[str] = asyncio.Queue()
    loop.add_reader(pipe.fileno(), lambda: commands.put_nowait(pipe.recv()))
    while True:
        before = time.perf_counter()
        await asyncio.sleep(pause_s)
        longest = max(longest, time.perf_counter() - before - pause_s)
        while not commands.empty():
            match commands.get_nowait():
                case "begin":
                    longest = 0.0
                    pipe.send(None)
                case "gap":
                    pipe.send(longest)
                case _:
                    return


def _accounts(size: int) -> bytes:
    chance = random.Random(1)
    pools: dict[str, list[dict[str, Any]]] = {"ssoBasic": [], "ssoSuper": []}
    now_ms = int(time.time() * 1000)
    for number in range(size):
        pools["ssoSuper" if number % 5 == 0 else "ssoBasic"].append(
            {
                "token": f"eyJhbGciOiJIUzI1NiJ9.{number:064}",
                "status": chance.choice(_STATUSES),
                "quota": chance.randrange(80),
                "tags": ["nsfw"] if number % 3 == 0 else [],
                "note": f"batch {number // 500}",
                "use_count": chance.randrange(5000),
                "last_used_at": now_ms - chance.randrange(_DAY_MS),
            }
        )
    return msgspec.json.encode(pools)


async def _fill_log(gw: RunningGateway, size: int) -> None:
    """Spread requests over the last day."""
    chance = random.Random(2)
    now_ms = int(time.time() * 1000)
    step = _DAY_MS / max(1, size)
    rows = [_row(chance, round(now_ms - _DAY_MS + step * number)) for number in range(size)]
    numbers: dict[Any, Numbers] = {}
    for row in rows:
        one = Numbers(total=1, success=not row.failed, failed=row.failed, units=1)
        begins_at = begin_of_hour(row.at_ms, offset_minutes=0)
        for model in ("", row.model):
            numbers.setdefault(("hour", begins_at, model), Numbers()).add(one)
    for start in range(0, size, _PORTION):
        async with gw.gateway.database.write() as connection:
            await write_requests(connection, rows[start : start + _PORTION])
    async with gw.gateway.database.write() as connection:
        await add_numbers(connection, numbers)


def _row(chance: random.Random, at_ms: int) -> RequestRow:
    status = chance.choices((200, 429, 502), (90, 6, 4))[0]
    return RequestRow(
        id=f"{at_ms:013d}-{chance.randbytes(8).hex()}",
        request_id=f"req_{chance.randbytes(8).hex()}",
        at_ms=at_ms,
        address="192.0.2.7",
        endpoint="POST /v1/chat/completions",
        model=chance.choice(("grok-3", "grok-4", "grok-4-fast", "grok-4-heavy")),
        status=status,
        error=None if status == 200 else "upstream_error",
        duration_ms=round(chance.lognormvariate(8, 1)),
        first_byte_ms=round(chance.lognormvariate(6, 1)),
        key_id="key_0123456789abcdef",
        key_name="front end",
        token="tok_0123456789",
        attempts=1,
        units=1,
        usage={"input": 10, "output": 100, "reasoning": 0, "estimated": True},
        stream=True,
    )


if __name__ == "__main__":
    main()
