"""The pages of the admin UI and their files (F-UI-01, F-UI-02, S7, V31, V33)."""

import asyncio
import gzip
import io
import os
import re
import zipfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast
from urllib.parse import urljoin

import httpx
import pytest
from litestar import Litestar

from grokgate.admin.assets import Assets, static_folder
from grokgate.admin.pages import PAGES, pages
from grokgate.testing import RunningGateway, running_gateway
from grokgate.testing.server import serving

pytestmark = pytest.mark.anyio

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:;"
    " media-src 'self' blob:; connect-src 'self'; font-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script';"
    " trusted-types dompurify grokgate"
)
ADDRESSES = ("/setup", *(path.replace(":str", "") for path in PAGES))
HTML = {"accept": "text/html,application/xhtml+xml"}
KINDS = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".txt": "text/plain",
}
FORMS = [
    *("../__init__.py", "../../__init__.py", "..%2f__init__.py", "%2e%2e/__init__.py"),
    *("%2e%2e%2f__init__.py", "%252e%252e%252f__init__.py", "..%252f__init__.py"),
    *("..\\__init__.py", "..%5c__init__.py", "....//__init__.py", "/etc/hostname"),
    *("//etc/hostname", "%2fetc%2fhostname", "file:///etc/hostname", "%00", "app%00.js"),
    *("css/../index.html", "css/./base.css", "index.html%00", "x" * 5000, "%c0%ae%c0%ae/a.js"),
    *("%", "%zz", ".", "", "css", "index.html"),
]


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """One loop for the whole module, and so one gateway."""
    return "asyncio"


@pytest.fixture(scope="module")
async def gw() -> AsyncIterator[RunningGateway]:
    async with running_gateway() as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def with_password() -> AsyncIterator[RunningGateway]:
    async with running_gateway(settings={"app.app_key": "a password for pages"}) as gateway:
        yield gateway


@asynccontextmanager
async def browsing(folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the pages of a folder."""
    routes = pages(
        Assets(folder),
        base=lambda: "http://gate.test",
        has_public_chat=lambda: True,
        state=lambda _: "out",
    )
    app: Any = Litestar([routes], openapi_config=None, logging_config=None)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://gate.test"
    ) as client:
        yield client


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A UI of two files."""
    (tmp_path / "app").mkdir()
    (tmp_path / "index.html").write_text("<script src={{root}}ui/{{build}}/app/main.js></script>")
    (tmp_path / "app" / "main.js").write_text("start();" * 100)
    return tmp_path


async def loaded(client: httpx.AsyncClient, page: str = "/login") -> str:
    """Open a page; returns the address of its script."""
    found = re.findall(r"src=\"?([^\" >]+)", (await client.get(page)).text)
    script: str = found[-1]
    return urljoin(str(client.base_url.join(page)), script)


def check_headers(reply: httpx.Response) -> None:
    assert reply.headers["content-security-policy"] == CSP
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"
    assert reply.headers["cross-origin-opener-policy"] == "same-origin"
    assert "microphone=()" in reply.headers["permissions-policy"]


# Pages


@pytest.mark.parametrize("address", ADDRESSES)
async def test_every_page_is_the_same_document_from_its_own_place(
    gw: RunningGateway, address: str
) -> None:
    """V31."""
    reply = await gw.client.get(address, headers=HTML)
    addresses = set(re.findall(r'(?:src|href)="([^"]+)"', reply.text))
    root = "./" if address.count("/") == 1 else "../" * (address.count("/") - 1)

    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    check_headers(reply)
    assert addresses
    assert all(re.match(rf"{re.escape(root)}ui/[0-9a-f]{{16}}/[a-z]", each) for each in addresses)


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        ({"sec-fetch-site": "none"}, "out"),
        ({"sec-fetch-site": "same-origin"}, "out"),
        ({"sec-fetch-site": "cross-site", "cookie": "grokgate_session=old"}, "out"),
        ({"cookie": "grokgate_session=old"}, "out"),
        # A strict cookie is not sent with a click on another site's page.
        ({"sec-fetch-site": "cross-site"}, "unknown"),
        ({}, "unknown"),
    ],
)
async def test_page_knows_whether_its_browser_is_logged_in(
    with_password: RunningGateway, headers: dict[str, str], state: str
) -> None:
    assert await told_state(with_password, headers) == state


