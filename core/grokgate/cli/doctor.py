"""``grokgate doctor``: what works, what does not, and what to do about it."""

import argparse
import asyncio
import os
import platform
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec

from grokgate import __version__, control
from grokgate.cli.notes import note, silent_log
from grokgate.cli.place import data_dir, environment, log_dir
from grokgate.cli.serve import made_up_accounts, made_up_upstream
from grokgate.cli.table import print_json, printable
from grokgate.doctor import (
    Finding,
    Folder,
    Language,
    Program,
    Words,
    look_at_folder,
    look_at_program,
    look_at_redis,
)
from grokgate.errors import StartupError
from grokgate.gateway import Gateway
from grokgate.operations import OperationFailed
from grokgate.run_options import RunOptions
from grokgate.stores import KEY_FILE, database_place, sandbox_instead

_MARKS = {"ok": "ok  ", "note": "note", "attention": "!   "}
_INDENT = " " * 6
_ACCOUNTS = 3
"""Made-up accounts with ``--sandbox``, one for each pool."""
_SLOW_MB = 200
"""Size from which reading a database may take longer than two seconds."""
_NOTED = 10
"""Accounts between two notes of how far an examination is."""


def show(arguments: argparse.Namespace) -> int:
    """Print what is found; 1 when something needs attention."""
    if arguments.ids and (arguments.pool or arguments.all):
        note("name accounts by their ids, or by --pool and --all, not both")
        return 2
    report = _Report(language_of(os.environ), as_json=arguments.json)
    for finding in _found(arguments, report):
        report.add(finding)
    report.finish()
    return 1 if report.attention else 0


