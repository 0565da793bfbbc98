"""How long a start takes to read the stored tokens, and what they weigh in memory.

Run from the root of the repository::

    python tests/bench/token_store.py                     # 10 000 and 1 000 000 tokens
    python tests/bench/token_store.py --tokens 100000     # 10 000 and 100 000

A database is filled once per size (most of the running time), then loaded in a fresh process: read,
decoded, unsealed. One line per size tells seconds, processor time in all and per token, the bytes
by which the process grew per token, and the highest it stood at; the last line is the ratio of the
processor times per token, 1 where the cost grows no faster than the number.
"""

import argparse
import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from msgspec import Struct

from grokgate.clock import SystemClock
from grokgate.storage import open_database
from grokgate.storage import tokens as queries
from grokgate.storage.listing import insert_listing
from grokgate.storage.meta import bind_vault
from grokgate.tokens import Bucket, TokenRecord, TokenState, TokenStore
from grokgate.tokens.rows import identity, to_listing_row, to_state_row, to_token_row, token_id
from grokgate.upstream import Secret
from grokgate.vault import Vault

SMALL = 10_000
LARGE = 1_000_000

_PORTION = 10_000
_KEY = bytes(32)
_NOW_MS = 1_700_000_000_000
_BUCKETS = ("auto", "fast", "expert", "heavy")
_PAGE = resource.getpagesize()


class Result(Struct, frozen=True):
    """One load."""

    tokens: int
    seconds: float
    processor: float
    """Seconds of processor time; all that counts on a machine with other work."""
    grown: int
    """Bytes of resident memory that the process gained."""
    peak: int
    """Bytes of resident memory at its highest."""

    @property
    def us(self) -> float:
        """Microseconds of processor time per token."""
        return self.processor / self.tokens * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the load of the token store.")
    parser.add_argument("--tokens", type=int, default=LARGE)
    largest: int = parser.parse_args().tokens
    results: list[Result] = []
    for size in dict.fromkeys((SMALL, largest)):
        results.append(measure(size))
        _say(_line(results[-1]))
    _say(f"time per token, {largest} to {SMALL}: {results[-1].us / results[0].us:.2f}")


def measure(tokens: int) -> Result:
    """Load *tokens* tokens in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="grokgate-bench-") as folder:
        path = Path(folder) / "grokgate.db"
        asyncio.run(_filled(path, tokens))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            return process.submit(_loaded, path).result()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _line(result: Result) -> str:
    return (
        f"{result.tokens:>9} tokens: {result.seconds:6.2f} s, processor "
        f"{result.processor:6.2f} s, {result.us:5.1f} us each, "
        f"{result.grown / result.tokens:5.0f} B each, peak {result.peak >> 20} MiB"
    )


async def _filled(path: Path, tokens: int) -> None:
    vault = Vault(_KEY)
    async with open_database(path) as database:
        async with database.write() as connection:
            await bind_vault(connection, vault)
        for records in _portions(vault, tokens):
            async with database.write() as connection:
                await queries.insert_tokens(
                    connection,
                    [to_token_row(record, vault) for record in records],
                    [to_state_row(record.state) for record in records],
                )
                await insert_listing(connection, [to_listing_row(record) for record in records])


def _portions(vault: Vault, tokens: int) -> Iterator[list[TokenRecord]]:
    for start in range(0, tokens, _PORTION):
        numbers = range(start, min(tokens, start + _PORTION))
        yield [_record(vault, number) for number in numbers]


def _record(vault: Vault, number: int) -> TokenRecord:
    """Make a token as it looks after some use: four surveyed buckets, a credential of 150."""
    credential = f"eyJhbGciOiJIUzI1NiJ9.{number:0128}"
    name = token_id(identity(vault, "web", credential))
    bucket = Bucket(
        remaining=number % 80,
        total=80,
        window_s=7200,
        reset_at_ms=_NOW_MS + number,
        synced_at_ms=_NOW_MS,
        source="real",
    )
    state = TokenState(
        id=name,
        buckets=dict.fromkeys(_BUCKETS, bucket),
        use_count=number % 9,
        consumed=number % 50,
        last_used_at_ms=_NOW_MS,
        last_sync_at_ms=_NOW_MS,
        sync_count=1,
    )
    return TokenRecord(
        id=name,
        pool="ssoBasic",
        credential=Secret(credential),
        tags=("eu",),
        created_at_ms=_NOW_MS + number,
        state=state,
    )


def _loaded(path: Path) -> Result:
    return asyncio.run(_timed_load(path))


async def _timed_load(path: Path) -> Result:
    async with open_database(path) as database:
        store = TokenStore(database, Vault(_KEY), {}, SystemClock())
        before, began, worked = _resident(), time.perf_counter(), time.process_time()
        await store.load()
        seconds, processor = time.perf_counter() - began, time.process_time() - worked
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return Result(len(store.records), seconds, processor, _resident() - before, peak)


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


if __name__ == "__main__":
    main()