async def test_page_knows_its_session_until_that_ends(with_password: RunningGateway) -> None:
    sessions = with_password.gateway.access.sessions
    session, text = await sessions.open(address="", agent="test")
    headers = {"cookie": f"grokgate_session={text}", "sec-fetch-site": "none"}
    before = await told_state(with_password, headers)
    await sessions.end(session.id)

    assert (before, await told_state(with_password, headers)) == ("in", "out")


async def test_page_leads_to_the_set_up_while_there_is_no_password(gw: RunningGateway) -> None:
    assert await told_state(gw, {"sec-fetch-site": "cross-site"}) == "setup"


async def told_state(gateway: RunningGateway, headers: dict[str, str]) -> str:
    page = (await gateway.client.get("/admin/token", headers=headers)).text
    (state,) = re.findall(r'name="grokgate-state" content="(\w+)"', page)
    return str(state)


async def test_pages_are_open_to_who_is_not_logged_in(gw: RunningGateway) -> None:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(gw.app), base_url="http://gateway.test"
    ) as stranger:
        assert (await stranger.get("/admin/overview")).status_code == 200
        assert (await stranger.get("/admin/nowhere")).status_code == 404


@pytest.mark.parametrize("prefix", ["", "/gate", "/a/b"])
@pytest.mark.parametrize("page", ["/login", "/login/", "/admin/token", "/admin/panel/haiku/try"])
async def test_page_works_below_a_path_that_a_proxy_takes_away(
    folder: Path, prefix: str, page: str
) -> None:
    async with browsing(folder) as client:
        found = re.search(r"src=([^ >]+)", (await client.get(page)).text)
        assert found
        seen = urljoin(f"https://proxy.test{prefix}{page}", found[1])

        assert seen.startswith(f"https://proxy.test{prefix}/ui/")


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/", "/admin"),
        ("/admin", "/admin/overview"),
        ("/admin/", "/admin/overview"),
        ("/admin/dialog", "/admin/chat"),
        ("/admin/login", "/login"),
    ],
)
async def test_older_addresses_lead_on_from_below_any_path(
    gw: RunningGateway, address: str, place: str
) -> None:
    reply = await gw.client.get(address)
    there = urljoin(f"https://proxy.test/gate{address}", reply.headers["location"])

    assert (reply.status_code, there) == (302, f"https://proxy.test/gate{place}")
    check_headers(reply)


async def test_chat_without_a_login_is_there_while_the_setting_says_so(
    gw: RunningGateway,
) -> None:
    before = await gw.client.get("/chat")
    await gw.change(ui={"public_chat": True})
    while_on = await gw.client.get("/chat")
    await gw.change(ui={"public_chat": False})

    assert (before.status_code, before.json()["error"]["code"]) == (404, "unknown_url")
    assert (while_on.status_code, "<!doctype html>" in while_on.text.lower()) == (200, True)


async def test_set_up_is_told_in_words_to_who_shows_no_pages(gw: RunningGateway) -> None:
    browser = await gw.client.get("/setup", headers=HTML)
    curl = await gw.client.get("/setup", headers={"accept": "*/*"})

    assert browser.text.lower().startswith("<!doctype html>")
    assert curl.headers["content-type"] == "text/plain; charset=utf-8"
    assert "grokgate admin reset-password" in curl.text
    check_headers(curl)


async def test_without_the_files_pages_say_so_and_the_set_up_works(tmp_path: Path) -> None:
    async with browsing(tmp_path) as client:
        page, setup = await client.get("/login"), await client.get("/setup", headers=HTML)

    assert (page.status_code, page.headers["content-type"]) == (404, "text/plain; charset=utf-8")
    assert page.text.startswith("The files of the admin UI are missing")
    assert (setup.status_code, "curl http://gate.test/api/v1/admin/setup" in setup.text) == (
        200,
        True,
    )


