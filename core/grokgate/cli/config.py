"""``grokgate config``: show and check settings."""

import argparse
import sys

from grokgate.cli.inspection import inspect_gateway
from grokgate.cli.notes import silent_log, terminal_log
from grokgate.settings.document import render_defaults


def defaults(_arguments: argparse.Namespace) -> None:
    """Print every setting with its default, as TOML."""
    gateway = inspect_gateway(terminal_log())
    sys.stdout.write(render_defaults(gateway.declarations, gateway.switches))


def check(_arguments: argparse.Namespace) -> int:
    """Print what is wrong with the configuration; fail when anything is."""
    gateway = inspect_gateway(silent_log())
    path = gateway.settings.path
    refused = [str(error) for error in gateway.registry.broken.values()]
    warnings = [*refused, *gateway.settings.snapshot.warnings]
    for warning in warnings:
        print(warning)
    place = str(path) if path.exists() else f"{path} (not there: defaults)"
    print(f"{place}: {len(warnings) or 'no'} warning{'' if len(warnings) == 1 else 's'}")
    return 1 if warnings else 0
