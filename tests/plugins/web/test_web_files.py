"""Downloads, lists and deletions against a scripted upstream."""

from contextlib import aclosing
from typing import Any

import anyio
import msgspec
import pytest

from grokgate.upstream import Asset, Kind, Observation, RemoteFile, Secret, Stage, UpstreamFailure
from grokgate_web.assets import MAX_FILES
from grokgate_web.downloads import MAX_IMAGE, accepts
from grokgate_web.hosts import Place, TrustedHosts
from grokgate_web.profile_files import load_profile
from grokgate_web.settings import WebSettings

pytestmark = pytest.mark.anyio

HOSTS = load_profile("2026-08").hosts
TRUSTED = TrustedHosts.of(WebSettings(), HOSTS)
KEY = "users/u/f/content"
IMAGE = "Content-Type: image/jpeg"


def asset(ref: str = KEY, mime: str | None = "image/jpeg") -> Asset:
    return Asset(ref=ref, account="a1", mime=mime)


async def read(generator: Any) -> tuple[list[Any], Observation | None]:
    found: list[Any] = []
    with anyio.fail_after(10):
        try:
            async with aclosing(generator):
                async for item in generator:
                    found.append(item)  # noqa: PERF401 - what came before a failure counts
        except UpstreamFailure as failure:
            return found, failure.observation
    return found, None


# -- hosts -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ref", "url", "owned"),
    [
        (KEY, f"https://assets.grok.com/{KEY}", True),
        (f"/{KEY}?v=1", f"https://assets.grok.com/{KEY}?v=1", True),
        ("//evil.test/x", "https://assets.grok.com/evil.test/x", True),
        ("https://assets.grok.com/a", "https://assets.grok.com/a", True),
        ("https://imgen.x.ai/a", "https://imgen.x.ai/a", True),
        ("https://imagine-public.x.ai/a", "https://imagine-public.x.ai/a", False),
    ],
)
def test_trusted_place(ref: str, url: str, *, owned: bool) -> None:
    assert TRUSTED.place(ref) == Place(url, owned)


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "https://evil.test/a",
        "http://assets.grok.com/a",
        "https://assets.grok.com.evil.test/a",
        "https://assets.grok.com@evil.test/a",
        "https://user@assets.grok.com/a",
        "https://assets.grok.com:8443/a",
        "https://evil.test\\@assets.grok.com/a",
        "file:///etc/passwd",
        "../admin",
        "users/%2e%2e/%2E./x",
        "users/a b",
        "users/a\r\nHost: x",
        "users/ü",
        "https://[::1/a",
        "x" * 5000,
    ],
)
def test_place_that_is_not_trusted(ref: str) -> None:
    assert TRUSTED.place(ref) is None


def test_operator_names_hosts() -> None:
    settings = WebSettings(
        assets_base="http://127.0.0.1:1/files/", public_media_base="http://127.0.0.1:2"
    )
    trusted = TrustedHosts.of(settings, HOSTS)

    assert trusted.place("a") == Place("http://127.0.0.1:1/files/a", owned=True)
    assert trusted.place("http://127.0.0.1:2/b") == Place("http://127.0.0.1:2/b", owned=False)


@pytest.mark.parametrize(
    ("wanted", "told", "fine"),
    [
        ("image/png", "image/jpeg", True),
        ("image/png", "application/octet-stream", False),
        ("video/mp4", "video/mp4", True),
        ("video/mp4", "application/octet-stream", True),
        ("video/mp4", "image/jpeg", False),
        ("application/pdf", "application/pdf", True),
        ("application/pdf", "text/html", False),
        ("text/html", "text/html", True),
        (None, "application/pdf", True),
        (None, "text/html", False),
    ],
)
def test_types(wanted: str | None, told: str, *, fine: bool) -> None:
    assert accepts(wanted, told) == fine


# -- downloads -------------------------------------------------------------------------------


@pytest.fixture
def opened(open_session: Any, server: Any, account: Any, attempt: Any) -> Any:
    def session(**settings: Any) -> Any:
        bases = {"assets_base": f"{server.base}/files", "protocol": "2026-08"}
        return open_session(server, account, attempt, **{**bases, **settings})

    return session


async def test_download_looks_like_a_browser_that_goes_to_a_page(server: Any, opened: Any) -> None:
    server.script = lambda visit: visit.reply(b"picture", 200, IMAGE)
    async with opened(statsig="legacy") as session:
        found, failure = await read(session.fetch(asset()))

    assert (b"".join(found), failure) == (b"picture", None)
    [visit] = server.visits
    assert visit.path == f"/files/{KEY}"
    assert visit.headers["cookie"] == "sso=secret-a; sso-rw=secret-a"
    assert visit.headers["sec-fetch-mode"] == "navigate"
    assert not {"origin", "content-type", "x-statsig-id", "x-xai-request-id"} & set(visit.headers)


