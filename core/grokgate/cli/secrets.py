"""``grokgate secrets``: a new key for everything that is sealed at rest."""

import argparse
from collections.abc import Mapping
from typing import Any

from grokgate.cli.notes import note
from grokgate.cli.work import perform


def rotate(arguments: argparse.Namespace) -> None:
    """Make a new key and seal everything with it, in the running service too."""
    done = perform("secrets.rotate", {"resume": arguments.resume}, _told)
    print(f"sealed {done['done']} records with the new key")
    note("earlier keys stay in the key file: what clients keep was sealed with them")


def _told(progress: Mapping[str, Any]) -> None:
    note(f"{progress['done']} of {progress['of']}")
