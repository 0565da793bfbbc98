"""The core's own routes for files: ``/v1/files``, and the switches of all of them."""

from collections.abc import AsyncIterator

import pytest

from core.media.served import HOUR_S, code, running, upload
from grokgate.app import mount
from grokgate.http.files import ROUTES
from grokgate.registry import _CORE_IDS, _CORE_ROUTES
from grokgate.settings.media import SWITCHES
from grokgate.testing import RunningGateway

pytestmark = pytest.mark.anyio


@pytest.fixture
async def gw() -> AsyncIterator[RunningGateway]:
    async with running() as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def shared(anyio_backend: str) -> AsyncIterator[RunningGateway]:
    """A gateway for requests that are refused."""
    del anyio_backend
    async with running() as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def without(
    anyio_backend: str, request: pytest.FixtureRequest
) -> AsyncIterator[RunningGateway]:
    """A gateway whose switch of the given name is off."""
    del anyio_backend
    async with running() as gateway:
        await gateway.change(downstream={f"enable_{request.param}": False})
        yield gateway


async def test_a_file_goes_through_its_life(gw: RunningGateway) -> None:
    made = (await upload(gw)).json()
    path = f"/v1/files/{made['id']}"
    content = await gw.client.get(f"{path}/content")
    deleted = await gw.client.delete(path)

    assert made | {"id": "", "created_at": 0} == {
        "id": "",
        "object": "file",
        "bytes": 5,
        "created_at": 0,
        "filename": "notes.txt",
        "purpose": "user_data",
        "status": "processed",
    }
    assert (content.content, content.headers["content-type"]) == (
        b"hello",
        "application/octet-stream",
    )
    assert content.headers["content-disposition"] == 'attachment; filename="notes.txt"'
    assert deleted.json() == {"id": made["id"], "object": "file", "deleted": True}
    assert code(await gw.client.get(path)) == (404, "file_not_found")


async def test_an_expiry_is_told_only_when_set(gw: RunningGateway) -> None:
    fields = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    made = (await upload(gw, fields=fields)).json()

    assert made["expires_at"] == made["created_at"] + HOUR_S


async def test_a_list_has_pages(gw: RunningGateway) -> None:
    ids = [(await upload(gw)).json()["id"] for _ in range(3)]
    first = (await gw.client.get("/v1/files?limit=2")).json()
    rest = (await gw.client.get(f"/v1/files?after={first['last_id']}")).json()

    assert (first["object"], first["has_more"], rest["has_more"]) == ("list", True, False)
    assert first["first_id"] == first["data"][0]["id"]
    assert {entry["id"] for page in (first, rest) for entry in page["data"]} == set(ids)


async def test_an_empty_list_names_no_ids(gw: RunningGateway) -> None:
    page = (await gw.client.get("/v1/files")).json()

    assert page == {
        "object": "list",
        "data": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
    }


@pytest.mark.parametrize(
    ("fields", "expected", "param"),
    [
        ({"purpose": "fun"}, "invalid_value", "purpose"),
        (
            {"expires_after[anchor]": "created_at", "expires_after[seconds]": "9"},
            "integer_below_min_value",
            "expires_after[seconds]",
        ),
        (
            {"expires_after[seconds]": "3600"},
            "missing_required_parameter",
            "expires_after[anchor]",
        ),
    ],
)
async def test_a_wrong_field_is_named(
    shared: RunningGateway, fields: dict[str, str], expected: str, param: str
) -> None:
    error = (await upload(shared, fields=fields)).json()["error"]

    assert (error["code"], error["param"]) == (expected, param)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=0", "integer_below_min_value"),
        ("limit=10001", "integer_above_max_value"),
        ("order=up", "invalid_value"),
        ("purpose=fun", "invalid_value"),
    ],
)
async def test_a_wrong_query_is_refused(shared: RunningGateway, query: str, expected: str) -> None:
    assert code(await shared.client.get(f"/v1/files?{query}")) == (400, expected)


async def test_a_form_without_a_file_is_refused(shared: RunningGateway) -> None:
    form = {"purpose": (None, "batch")}

    assert code(await shared.client.post("/v1/files", files=form)) == (
        400,
        "missing_required_parameter",
    )


