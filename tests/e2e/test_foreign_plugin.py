"""A plugin that ``plugins new`` wrote, built as a wheel, installed, and run by a real service."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from service import Service, service

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.e2e

BROKEN = {
    "broken": "raise ImportError('a wheel of another system')",
    "clashing": """\
from litestar import get
from grokgate.plugin import RouteSpec, hookimpl

@get("/v1/models", summary="Mine.")
async def mine() -> str:
    return "mine"

@hookimpl
def grokgate_routes():
    yield RouteSpec(id="mine", handlers=(mine,), summary="Mine.")
""",
    "misspelt": """\
from grokgate.plugin import hookimpl

@hookimpl
def grokgate_rotues():
    return []
""",
}
REASONS = {
    "broken": "ImportError: a wheel of another system",
    "clashing": "route 'GET /v1/models' is already taken by plugin 'models'",
    "misspelt": "unknown hook 'grokgate_rotues'",
}


class Place(NamedTuple):
    """Where plugins are installed, and the environment of programs that shall see them."""

    packages: Path
    environ: Mapping[str, str]


def command(*arguments: object, cwd: Path, environ: Mapping[str, str] | None = None) -> str:
    """Run a program to its end and return what it printed; it must succeed."""
    done = subprocess.run(
        list(map(str, arguments)),
        cwd=cwd,
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def grokgate(*arguments: object, cwd: Path, environ: Mapping[str, str] | None = None) -> str:
    return command(sys.executable, "-m", "grokgate", *arguments, cwd=cwd, environ=environ)


def configure(folder: Path, text: str) -> Path:
    """Write the configuration of a sandbox service that will run in *folder*."""
    path = folder / "data" / "sandbox" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that ``plugins new`` writes."""
    folder = tmp_path_factory.mktemp("written")
    grokgate("plugins", "new", "haiku", cwd=folder)
    return folder / "grokgate-haiku"


