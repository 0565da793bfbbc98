"""The life of a server process around its gateway: log, signals, what the terminal is told.

SIGTERM is taken over from the server (which would close its listener at once and wait for ever):
the gateway drains while ``/ready`` says 503, then SIGINT hands on to the server's own stop. The
process leaves the terminal's group, so that Ctrl-C reaches the command alone, which sends SIGTERM:
the server hangs when its own handler runs twice.
"""

import asyncio
import gc
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from grokgate.errors import StartupError
from grokgate.gateway import Gateway, address
from grokgate.run_options import VARIABLE, RunOptions
from grokgate.settings import load_environment, read_boot
from grokgate.telemetry import Logs, open_logs

_ORPHAN_S = 1.0
_PROBE_S = 0.01
_LEFT_S = 2.0
"""Seconds that the server has to end its connections after the drain."""
_GC_THRESHOLD = 50_000
"""Allocations between two collections of the young; the default of 700 is for small programs."""

_EXAMPLE = (
    '{"model":"grok-4","stream":true,"messages":[{"role":"user","content":"Tell me about kites"}]}'
)


def build() -> tuple[Gateway, Logs]:
    """Make the gateway that this process's environment describes.

    Raises:
        StartupError: Refused; the reason was left for the command that started the process.
    """
    options = RunOptions.from_json(os.environ[VARIABLE])
    # The command has read both already, so a mistake in them was told there.
    environ = load_environment(Path.cwd())
    boot = read_boot(options.data_dir, environ, options.overlay)
    logs = open_logs(
        level=boot.log.level,
        directory=options.log_dir if boot.log.file_enabled else None,
        max_file_mb=boot.log.max_file_mb,
        max_files=boot.log.max_files,
    )
    log = logs.logger()
    try:
        return Gateway(options, environ, log=log), logs
    except Exception as error:
        refuse(options, error, log=log)
        logs.close()
        raise


@asynccontextmanager
async def running(gateway: Gateway, logs: Logs) -> AsyncIterator[None]:
    """Run the gateway as the heart of this process."""
    gateway.settings.subscribe(lambda _old, new: logs.set_level(new.log.level))
    life = _Life(gateway, logs)
    try:
        await life.begin()
    except Exception as error:
        refuse(gateway.options, error, log=gateway.log)
        logs.close()
        raise
    handover = asyncio.create_task(_hand_over(gateway, life))
    orphaned = asyncio.create_task(_drain_when_orphaned(gateway))
    _take_signals(gateway)
    welcome = asyncio.create_task(_welcome(gateway))
    if gateway.workers:
        logs.add_fields(worker=gateway.workers.seat)
    gateway.log.info("started", plugins=[plugin.name for plugin in gateway.plugins])
    _settle_memory()
    try:
        yield
    finally:
        for task in (handover, orphaned, welcome):
            task.cancel()
        await life.end()


class _Life:
    """The gateway at work, in a task of its own: it can end without the server's consent."""

    def __init__(self, gateway: Gateway, logs: Logs) -> None:
        self._gateway = gateway
        self._logs = logs
        self._begun = asyncio.Event()
        self._ending = asyncio.Event()

    async def begin(self) -> None:
        """Return when it works; raises what kept it from it."""
        self._task = asyncio.create_task(self._live())
        begun = asyncio.create_task(self._begun.wait())
        await asyncio.wait({self._task, begun}, return_when=asyncio.FIRST_COMPLETED)
        begun.cancel()
        if self._task.done():
            self._task.result()
        self._task.add_done_callback(self._ended)

    async def end(self) -> None:
        """Stop it: what is to be kept is written, the log is closed. Safe to call twice."""
        self._ending.set()
        try:
            await asyncio.shield(self._task)
        finally:
            self._logs.close()

    async def _live(self) -> None:
        async with self._gateway.run():
            self._begun.set()
            await self._ending.wait()
        self._gateway.log.info("stopped")

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Let the process end with a gateway that ended by itself."""
        if not self._ending.is_set():
            self._gateway.log.error("gateway_failed", exc_info=task.exception())
            self._gateway.drain.begin()


def _settle_memory() -> None:
    """Keep what the start made out of later collections: 7 % of a request's time otherwise."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_GC_THRESHOLD)


