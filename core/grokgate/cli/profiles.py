"""``grokgate profiles``: list, check and show the protocol profiles of the upstreams."""

import argparse
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from grokgate.cli.inspection import inspect_gateway
from grokgate.cli.notes import note, silent_log
from grokgate.cli.table import print_json, print_table
from grokgate.errors import StartupError
from grokgate.gateway import Gateway
from grokgate.upstream import ProfileFiles


class _Source(Struct, frozen=True):
    """An upstream that has profiles."""

    upstream: str
    files: ProfileFiles
    active: str
    """Name of the one in use; empty: none."""
    settings: Any
    """Of the upstream's plugin."""


def show_all(_arguments: argparse.Namespace) -> None:
    """List profiles and what is wrong with them."""
    rows = [
        {
            "profile": name,
            "upstream": source.upstream,
            "in use": name == source.active,
            "state": _fault(source, name) or "good",
        }
        for source in _sources()
        for name in source.files.names()
    ]
    print_table(rows, empty="No upstream has protocol profiles.")


def check(arguments: argparse.Namespace) -> int:
    """Check one profile and print the requests it makes, or check all; 1 for a fault."""
    if arguments.name is None:
        faults = 0
        for source in _sources():
            for name in source.files.names():
                fault = _fault(source, name)
                faults += fault is not None
                print(f"{name}: {fault or 'good'}")
        return 1 if faults else 0
    source, name = _named(arguments.name)
    fault = _fault(source, name)
    if fault is not None:
        note(fault)
        return 1
    for line in source.files.preview(name, source.settings):
        print(line)
    return 0


def show(arguments: argparse.Namespace) -> int:
    """Print a profile with all it extends, as JSON."""
    source, name = _named(arguments.name)
    fault = _fault(source, name)
    if fault is not None:
        note(fault)
        return 1
    print_json(source.files.load(name))
    return 0


def _sources() -> Iterator[_Source]:
    gateway = inspect_gateway(silent_log())
    for upstream, spec in gateway.specs.items():
        if spec.profiles is not None:
            chain = gateway.settings.snapshot.profiles[upstream].chain
            active = chain[0] if chain else ""
            yield _Source(upstream, spec.profiles, active, _section(gateway, upstream))


def _section(gateway: Gateway, upstream: str) -> Any:
    owners = {spec.id: plugin.name for plugin in gateway.plugins for spec in plugin.upstreams}
    return gateway.context(owners[upstream]).settings


def _named(name: str | None) -> tuple[_Source, str]:
    """Find the upstream with the profile *name*; None and ``auto``: the one in use."""
    sources = list(_sources())
    for source in sources:
        if name in {None, "auto"} and source.active:
            return source, source.active
        if name in source.files.names():
            assert name is not None
            return source, name
    known = ", ".join(known for source in sources for known in source.files.names())
    raise StartupError(f"there is no profile {name!a}; known: {known or 'none'}")


def _fault(source: _Source, name: str) -> str | None:
    try:
        source.files.load(name)
    except ValueError as error:
        return str(error)
    return None
