"""Panels of plugins: who gets their files, and what is told of them (F-UI-01, S11, V33)."""

import asyncio
import importlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from grokgate.plugin import AdminPanel, hookimpl
from grokgate.testing import check_plugin, running_gateway
from grokgate.testing.server import serving

pytestmark = pytest.mark.anyio

PLUGIN = """
from grokgate.plugin import AdminPanel, hookimpl

@hookimpl
def grokgate_admin_panels():
    yield AdminPanel(id="poems", title={"en": "Poems", "zh": "诗"}, module="panel.js")
"""
FORMS = [
    *("../__init__.py", "..%2f__init__.py", "%2e%2e/__init__.py", "%252e%252e%252f__init__.py"),
    *("..\\__init__.py", "..%5c__init__.py", "....//__init__.py", "//etc/hostname", "%00"),
    *("panel.js%00", "./panel.js", "i18n/../panel.js", "i18n", "", "x" * 5000),
]


@pytest.fixture
def static(package: ModuleType) -> Path:
    """The folder of its files."""
    assert package.__file__
    return Path(package.__file__).parent / "static"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """An installed plugin with a panel."""
    folder = tmp_path / "sample_poems"
    (folder / "static" / "i18n").mkdir(parents=True)
    (folder / "__init__.py").write_text(PLUGIN)
    (folder / "static" / "panel.js").write_text("export default () => ({view: () => null});")
    for language in ("en", "zh"):
        (folder / "static" / "i18n" / f"{language}.json").write_text(json.dumps({"title": "P"}))
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("sample_poems")
    sys.modules.pop("sample_poems")


class Silent:
    """A plugin without a panel."""


async def row(admin: httpx.AsyncClient, name: str) -> dict[str, Any]:
    rows = (await admin.get("/plugins")).json()["plugins"]
    found: dict[str, Any] = next(each for each in rows if each["name"] == name)
    return found


async def test_operator_gets_the_files_of_a_panel(package: ModuleType) -> None:
    async with running_gateway(package) as gw, gw.operator() as admin:
        url = "http://gateway.test/ui/plugins/sample_poems/panel.js"
        reply = await admin.get(url)
        again = await admin.get(url, headers={"if-none-match": reply.headers["etag"]})

    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert reply.headers["cache-control"] == "private, no-cache"
    assert "trusted-types dompurify grokgate" in reply.headers["content-security-policy"]
    assert reply.text.startswith("export default")
    assert again.status_code == 304


async def test_nobody_else_gets_them(package: ModuleType) -> None:
    async with running_gateway(package) as gw:
        with_key = await gw.client.get("/ui/plugins/sample_poems/panel.js")
        nothing = await gw.client.get("/ui/plugins/nowhere/panel.js")

    assert (with_key.status_code, nothing.status_code) == (401, 401)
    assert with_key.content == nothing.content


async def test_edited_file_is_there_at_once(package: ModuleType, static: Path) -> None:
    async with running_gateway(package) as gw, gw.operator() as admin:
        url = "http://gateway.test/ui/plugins/sample_poems/panel.js"
        first = await admin.get(url)
        (static / "panel.js").write_text("export default 1;")
        second = await admin.get(url, headers={"if-none-match": first.headers["etag"]})

    assert (second.status_code, second.text) == (200, "export default 1;")


async def test_plugin_without_a_panel_serves_no_files() -> None:
    async with running_gateway(Silent()) as gw, gw.operator() as admin:
        for name in ("silent", "nowhere"):
            reply = await admin.get(f"http://gateway.test/ui/plugins/{name}/panel.js")

            assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_url")


async def test_no_path_leads_out_of_the_folder(package: ModuleType) -> None:
    """V33, raw over a socket."""
    async with running_gateway(package) as gw, serving(gw.app) as base:
        _, text = await gw.gateway.access.sessions.open(address="", agent="test")
        for form in FORMS:
            reply = await raw(base, f"/ui/plugins/sample_poems/{form}", text)

            assert reply.split(b" ", 2)[1] in {b"400", b"404"}, form
            assert b"AdminPanel" not in reply


