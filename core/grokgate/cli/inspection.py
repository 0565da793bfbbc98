"""A gateway that is built but not started: for commands that only look."""

from typing import Any

from grokgate.cli.place import data_dir, environment, log_dir
from grokgate.gateway import Gateway
from grokgate.run_options import RunOptions


def inspect_gateway(log: Any) -> Gateway:
    """Load settings and plugins as a start would; open nothing, make no file."""
    environ = environment()
    options = RunOptions(data_dir=data_dir(environ), log_dir=log_dir(environ), look_only=True)
    return Gateway(options, environ, log=log)
