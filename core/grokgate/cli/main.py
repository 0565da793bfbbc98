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
from grokgate.cli.numbers import count, milliseconds, moment, port, positive, seeds, share, whole
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
        place = f"{error.filename}: " if error.filename else ""
        print(f"grokgate: {place}{error.strerror or repr(error)}", file=sys.stderr)
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
    _add_health(commands)
    _add_sandbox(commands)
    _add_tokens(commands)
    _add_keys(commands)
    _add_admin(commands)
    _add_plugins(commands)
    _add_config(commands)
    _add_simulate(commands)
    _add_explain(commands)
    _add_doctor(commands)
    _add_profiles(commands)
    _add_data(commands)
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
    serve.add_argument("--port", type=port, help="port (default: SERVER_PORT or 8000; 0: any)")
    serve.add_argument(
        "--sandbox",
        action="store_true",
        help="answer from a simulated upstream with made-up accounts: no network, no account; "
        "its data lie in the folder sandbox of the data folder",
    )
    serve.add_argument(
        "--accounts", type=count, default=3, help="made-up accounts with --sandbox (default 3)"
    )


def _add_health(commands: _Commands) -> None:
    text = "ask the running service whether it works; exit code 1 when it does not"
    health = _add(commands, "health", "health", "check", text)
    health.add_argument(
        "--ready", action="store_true", help="ask whether it takes new work now, too"
    )


def _add_sandbox(commands: _Commands) -> None:
    sandbox = _add(commands, "sandbox", "sandbox", "serve", "run the simulated upstream alone")
    sandbox.add_argument("--host", default="127.0.0.1", help="loopback address (default 127.0.0.1)")
    sandbox.add_argument("--port", type=port, default=8100, help="port (default 8100; 0: any)")
    sandbox.add_argument("--profile", default="2026-08", help="protocol profile (default 2026-08)")
    sandbox.add_argument("--accounts", type=count, default=3, help="how many (default 3)")
    sandbox.add_argument(
        "--pace-ms",
        type=milliseconds,
        default=0.0,
        help="milliseconds between two pieces (default 0)",
    )
    sandbox.add_argument("--quiet", action="store_true", help="print the address only")


def _add_data(commands: _Commands) -> None:
    for name, function, text in (
        ("backup", "make", "write accounts, keys, statistics and settings to one file"),
        ("restore", "restore", "make the data folder from a backup"),
    ):
        command = _add(commands, name, "backup", function, text)
        command.add_argument("file", metavar="FILE", help="the archive")
        command.add_argument(
            "--passphrase-file",
            metavar="FILE",
            help="holds the passphrase for the secret key, which is left out without one",
        )
    _add_migrate(commands)
    secrets = _group(commands, "secrets", "the key of what is sealed at rest")
    rotate = _add(secrets, "rotate", "secrets", "rotate", "seal everything with a new key")
    rotate.add_argument(
        "--resume", action="store_true", help="go on with a rotation that was interrupted"
    )


def _add_migrate(commands: _Commands) -> None:
    text = "read the data of a predecessor, or move one's own to another kind of database"
    migrate = _add(commands, "migrate", "migrate", "migrate", text)
    way = migrate.add_mutually_exclusive_group(required=True)
    way.add_argument(
        "--from",
        dest="source",
        metavar="SOURCE",
        help="read accounts, keys and settings of a predecessor: its data folder, its accounts.db, "
        "or redis://, postgresql:// or mysql:// of its database",
    )
    way.add_argument(
        "--to",
        choices=("pgsql", "local"),
        help="move everything to the PostgreSQL database of SERVER_STORAGE_URL, or from there to "
        "a SQLite file; the service has to be stopped",
    )
    migrate.add_argument(
        "--dry-run", action="store_true", help="with --from: write nothing, tell what would be"
    )
    migrate.add_argument(
        "--check",
        action="store_true",
        help="with --to: move nothing, compare both databases; services may run",
    )
    migrate.add_argument(
        "--file",
        metavar="FILE",
        help="with --to: the SQLite file (default: that of the settings, or grokgate.db in the "
        "data folder)",
    )


