"""``grokgate version``."""

import argparse


def show(arguments: argparse.Namespace) -> None:
    """Print the version."""
    print(arguments.version)