async def raw(base: str, target: str, credential: str) -> bytes:
    host, _, port = base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = [
        f"GET {target} HTTP/1.1",
        f"host: {host}",
        f"authorization: Bearer {credential}",
        "connection: close",
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return reply


async def test_plugin_is_told_with_its_panels(package: ModuleType) -> None:
    async with running_gateway(package, Silent()) as gw, gw.operator() as admin:
        with_panel, without = await row(admin, "sample_poems"), await row(admin, "silent")

    assert with_panel["panels"] == [
        {"id": "poems", "title": {"en": "Poems", "zh": "诗"}, "module": "panel.js"}
    ]
    assert (with_panel["texts"], with_panel["styles"]) == (True, False)
    assert (without["panels"], without["texts"], without["styles"]) == ([], False, False)


async def test_panel_of_an_object_outside_of_a_package_has_no_files() -> None:
    class Poems:
        @hookimpl
        def grokgate_admin_panels(self) -> list[AdminPanel]:
            return [AdminPanel(id="a", title={"en": "A", "zh": "A"}, module="panel.js")]

    async with running_gateway(Poems()) as gw, gw.operator() as admin:
        assert (await row(admin, "poems"))["texts"] is False
        reply = await admin.get("http://gateway.test/ui/plugins/poems/panel.js")

    assert reply.status_code == 404


# The rules


async def test_panel_that_keeps_the_rules_passes(package: ModuleType, static: Path) -> None:
    (static / "panel.js").write_text('import { part } from "./part.js";\nexport default part;')
    (static / "part.js").write_text('export { part } from "./panel.js";')

    await check_plugin(package)


async def test_panel_without_its_module_is_reported(package: ModuleType, static: Path) -> None:
    (static / "panel.js").unlink()
    with pytest.raises(AssertionError, match=r"panel poems: no file static/panel\.js"):
        await check_plugin(package)


async def test_missing_file_beside_a_panel_is_reported(package: ModuleType, static: Path) -> None:
    (static / "panel.js").write_text('import "./part.js";')
    with pytest.raises(AssertionError, match=r"panel poems: no file static/part\.js"):
        await check_plugin(package)


async def test_import_of_an_imported_file_counts(package: ModuleType, static: Path) -> None:
    (static / "panel.js").write_text('import "./part.js";')
    (static / "part.js").write_text('import "preact";')
    with pytest.raises(AssertionError, match="only files beside it load"):
        await check_plugin(package)


@pytest.mark.parametrize(
    "name", ["preact", "/ui/app/main.js", "../../1/app/main.js", "https://cdn.example/a.js"]
)
async def test_import_from_elsewhere_is_reported(
    package: ModuleType, static: Path, name: str
) -> None:
    (static / "panel.js").write_text(f'import {{\n  html,\n}} from "{name}";')
    with pytest.raises(AssertionError, match="only files beside it load"):
        await check_plugin(package)


async def test_text_in_one_language_is_reported(package: ModuleType, static: Path) -> None:
    (static / "i18n" / "en.json").write_text('{"title": "Poems", "write": "Write"}')
    with pytest.raises(AssertionError, match="in one language alone: write"):
        await check_plugin(package)


@pytest.mark.parametrize("page", ["write-a-panel.md", "write-a-panel.zh-CN.md"])
def test_docs_tell_the_whole_kit(page: str) -> None:
    root = Path(__file__).parents[2]
    made = (root / "admin_ui/grokgate_admin_ui/static/app/lib/kit.js").read_text()
    block = re.search(r"\n  return \{\n(.*?)\n  \};", made, re.DOTALL)
    assert block
    kit = set(re.findall(r"^    (\w+)", block[1], re.MULTILINE))
    rows = re.findall(r"^\| (`[^|]+) \|", (root / "docs/how-to" / page).read_text(), re.MULTILINE)

    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == kit
