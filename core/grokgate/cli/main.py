"""The ``grokgate`` command: parses the line, then imports the one module that does the work.

Nothing heavy is imported here, so that ``grokgate --help`` answers at once.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TypeAlias

from grokgate import __version__
from grokgate.errors import GatewayError, StartupError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line *argv* (default: the process's own) and return its exit code."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    module = getattr(arguments, "module", None)
    if module is None:
        parser.print_help()
        return 2
    command = import_module(f"grokgate.cli.{module}")
    try:
        return int(getattr(command, arguments.function)(arguments) or 0)
    except (StartupError, GatewayError) as error:
        print(f"grokgate: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever read the output has left; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        print(f"grokgate: {error.filename or 'error'}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="grokgate",
        description="Self-hosted gateway that pools your own Grok accounts behind standard APIs.",
        epilog="The data folder is ./data, or DATA_DIR.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_serve(commands)
    _add_sandbox(commands)
    _add_tokens(commands)
    _add_keys(commands)
    _add_plugins(commands)
    _add_config(commands)
    _add(commands, "openapi", "openapi", "show", "print the OpenAPI document of what is on now")
    version = _add(commands, "version", "version", "show", "print the version")
    version.set_defaults(version=__version__)
    return parser


# The type has no public name.
_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001


def _add(
    commands: _Commands, name: str, module: str, function: str, text: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    command.set_defaults(module=module, function=function)
    return command


def _group(commands: _Commands, name: str, text: str) -> _Commands:
    group = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    return group.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _add_serve(commands: _Commands) -> None:
    serve = _add(commands, "serve", "serve", "serve", "run the gateway")
    serve.add_argument("--host", help="address to listen on (default: SERVER_HOST or 127.0.0.1)")
    serve.add_argument("--port", type=_port, help="port (default: SERVER_PORT or 8000; 0: any)")
    serve.add_argument(
        "--sandbox",
        action="store_true",
        help="answer from a simulated upstream with made-up accounts: no network, no account; "
        "its data lie in the folder sandbox of the data folder",
    )
    serve.add_argument(
        "--accounts", type=_count, default=3, help="made-up accounts with --sandbox (default 3)"
    )


def _add_sandbox(commands: _Commands) -> None:
    sandbox = _add(commands, "sandbox", "sandbox", "serve", "run the simulated upstream alone")
    sandbox.add_argument("--host", default="127.0.0.1", help="loopback address (default 127.0.0.1)")
    sandbox.add_argument("--port", type=_port, default=8100, help="port (default 8100; 0: any)")
    sandbox.add_argument("--profile", default="2026-04", help="protocol profile (default 2026-04)")
    sandbox.add_argument("--accounts", type=_count, default=3, help="how many (default 3)")
    sandbox.add_argument(
        "--pace-ms", type=float, default=0.0, help="milliseconds between two pieces (default 0)"
    )
    sandbox.add_argument("--quiet", action="store_true", help="print the address only")


def _add_tokens(commands: _Commands) -> None:
    tokens = _group(commands, "tokens", "import, list, export, switch and remove pooled accounts")
    load = _add(
        tokens, "import", "tokens", "import_file", "add accounts from a file, any known form"
    )
    load.add_argument("file", metavar="FILE", help="file to read, - for standard input")
    load.add_argument("--pool", help="pool of entries that name none (default ssoBasic)")
    load.add_argument(
        "--mode",
        choices=("add", "update", "replace"),
        default="add",
        help="accounts that are there already stay (add, the default) or get the fields the file "
        "names (update); replace also removes those of the same pools that it does not name",
    )
    show = _add(tokens, "list", "tokens", "show", "list accounts, secrets masked")
    show.add_argument("--json", action="store_true", help="print JSON with all fields")
    dump = _add(tokens, "export", "tokens", "export", "print all accounts with their secrets")
    dump.add_argument(
        "--form",
        choices=("a", "d", "text"),
        default="a",
        help="a: JSON with all fields (the default); d: JSON with pools basic, super and heavy; "
        "text: one secret a line",
    )
    for verb, text in (
        ("remove", "take accounts out; importing them again brings them back"),
        ("disable", "keep accounts from being used"),
        ("enable", "have accounts used again, expired ones too"),
    ):
        change = _add(tokens, verb, "tokens", verb, text)
        change.add_argument("ids", metavar="ID", nargs="+", help="as tokens list shows it")


def _add_keys(commands: _Commands) -> None:
    keys = _group(commands, "keys", "create, list and revoke API keys")
    create = _add(keys, "create", "keys", "create", "make an API key and print it once")
    create.add_argument("name", metavar="NAME", nargs="?", default="", help="to tell it by")
    show = _add(keys, "list", "keys", "show", "list API keys, secrets masked")
    show.add_argument("--json", action="store_true", help="print JSON")
    revoke = _add(keys, "revoke", "keys", "revoke", "end an API key at once")
    revoke.add_argument("key", metavar="KEY", help="its id, name or shown prefix")


def _add_plugins(commands: _Commands) -> None:
    plugins = _group(commands, "plugins", "list, check and start plugins")
    _add(plugins, "list", "plugins", "show", "list plugins and what they contribute")
    _add(plugins, "check", "plugins", "check", "load every plugin and report faults")
    new = _add(plugins, "new", "plugins", "new", "write the folder of a new plugin package")
    new.add_argument("name", metavar="NAME", help="lower-case name, such as haiku")
    new.add_argument("--into", default=".", help="folder to create it in (default: this one)")


def _add_config(commands: _Commands) -> None:
    config = _group(commands, "config", "show and check settings")
    _add(config, "defaults", "config", "defaults", "print every setting with its default")
    _add(config, "check", "config", "check", "read the configuration and report what is wrong")


def _port(text: str) -> int:
    return _number(text, 65535)


def _count(text: str) -> int:
    return _number(text, 1000)


def _number(text: str, most: int) -> int:
    if not text.isdecimal() or int(text) > most:
        raise argparse.ArgumentTypeError(f"must be a number from 0 to {most}")
    return int(text)


if __name__ == "__main__":
    raise SystemExit(main())
