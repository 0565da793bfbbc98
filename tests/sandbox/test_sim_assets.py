from typing import Any

import pytest

from grokgate.sandbox import (
    AccountFixture,
    AssetError,
    BadPaging,
    Sandbox,
    UploadError,
    WindowFixture,
)
from grokgate.sandbox.faults import Action
from grokgate.sandbox.studio import Studio, numbered
from sandbox.sim_client import Talk, ask, headers

pytestmark = pytest.mark.anyio
UPLOAD = "/http/upload-file-v2/direct"
QUOTA = "/rest/media/imagine/quota_info"
FORM = "multipart/form-data; boundary=sep"


@pytest.fixture
def sandbox() -> Sandbox:
    return Sandbox([AccountFixture(token="t"), AccountFixture(token="other")], protocol="2026-08")


def _parts(content: bytes = b"\x89PNG\r\n--no\r\n", *, source: str = "") -> bytes:
    head = b'--sep\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n'
    body = head + b"Content-Type: image/png\r\n\r\n" + content + b"\r\n"
    if source:
        body += b'--sep\r\nContent-Disposition: form-data; name="file_source"\r\n\r\n'
        body += source.encode() + b"\r\n"
    return body + b"--sep--\r\n"


async def _upload(sandbox: Sandbox, body: bytes, content_type: str = FORM) -> Talk:
    sent = headers(content_type=content_type, x_xai_request_id=None)
    return await ask(sandbox.app, "POST", UPLOAD, body, sent=sent)


async def _list(sandbox: Sandbox, token: str = "") -> Any:
    path = f"/rest/assets?pageSize=50&pageToken={token}"
    return (await ask(sandbox.app, "GET", path, sent=headers(referer="/files"))).json


def _picture(sandbox: Sandbox) -> str:
    """Put a generated picture into the account, and return its key."""
    account = sandbox.accounts["t"]
    studio = Studio(account, random=sandbox._world.random(account), now=0)
    painting = numbered(0, ratio="1:1", tint="")
    return account.key(studio.picture(studio.new_id(), painting))


async def test_upload_in_parts(sandbox: Sandbox) -> None:
    answer = await _upload(sandbox, _parts(source="IMAGINE_SELF_UPLOAD_FILE_SOURCE"))
    [file] = sandbox.accounts["t"].files.values()
    key = sandbox.accounts["t"].key(file)

    assert answer.json == {
        "uploadId": f"u-{file.id[:4]}",
        "terminalError": None,
        "fileMetadata": {"fileMetadataId": file.id, "fileId": file.id, "fileUri": key},
    }
    assert (file.name, file.mime, file.content) == ("a.png", "image/png", b"\x89PNG\r\n--no\r\n")
    assert file.source == "IMAGINE_SELF_UPLOAD_FILE_SOURCE"


@pytest.mark.parametrize(
    "body", [b"", b"--sep--\r\n", _parts()[:-9], _parts().replace(b'"file"', b'"fail"')]
)
async def test_broken_form_is_refused(sandbox: Sandbox, body: bytes) -> None:
    assert (await _upload(sandbox, body)).status == 400


async def test_form_says_its_boundary(sandbox: Sandbox) -> None:
    assert (await _upload(sandbox, _parts(), "multipart/form-data")).status == 400


@pytest.mark.parametrize(
    ("form", "told"), [("terminal_error", "Upload failed"), ("missing_ids", None)]
)
async def test_failed_upload_in_parts(sandbox: Sandbox, form: Any, told: str | None) -> None:
    sandbox.rules.add(UploadError(form=form), endpoint="upload")
    answer = await _upload(sandbox, _parts())

    assert answer.json == {"uploadId": "", "terminalError": told, "fileMetadata": {}}


async def test_older_upload_is_gone(sandbox: Sandbox) -> None:
    answer = await ask(sandbox.app, "POST", "/rest/app-chat/upload-file", {}, sent=headers())

    assert answer.status == 404


async def test_page_has_no_more_than_fifty(sandbox: Sandbox) -> None:
    for _ in range(51):
        await _upload(sandbox, _parts())
    first = await _list(sandbox)
    second = await _list(sandbox, first["nextPageToken"])

    assert (len(first["assets"]), len(second["assets"])) == (50, 1)


async def test_deletion_has_no_content(sandbox: Sandbox) -> None:
    file_id = (await _upload(sandbox, _parts())).json["fileMetadata"]["fileId"]
    path = f"/rest/assets-metadata/{file_id}"
    answer = await ask(sandbox.app, "DELETE", path, sent=headers(referer="/files"))

    assert (answer.status, answer.body) == (204, b"")