def _add_tokens(commands: _Commands) -> None:
    tokens = _group(commands, "tokens", "import, list, export, ask, switch and remove accounts")
    load = _add(
        tokens, "import", "tokens", "import_file", "add accounts from a file, any known form"
    )
    load.add_argument("file", metavar="FILE", help="file to read, - for standard input")
    load.add_argument(
        "--pool",
        help="pool of entries that name none (default ssoBasic); auto: by what an account has",
    )
    load.add_argument(
        "--mode",
        choices=("add", "update", "replace"),
        default="add",
        help="accounts that are there already stay (add, the default) or get the fields the file "
        "names (update); replace also removes those of the same pools that it does not name",
    )
    show = _add(tokens, "list", "tokens", "show", "list accounts, secrets masked")
    show.add_argument("--json", action="store_true", help="print JSON with all fields")
    show.add_argument(
        "--wide", action="store_true", help="print all columns, however narrow the terminal is"
    )
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
        ("enable", "have accounts used again, at once those that cool down"),
    ):
        change = _add(tokens, verb, "tokens", verb, text)
        change.add_argument("ids", metavar="ID", nargs="+", help="as tokens list shows it")
    one = _add(tokens, "show", "tokens", "details", "print everything known of one account")
    one.add_argument("id", metavar="ID", help="as tokens list shows it")
    one.add_argument("--json", action="store_true", help="print JSON")
    ask = _add(
        tokens, "refresh", "tokens", "refresh", "ask accounts for their quota now, expired ones too"
    )
    ask.add_argument("ids", metavar="ID", nargs="*", help="as tokens list shows it")
    ask.add_argument("--pool", help="all accounts of this pool that are not disabled")
    ask.add_argument("--all", action="store_true", help="all accounts that are not disabled")

    _add_preference(tokens)
    _add_assets(tokens)


def _add_preference(tokens: _Commands) -> None:
    text = "switch accounts' own preference for adult content"
    nsfw = _add(tokens, "nsfw", "chores", "prefer", text)
    nsfw.add_argument("state", choices=("on", "off"), help="what the preference shall be")
    _add_chosen(nsfw)


def _add_assets(tokens: _Commands) -> None:
    assets = _group(tokens, "assets", "count or delete the files that accounts have upstream")
    _add_chosen(_add(assets, "list", "chores", "count_files", "count accounts' files"))
    text = "delete all files of accounts; they are gone for good"
    _add_chosen(_add(assets, "clear", "chores", "clear_files", text))


def _add_chosen(command: argparse.ArgumentParser) -> None:
    command.add_argument("ids", metavar="ID", nargs="*", help="as tokens list shows it")
    command.add_argument("--pool", help="all usable accounts of this pool")
    command.add_argument("--all", action="store_true", help="all usable accounts")


def _add_keys(commands: _Commands) -> None:
    keys = _group(commands, "keys", "create, import, list, revoke and delete API keys")
    create = _add(keys, "create", "keys", "create", "make an API key and print it once")
    create.add_argument("name", metavar="NAME", nargs="?", default="", help="to tell it by")
    for quota in ("chat", "heavy", "image", "video"):
        create.add_argument(f"--{quota}", type=whole, metavar="N", help=f"{quota} limit per day")
    create.add_argument("--rpm", type=whole, metavar="N", help="requests per minute")
    create.add_argument("--max-inflight", type=whole, metavar="N", help="requests at once")
    create.add_argument("--expires", type=moment, metavar="WHEN", help="30d, or 2026-12-31")
    show = _add(keys, "list", "keys", "show", "list API keys, secrets masked")
    show.add_argument("--json", action="store_true", help="print JSON")
    text = "add the API keys of a predecessor's list"
    load = _add(keys, "import", "migrate", "import_keys", text)
    load.add_argument(
        "file", metavar="FILE", help="its api_keys.json, or the reply of its key list"
    )
    revoke = _add(keys, "revoke", "keys", "revoke", "end an API key at once")
    revoke.add_argument("key", metavar="KEY", help="its id, name or shown prefix")
    delete = _add(keys, "delete", "keys", "delete", "remove an API key and all it stored")
    delete.add_argument("key", metavar="KEY", help="its id, name or shown prefix")