async def test_published_file_is_fetched_without_cookies(server: Any, opened: Any) -> None:
    server.script = lambda visit: visit.reply(b"picture", 200, IMAGE)
    public = server.base.replace("127.0.0.1", "localhost")
    async with opened(public_media_base=public) as session:
        _, failure = await read(session.fetch(asset(f"{public}/images/x.jpg")))

    assert failure is None
    assert "cookie" not in server.visits[0].headers


async def test_download_goes_by_the_proxy_for_files(server: Any, opened: Any) -> None:
    server.script = lambda visit: visit.reply(b"picture", 200, IMAGE)
    away = {"assets_base": "http://files.invalid", "base_proxy_url": "http://127.0.0.1:1"}
    async with opened(asset_proxy_url=server.base, **away) as session:
        found, failure = await read(session.fetch(asset()))

    assert (b"".join(found), failure) == (b"picture", None)
    assert server.visits[0].path == f"http://files.invalid/{KEY}"


async def test_own_proxy_of_the_account_wins(
    open_session: Any, server: Any, account: Any, attempt: Any
) -> None:
    server.script = lambda visit: visit.reply(b"picture", 200, IMAGE)
    owner = msgspec.structs.replace(account, proxy_url=Secret(server.base))
    settings = {"assets_base": "http://files.invalid", "asset_proxy_url": "http://127.0.0.1:1"}
    async with open_session(server, owner, attempt, **settings) as session:
        _, failure = await read(session.fetch(asset()))

    assert failure is None


async def test_redirect_to_a_trusted_host_is_followed(server: Any, opened: Any) -> None:
    async def script(visit: Any) -> None:
        if visit.path.startswith("/files"):
            await visit.reply(b"", 302, "Location: /other/x.jpg")
        else:
            await visit.reply(b"picture", 200, IMAGE)

    server.script = script
    async with opened() as session:
        found, failure = await read(session.fetch(asset()))

    assert (b"".join(found), failure) == (b"picture", None)
    assert server.visits[1].path == "/other/x.jpg"


@pytest.mark.parametrize(
    "target", ["http://127.0.0.2:9/x", "//127.0.0.2:9/x", "", "/files/../x%00"]
)
async def test_redirect_elsewhere_is_refused(server: Any, opened: Any, target: str) -> None:
    server.script = lambda visit: visit.reply(b"", 302, f"Location: {target}")
    async with opened() as session:
        _, failure = await read(session.fetch(asset()))

    assert failure is not None
    assert failure.kind is Kind.MALFORMED
    assert len(server.visits) <= 4


async def test_redirects_in_a_circle_end(server: Any, opened: Any) -> None:
    server.script = lambda visit: visit.reply(b"", 302, f"Location: {visit.path}")
    async with opened() as session:
        _, failure = await read(session.fetch(asset()))

    assert failure is not None
    assert (failure.kind, len(server.visits)) == (Kind.MALFORMED, 4)


async def test_nothing_is_asked_of_a_foreign_host(server: Any, opened: Any) -> None:
    async with opened() as session:
        _, failure = await read(session.fetch(asset("http://127.0.0.2:9/x.jpg")))

    assert failure is not None
    assert (failure.kind, failure.stage) == (Kind.MALFORMED, Stage.UNSENT)
    assert server.connections == 0


async def test_file_that_is_not_there_yet_is_waited_for(server: Any, opened: Any) -> None:
    async def script(visit: Any) -> None:
        if len(server.visits) == 1:
            await visit.reply(b"", 404)
        else:
            await visit.reply(b"picture", 200, IMAGE)

    server.script = script
    async with opened() as session:
        found, failure = await read(session.fetch(asset()))

    assert (b"".join(found), failure, len(server.visits)) == (b"picture", None, 2)


@pytest.mark.parametrize(("faults", "visits"), [(1, 2), (3, 4), (9, 4)])
async def test_disturbed_download_is_tried_again(
    server: Any, opened: Any, *, faults: int, visits: int
) -> None:
    async def script(visit: Any) -> None:
        if len(server.visits) <= faults:
            await visit.reply(b"", 502)
        else:
            await visit.reply(b"picture", 200, IMAGE)

    server.script = script
    async with opened() as session:
        _, failure = await read(session.fetch(asset()))

    assert len(server.visits) == visits
    assert (failure is None) == (faults < visits)


