"""What is shipped keeps its promises: package, image, compose file, cluster, unit, workflows."""

import importlib.util
import re
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from configparser import RawConfigParser
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder
from litestar import Litestar

from grokgate.cli import main as cli
from grokgate.errors import StateError
from grokgate.http.probes import probes
from grokgate.scheduler.redis.check import POLICY
from grokgate.settings.app import AppSettings
from grokgate.settings.startup import ServerSettings
from grokgate.vault import Vault

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
WHEEL: dict[str, Any] = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
CLUSTER = ROOT / "deploy/kubernetes"
REPLICAS = ROOT / "deploy/kubernetes-replicas"

ENDED_S = ServerSettings().shutdown_grace_sec + 10
"""Seconds after which `serve` itself ends what has not ended; a stop must give more."""
USER = 10001
HOST = re.compile(r"https?://\w|\b[\w-]+\.(?:org|com|io|net)\b")
TAG = re.compile(r"(?:[\w.-]+/)*[\w-]+:\w*\d[\w.-]*")
"""An image of a certain version."""


def load(path: str) -> Any:
    """Import a script that is in no package."""
    spec = importlib.util.spec_from_file_location(Path(path).stem, ROOT / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


TRIAL = load("deploy/try_containerfile.py")
STEPS = TRIAL.read_steps((ROOT / "Containerfile").read_text())
STAGES = list(TRIAL.read_stages(STEPS, ROOT))
IMAGE = STAGES[-1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
GATEWAY: dict[str, Any] = SERVICES["grokgate"]


def seconds(text: str) -> float:
    assert re.fullmatch(r"\d+s", text)
    return float(text[:-1])


def resource(kind: str, folder: Path = CLUSTER) -> dict[str, Any]:
    """Return the one object of a kind in an example for Kubernetes."""
    objects = (yaml.safe_load(file.read_text()) for file in folder.glob("*.yaml"))
    return next(each for each in objects if each["kind"] == kind)


POD: dict[str, Any] = resource("Deployment")["spec"]["template"]["spec"]
CONTAINER: dict[str, Any] = POD["containers"][0]
REPLICA: dict[str, Any] = resource("Deployment", REPLICAS)["spec"]
REPLICA_CONTAINER: dict[str, Any] = REPLICA["template"]["spec"]["containers"][0]


def unit() -> RawConfigParser:
    parser = RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ROOT / "deploy/systemd/grokgate.service")
    return parser


SERVICE = unit()["Service"]


# Package


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel of this checkout."""
    folder = str(tmp_path_factory.mktemp("wheel"))
    built = next(WheelBuilder(str(ROOT)).build(directory=folder, versions=["standard"]))
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def test_wheel_holds_every_file_of_its_packages(wheel: set[str]) -> None:
    packages = [*(ROOT / "core").iterdir(), *(ROOT / "plugins").iterdir()]
    packages += [ROOT / "admin_ui/grokgate_admin_ui"]
    files = [file for package in packages for file in package.rglob("*") if file.is_file()]

    own = [file for file in files if "__pycache__" not in file.parts]
    assert {str(file.relative_to(ROOT / file.relative_to(ROOT).parts[0])) for file in own} <= wheel


@pytest.mark.parametrize(
    "name",
    [
        "grokgate/CHANGELOG.md",
        "grokgate/py.typed",
        "grokgate_admin_ui/static/index.html",
        "grokgate_chat/models.toml",
        "grokgate_web/profiles/2026-08.toml",
    ],
)
def test_wheel_holds(wheel: set[str], name: str) -> None:
    assert name in wheel


# Image


def test_image_runs_the_command_itself_without_a_shell() -> None:
    assert IMAGE.of("ENTRYPOINT").text.startswith("[")
    assert IMAGE.of("ENTRYPOINT").words == ["grokgate", "serve"]


def test_image_runs_as_nobody_else_owns_anything() -> None:
    assert IMAGE.of("USER").text == f"{USER}:{USER}"
    assert "chown" not in IMAGE.of("ENTRYPOINT").text


def test_image_asks_for_its_health_with_a_command_there_is() -> None:
    name, _, command = IMAGE.of("HEALTHCHECK").text.partition(" ")

    assert name == "CMD"
    program, *arguments = yaml.safe_load(command)
    assert program in PROJECT["project"]["scripts"]
    assert cli._parser().parse_args(arguments).module == "health"


def test_image_keeps_data_and_logs_apart() -> None:
    assert IMAGE.of("VOLUME").words == ["/app/data", "/app/logs"]
    assert IMAGE.of("EXPOSE").text == str(ServerSettings().port)


def test_every_base_is_an_image_of_a_certain_version() -> None:
    assert STEPS[0].name == "ARG"
    assert TAG.fullmatch(STEPS[0].text.removeprefix("BASE="))
    bases = {step.words[0] for step in STEPS if step.name == "FROM"}
    assert bases == {"${BASE}"}


def copied() -> Iterator[str]:
    for step in STEPS:
        if step.name == "COPY" and not step.flags:
            yield from step.words[:-1]


@pytest.mark.parametrize("source", list(copied()))
def test_what_is_copied_exists_and_is_not_ignored(source: str) -> None:
    ignored = (ROOT / ".containerignore").read_text().splitlines()

    assert (ROOT / source).exists()
    assert any(fnmatch(source, f"{line[1:]}*") for line in ignored if line.startswith("!"))


def test_ignored_is_the_same_for_every_builder() -> None:
    assert (ROOT / ".dockerignore").read_text() == (ROOT / ".containerignore").read_text()


def test_image_is_built_from_all_that_a_wheel_is_made_of() -> None:
    needed = {folder.split("/")[0] for folder in WHEEL["only-include"]}
    needed |= {*WHEEL["force-include"], *PROJECT["project"]["license-files"]}
    needed |= {PROJECT["project"]["readme"], "pyproject.toml"}

    assert needed <= set(copied())


def test_nothing_is_installed_without_its_hash() -> None:
    text = " && ".join(step.text for step in STEPS if step.name == "RUN")
    installs = [command for command in text.split("&&") if "pip install" in command]

    assert len(installs) == 3
    assert all("--require-hashes" in one or "--no-index" in one for one in installs)


# Compose


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_closed_up(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "healthcheck" in service


def test_compose_stops_the_gateway_with_patience() -> None:
    assert seconds(GATEWAY["stop_grace_period"]) > ENDED_S


def test_compose_starts_the_gateway_after_its_database() -> None:
    for name, wish in GATEWAY["depends_on"].items():
        assert wish == {"condition": "service_healthy", "required": False}
        assert SERVICES[name]["profiles"]


def test_compose_leaves_choices_to_the_operator() -> None:
    assert GATEWAY["image"].startswith("${GROKGATE_IMAGE:-")
    assert GATEWAY["ports"] == ["${HOST_PORT:-8000}:8000"]
    assert GATEWAY["user"] == f"${{GROKGATE_USER:-{USER}:{USER}}}"
    assert {"./data:/app/data", "./logs:/app/logs"} < set(GATEWAY["volumes"])
    assert "profiles" not in GATEWAY


def test_compose_gives_a_replica_all_but_folders_and_a_port() -> None:
    replica = SERVICES["replica"]
    own = {key for key in replica if replica[key] != GATEWAY.get(key)}

    assert own == {"profiles", "ports", "volumes"}
    shared = set(replica["volumes"]) & set(GATEWAY["volumes"])
    assert shared == {"./secrets:/run/secrets:ro"}


def test_compose_runs_a_store_that_forgets_nothing() -> None:
    command = SERVICES["redis"]["command"]

    assert command[command.index("--maxmemory-policy") + 1] == POLICY


def test_compose_names_certain_versions() -> None:
    gateways = {"grokgate", "replica"}
    others = [each["image"] for name, each in SERVICES.items() if name not in gateways]

    assert all(TAG.fullmatch(re.sub(r"\$\{\w+:-(.*)\}", r"\1", image)) for image in others)


@pytest.mark.parametrize("name", SERVICES)
def test_compose_takes_secrets_from_files(name: str) -> None:
    words = ("PASSWORD", "SECRET", "APP_KEY", "STORAGE_URL")
    names = SERVICES[name].get("environment", {})
    secrets = [each for each in names if any(word in each for word in words)]

    assert all(each.endswith("_FILE") for each in secrets)


# Kubernetes


def test_cluster_waits_for_the_end_of_a_pod() -> None:
    assert POD["terminationGracePeriodSeconds"] > ENDED_S


def test_cluster_sends_no_work_to_a_pod_that_waits_for_something() -> None:
    """It is out of service long before it would be taken for dead."""
    ready, alive = CONTAINER["readinessProbe"], CONTAINER["livenessProbe"]
    out_s = ready["periodSeconds"] * ready["failureThreshold"]

    assert out_s < alive["periodSeconds"] * alive.get("failureThreshold", 3)
    assert alive["timeoutSeconds"] < alive["periodSeconds"]


def test_cluster_runs_one_gateway_at_a_time() -> None:
    deployment = resource("Deployment")["spec"]

    assert (deployment["replicas"], deployment["strategy"]) == (1, {"type": "Recreate"})


def test_cluster_runs_the_gateway_closed_up() -> None:
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert POD["securityContext"]["runAsUser"] == USER
    assert CONTAINER["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def test_cluster_asks_for_paths_there_are() -> None:
    async def nothing() -> bytes:
        return b""

    router = probes(ready=lambda: True, access=AppSettings, render_metrics=nothing)
    served = {route.path for route in Litestar([router], openapi_config=None).routes}

    asked = {name: each["httpGet"]["path"] for name, each in CONTAINER.items() if "Probe" in name}
    assert asked == {
        "startupProbe": "/health",
        "livenessProbe": "/health",
        "readinessProbe": "/ready",
    }
    assert set(asked.values()) <= served


def test_cluster_lets_a_start_wait_for_its_database() -> None:
    probe = CONTAINER["startupProbe"]

    assert probe["periodSeconds"] * probe["failureThreshold"] > 60


def test_password_of_the_example_is_one_that_is_refused() -> None:
    assert resource("Secret")["stringData"]["admin_password"] == "admin"


def test_every_file_of_the_example_is_applied() -> None:
    applied = set(resource("Kustomization")["resources"])

    assert applied == {file.name for file in CLUSTER.glob("*.yaml")} - {"kustomization.yaml"}


# Replicas on Kubernetes


def test_replicas_are_two_of_which_one_stays() -> None:
    assert REPLICA["replicas"] == 2
    assert REPLICA["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}
    assert resource("PodDisruptionBudget", REPLICAS)["spec"]["minAvailable"] == 1


def test_replica_stops_when_no_request_comes_any_more() -> None:
    program, wait_s = REPLICA_CONTAINER["lifecycle"]["preStop"]["exec"]["command"]
    pod = REPLICA["template"]["spec"]

    assert program == "sleep"
    assert pod["terminationGracePeriodSeconds"] - float(wait_s) > ENDED_S


def test_replicas_have_folders_of_their_own_and_one_key() -> None:
    (volume,) = REPLICA["template"]["spec"]["volumes"]
    names = {each["name"] for each in REPLICA_CONTAINER["env"]}

    assert volume == {"name": "data", "persistentVolumeClaim": None, "emptyDir": {}}
    assert {"SERVER_REDIS_URL_FILE", "GROKGATE_SECRET_KEY_FILE"} < names
    assert "GROKGATE__STORAGE__MEDIA_URL" in names


def test_every_secret_of_the_replicas_is_in_the_example() -> None:
    secrets = {
        each["metadata"]["name"]: each["stringData"]
        for file in REPLICAS.glob("*.yaml")
        if (each := yaml.safe_load(file.read_text()))["kind"] == "Secret"
    }
    files = [each["value"] for each in REPLICA_CONTAINER["env"] if each["name"].endswith("_FILE")]

    assert {Path(file).name for file in files} == set(secrets["grokgate"])
    assert REPLICA_CONTAINER["envFrom"] == [{"secretRef": {"name": "grokgate-bucket"}}]
    assert "grokgate-bucket" in secrets


def test_key_of_the_example_is_one_that_is_refused(tmp_path: Path) -> None:
    secret = yaml.safe_load((REPLICAS / "secret.yaml").read_text())

    with pytest.raises(StateError, match="too short"):
        Vault.open(tmp_path / "secret.key", secret["stringData"]["secret_key"])


def test_every_file_of_the_replicas_is_applied() -> None:
    overlay = resource("Kustomization", REPLICAS)
    patches = {each["path"] for each in overlay["patches"] if "path" in each}

    files = {file.name for file in REPLICAS.glob("*.yaml")} - {"kustomization.yaml"}
    assert {*overlay["resources"]} | patches == files | {"../kubernetes"}


# Unit


def test_unit_stops_the_service_with_patience() -> None:
    assert float(SERVICE["TimeoutStopSec"]) > ENDED_S
    assert SERVICE["KillMode"] == "mixed"


@pytest.mark.parametrize(
    ("key", "value"),
    {
        "ExecStart": "/opt/grokgate/bin/grokgate serve",
        "User": "grokgate",
        "ProtectSystem": "strict",
        "NoNewPrivileges": "yes",
        "CapabilityBoundingSet": "",
        "StateDirectory": "grokgate",
        "LogsDirectory": "grokgate",
        "Restart": "on-failure",
    }.items(),
)
def test_unit_says(key: str, value: str) -> None:
    assert SERVICE[key] == value


# Variables


def variables() -> Iterator[str]:
    """Yield every variable that the shipped files hand to the gateway."""
    for step in STAGES[-1].steps:
        if step.name == "ENV":
            yield from (word.partition("=")[0] for word in step.words)
    yield from GATEWAY["environment"]
    yield from (each["name"] for each in (*CONTAINER["env"], *REPLICA_CONTAINER["env"]))
    yield from (word.partition("=")[0] for word in SERVICE["Environment"].split())


@pytest.mark.parametrize(
    "name", sorted({name for name in variables() if not name.startswith(("PATH", "PYTHON"))})
)
def test_variable_is_one_that_the_program_knows(name: str) -> None:
    plain = name.removesuffix("_FILE")
    if plain.startswith("GROKGATE__"):
        settings: Any = tomllib.loads((ROOT / "config.defaults.toml").read_text())
        for part in plain.removeprefix("GROKGATE__").lower().split("__"):
            settings = settings[part]
        return
    sources = (ROOT / "core/grokgate/settings").glob("*.py")

    assert any(f'"{plain}"' in source.read_text() for source in sources)


# Workflows


def steps(workflow: Path) -> Iterator[dict[str, Any]]:
    for job in yaml.safe_load(workflow.read_text())["jobs"].values():
        yield from job["steps"]


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_uses_actions_of_a_certain_commit(workflow: Path) -> None:
    used = [step["uses"] for step in steps(workflow) if "uses" in step]

    assert all(re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action) for action in used)


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_asks_for_its_rights_one_by_one(workflow: Path) -> None:
    document = yaml.safe_load(workflow.read_text())

    assert document["permissions"] in ({}, {"contents": "read"})
    assert all("timeout-minutes" in job for job in document["jobs"].values())


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_names_files_there_are(workflow: Path) -> None:
    text = "\n".join(step["run"] for step in steps(workflow) if "run" in step)
    named = re.findall(r"(?<![\w./-])(?:requirements|deploy|\.ci)/[\w./-]+|Containerfile", text)

    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_launcher_is_what_is_tested() -> None:
    commands = [step.get("run") for step in steps(ROOT / ".github/workflows/test.yml")]

    assert "bash .ci/run" in commands


@pytest.mark.parametrize(
    "path",
    [ROOT / "Containerfile", ROOT / "compose.yaml", *WORKFLOWS, *ROOT.glob("deploy/**/*.py")],
    ids=lambda path: path.name,
)
def test_no_host_is_named(path: Path) -> None:
    assert HOST.findall(path.read_text()) == []
