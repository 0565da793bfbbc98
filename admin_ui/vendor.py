#!/usr/bin/env python3
"""Copy the third-party modules of the admin UI into `static/vendor`, or check that they are there.

    python3 admin_ui/vendor.py [--check] [--from FOLDER]

They come from the Node packages locked in `requirements/node`, which `python3 dev.py lint` installs
into `.node`; after a new version was locked and installed, run this. A browser knows no package
names, and an import map would be an inline script, which the UI's Content-Security-Policy forbids:
so bare imports become relative ones. Comments that point to source maps go, since the maps are not
served. Nothing else is changed. The manifest says what each file came from, `LICENSES.txt` on
which terms. The type declarations beside them are ours, say where in `.node` the types are, and are
left alone.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).resolve().parent
VENDOR = HERE / "grokgate_admin_ui" / "static" / "vendor"
PACKAGES = HERE.parent / ".node" / "node_modules"

FILES = {
    "preact.mjs": ("preact", "dist/preact.mjs"),
    "hooks.mjs": ("preact", "hooks/dist/hooks.mjs"),
    "htm.module.js": ("htm", "dist/htm.module.js"),
    "signals.module.js": ("@preact/signals", "dist/signals.module.js"),
    "signals-core.module.js": ("@preact/signals-core", "dist/signals-core.module.js"),
    "uPlot.esm.js": ("uplot", "dist/uPlot.esm.js"),
    "uPlot.min.css": ("uplot", "dist/uPlot.min.css"),
    "marked.esm.js": ("marked", "lib/marked.esm.js"),
    "purify.es.mjs": ("dompurify", "dist/purify.es.mjs"),
    "fflate.js": ("fflate", "esm/browser.js"),
}
"""Vendored file → its package and its path there."""

MODULES = {
    "preact": "./preact.mjs",
    "preact/hooks": "./hooks.mjs",
    "@preact/signals-core": "./signals-core.module.js",
}
"""Bare name of an import → the vendored file."""

IMPORT = re.compile(r"""\b(?P<before>(?:from|import)\s*["'])(?P<name>[\w@/-]+)(?=["'])""")
SOURCE_MAP = re.compile(r"//# sourceMappingURL=\S+\n?")


def main(arguments: list[str] | None = None) -> int:
    """Write the vendored files; with ``--check`` only name those that differ, and return 1."""
    parser = argparse.ArgumentParser(description="Copy the third-party modules of the admin UI.")
    parser.add_argument("--check", action="store_true", help="change nothing, name what differs")
    parser.add_argument("--from", dest="packages", type=Path, default=PACKAGES, metavar="FOLDER")
    options = parser.parse_args(arguments)
    wanted = vendored(options.packages)
    if options.check:
        differing = differences(wanted)
        for name in differing:
            print(f"not as vendored: {name}")
        return int(bool(differing))
    write(wanted)
    return 0


def vendored(packages: Path) -> dict[str, bytes]:
    """Return everything that belongs into the folder, by file name."""
    files = {
        name: adapt((packages / package / path).read_text()).encode()
        for name, (package, path) in FILES.items()
    }
    return {
        **files,
        "manifest.json": manifest(packages, files),
        "LICENSES.txt": licenses(packages).encode(),
    }


def adapt(text: str) -> str:
    """Make the imports of a module relative, and take out where its source map is."""
    return SOURCE_MAP.sub("", IMPORT.sub(relative, text))


def relative(found: re.Match[str]) -> str:
    """Return the import of a vendored file in place of that of a package."""
    return f"{found['before']}{MODULES[found['name']]}"


def manifest(packages: Path, files: Mapping[str, bytes]) -> bytes:
    """Describe each file: its package, that package's version, and the hash of what is served."""
    rows = [
        {
            "name": package,
            "version": version(packages, package),
            "file": name,
            "sha256": hashlib.sha256(files[name]).hexdigest(),
        }
        for name, (package, _path) in FILES.items()
    ]
    return f"{json.dumps(rows, indent=2)}\n".encode()


def version(packages: Path, package: str) -> str:
    """Return which version of a package is installed."""
    return str(json.loads((packages / package / "package.json").read_text())["version"])


def licenses(packages: Path) -> str:
    """Return the license texts of all packages, one after another."""
    names = dict.fromkeys(package for package, _path in FILES.values())
    return "\n\n".join(license_of(packages, name) for name in names)


def license_of(packages: Path, package: str) -> str:
    """Return the license text of one package under a line that names it."""
    title = f"{package} {version(packages, package)}"
    text = (packages / package / "LICENSE").read_text().strip()
    return f"{title}\n{'=' * len(title)}\n\n{text}\n"


def differences(wanted: Mapping[str, bytes]) -> list[str]:
    """Return the names of files that are missing, changed, or not wanted."""
    have = {file.name: file.read_bytes() for file in present()}
    return sorted(name for name in wanted.keys() | have if wanted.get(name) != have.get(name))


def write(wanted: Mapping[str, bytes]) -> None:
    """Make the folder hold exactly the *wanted* files."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for file in present():
        file.unlink()
    for name, content in wanted.items():
        (VENDOR / name).write_bytes(content)


def present() -> list[Path]:
    """Return what the folder holds of others, without the type declarations."""
    return [file for file in VENDOR.iterdir() if not file.name.endswith((".d.ts", ".d.mts", ".md"))]


if __name__ == "__main__":
    sys.exit(main())