@pytest.mark.parametrize("path", ["/v1/files", "/v1/uploads/image"])
async def test_another_content_type_is_refused(shared: RunningGateway, path: str) -> None:
    assert code(await shared.client.post(path, json={})) == (415, "unsupported_media_type")


async def test_a_file_over_the_limit_is_refused() -> None:
    async with running(limits__file_mb=0.001) as gw:
        assert code(await upload(gw, bytes(2000))) == (413, "file_too_large")


async def test_a_body_over_the_limit_is_refused() -> None:
    async with running(limits__multipart_body_mb=0.001) as gw:
        assert code(await upload(gw, bytes(2000))) == (413, "request_too_large")


async def test_another_key_finds_nothing(gw: RunningGateway) -> None:
    """V37: foreign reads like unknown, to the byte."""
    path = f"/v1/files/{(await upload(gw)).json()['id']}"
    _, other = await gw.gateway.keys.create("other")
    headers = {"authorization": f"Bearer {other}"}
    tries = [("GET", ""), ("GET", "/content"), ("DELETE", "")]
    foreign = [await gw.client.request(m, path + end, headers=headers) for m, end in tries]
    unknown = [
        await gw.client.request(m, f"/v1/files/file-{'0' * 32}{end}", headers=headers)
        for m, end in tries
    ]

    assert [reply.content for reply in foreign] == [reply.content for reply in unknown]
    assert {code(reply) for reply in foreign} == {(404, "file_not_found")}
    assert (await gw.client.get(path)).status_code == 200


async def test_an_upload_with_a_key_is_done_once(gw: RunningGateway) -> None:
    gw.client.headers["idempotency-key"] = "upload-1"
    first, second = await upload(gw), await upload(gw)

    assert first.json()["id"] == second.json()["id"]
    assert len((await gw.client.get("/v1/files")).json()["data"]) == 1


async def test_plugins_open_files_and_save_media(gw: RunningGateway) -> None:
    file_id = (await upload(gw)).json()["id"]
    ctx = gw.gateway.context(gw.gateway.plugins[0].name)
    (owner,) = (record.id for record in gw.gateway.keys.listing())
    blob = await ctx.files.open(file_id, owner=owner)
    kept = await ctx.media.save(blob.open(), kind="video", owner=owner)

    assert (kept.size, kept.mime) == (5, "application/octet-stream")
    assert await ctx.media.delete(kept.name, owner=owner)


@pytest.mark.parametrize(
    ("without", "method", "path"),
    [
        ("files", "GET", "/v1/files"),
        ("files", "POST", "/v1/files"),
        ("files", "GET", "/v1/files/file-x"),
        ("files", "GET", "/v1/files/file-x/content"),
        ("files", "DELETE", "/v1/files/file-x"),
        ("files", "GET", "/v1/files/image/x.png"),
        ("files", "GET", "/v1/files/video/x.mp4"),
        ("files", "GET", "/v1/files/image?id=x"),
        ("files", "GET", "/images/x.png"),
        ("uploads", "POST", "/v1/uploads/image"),
    ],
    indirect=["without"],
)
async def test_each_route_has_its_switch(without: RunningGateway, method: str, path: str) -> None:
    assert code(await without.client.request(method, path)) == (404, "endpoint_disabled")


async def test_no_plugin_can_claim_what_the_core_serves(gw: RunningGateway) -> None:
    served = {
        f"{method} {handler_path(path)}"
        for spec in ROUTES
        for handler in spec.handlers
        for path in handler.paths
        for method in handler.http_methods  # type: ignore[attr-defined]
    }

    assert served | {"GET /health", "GET /ready", "GET /metrics"} == set(_CORE_ROUTES)
    assert {spec.id for spec in ROUTES} == set(_CORE_IDS) == {switch.id for switch in SWITCHES}
    assert mount(gw.gateway).routes


def handler_path(path: str) -> str:
    return path.replace("{name:str}", "{}").replace("{file_id:str}", "{}")


async def test_other_methods_are_told_apart(shared: RunningGateway) -> None:
    assert code(await shared.client.get("/v1/uploads/image")) == (405, "method_not_allowed")
    assert code(await shared.client.post("/v1/uploads")) == (404, "endpoint_not_supported")
