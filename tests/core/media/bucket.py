"""A bucket in memory that speaks as much of S3 as the store asks for."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

from obstore.store import S3Store

from grokgate.testing.server import serving


class Bucket:
    """An ASGI application; parts of an upload are invisible until it is complete."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        body = b""
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
        status, headers, answer = self.answer(scope, query, body)
        names = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": names})
        await send({"type": "http.response.body", "body": answer, "more_body": False})

    def answer(
        self, scope: Any, query: dict[str, list[str]], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        method, path = scope["method"], scope["path"]
        upload = query.get("uploadId", [""])[0]
        tagged = {"etag": '"tag"'}
        match method:
            case "POST" if "uploads" in query:
                self.uploads["u1"] = {}
                return 200, {}, _xml("InitiateMultipartUploadResult", UploadId="u1")
            case "PUT" if upload:
                self.uploads[upload][int(query["partNumber"][0])] = body
                return 200, tagged, b""
            case "POST" if upload:
                parts = self.uploads.pop(upload)
                self.objects[path] = b"".join(parts[number] for number in sorted(parts))
                return 200, {}, _xml("CompleteMultipartUploadResult", ETag="tag")
            case "POST" if "delete" in query:
                keys = re.findall(r"<Key>(.*?)</Key>", body.decode())
                for key in keys:
                    self.objects.pop(f"{path.rstrip('/')}/{key}", None)
                return 200, {}, _xml("DeleteResult", Deleted=f"<Key>{keys[0]}</Key>")
            case "DELETE" if upload:
                del self.uploads[upload]
                return 204, {}, b""
            case _ if path not in self.objects:
                return 404, {}, b""
            case _:
                return _ranged(self.objects[path], dict(scope["headers"]), tagged)


@asynccontextmanager
async def bucket() -> AsyncIterator[tuple[Bucket, S3Store]]:
    """Serve an empty bucket; yields it with a client."""
    kept = Bucket()
    async with serving(kept) as base:
        yield (
            kept,
            S3Store(
                "media",
                prefix="gw",
                endpoint=base,
                region="here",
                access_key_id="id",
                secret_access_key="secret",
                client_options={"allow_http": True},
            ),
        )


def _ranged(
    content: bytes, headers: dict[bytes, bytes], tagged: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    tagged = {**tagged, "last-modified": "Sun, 01 Mar 2026 12:00:00 GMT"}
    wanted = re.match(rb"bytes=(\d+)-(\d+)", headers.get(b"range", b""))
    if wanted is None:
        return 200, tagged, content
    start, last = int(wanted[1]), min(int(wanted[2]), len(content) - 1)
    tagged["content-range"] = f"bytes {start}-{last}/{len(content)}"
    return 206, tagged, content[start : last + 1]


def _xml(name: str, **fields: str) -> bytes:
    inner = "".join(f"<{key}>{value}</{key}>" for key, value in fields.items())
    return f'<?xml version="1.0"?><{name}>{inner}</{name}>'.encode()