async def test_heads_are_those_of_the_pages(gw: RunningGateway) -> None:
    for path in ("/login", "/setup", "/admin"):
        head, got = await gw.client.head(path), await gw.client.get(path)

        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["content-length"] == got.headers["content-length"]


async def test_pages_are_read_and_nothing_else(gw: RunningGateway) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path in ("/login", "/admin", "/ui/0123456789abcdef/app/main.js"):
            reply = await gw.client.request(method, path)

            assert (reply.status_code, reply.json()["error"]["code"]) == (405, "method_not_allowed")


# Files


async def test_every_file_is_sent_with_every_header(gw: RunningGateway) -> None:
    """V31."""
    base = (await loaded(gw.client)).partition("/app/")[0]
    for name in Assets(static_folder("grokgate_admin_ui")).latest().files:
        reply = await gw.client.get(f"{base}/{name}")
        if name == "index.html":
            assert reply.status_code == 404
            continue

        assert reply.status_code == 200, name
        check_headers(reply)
        kind = reply.headers["content-type"].partition(";")[0]
        assert kind == KINDS[Path(name).suffix]


async def test_admin_api_is_kept_nowhere(gw: RunningGateway) -> None:
    """V31."""
    async with gw.operator() as admin:
        reply = await admin.get("/plugins")

    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"


async def test_head_of_a_file_is_that_of_its_answer(folder: Path) -> None:
    async with browsing(folder) as client:
        address = await loaded(client)
        head, got = await client.head(address), await client.get(address)

    assert (head.status_code, head.content) == (200, b"")
    assert dict(head.headers) == dict(got.headers)


async def test_files_are_kept_by_browsers_for_good(folder: Path) -> None:
    async with browsing(folder) as client:
        reply = await client.get(await loaded(client))

    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert reply.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert reply.text == "start();" * 100


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br", "gzip"),
        ("br, GZIP;q=0.5", "gzip"),
        ("gzip;q=0", None),
        ("gzip; q=0.0", None),
        ("identity", None),
    ],
)
async def test_files_are_compressed_for_who_accepts_it(
    folder: Path, accepted: str, coding: str | None
) -> None:
    async with (
        browsing(folder) as client,
        client.stream("GET", await loaded(client), headers={"accept-encoding": accepted}) as reply,
    ):
        raw = b"".join([piece async for piece in reply.aiter_raw()])

    assert (reply.headers.get("content-encoding"), reply.headers["vary"]) == (
        coding,
        "accept-encoding",
    )
    assert (gzip.decompress(raw) if coding else raw) == b"start();" * 100


async def test_file_that_the_browser_has_is_not_sent_again(folder: Path) -> None:
    async with browsing(folder) as client:
        address = await loaded(client)
        tags = [
            (await client.get(address, headers={"accept-encoding": coding})).headers["etag"]
            for coding in ("gzip", "identity")
        ]
        again = [
            await client.get(address, headers={"accept-encoding": "gzip", "if-none-match": tag})
            for tag in tags
        ]

    assert [reply.status_code for reply in again] == [304, 200]
    assert (again[0].content, again[0].headers["etag"]) == (b"", tags[0])


async def test_edited_file_is_another_build_and_the_one_before_stays(folder: Path) -> None:
    async with browsing(folder) as client:
        before = await loaded(client)
        (folder / "app" / "main.js").write_text("other();")
        after = await loaded(client)
        texts = [(await client.get(address)).text for address in (before, after)]

    assert before != after
    assert texts == ["start();" * 100, "other();"]


async def test_build_of_another_process_is_found(folder: Path) -> None:
    async with browsing(folder) as one, browsing(folder) as other:
        assert (await other.get(await loaded(one))).text == "start();" * 100


