"""Runs the command line as ``python -m grokgate``."""

from grokgate.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