async def test_refusal_after_a_disturbance_is_final(server: Any, opened: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.reply(b"{}", 502 if len(server.visits) == 1 else 403)

    server.script = script
    async with opened() as session:
        _, failure = await read(session.fetch(asset()))

    assert (len(server.visits), failure and failure.status) == (2, 403)


@pytest.mark.parametrize("mime", ["image/jpeg", None])
async def test_picture_over_the_limit_is_cut_off(server: Any, opened: Any, mime: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.head(200, IMAGE)
        while True:
            await visit.send(bytes(1 << 20))

    server.script = script
    async with opened() as session:
        found, failure = await read(session.fetch(asset(mime=mime)))

    assert failure is not None
    assert failure.kind is Kind.MALFORMED
    assert sum(map(len, found)) <= MAX_IMAGE


async def test_file_that_breaks_off_is_truncated(server: Any, opened: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.head(200, IMAGE)
        await visit.send(b"pic")
        visit.writer.close()

    server.script = script
    async with opened() as session:
        found, failure = await read(session.fetch(asset()))

    assert found == [b"pic"]
    assert failure == Observation(operation="fetch", kind=Kind.TRUNCATED, stage=Stage.CONTENT)
    assert len(server.visits) == 4


async def test_file_that_breaks_off_is_continued_on_condition(server: Any, opened: Any) -> None:
    async def script(visit: Any) -> None:
        if len(server.visits) == 1:
            await visit.head(200, IMAGE, 'ETag: "e"')
            await visit.send(b"pic")
            visit.writer.close()
        else:
            await visit.reply(b"ture", 206, IMAGE, 'ETag: "e"', "Content-Range: bytes 3-6/7")

    server.script = script
    async with opened() as session:
        found, failure = await read(session.fetch(asset()))

    first, second = server.visits
    assert (b"".join(found), failure) == (b"picture", None)
    assert "range" not in first.headers
    assert (second.headers["range"], second.headers["if-range"]) == ("bytes=3-", '"e"')
    assert second.headers["cookie"] == first.headers["cookie"]


async def test_file_without_a_validator_is_compared_with_what_came(
    server: Any, opened: Any
) -> None:
    async def script(visit: Any) -> None:
        if len(server.visits) == 1:
            await visit.head(200, IMAGE)
            await visit.send(b"pic")
            visit.writer.close()
        else:
            await visit.reply(b"picture", 200, IMAGE)

    server.script = script
    async with opened() as session:
        found, failure = await read(session.fetch(asset()))

    assert (b"".join(found), failure) == (b"picture", None)
    assert "range" not in server.visits[1].headers


@pytest.mark.parametrize(
    ("status", "body", "lines"),
    [
        (200, b"another", ()),
        (200, b"another", ('ETag: "f"',)),
        (206, b"ture", ('ETag: "f"', "Content-Range: bytes 3-6/7")),
        (206, b"ture", ('ETag: "e"', "Content-Range: bytes 2-5/7")),
        (206, b"ture", ('ETag: "e"',)),
    ],
)
async def test_bytes_of_another_file_are_never_passed_on(
    server: Any, opened: Any, status: int, body: bytes, lines: tuple[str, ...]
) -> None:
    async def script(visit: Any) -> None:
        if len(server.visits) == 1:
            await visit.head(200, IMAGE, 'ETag: "e"')
            await visit.send(b"pic")
            visit.writer.close()
        else:
            await visit.reply(body, status, IMAGE, *lines)

    server.script = script
    async with opened() as session:
        found, failure = await read(session.fetch(asset()))

    assert b"".join(found) == b"pic"
    assert failure == Observation(operation="fetch", kind=Kind.MALFORMED, stage=Stage.CONTENT)
    assert len(server.visits) == 2


async def test_silence_ends_a_download(
    open_session: Any, server: Any, account: Any, hasty: Any
) -> None:
    async def script(visit: Any) -> None:
        await visit.head(200, IMAGE)
        await visit.send(b"pic")
        await visit.gone()

    server.script = script
    async with open_session(server, account, hasty, assets_base=server.base) as session:
        found, failure = await read(session.fetch(asset()))

    assert found == [b"pic"]
    assert failure is not None
    assert (failure.kind, failure.stage) == (Kind.TIMEOUT, Stage.CONTENT)


async def test_closing_ends_the_call(server: Any, opened: Any) -> None:
    async def script(visit: Any) -> None:
        await visit.head(200, IMAGE)
        await visit.send(b"pic")
        await visit.gone()

    server.script = script
    async with opened() as session:
        with anyio.fail_after(5):
            async with aclosing(session.fetch(asset())) as pieces:
                assert await anext(pieces) == b"pic"
            await server.left.wait()


async def test_slow_reader_holds_the_upstream_back(server: Any, opened: Any, settled: Any) -> None:
    sent = 0

    async def script(visit: Any) -> None:
        nonlocal sent
        await visit.head(200, "Content-Type: video/mp4")
        while True:
            await visit.send(bytes(1 << 20))
            sent += 1

    def at_rest() -> bool:
        history.append(sent)
        return len(history) > 20 and history[-20] == sent

    history: list[int] = []
    server.script = script
    async with opened() as session, aclosing(session.fetch(asset(mime="video/mp4"))) as pieces:
        await anext(pieces)
        await settled(at_rest)

    assert sent < 32


# -- list and delete -------------------------------------------------------------------------


def page(*rows: object, token: str | None = None) -> bytes:
    return msgspec.json.encode({"assets": rows, "nextPageToken": token})


async def test_token_of_a_page_is_opaque(server: Any, opened: Any) -> None:
    async def script(visit: Any) -> None:
        first = len(server.visits) == 1
        row = {"assetId": "a" if first else "b"}
        await visit.reply(page(row, token="x/=+&y" if first else None))

    server.script = script
    async with opened() as session:
        found, failure = await read(session.files())

    assert ([file.id for file in found], failure) == (["a", "b"], None)
    assert "includeImagineFiles=true" in server.visits[0].path
    assert server.visits[1].path.endswith("&pageToken=x%2F%3D%2B%26y")
    assert server.visits[1].headers["referer"] == f"{server.base}/files"


async def test_odd_rows_are_left_out(server: Any, opened: Any, attempt: Any) -> None:
    rows = (
        {"name": "no id"},
        {"assetId": "../x"},
        7,
        {"assetId": "a", "sizeBytes": "many"},
        {"assetId": "b", "name": "b.png", "mimeType": "image/png", "sizeBytes": 3},
        {"assetId": "c", "createTime": "2026-02-10T08:20:00Z", "key": "users/u/c", "more": {}},
        {"assetId": "d", "createTime": "soon"},
    )
    server.script = lambda visit: visit.reply(page(*rows))
    async with opened() as session:
        found, failure = await read(session.files())

    assert failure is None
    assert found == [
        RemoteFile(id="b", name="b.png", mime="image/png", size=3),
        RemoteFile(id="c", ref="users/u/c", name="", mime="", size=0, created_at=1770711600.0),
        RemoteFile(id="d", name="", mime="", size=0),
    ]
    assert attempt.drift == [("files", "assets[].more"), *[("files", "assets[]")] * 4]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"assets":7}', b"[" * 100_000])
async def test_unreadable_page(server: Any, opened: Any, body: bytes) -> None:
    server.script = lambda visit: visit.reply(body)
    async with opened() as session:
        _, failure = await read(session.files())

    assert failure == Observation(operation="files", kind=Kind.MALFORMED, stage=Stage.SENT)


async def test_list_that_never_ends_is_an_error(server: Any, opened: Any) -> None:
    async def script(visit: Any) -> None:
        place = len(server.visits)
        rows = ({"assetId": f"{place}-{number}"} for number in range(20_000))
        await visit.reply(page(*rows, token=str(place)))

    server.script = script
    async with opened() as session:
        found, failure = await read(session.files())

    assert failure == Observation(operation="files", kind=Kind.MALFORMED, stage=Stage.CONTENT)
    assert len(found) <= MAX_FILES + 20_000


@pytest.mark.parametrize("status", [200, 204, 404, 410])
async def test_deletion(server: Any, opened: Any, status: int) -> None:
    async def script(visit: Any) -> None:
        await visit.head(status, "Content-Length: 0", chunked=False)
        visit.writer.close()

    server.script = script
    async with opened() as session:
        with anyio.fail_after(5):
            await session.delete_file("f-1")

    assert server.visits[0].path == "/rest/assets-metadata/f-1"


@pytest.mark.parametrize("file_id", ["", "..", "a/b", "a?b", "ü"])
async def test_deletion_of_what_is_no_file(server: Any, opened: Any, file_id: str) -> None:
    async with opened() as session:
        with pytest.raises(UpstreamFailure) as raised:
            await session.delete_file(file_id)

    observed = raised.value.observation
    assert (observed.kind, observed.stage) == (Kind.BAD_REQUEST, Stage.UNSENT)
    assert server.connections == 0
