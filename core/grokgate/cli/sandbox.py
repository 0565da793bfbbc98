"""``grokgate sandbox``: the simulated upstream on a loopback port."""

import argparse
import asyncio
import ipaddress
import os
import signal

from granian.constants import Interfaces
from granian.server.embed import Server

from grokgate.cli.place import require_port
from grokgate.errors import StartupError
from grokgate.sandbox import Sandbox, default_accounts
from grokgate.sandbox.catalogue import PROTOCOLS


def serve(arguments: argparse.Namespace) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    _require_loopback(arguments.host)
    if arguments.profile not in PROTOCOLS:
        raise StartupError(f"the sandbox speaks {', '.join(PROTOCOLS)}, not {arguments.profile!r}")
    accounts = default_accounts(arguments.accounts)
    sandbox = Sandbox(accounts=accounts, protocol=arguments.profile, pace_ms=arguments.pace_ms)
    port = require_port(arguments.host, arguments.port)
    base = f"http://{arguments.host}:{port}"
    print(base, flush=True)
    if not arguments.quiet:
        print(f"\nA made-up upstream, profile {arguments.profile}. Accounts in it:")
        for account in accounts:
            print(f"  {account.tier:6} {account.token}")
        print(
            "\nPoint a gateway at it:\n"
            f"  GROKGATE__GROK__WEB_BASE={base} GROKGATE__GROK__ASSETS_BASE={base}/__assets "
            "grokgate serve\n"
            f"Its control plane: {base}/__sim/state",
            flush=True,
        )
    asyncio.run(_serve(sandbox, arguments.host, port, with_parent=arguments.quiet))


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
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.stop)
    watch = asyncio.create_task(_end_with_parent(server)) if with_parent else None
    await server.serve()
    if watch is not None:
        watch.cancel()


async def _end_with_parent(server: Server) -> None:
    """Stop when the gateway that started this process is gone, even if it was killed."""
    parent = os.getppid()
    while os.getppid() == parent:  # noqa: ASYNC110 - the end of a parent is no event
        await asyncio.sleep(1)
    server.stop()  # type: ignore[no-untyped-call]  # the library's


def _require_loopback(host: str) -> None:
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = host == "localhost"
    if not loopback:
        raise StartupError(f"the sandbox listens on loopback only, not on {host}")
