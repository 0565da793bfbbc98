import base64
from typing import Any

import pytest

from grokgate.sandbox import AccountFixture, Sandbox, accounts, files
from grokgate.sandbox.request import MAX_BODY
from sandbox.sim_client import Talk, ask, chat, headers

pytestmark = pytest.mark.anyio
UPLOAD = "/rest/app-chat/upload-file"
ASSETS = "/rest/assets?pageSize=2&orderBy=ORDER_BY_LAST_USE_TIME&source=SOURCE_ANY&isLatest=true"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox([AccountFixture(token="t"), AccountFixture(token="other")], protocol="2026-04")


async def _upload(sandbox: Sandbox, content: bytes = b"x" * 68, name: str = "image.png") -> Any:
    body = {
        "fileName": name,
        "fileMimeType": "image/png",
        "content": base64.b64encode(content).decode(),
    }
    return (await ask(sandbox.app, "POST", UPLOAD, body, sent=headers())).json


async def _download(sandbox: Sandbox, uri: str, token: str = "t", **more: Any) -> Talk:
    sent = {"cookie": f"sso={token}", **more}
    return await ask(sandbox.app, "GET", f"/__assets/{uri}", sent=sent)


async def test_upload_answers_with_id_and_uri(sandbox: Sandbox) -> None:
    stored = await _upload(sandbox)
    user_id = sandbox.accounts["t"].user_id

    assert stored["fileUri"] == f"users/{user_id}/{stored['fileMetadataId']}/content"


async def test_attachment_is_acknowledged(sandbox: Sandbox) -> None:
    stored = await _upload(sandbox)
    message = "@sim scenario=echo\nLook"
    answer = await chat(sandbox.app, message, fileAttachments=[stored["fileMetadataId"]])

    assert answer.said() == "Look\n\n1 attachment: image.png, image/png, 68 bytes"


async def test_attachment_may_stand_alone(sandbox: Sandbox) -> None:
    stored = await _upload(sandbox)
    answer = await chat(sandbox.app, "", imageAttachments=[stored["fileMetadataId"]])

    assert "1 attachment: image.png" in answer.said()


async def test_attachment_of_another_account_is_refused(sandbox: Sandbox) -> None:
    stored = await _upload(sandbox)
    answer = await chat(
        sandbox.app, "Look", token="other", fileAttachments=[stored["fileMetadataId"]]
    )

    assert answer.status == 400


@pytest.mark.parametrize("content", ["data:image/png;base64,AAAA", "AAA", "ÄÄÄÄ", 7])
async def test_upload_needs_bare_base64(sandbox: Sandbox, content: Any) -> None:
    body = {"fileName": "a", "fileMimeType": "image/png", "content": content}

    assert (await ask(sandbox.app, "POST", UPLOAD, body, sent=headers())).status == 400


async def test_upload_may_say_that_it_is_text(sandbox: Sandbox) -> None:
    body = {"fileName": "a", "fileMimeType": "image/png", "content": "AAAA"}
    sent = headers(content_type="text/plain;charset=UTF-8")

    assert (await ask(sandbox.app, "POST", UPLOAD, body, sent=sent)).status == 200


async def test_upload_over_the_limit_is_413(sandbox: Sandbox) -> None:
    content = base64.b64encode(bytes(files.UPLOAD_LIMIT + 1)).decode()
    body = {"fileName": "a", "fileMimeType": "image/png", "content": content}

    assert (await ask(sandbox.app, "POST", UPLOAD, body, sent=headers())).status == 413


async def test_body_that_is_far_too_large_is_413(sandbox: Sandbox) -> None:
    body = bytes(MAX_BODY + 1)

    assert (await ask(sandbox.app, "POST", UPLOAD, body, sent=headers())).status == 413


def test_oldest_files_make_room(sandbox: Sandbox) -> None:
    account, size = sandbox.accounts["t"], accounts.FILE_SPACE // 2
    for name in "abc":
        content = bytes(size) if name != "c" else bytes(9)
        account.keep(
            accounts.StoredFile(
                id=name, name=name, mime="", content=content, created_at=0, used_at=0
            )
        )

    assert list(account.files) == ["b", "c"]


async def test_list_is_paged(sandbox: Sandbox) -> None:
    for number in range(3):
        await _upload(sandbox, name=f"{number}.png")
        sandbox.advance(1)
    first = (await ask(sandbox.app, "GET", ASSETS, sent=headers(referer="/files"))).json
    path = f"{ASSETS}&pageToken={first['nextPageToken']}"
    second = (await ask(sandbox.app, "GET", path, sent=headers(referer="/files"))).json
    names = [asset["name"] for page in (first, second) for asset in page["assets"]]

    assert names == ["2.png", "1.png", "0.png"]
    assert second["nextPageToken"] == ""


async def test_list_row_has_the_documented_fields(sandbox: Sandbox) -> None:
    await _upload(sandbox)
    answer = await ask(sandbox.app, "GET", ASSETS, sent=headers(referer="/files"))

    assert answer.json["assets"][0]["sizeBytes"] == "68"
    assert answer.json["assets"][0]["key"].endswith("/content")


@pytest.mark.parametrize("query", ["pageToken=!", "pageToken=AAAA", "pageSize=x"])
async def test_list_refuses_a_foreign_page(sandbox: Sandbox, query: str) -> None:
    answer = await ask(sandbox.app, "GET", f"/rest/assets?{query}", sent=headers(referer="/files"))

    assert answer.status == 400


async def test_deleted_file_is_gone(sandbox: Sandbox) -> None:
    path = f"/rest/assets-metadata/{(await _upload(sandbox))['fileMetadataId']}"
    sent = headers(referer="/files")
    statuses = [(await ask(sandbox.app, "DELETE", path, sent=sent)).status for _ in range(2)]

    assert statuses == [200, 404]


async def test_file_of_another_account_cannot_be_deleted(sandbox: Sandbox) -> None:
    path = f"/rest/assets-metadata/{(await _upload(sandbox))['fileMetadataId']}"
    answer = await ask(sandbox.app, "DELETE", path, sent=headers("other", referer="/files"))

    assert answer.status == 403


async def test_download_returns_the_bytes(sandbox: Sandbox) -> None:
    answer = await _download(sandbox, (await _upload(sandbox, b"0123456789"))["fileUri"])

    assert (answer.status, answer.body) == (200, b"0123456789")
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        ("bytes=2-4", 206, b"234"),
        ("bytes=7-", 206, b"789"),
        ("bytes=-2", 206, b"89"),
        ("bytes=5-99", 206, b"56789"),
        ("bytes=10-", 416, b""),
        ("bytes=0-1,4-5", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)
async def test_download_of_a_range(sandbox: Sandbox, wanted: str, status: Any, body: bytes) -> None:
    uri = (await _upload(sandbox, b"0123456789"))["fileUri"]
    answer = await _download(sandbox, uri, range=wanted)

    assert (answer.status, answer.body) == (status, body)


@pytest.mark.parametrize(("token", "status"), [("nobody", 401), ("other", 403)])
async def test_download_is_for_the_owner(sandbox: Sandbox, token: str, status: Any) -> None:
    answer = await _download(sandbox, (await _upload(sandbox))["fileUri"], token)

    assert answer.status == status


async def test_download_of_nothing_is_404(sandbox: Sandbox) -> None:
    assert (await _download(sandbox, "users/x/y/content")).status == 404