def refuse(options: RunOptions, error: Exception, *, log: Any) -> None:
    """Leave the reason where the command finds it, and end the server.

    The server would start a process that failed again and again. It may do so while other workers
    serve, and ends with them when one fails within seconds.
    """
    reason = str(error)
    if not isinstance(error, StartupError):
        log.error("start_failed", exc_info=error)
        reason = f"the start failed ({type(error).__name__}); the log says where"
    if options.refusal_file is None:
        return
    others_serve = options.starts_file is not None and options.starts_file.exists()
    if others_serve:
        log.error("worker_refused", detail=reason)
    # The server and the framework would print a traceback each, before the reason.
    logging.disable()
    options.refusal_file.write_text(reason, encoding="utf-8")
    if not others_serve:
        os.kill(os.getppid(), signal.SIGTERM)


def announce(gateway: Gateway) -> None:
    """Tell the terminal how to use the gateway; the key is shown this once."""
    base = address.local_base(gateway.boot.server)
    lines = [
        "",
        f"  Grokgate listens on  {base}/v1{_openness(gateway)}",
        f"  configuration        {gateway.settings.path}",
        f"  accounts             {_accounts(gateway)}",
    ]
    if gateway.workers:
        lines.append(f"  workers              {gateway.workers.count}")
    if (link := gateway.access.setup_link()) is not None:
        lines.append(f"  admin password       none yet, choose it: {link}")
    else:
        lines.append(f"  admin pages          {base}/admin")
    if gateway.first_key is not None:
        lines += [
            f"  API key              {gateway.first_key}",
            "                       shown once, keep it. Try it:",
            "",
            *_curl(base, gateway.first_key),
        ]
    elif not gateway.keys.usable:
        lines.append(f"  API key              none works: {_command()} keys create NAME")
    lines += ["", "  Ready. Stop with Ctrl-C.", ""]
    print("\n".join(lines), flush=True)  # noqa: T201 - the operator's terminal


def _openness(gateway: Gateway) -> str:
    host = gateway.boot.server.host
    return f"  and on every other address ({host})" if host != address.dialled(host) else ""


def _accounts(gateway: Gateway) -> str:
    count = len(gateway.tokens.records)
    if gateway.options.sandbox is not None:
        return f"{count} on a simulated upstream ({gateway.options.sandbox})"
    if not count:
        return f"none yet: {_command()} tokens import FILE"
    return str(count)


def _which(gateway: Gateway) -> str:
    return f" worker {gateway.workers.seat}" if gateway.workers else ""


def _command() -> str:
    """Name the command as it can be typed here: in a checkout it is not on the path."""
    program = Path(sys.argv[0])
    return os.path.relpath(program) if program.name == "grokgate" else "grokgate"


def _curl(base: str, key: str) -> list[str]:
    return [
        f"  curl -N {base}/v1/chat/completions \\",
        f"    -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\",
        f"    -d '{_EXAMPLE}'",
    ]


def _take_signals(gateway: Gateway) -> None:
    if sys.platform == "win32":
        return
    with suppress(PermissionError):  # a session's leader stays where it is
        os.setpgid(0, 0)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, gateway.drain.begin)


async def _welcome(gateway: Gateway) -> None:
    """Announce once the server accepts connections, which is only after its lifespan began."""
    if not gateway.options.announce or (gateway.workers and not gateway.workers.is_first):
        return
    host, port = gateway.boot.server.host, gateway.boot.server.port
    while True:
        try:
            _, writer = await asyncio.open_connection(address.dialled(host), port)
        except OSError:
            await asyncio.sleep(_PROBE_S)
        else:
            writer.close()
            break
    if gateway.workers:
        await gateway.workers.all_started()
    announce(gateway)


async def _drain_when_orphaned(gateway: Gateway) -> None:
    """Stop once the command that started this process is gone: nobody else would stop it."""
    command = os.getppid()
    while os.getppid() == command:  # noqa: ASYNC110 - nobody tells a process that it lost its parent
        await asyncio.sleep(_ORPHAN_S)
    gateway.log.error("command_gone")
    gateway.drain.begin()


async def _hand_over(gateway: Gateway, life: _Life) -> None:
    """Let the server stop once the drain has ended.

    It waits for its connections, also for one whose client does not read any more.
    """
    await gateway.drain.begun()
    if gateway.options.announce and gateway.drain.inflight:
        grace_s = gateway.settings.snapshot.server.shutdown_grace_sec
        running = f"{gateway.drain.inflight} running, at most {grace_s:g} s."
        print(f"  Stopping{_which(gateway)}: {running}", flush=True)  # noqa: T201 - as above
    await gateway.drain.finished()
    gateway.log.info("drained", left=gateway.drain.inflight)
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(_LEFT_S)
    gateway.log.warning("connections_left")
    await life.end()
    os._exit(0)