@pytest.fixture(scope="module")
def place(written: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A folder with the wheel of the new plugin, and with three that are broken."""
    uv = shutil.which("uv", path=f"{ROOT / '.uv' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    assert uv is not None, "no uv to install the wheel with: python3 dev.py test brings it"
    wheels, packages = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("packages")
    command(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", wheels, cwd=written)
    (wheel,) = wheels.glob("*.whl")
    install = [uv, "pip", "install", "--offline", "--no-deps", "--python", sys.executable]
    command(*install, "--target", packages, wheel, cwd=wheels)
    for name, text in BROKEN.items():
        add_plugin(packages, name, text)
    return Place(packages, {"PYTHONPATH": str(packages)})


def add_plugin(packages: Path, name: str, text: str) -> None:
    """Install a plugin of one module, as an installer would have left it."""
    (packages / f"sample_{name}.py").write_text(text)
    about = packages / f"sample_{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: sample-{name}\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[grokgate.plugins]\n{name} = sample_{name}\n")


@pytest.fixture(scope="module")
def running(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("running")
    names = ["haiku", *BROKEN, "nowhere"]
    configure(folder, f"[plugins]\nenabled = {json.dumps(names)}\n")
    with service(folder, "--sandbox", environ=place.environ) as one:
        yield one


def until(wanted: Callable[[], bool], *, timeout_s: float = 10) -> None:
    """Wait for a state that another process will reach."""
    deadline = time.monotonic() + timeout_s
    while not wanted():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)  # between two looks; the other process announces nothing


def code(reply: httpx.Response) -> tuple[int, str, str | None]:
    error = reply.json()["error"]
    return reply.status_code, error["code"], error["param"]


# What is written


@pytest.mark.parametrize(
    "check",
    [["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy", "."], ["pytest", "-q"]],
    ids=lambda check: " ".join(check[:2]),
)
def test_the_new_plugin_passes_its_own_checks(written: Path, check: list[str]) -> None:
    command(BIN / check[0], *check[1:], cwd=written)


def test_the_wheel_holds_its_panel(place: Place) -> None:
    static = place.packages / "grokgate_haiku" / "static"
    names = {file.relative_to(static).as_posix() for file in static.rglob("*.*")}

    assert names == {"panel.js", "panel.css", "i18n/en.json", "i18n/zh.json"}


# What runs


def test_its_route_answers(running: Service) -> None:
    with running.client() as client:
        reply = client.post("/v1/haiku", json={"topic": "frogs"})

    assert reply.status_code == 200
    assert "frogs" in reply.json()["text"]


def test_its_route_needs_a_key(running: Service) -> None:
    reply = httpx.post(f"{running.base}/v1/haiku", json={"topic": "frogs"}, trust_env=False)

    assert code(reply) == (401, "invalid_api_key", None)


@pytest.mark.parametrize("body", [{}, {"topic": 3}, {"topic": ""}, {"topic": "x" * 201}])
def test_its_body_is_strict(running: Service, body: object) -> None:
    with running.client() as client:
        status, _, param = code(client.post("/v1/haiku", json=body))

    assert (status, param) == (400, "topic")


def test_a_setting_has_effect_at_once(running: Service) -> None:
    path = running.data_dir / "config.toml"
    path.write_text(path.read_text() + '[plugins.haiku]\ninstruction = "Sing of {topic}"\n')

    with running.client() as client:

        def sings() -> bool:
            reply = client.post("/v1/haiku", json={"topic": "rivers"})
            return "Sing of rivers" in reply.json()["text"]

        until(sings)


def test_its_switch_has_effect_at_once(running: Service) -> None:
    path = running.data_dir / "config.toml"
    text = path.read_text()

    with running.client() as client:

        def status() -> int:
            return client.post("/v1/haiku", json={"topic": "frogs"}).status_code

        path.write_text(text + "[downstream]\nenable_haiku = false\n")
        until(lambda: status() == 404)
        refused = code(client.post("/v1/haiku", content=b"no json"))
        path.write_text(text)
        until(lambda: status() == 200)

    assert refused == (404, "endpoint_disabled", None)


def test_broken_plugins_do_not_stop_the_service(running: Service) -> None:
    with running.client() as client:
        models = client.get("/v1/models")

    assert models.status_code == 200
    assert models.json()["object"] == "list"


@pytest.mark.parametrize("name", BROKEN)
def test_the_log_names_a_broken_plugin_once(running: Service, name: str) -> None:
    lines = [json.loads(line) for line in running.text.splitlines() if line.startswith("{")]
    refused = [line for line in lines if line["msg"] == "plugin_refused" and line["plugin"] == name]

    assert [REASONS[name] in line["reason"] for line in refused] == [True]


# What the command line says


def test_plugins_list_shows_all_of_them(running: Service, place: Place) -> None:
    environ = {**place.environ, "DATA_DIR": str(running.data_dir)}
    rows = {
        line.split()[0]: line
        for line in grokgate("plugins", "list", cwd=running.folder, environ=environ).splitlines()
    }

    assert re.search(r"0\.1\.0 +foreign +route haiku, panel try, 2 settings", rows["haiku"])
    assert {name: REASONS[name] in rows[name] for name in REASONS} == dict.fromkeys(REASONS, True)
    assert "no installed package declares it" in rows["nowhere"]


def test_openapi_describes_its_route(running: Service, place: Place) -> None:
    environ = {**place.environ, "DATA_DIR": str(running.data_dir)}
    document = json.loads(grokgate("openapi", cwd=running.folder, environ=environ))

    operation = document["paths"]["/v1/haiku"]["post"]
    assert operation["summary"] == "Write about a topic."
    (schema,) = operation["requestBody"]["content"]["application/json"].values()
    name = schema["$ref"].rpartition("/")[2]
    assert document["components"]["schemas"][name]["required"] == ["topic"]