@pytest.mark.parametrize("root", ["__assets", "__imgen"])
async def test_both_hosts_serve_a_picture_and_its_preview(sandbox: Sandbox, root: str) -> None:
    key = _picture(sandbox)
    bodies = [
        (await ask(sandbox.app, "GET", f"/{root}/{path}", sent={"cookie": "sso=t"})).body
        for path in (key, key.replace("/image.jpg", "-part-0/image.jpg"))
    ]

    assert bodies[0] == bodies[1]
    assert bodies[0].startswith(b"\xff\xd8")


async def test_private_picture_is_not_public(sandbox: Sandbox) -> None:
    picture_id = _picture(sandbox).split("/")[3]
    path = f"/__public/imagine-public/images/{picture_id}.jpg"

    assert (await ask(sandbox.app, "GET", path, sent={})).status == 404


@pytest.mark.parametrize(
    ("action", "status"),
    [
        (AssetError(form="403"), 403),
        (AssetError(form="404"), 404),
        (AssetError(form="slow", delay_ms=1), 200),
        (AssetError(form="content_type"), 200),
        (AssetError(form="redirect"), 302),
    ],
)
async def test_asset_error(sandbox: Sandbox, action: Action, status: int) -> None:
    sandbox.rules.add(action, endpoint="download")
    path = f"/__assets/{_picture(sandbox)}"

    assert (await ask(sandbox.app, "GET", path, sent={"cookie": "sso=t"})).status == status


async def test_short_body_is_cut(sandbox: Sandbox) -> None:
    sandbox.rules.add(AssetError(form="short"), endpoint="download")
    path = f"/__assets/{_picture(sandbox)}"
    answer = await ask(sandbox.app, "GET", path, sent={"cookie": "sso=t"})

    assert answer.cut
    assert len(answer.body) == int(answer.headers["content-length"]) // 2


async def test_cut_file_is_continued_where_it_broke_off(sandbox: Sandbox) -> None:
    sandbox.rules.add(AssetError(form="short"), endpoint="download", times=1)
    key = _picture(sandbox)
    first = await _get(sandbox, key)
    sent = {"range": f"bytes={len(first.body)}-", "if-range": _etag(first)}
    rest = await _get(sandbox, key, **sent)

    assert rest.status == 206
    assert first.body + rest.body == (await _get(sandbox, key)).body


async def test_file_that_changed_is_sent_as_a_whole(sandbox: Sandbox) -> None:
    sandbox.rules.add(AssetError(form="changed"), endpoint="download", times=1)
    key = _picture(sandbox)
    first = await _get(sandbox, key)
    again = await _get(sandbox, key, **{"range": "bytes=5-", "if-range": _etag(first)})

    assert (first.cut, again.status) == (True, 200)
    assert not again.body.startswith(first.body)
    assert _etag(again) != _etag(first)


async def _get(sandbox: Sandbox, key: str, **sent: str) -> Talk:
    return await ask(sandbox.app, "GET", f"/__assets/{key}", sent={"cookie": "sso=t", **sent})


def _etag(answer: Talk) -> str:
    return answer.headers["etag"]


async def test_paging_that_repeats_itself(sandbox: Sandbox) -> None:
    sandbox.rules.add(BadPaging(), endpoint="assets")
    first = (await _list(sandbox))["nextPageToken"]

    assert (await _list(sandbox, first))["nextPageToken"] == first


async def test_paging_without_end(sandbox: Sandbox) -> None:
    sandbox.rules.add(BadPaging(form="endless"), endpoint="assets")
    tokens = [""]
    for _ in range(5):
        tokens.append((await _list(sandbox, tokens[-1]))["nextPageToken"])

    assert len(set(tokens)) == 6


async def test_empty_page_names_a_next_one(sandbox: Sandbox) -> None:
    await _upload(sandbox, _parts())
    sandbox.rules.add(BadPaging(form="empty_page", pages=1), endpoint="assets")
    empty = await _list(sandbox)
    full = await _list(sandbox, empty["nextPageToken"])

    assert empty["assets"] == []
    assert len(full["assets"]) == 1


async def test_quota_of_products() -> None:
    windows = {"image_edit": WindowFixture(total=5, window_s=86_400, remaining=0)}
    sandbox = Sandbox([AccountFixture(token="t", imagine=windows)], protocol="2026-08")
    answer = await ask(sandbox.app, "POST", QUOTA, {}, sent=headers(referer="/imagine"))

    assert answer.json["image"] == {
        "available": True,
        "remainingQueries": 20,
        "windowSizeSeconds": 86_400,
    }
    assert set(answer.json["imageEdit"]) == {"available", "nextAvailableAt"}
    assert answer.json["video"] is None
    assert list(answer.json) == ["image", "imageEdit", "imagePro", "video", "video720p"]
