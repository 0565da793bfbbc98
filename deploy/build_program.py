#!/usr/bin/env python3
"""Build the one-file program of this machine's kind, and try it.

    python3 deploy/build_program.py     writes dist/grokgate-VERSION-SYSTEM-MACHINE

1. An environment of its own gets the locked packages, with those of PostgreSQL and Redis, and the
   wheel of this checkout.
2. PyInstaller freezes it, with the interpreter that runs this script.
3. The program has to serve: in an empty folder, with an empty home, it answers a chat from the
   sandbox and ends well.

The same interpreter, packages and checkout make the same program. It runs where the C library is as
new as here, or newer.
"""

import json
import os
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SPEC = ROOT / "deploy" / "program" / "grokgate.spec"
LOCKS = ("extra-postgresql", "extra-redis", "program")
ALIKE = {"PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": "1577836800"}
"""What makes two builds equal: PyInstaller orders by the one and dates by the other."""
ENDS_S = 30
QUESTION = b'{"model": "grok-4", "messages": [{"role": "user", "content": "Hello"}]}'


def main() -> None:
    """Build, try, and put the program where its name tells what it is for."""
    with tempfile.TemporaryDirectory(prefix="grokgate-program-") as folder:
        program = build(Path(folder))
        try_out(program, Path(folder))
        version = output([program, "--version"])
        name = f"grokgate-{version}-{platform.system()}-{platform.machine()}".lower()
        target = ROOT / "dist" / f"{name}{program.suffix}"
        target.parent.mkdir(exist_ok=True)
        shutil.copy(program, target)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size / 2**20:.0f} MB")


def build(folder: Path) -> Path:
    """Make the program in *folder*; return where it is."""
    call([sys.executable, "-m", "venv", folder / "env"])
    tools = folder / "env" / ("Scripts" if os.name == "nt" else "bin")
    pip = [tools / "python", "-m", "pip", "install", "--quiet"]
    locks = [text for name in LOCKS for text in ("-r", f"{ROOT / 'requirements' / name}.txt")]
    call([*pip, "--require-hashes", "--only-binary=:all:", *locks])
    call([*pip, "--no-deps", "--no-build-isolation", ROOT])
    freeze = [tools / "python", "-m", "PyInstaller", "--log-level=WARN"]
    places = ["--distpath", folder / "dist", "--workpath", folder / "work"]
    call([*freeze, *places, SPEC], ALIKE)
    return next((folder / "dist").iterdir())


def try_out(program: Path, folder: Path) -> None:
    """Have the program serve as somebody would who has nothing else.

    Raises:
        RuntimeError: It does not answer, or does not end well.
    """
    home = folder / "home"
    home.mkdir()
    process = subprocess.Popen(
        [program, "serve", "--sandbox", "--port", "0"],
        cwd=home,
        env={**os.environ, "HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        chat(*announcement(process))
        process.send_signal(signal.SIGTERM)
        if process.wait(ENDS_S) != 0:
            raise RuntimeError(f"the program ended with exit code {process.returncode}")
    finally:
        process.kill()
        process.communicate()


def announcement(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Return the address and the API key that a first start prints."""
    assert process.stdout is not None
    text = ""
    for line in process.stdout:
        text += line
        if "Ready" in line:
            break
    found = re.search(r"(http://[\d.:]+)/v1.*?(sk-[\w-]+)", text, re.DOTALL)
    if found is None:
        raise RuntimeError(f"the program did not start:\n{text}")
    return found[1], found[2]


def chat(base: str, key: str) -> None:
    """Ask for a chat; an answer without content fails."""
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    url = f"{base}/v1/chat/completions"
    request = urllib.request.Request(url, QUESTION, headers)  # noqa: S310 - what it printed itself
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request) as reply:
        answer = json.load(reply)["choices"][0]["message"]["content"]
    print("it answers:", answer.splitlines()[0])


def call(command: Sequence[object], more: Mapping[str, str] | None = None) -> None:
    """Run a command that must succeed."""
    subprocess.run([str(part) for part in command], env={**os.environ, **(more or {})}, check=True)


def output(command: Sequence[object]) -> str:
    """Return what a command prints."""
    return subprocess.check_output([str(part) for part in command], text=True).strip()


if __name__ == "__main__":
    main()