async def test_file_of_no_build_is_not_found(gw: RunningGateway) -> None:
    reply = await gw.client.get("/ui/0123456789abcdef/css/base.css")

    assert (reply.status_code, reply.json()["error"]["code"]) == (404, "unknown_url")


async def test_no_path_leads_out_of_the_folder(gw: RunningGateway) -> None:
    """V33, raw over a socket."""
    page = (await gw.client.get("/login")).text
    (build,) = set(re.findall(r"ui/([0-9a-f]{16})/", page))
    async with serving(gw.app) as base:
        for form in FORMS:
            status, body = await raw(base, f"/ui/{build}/{form}")

            assert status in {b"400", b"404"}, form
            assert b"The admin UI" not in body


async def raw(base: str, target: str) -> tuple[bytes, bytes]:
    """Send a request line as it is; returns the status and the rest."""
    host, _, port = base.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    reply = await reader.read()
    writer.close()
    await writer.wait_closed()
    return reply.split(b" ", 2)[1], reply


@pytest.mark.parametrize("name", ["link.js", "folder/main.js", ".hidden.js", "notes.py"])
def test_links_and_strange_files_are_not_served(folder: Path, name: str) -> None:
    (folder / "link.js").symlink_to(folder / "app" / "main.js")
    (folder / "folder").symlink_to(folder / "app", target_is_directory=True)
    for strange in (".hidden.js", "notes.py"):
        (folder / strange).write_text("secret")

    assert name not in Assets(folder).latest().files


def test_files_of_an_archive_are_found(folder: Path) -> None:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in ("index.html", "app/main.js"):
            archive.write(folder / name, name)
    packed = Assets(zipfile.Path(content)).latest()

    assert packed.files == Assets(folder).latest().files


def test_what_did_not_change_is_not_read_again(folder: Path) -> None:
    assets = Assets(folder)
    first = assets.latest()
    (folder / "new.css").write_text("a {}")
    second = assets.latest()

    assert assets.latest() is second
    assert second.digest != first.digest
    assert second.files["app/main.js"] is first.files["app/main.js"]


async def test_what_was_seen_holds_for_a_while(folder: Path) -> None:
    now = 0.0
    assets = Assets(folder, holds_s=1, clock=lambda: now)
    first = await assets.look()
    (folder / "new.css").write_text("a {}")
    now = 0.9
    second = await assets.look()
    now = 1.0

    assert second is first
    assert "new.css" in (await assets.look()).files


async def test_many_who_ask_at_once_have_it_looked_at_once(folder: Path) -> None:
    looks: list[Any] = []

    class Folder:
        def iterdir(self) -> Any:
            looks.append(folder)
            return folder.iterdir()

    assets = Assets(cast("Path", Folder()), holds_s=60)
    builds = await asyncio.gather(*(assets.look() for _ in range(20)))

    assert len(looks) == 1
    assert {build.digest for build in builds} == {Assets(folder).latest().digest}


async def test_old_builds_are_forgotten(folder: Path) -> None:
    assets = Assets(folder)
    builds = []
    for number in range(10):
        (folder / "new.css").write_text("a" * number)
        builds.append(assets.latest().digest)

    assert [assets.build(digest) is not None for digest in builds] == [False] * 2 + [True] * 8


def test_digest_is_of_the_contents_alone(folder: Path) -> None:
    first = Assets(folder).latest()
    os.utime(folder / "index.html", (1, 1))

    assert Assets(folder).latest().digest == first.digest


async def test_files_are_no_news_in_the_log(gw: RunningGateway) -> None:
    page = (await gw.client.get("/login")).text
    (address, *_) = re.findall(r'href="\./(ui/[^"]+)"', page)
    await gw.client.get(f"/{address}")
    await gw.client.get(f"/{address}.missing")
    events = [entry for entry in gw.logs if entry.get("route") == "/ui/{build}/{path}"]

    assert [(entry["level"], entry["status"]) for entry in events[-2:]] == [
        ("debug", 200),
        ("info", 404),
    ]
