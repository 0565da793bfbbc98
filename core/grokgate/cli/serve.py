"""``grokgate serve``: starts the server processes, and with ``--sandbox`` a made-up upstream."""

import argparse
import fcntl
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path

from granian import Granian
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings

from grokgate.cli.place import data_dir, environment, log_dir, require_port
from grokgate.errors import StartupError
from grokgate.run_options import VARIABLE, RunOptions
from grokgate.settings import Boot, read_boot

_HEADER_BYTES = 32 << 10
_HEADER_MS = 10_000
_SANDBOX_PACE_MS = 15
_STOP_S = 10
"""Seconds the made-up upstream has to stop."""


def serve(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C; returns 1 when the start was refused."""
    environ = dict(environment())
    if arguments.host:
        environ["SERVER_HOST"] = arguments.host
    if arguments.port is not None:
        environ["SERVER_PORT"] = str(arguments.port)
    folder = data_dir(environ, sandbox=arguments.sandbox)
    for place in (folder.parent, folder):  # parents made on the way would be open to all
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    boot = read_boot(folder, environ)
    port = require_port(boot.server.host, boot.server.port)
    if port != boot.server.port:
        environ["SERVER_PORT"] = str(port)
        boot = read_boot(folder, environ)
    made_up = made_up_upstream(arguments.accounts) if arguments.sandbox else nullcontext()
    with made_up as sandbox, notes_folder() as notes:
        options = RunOptions(
            data_dir=folder,
            log_dir=log_dir(environ),
            sandbox=sandbox,
            sandbox_accounts=made_up_accounts(arguments.accounts) if sandbox else "",
            announce=True,
            refusal_file=notes / "refusal",
            starts_file=notes / "starts" if boot.server.workers > 1 else None,
        )
        try:
            _run(boot, options, environ)
        finally:  # the server may end by SystemExit, when its process was faster than it
            _tell_refusal(options)
        return 0


def _run(boot: Boot, options: RunOptions, environ: Mapping[str, str]) -> None:
    os.environ.update(environ)
    os.environ[VARIABLE] = options.to_json()
    server = boot.server
    Granian(
        "grokgate.app:create",
        factory=True,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        address=server.host,
        port=server.port,
        workers=server.workers,
        loop=Loops.uvloop if sys.platform != "win32" else Loops.asyncio,
        backlog=server.max_connections,
        backpressure=server.max_connections,
        workers_kill_timeout=int(server.shutdown_grace_sec) + 10,
        respawn_failed_workers=True,
        http1_settings=HTTP1Settings(header_read_timeout=_HEADER_MS, max_buffer_size=_HEADER_BYTES),
        log_enabled=False,
        log_access=False,
    ).serve()


def _tell_refusal(options: RunOptions) -> None:
    if options.refusal_file is not None and options.refusal_file.exists():
        raise StartupError(options.refusal_file.read_text(encoding="utf-8"))


@contextmanager
def notes_folder() -> Iterator[Path]:
    """Make a folder for what the server processes of this start leave to each other and to us.

    It is locked: systemd-tmpfiles removes what nobody has used for days, but nothing below a lock
    (tmpfiles.d, Age).
    """
    with tempfile.TemporaryDirectory() as name:
        descriptor = os.open(name, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(descriptor)


def made_up_accounts(count: int) -> str:
    """Return accounts that a made-up upstream knows, as import text."""
    from grokgate.sandbox import default_accounts  # noqa: PLC0415 - only with --sandbox

    pools = {"basic": "ssoBasic", "super": "ssoSuper", "heavy": "ssoHeavy"}
    return "\n".join(f"{pools[a.tier]}:{a.token}" for a in default_accounts(count))


@contextmanager
def made_up_upstream(accounts: int) -> Iterator[str]:
    """Run the made-up upstream as a process of its own; yields its base address."""
    command = [sys.executable, "-m", "grokgate", "sandbox", "--quiet", "--port", "0"]
    command += ["--accounts", str(accounts), "--pace-ms", str(_SANDBOX_PACE_MS)]
    process = subprocess.Popen(  # noqa: S603 - our own command, no shell
        command, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with process:
        assert process.stdout is not None
        try:
            base = process.stdout.readline().strip()
            if not base:
                raise StartupError("the sandbox did not start; its message stands above")
            yield base
        finally:
            process.terminate()
            try:
                process.wait(_STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
