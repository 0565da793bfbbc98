#!/usr/bin/env python3
"""Carry out the Containerfile without any container: on Linux, with nothing but python3.

    python3 deploy/try_containerfile.py

1. Every stage gets a root file system of its own: this machine's, read-only, with the stage's own
   folders over `/opt`, `/src`, `/app`, `/tmp` and `/usr/local/bin`; the last holds, as in the base
   image, the Python that runs this script.
2. COPY and RUN are carried out there, at the very paths they name.
3. The last stage becomes read-only too, but for its volumes and `/tmp`. Its entry point runs as
   its user, with its environment, without any capability, with no network but loopback. The health
   check has to pass, and SIGTERM has to end it with exit code 0.

It needs `unshare` and `setpriv` of util-linux: as root, or where users may make namespaces.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
OWN = ("opt", "src", "app", "tmp", "usr/local/bin")
"""Folders that a stage has for itself; the shell below names them too."""
PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"

ENTER = """
root=$1 stage=$2; shift 2
mount -t tmpfs tmpfs "$root"
for place in /*; do
    case $place in /opt | /src | /app | /tmp) continue ;; esac
    if [ -L "$place" ]; then cp -P "$place" "$root$place"; continue; fi
    [ -d "$place" ] || continue
    mkdir "$root$place"
    mount --rbind "$place" "$root$place"
    [ "$place" = /proc ] || mount -o remount,bind,ro "$root$place" || true
done
for place in opt src app tmp usr/local/bin; do
    mkdir -p "$root/$place"
    mount --bind "$stage/$place" "$root/$place"
done
"""
"""Makes the root file system; `sh -ec ENTER sh ROOT STAGE …`."""
CARRY_OUT = f'{ENTER}\nexec chroot "$root" sh -ec "cd $1 && $2"'
SERVE = f"""{ENTER}
volumes=$1 user=$2 check=$3; shift 3
for place in opt src app tmp usr/local/bin; do mount -o remount,bind,ro "$root/$place"; done
for place in $volumes; do mount --bind "$stage/$place" "$root/$place"; done
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
python3 -c 'import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 1))'
drop="--no-new-privs --inh-caps=-all --bounding-set=-all $user"
chroot "$root" setpriv $drop sh -ec 'check=$1; shift
    cd /app; id
    for place in /opt /app; do touch $place/x 2>&- && exit 1; done
    "$@" & server=$!
    left=120; until $check; do sleep 0.5; left=$((left - 1)); [ $left -gt 0 ]; done
    echo "the health check has passed"
    kill -TERM $server; wait $server' sh "$check" "$@"
"""
"""Runs what follows VOLUMES, USER and CHECK; the interface flag that is set is that of `up`."""


@dataclass(frozen=True)
class Step:
    """One instruction: `COPY`, its flags such as `--from=build`, and the rest of it."""

    name: str
    flags: tuple[str, ...]
    text: str

    @property
    def words(self) -> list[str]:
        """The arguments, of the JSON form or separated by blanks."""
        if self.text.startswith("["):
            return [str(word) for word in json.loads(self.text)]
        return shlex.split(self.text)


@dataclass
class Stage:
    """What follows a FROM, and what its steps have made so far."""

    name: str
    folder: Path
    steps: list[Step] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    workdir: str = "/"

    def at(self, path: str) -> Path:
        """Return where *path* of the stage lies on this machine."""
        return self.folder / self.inside(path).lstrip("/")

    def inside(self, path: str) -> str:
        """Return *path* as seen from the root of the stage."""
        return os.path.normpath(os.path.join(self.workdir, path))  # noqa: PTH118 - may be absolute

    def of(self, name: str) -> Step:
        """Return the last step *name*."""
        return next(step for step in reversed(self.steps) if step.name == name)


def main() -> None:
    """Carry out all stages, then run the last."""
    if sys.platform != "linux" or not all(map(shutil.which, ("unshare", "setpriv"))):
        raise SystemExit("This needs Linux, and unshare and setpriv of util-linux.")
    if Path(sys.executable).resolve().is_relative_to("/opt"):
        raise SystemExit("The image's own /opt would hide this Python. Run it with another one.")
    with tempfile.TemporaryDirectory(prefix="grokgate-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        stages: dict[str, Stage] = {}
        for stage in read_stages(read_steps((ROOT / "Containerfile").read_text()), folder):
            print(f"stage {stage.name}", flush=True)
            carry_out(stage, stages)
            stages[stage.name] = stage
        serve(stage)


def read_steps(text: str) -> list[Step]:
    """Parse the text of a Containerfile."""
    plain = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    steps = []
    for line in re.sub(r"\\\n\s*", "", plain).splitlines():
        name, _, rest = line.strip().partition(" ")
        found = re.match(r"((?:--\S+\s+)*)(.*)", rest.strip())
        if name and found:
            steps.append(Step(name, tuple(found[1].split()), found[2]))
    return steps


def read_stages(steps: Sequence[Step], folder: Path) -> Iterator[Stage]:
    """Yield the stages, each with the steps between its FROM and the next."""
    starts = [number for number, step in enumerate(steps) if step.name == "FROM"]
    for start, end in zip(starts, [*starts[1:], len(steps)], strict=True):
        name = steps[start].text.partition(" AS ")[2] or "last"
        yield Stage(name, folder / name, list(steps[start + 1 : end]))


def carry_out(stage: Stage, stages: Mapping[str, Stage]) -> None:
    """Make the folders of *stage* from its steps, in their order."""
    for name in OWN:
        (stage.folder / name).mkdir(parents=True)
    for name in ("python", "python3"):
        (stage.folder / "usr/local/bin" / name).symlink_to(Path(sys.executable).resolve())
    for step in stage.steps:
        if step.name in ("COPY", "RUN"):
            print(f"  {step.name}", *step.flags, step.text, flush=True)
        match step.name:
            case "COPY":
                copy(stage, step, stages)
            case "RUN":
                run(stage, CARRY_OUT, stage.workdir, step.text)
            case "WORKDIR":
                stage.workdir = stage.inside(step.text)
                stage.at(".").mkdir(parents=True, exist_ok=True)
            case "ENV":
                for name, _, value in (word.partition("=") for word in step.words):
                    stage.environ[name] = value.replace("$PATH", stage.environ["PATH"])


def copy(stage: Stage, step: Step, stages: Mapping[str, Stage]) -> None:
    """Copy files and folders, of the checkout or of an earlier stage; of a folder its contents."""
    *sources, target = step.words
    origin = next((flag.removeprefix("--from=") for flag in step.flags), None)
    for source in sources:
        found = stages[origin].at(source) if origin else ROOT / source
        place = stage.at(target)
        if found.is_dir():
            shutil.copytree(found, place, symlinks=True, dirs_exist_ok=True)
            continue
        if target.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        shutil.copy(found, place)


def serve(stage: Stage) -> None:
    """Run the entry point of *stage* as its image would, until its health check has passed."""
    volumes = " ".join(path.lstrip("/") for path in stage.of("VOLUME").words)
    user, _, group = stage.of("USER").text.partition(":")
    become = f"--reuid={user} --regid={group} --clear-groups" if os.geteuid() == 0 else ""
    check = Step("CMD", (), stage.of("HEALTHCHECK").text.removeprefix("CMD ")).words
    entry = stage.of("ENTRYPOINT").words
    print("entry point", *entry, flush=True)
    run(stage, SERVE, volumes, become, " ".join(check), *entry, alone=True)
    print("it has ended with exit code 0")


def run(stage: Stage, script: str, *arguments: str, alone: bool = False) -> None:
    """Run *script* with namespaces of its own; *alone*: one for the network too."""
    root = stage.folder / ".root"
    root.mkdir(exist_ok=True)
    enter = ["unshare", "--mount", "--propagation=private"]
    enter += ["--net"] if alone else []
    if os.geteuid() != 0:  # be the user that the image has, who may own what it makes
        enter += ["--user", "--keep-caps", "--map-user=10001", "--map-group=10001"]
    pip = {name: text for name, text in os.environ.items() if name.startswith("PIP_")}
    command = [*enter, "sh", "-ec", script, "sh", str(root), str(stage.folder), *arguments]
    subprocess.run(command, env={**pip, **stage.environ}, check=True)


if __name__ == "__main__":
    main()
