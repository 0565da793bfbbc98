"""``grokgate sandbox``: the simulated upstream on a loopback port."""

import argparse
import asyncio
import ipaddress
import os
import signal
import sys
from pathlib import Path
from typing import NoReturn

from granian.constants import Interfaces
from granian.server.embed import Server

from grokgate.cli.place import require_port
from grokgate.cli.serve import made_up_accounts
from grokgate.errors import StartupError
from grokgate.sandbox import Sandbox, default_accounts
from grokgate.sandbox.catalogue import PROTOCOLS

_CUT_AGAIN_S = 0.1


def serve(arguments: argparse.Namespace) -> NoReturn:
    """Serve until SIGTERM or Ctrl-C, then end the process with exit code 0."""
    _require_loopback(arguments.host)
    if arguments.profile not in PROTOCOLS:
        raise StartupError(f"the sandbox speaks {', '.join(PROTOCOLS)}, not {arguments.profile!r}")
    if arguments.accounts < 1:
        raise StartupError("the sandbox needs an account: --accounts 1 or more")
    # Whoever points a gateway here may use any profile: every generation is answered.
    sandbox = Sandbox(
        accounts=default_accounts(arguments.accounts),
        protocol=arguments.profile,
        pace_ms=arguments.pace_ms,
        strict_generation=False,
    )
    port = require_port(arguments.host, arguments.port)
    base = f"http://{arguments.host}:{port}"
    print(base, flush=True)
    if not arguments.quiet:
        print(_hint(base, arguments.profile, arguments.accounts), flush=True)
    asyncio.run(_serve(sandbox, arguments.host, port, with_parent=arguments.quiet))
    _end()


def _hint(base: str, profile: str, accounts: int) -> str:
    """Say how a gateway uses this upstream, in lines to copy; its data are kept apart."""
    imported = made_up_accounts(accounts).splitlines()
    return f"""
A made-up upstream, profile {profile}, with {accounts} made-up account{"s" * (accounts != 1)}.
Its control plane is below /__sim, such as /__sim/state.
What it can be asked for: docs/reference/sandbox.md.

Point a gateway at it, in another terminal; made-up accounts stay apart from yours:

  SANDBOX={base}
  export DATA_DIR=$PWD/data/sandbox-alone GROKGATE__GROK__PROTOCOL={profile}
  export GROKGATE__GROK__WEB_BASE=$SANDBOX GROKGATE__GROK__ASSETS_BASE=$SANDBOX/__assets
  printf '%s\\n' {" ".join(imported)} | {_command()} tokens import -
  {_start()}
"""


def _command() -> str:
    """Name the command as it can be typed here: in a checkout it is not on the path."""
    program = Path(sys.argv[0])
    return os.path.relpath(program) if program.name == "grokgate" else "grokgate"


def _start() -> str:
    """Name the way to start a gateway: a checkout has one of its own."""
    script = Path(__file__).parents[3] / "dev.py"
    return f"python3 {os.path.relpath(script)} serve" if script.is_file() else "grokgate serve"


async def _serve(sandbox: Sandbox, host: str, port: int, *, with_parent: bool) -> None:
    server = Server(
        sandbox.app,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        backlog=8192,
        backpressure=8192,
        log_enabled=False,
    )
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    watches = [asyncio.create_task(_stop_when(asked, sandbox, server))]
    if with_parent:
        watches.append(asyncio.create_task(_notice_parent(asked)))
    await server.serve()
    for watch in watches:
        watch.cancel()


async def _stop_when(asked: asyncio.Event, sandbox: Sandbox, server: Server) -> None:
    """Stop the server once it is *asked* to.

    It waits for open answers, so they are cut; first, since a socket that is open when the process
    ends makes the library panic, and again, for what was accepted meanwhile.
    """
    await asked.wait()
    await sandbox.cut()
    await asyncio.sleep(_CUT_AGAIN_S)
    server.stop()  # type: ignore[no-untyped-call]  # the library's
    while True:  # until cancelled
        await sandbox.cut()
        await asyncio.sleep(_CUT_AGAIN_S)


def _end() -> NoReturn:
    """End the process without the interpreter's own teardown.

    The server's threads outlive its end for a moment. One that comes back to an interpreter which
    is being torn down panics, and the process is aborted; here everything is closed already.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # what would be left to do is the teardown


async def _notice_parent(asked: asyncio.Event) -> None:
    """Ask to stop when the gateway that started this process is gone, even if it was killed."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the end of a parent is no event
        await asyncio.sleep(1)
    asked.set()


def _require_loopback(host: str) -> None:
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise StartupError(f"the sandbox listens on loopback only, not on {host}")