def language_of(environ: Mapping[str, str]) -> Language:
    """Return the terminal's language, as POSIX orders the variables: Chinese, else English."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    locale = next((environ[name] for name in names if environ.get(name)), "")
    return "zh" if locale.lower().startswith("zh") else "en"


class _Report:
    """Prints findings as they come, or all at once as JSON."""

    def __init__(self, language: Language, *, as_json: bool) -> None:
        self.attention = False
        self._language = language
        self._words = Words.load()
        self._rows: list[dict[str, Any]] | None = [] if as_json else None
        self._subject: str | None = None
        self._wanted = 0
        self._seen: set[str] = set()

    def add(self, finding: Finding) -> None:
        """Print or keep *finding*."""
        self.attention = self.attention or finding.level == "attention"
        text = self._words.say(finding, self._language)
        remedy = self._words.remedy(finding, self._language)
        if self._rows is not None:
            row: dict[str, Any] = msgspec.to_builtins(finding)
            self._rows.append({**row, "text": text, "remedy": remedy})
        else:
            self._print(finding, text, remedy)
        self._note_progress(finding)

    def announce_reading(self, database: Path) -> None:
        """Say on standard error that reading *database* takes a while, if it does."""
        size_mb = database.stat().st_size >> 20 if database.exists() else 0
        if size_mb > _SLOW_MB:
            values = {"path": str(database), "size_mb": str(size_mb)}
            reading = Finding(area="program", code="database_reading", values=values)
            note(self._words.say(reading, self._language))

    def finish(self) -> None:
        """Print what was kept."""
        if self._rows is not None:
            healthy = not self.attention
            print_json({"healthy": healthy, "findings": self._rows})

    def _print(self, finding: Finding, text: str, remedy: str) -> None:
        heading = _heading(finding)
        if heading != self._subject:
            print(heading if self._subject is None else f"\n{heading}")
            self._subject = heading
        print(f"{_MARKS[finding.level]}  {printable(text)}", flush=True)
        if remedy and finding.level != "ok":
            print(f"{_INDENT}-> {printable(remedy)}", flush=True)

    def _note_progress(self, finding: Finding) -> None:
        """Say on standard error how far it is, where that takes time."""
        if finding.code in {"accounts", "accounts_chat"}:
            self._wanted = int(finding.values["count"])
            if self._rows is not None:
                note(self._words.say(finding, self._language))
        elif finding.area == "account" and finding.subject not in self._seen:
            self._seen.add(finding.subject)
            if len(self._seen) % _NOTED == 0:
                note(f"{len(self._seen)}/{self._wanted}")


def _found(arguments: argparse.Namespace, report: _Report) -> Iterator[Finding]:
    environ = environment()
    folder = data_dir(environ, sandbox=arguments.sandbox)
    try:
        gateway = _gateway(folder, environ)
    except StartupError as error:
        yield _refused("config_unreadable", error)
        return
    yield from look_at_program(_program(gateway))
    if gateway.boot.redis_url is not None:
        yield look_at_redis(gateway.boot.redis_url)
    try:
        place = _folder(gateway, environ)
    except StartupError as error:
        yield _refused("database_refused", error)
        return
    if isinstance(place.database, Path):
        report.announce_reading(place.database)
    for finding in look_at_folder(place):
        yield finding
        if finding.code == "database_refused":
            return
    if not arguments.sandbox and isinstance(place.database, Path) and not place.database.exists():
        yield _nobody(folder)
        return
    try:
        asyncio.run(_examine(arguments, folder, environ, report))
    except (StartupError, OperationFailed) as error:
        yield _refused("not_examined", error)


async def _examine(
    arguments: argparse.Namespace, folder: Path, environ: Mapping[str, str], report: _Report
) -> None:
    """Have the running service try accounts; where there is none, try them from here."""
    wanted = {
        "ids": arguments.ids,
        "pool": arguments.pool,
        "all": arguments.all,
        "chat": arguments.chat,
    }

    def tell(finding: Any) -> None:
        report.add(msgspec.convert(finding, Finding))

    async def progress(finding: Any) -> None:
        tell(finding)

    try:
        await control.ask(folder, "doctor", wanted, tell)
    except ConnectionError:
        report.add(Finding(area="program", code="service_none"))
    else:
        return
    made_up = made_up_upstream(_ACCOUNTS) if arguments.sandbox else nullcontext()
    with made_up as base:
        async with _gateway(folder, environ, sandbox=base).examine() as operations:
            await operations.run("doctor", wanted, progress)


def _gateway(folder: Path, environ: Mapping[str, str], *, sandbox: str | None = None) -> Gateway:
    options = RunOptions(
        data_dir=folder,
        log_dir=log_dir(environ),
        sandbox=sandbox,
        sandbox_accounts=made_up_accounts(_ACCOUNTS) if sandbox else "",
        look_only=True,
    )
    return Gateway(options, environ, log=silent_log())


def _program(gateway: Gateway) -> Program:
    snapshot, settings = gateway.settings.snapshot, gateway.settings
    written = [
        key
        for key, field in settings.fields.items()
        if field.secret
        and snapshot.origins[key] == "file"
        and field.section is not None
        and getattr(snapshot.get(field.section), field.name)
    ]
    return Program(
        version=__version__,
        python=platform.python_version(),
        sqlite=sqlite3.sqlite_version_info,
        plugins=[plugin.name for plugin in gateway.plugins],
        broken={name: error.reason for name, error in gateway.registry.broken.items()},
        config=settings.path,
        warnings=snapshot.warnings,
        written_secrets=written,
        host=gateway.boot.server.host,
        port=gateway.boot.server.port,
        on_loopback=gateway.on_loopback(),
        anonymous=snapshot.app.allow_anonymous,
    )


def _folder(gateway: Gateway, environ: Mapping[str, str]) -> Folder:
    path = gateway.options.data_dir
    return Folder(
        path=path,
        database=database_place(gateway.boot),
        key_file=path / KEY_FILE,
        env_key=bool(environ.get("GROKGATE_SECRET_KEY")),
        media_url=gateway.boot.storage.media_url,
    )


def _nobody(folder: Path) -> Finding:
    """Say that there are no accounts, and where others are."""
    made_up = sandbox_instead(folder)
    if made_up is None:
        return Finding(area="account", code="accounts_none", level="attention")
    values = {"path": str(made_up)}
    return Finding(area="account", code="accounts_elsewhere", level="attention", values=values)


def _refused(code: str, error: Exception) -> Finding:
    return Finding(area="program", code=code, level="attention", values={"reason": str(error)})


def _heading(finding: Finding) -> str:
    if finding.area == "account" and finding.subject:
        return f"{finding.subject} ({finding.values['pool']})"
    if finding.subject:
        return f"upstream {finding.subject}"
    return "Grokgate"
