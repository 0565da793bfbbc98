"""``grokgate migrate``: what a predecessor kept, read into the data folder; ``keys import``.

With ``--to`` it is `grokgate.cli.moving`.
"""

import argparse
import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from grokgate.adoption import OldFile
from grokgate.cli.inspection import inspect_gateway
from grokgate.cli.moving import compare_data, move_data
from grokgate.cli.notes import note, silent_log
from grokgate.cli.place import data_dir, environment
from grokgate.cli.table import printable
from grokgate.cli.work import perform
from grokgate.errors import StartupError
from grokgate.migration import Advice, Found, OldConfig, read_source, settle_config
from grokgate.offline import opened
from grokgate.operations import OperationFailed
from grokgate.settings import collect_fields, read_boot
from grokgate.settings.core import CORE
from grokgate.stores import database_place

_TAKEN = ("added", "restored", "unchanged", "known", "labelled")


def migrate(arguments: argparse.Namespace) -> int:
    """Take over a predecessor's data, or move one's own."""
    if arguments.to is None:
        if arguments.check or arguments.file:
            note("--check and --file go with --to, not with --from")
            return 2
        return take_over(arguments)
    if arguments.dry_run:
        note("--dry-run goes with --from; --to has --check")
        return 2
    return compare_data(arguments) if arguments.check else move_data(arguments)


def take_over(arguments: argparse.Namespace) -> int:
    """Read a source and take over what is there, or tell what would become of it."""
    found = read_source(arguments.source)
    rehearsal: bool = arguments.dry_run
    if rehearsal:
        note("a rehearsal: nothing is written")
    reports = _take_over(found.files, rehearsal=rehearsal) if found.files else []
    _print_reports(reports)
    _print_remarks(found)
    if found.config is not None:
        _print_advice(_settled(found.config, rehearsal=rehearsal), rehearsal=rehearsal)
    return 0 if found.config is not None or _is_of_use(reports) else 1


def import_keys(arguments: argparse.Namespace) -> int:
    """Add the API keys of a predecessor's list."""
    path = Path(arguments.file).resolve()
    text = path.read_bytes().decode("utf-8-sig", "replace")
    file = OldFile(name=f"{path.parent.name}/{path.name}", kind="keys", text=text)
    reports = _take_over([file], rehearsal=False)
    _print_reports(reports)
    return 0 if _is_of_use(reports) else 1


def _take_over(files: Sequence[OldFile], *, rehearsal: bool) -> list[Mapping[str, Any]]:
    wanted = {"files": msgspec.to_builtins(files), "rehearsal": rehearsal}
    environ = environment()
    folder = data_dir(environ)
    place = database_place(read_boot(folder, environ))
    if rehearsal and isinstance(place, Path) and not place.exists():
        return _rehearse_in_nothing(wanted)
    reports: list[Mapping[str, Any]] = perform("migrate", wanted)
    return reports


def _rehearse_in_nothing(wanted: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Rehearse in a folder that goes away: the right one shall not be made by a look."""

    async def rehearse(folder: Path) -> list[Mapping[str, Any]]:
        async with opened(folder, {}, create=True, log=silent_log()) as operations:
            reports: list[Mapping[str, Any]] = await operations.run("migrate", wanted)
            return reports

    try:
        with tempfile.TemporaryDirectory(prefix="grokgate-") as folder:
            return asyncio.run(rehearse(Path(folder)))
    except OperationFailed as error:
        raise StartupError(str(error)) from error


def _settled(config: OldConfig, *, rehearsal: bool) -> Advice:
    gateway = inspect_gateway(silent_log())
    fields = collect_fields([*CORE, *gateway.declarations], gateway.switches)
    return settle_config(config, data_dir(environment()), fields, rehearsal=rehearsal)


def _is_of_use(reports: Sequence[Mapping[str, Any]]) -> bool:
    return any(report["counts"].get(name) for report in reports for name in _TAKEN)


def _print_reports(reports: Sequence[Mapping[str, Any]]) -> None:
    for report in reports:
        counts = ", ".join(f"{count} {name}" for name, count in report["counts"].items())
        print(f"{printable(report['name'])}: {counts or 'nothing taken'}")
        for remark in report["remarks"]:
            print(f"  {printable(remark)}")


def _print_remarks(found: Found) -> None:
    for remark in found.remarks:
        print(printable(remark))


def _print_advice(advice: Advice, *, rehearsal: bool) -> None:
    written = "would be written" if rehearsal else "written"
    print(f"{advice.path.name}: {written}, with these settings:")
    for line in advice.lines:
        print(f"  {printable(line)}")
    for remark in advice.notes:
        print(f"  # {printable(remark)}")
    if not advice.is_applied:
        note(
            f"the configuration that is there stays as it is; copy from {advice.path} what you "
            "want to keep, then remove that file: it holds secrets"
        )