def _add_admin(commands: _Commands) -> None:
    admin = _group(commands, "admin", "reset the admin password")
    text = "end the admin password and all logins, and print the link to choose a new one"
    _add(admin, "reset-password", "admin", "reset_password", text)


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


def _add_explain(commands: _Commands) -> None:
    explain = _add(
        commands,
        "explain",
        "explain",
        "show",
        "tell why a model finds an account or none, or what became of a request",
    )
    explain.add_argument("model", metavar="MODEL", nargs="?", help="model to look at now")
    explain.add_argument("--key", metavar="KEY", help="as this API key sees it: its id or name")
    explain.add_argument(
        "--request", metavar="REQUEST_ID", help="request to look back at, as x-request-id named it"
    )
    explain.add_argument("--json", action="store_true", help="print JSON")


def _add_simulate(commands: _Commands) -> None:
    text = "compare scheduling strategies on virtual time, or check the scheduler"
    simulate = _add(commands, "simulate", "simulate", "simulate", text)
    simulate.add_argument(
        "--policy",
        default="each",
        help="max_quota, score, least_consumed, random, or each of them (the default)",
    )
    simulate.add_argument("--tokens", type=count, default=60, help="accounts (default 60)")
    simulate.add_argument(
        "--pools",
        default="basic=6,super=3,heavy=1",
        help="their proportions (default basic=6,super=3,heavy=1)",
    )
    simulate.add_argument(
        "--max-inflight", type=count, default=8, help="calls in flight per account (default 8)"
    )
    simulate.add_argument(
        "--rate", type=positive, default=0.2, help="calls per second (default 0.2)"
    )
    simulate.add_argument(
        "--duration", type=positive, default=43_200, help="virtual seconds (default 43200)"
    )
    simulate.add_argument(
        "--faults", type=share, default=0.05, help="share of calls that fail (default 0.05)"
    )
    simulate.add_argument("--seed", type=whole, default=1, help="decides all chances (default 1)")
    simulate.add_argument(
        "--arrivals", metavar="FILE", help="recorded calls, JSON lines, instead of made-up ones"
    )
    simulate.add_argument("--svg", metavar="FILE", help="write a chart")
    simulate.add_argument(
        "--check",
        type=seeds,
        metavar="SEED[-SEED]",
        help="instead check the invariants in storms of random events",
    )
    simulate.add_argument(
        "--events", type=whole, default=500, help="with --check: events a storm (default 500)"
    )


def _add_doctor(commands: _Commands) -> None:
    doctor = _add(
        commands, "doctor", "doctor", "show", "tell what works, what does not, and what to do"
    )
    doctor.add_argument(
        "ids", metavar="ID", nargs="*", help="accounts to try (default: one a pool)"
    )
    doctor.add_argument("--pool", help="try accounts of this pool")
    doctor.add_argument("--all", action="store_true", help="try all that are not disabled")
    doctor.add_argument(
        "--chat", action="store_true", help="ask each account for a tiny chat too; costs quota"
    )
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument(
        "--sandbox", action="store_true", help="look at the made-up accounts of serve --sandbox"
    )


def _add_profiles(commands: _Commands) -> None:
    profiles = _group(commands, "profiles", "list, check and show protocol profiles")
    _add(profiles, "list", "profiles", "show_all", "list protocol profiles and the one in use")
    check = _add(
        profiles,
        "check",
        "profiles",
        "check",
        "check protocol profiles, print a named one's requests",
    )
    check.add_argument("name", metavar="NAME", nargs="?", help="as profiles list shows it")
    show = _add(profiles, "show", "profiles", "show", "print a profile with all it extends")
    show.add_argument("name", metavar="NAME", nargs="?", help="default: the one in use")


if __name__ == "__main__":
    raise SystemExit(main())
