"""The guarded fetch: which addresses it refuses, and what it does on the ones it may contact."""

import gc
import json
import os
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import anyio
import pytest
import structlog
from anyio.abc import SocketStream
from anyio.streams.tls import TLSListener
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from grokgate.errors import InvalidRequest
from grokgate.fetch import (
    FetchRefused,
    GuardedFetch,
    Spool,
    SystemResolver,
    is_public,
    parse_target,
    sniff,
)
from grokgate.fetch.target import follow
from grokgate.fetch.transport import PinnedTransport
from grokgate.upstream import Blob

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"
LISTED = "127.0.0.2"
"""The loopback address of the allow-list; 127.0.0.1 is not in it."""

ADDRESSES = json.loads(Path(__file__).with_name("fetch_addresses.json").read_text())
HOSTILE = [
    *ADDRESSES["loopback"],
    *ADDRESSES["private"],
    *ADDRESSES["form"],
    "https://" + "a." * 130 + "com/",
    "https://example.com/" + "a" * 8192,
    "",
]


class Limits(Struct, frozen=True, kw_only=True):
    remote_fetch_mb: int = 3
    remote_fetch_timeout: float = 5.0
    remote_fetch_http: bool = False
    remote_fetch_cidrs: tuple[str, ...] = ()


class Untouched:
    """Stands for the resolver and the network where neither may be used."""

    async def __call__(self, host: str) -> Sequence[str]:
        raise AssertionError(f"resolved {host}")

    def get(self, *target: object) -> Any:
        raise AssertionError(f"contacted {target}")


class Names:
    """A resolver with a fixed table that counts its look-ups."""

    def __init__(self, **table: Sequence[str]) -> None:
        self.table = table
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.table:
            raise OSError(f"no such host: {host}")
        return self.table[host]


def guarded(folder: Path, **options: Any) -> GuardedFetch:
    limits = options.pop("limits", Limits(remote_fetch_cidrs=(f"{LISTED}/32",)))
    log = options.pop("log", structlog.testing.CapturingLogger())
    return GuardedFetch(lambda: limits, folder, log=log, **options)


async def refusal(fetch: GuardedFetch, url: str) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        await fetch.get(url)
    assert (caught.value.code, caught.value.message) == (
        "invalid_image_url",
        "The address could not be fetched.",
    )
    return caught.value


async def content(blob: Blob) -> bytes:
    return b"".join([piece async for piece in blob.open()])


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class Server:
    """A loopback server whose *answer* writes raw bytes; keeps the requests it got."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://{LISTED}:{self.port}"


Answerer = Callable[[Any], Awaitable[None]]


@asynccontextmanager
async def serving(
    answer: Answerer, *, host: str = LISTED, tls: ssl.SSLContext | None = None
) -> AsyncGenerator[Server, None]:
    server = Server()

    async def handle(stream: SocketStream) -> None:
        async with stream:
            try:
                server.requests.append(await stream.receive())
                await answer(stream)
            except (anyio.BrokenResourceError, anyio.EndOfStream):
                return

    tcp = await anyio.create_tcp_listener(local_host=host)
    server.port = tcp.extra(anyio.abc.SocketAttribute.local_port)
    listener: Any = TLSListener(tcp, tls, standard_compatible=False) if tls else tcp
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield server
        tasks.cancel_scope.cancel()


def replying(body: bytes = PNG, *, status: str = "200 OK", headers: Sequence[str] = ()) -> Answerer:
    lines = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers, "", ""]

    async def answer(stream: Any) -> None:
        await stream.send("\r\n".join(lines).encode() + body)

    return answer


# The text of an address


@pytest.mark.parametrize("url", HOSTILE, ids=ascii)
async def test_hostile_form_is_refused_without_a_lookup(url: str, tmp_path: Path) -> None:
    nothing = Untouched()
    fetch = guarded(tmp_path, limits=Limits(), resolve=nothing, transport=nothing)

    await refusal(fetch, url)


def test_table_of_hostile_forms_is_long_enough() -> None:
    assert len(set(HOSTILE)) >= 250


@pytest.mark.parametrize("url", ADDRESSES["usual"])
def test_usual_address_is_ordinary(url: str) -> None:
    assert parse_target(url).is_ordinary(http=False)


def test_address_is_fetched_as_it_was_read() -> None:
    target = parse_target("HTTPS://BÜCHER.example.:443/ä b".replace(" ", "") + "?q=ü&r=%2F#top")

    assert target.url == "https://xn--bcher-kva.example/%C3%A4b?q=%C3%BC&r=%2F"
    assert target.authority == "xn--bcher-kva.example"


def test_ipv6_host_is_bracketed_in_the_host_header() -> None:
    target = parse_target("http://[2606:4700:4700:0:0:0:0:1111]:8080")

    assert (target.host, target.authority) == (
        "2606:4700:4700::1111",
        "[2606:4700:4700::1111]:8080",
    )


@given(st.text(max_size=60) | st.from_regex(r"https?://[^\s]{1,40}"))
def test_any_text_is_either_refused_or_read_the_same_twice(text: str) -> None:
    try:
        target = parse_target(text)
    except FetchRefused:
        return

    assert parse_target(target.url) == target


@given(st.ip_addresses())
def test_public_addresses_are_a_part_of_what_the_standard_library_calls_global(
    address: Any,
) -> None:
    assert not is_public(address) or (address.is_global and not address.is_multicast)


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_ordinary_addresses_are_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("b.png", "https://a.example/x/b.png"),
        ("/b.png?c", "https://a.example/b.png?c"),
        ("//b.example/", "https://b.example/"),
        ("https://b.example", "https://b.example/"),
        ("../b", "https://a.example/b"),
    ],
)
def test_redirect_is_resolved_against_its_origin(location: str, expected: str) -> None:
    assert follow(parse_target("https://a.example/x/y"), location).url == expected


@pytest.mark.parametrize(
    "location", ["file:///etc/passwd", "\thttps://b.example/", "//u@b.example/", "//[::1", "a\nb"]
)
def test_hostile_redirect_is_refused(location: str) -> None:
    with pytest.raises(FetchRefused):
        follow(parse_target("https://a.example/"), location)


# Names


@pytest.mark.parametrize(
    "addresses",
    [
        (),
        ("127.0.0.1",),
        ("8.8.8.8", "127.0.0.1"),
        ("8.8.8.8", "::1"),
        ("2606:4700:4700::1111", "fd00::1"),
        ("fe80::1%lo",),
        ("::ffff:8.8.8.8",),
        ("8.8.8.8", LISTED, "10.0.0.1"),
    ],
)
async def test_name_with_any_address_that_is_not_public_is_refused(
    addresses: Sequence[str], tmp_path: Path
) -> None:
    names = Names(**{"a.example": addresses})

    await refusal(guarded(tmp_path, resolve=names, transport=Untouched()), "https://a.example/")

    assert names.asked == ["a.example"]


async def test_unknown_name_is_refused(tmp_path: Path) -> None:
    await refusal(guarded(tmp_path, resolve=Names(), transport=Untouched()), "https://a.example/")


async def test_system_resolver_knows_localhost() -> None:
    assert set(await SystemResolver()("localhost")) <= {"127.0.0.1", "::1"}


async def test_localhost_is_refused(tmp_path: Path) -> None:
    await refusal(guarded(tmp_path, transport=Untouched()), "https://localhost/")


async def test_name_is_resolved_once_and_pinned(tmp_path: Path) -> None:
    names = Names(**{"a.example": [LISTED]})
    async with serving(replying()) as server:
        blob = await guarded(tmp_path, resolve=names).get(f"http://a.example:{server.port}/p.png")

    assert (await content(blob), names.asked) == (PNG, ["a.example"])
    assert f"host: a.example:{server.port}\r\n".encode() in server.requests[0]


async def test_plain_http_and_other_ports_are_only_for_listed_networks(tmp_path: Path) -> None:
    names = Names(**{"a.example": [LISTED, "8.8.8.8"]})
    fetch = guarded(tmp_path, resolve=names, transport=Untouched())

    await refusal(fetch, "http://a.example:8080/")


async def test_plain_http_on_the_public_web_is_a_setting(tmp_path: Path) -> None:
    contacted: list[str] = []

    class Recording:
        def get(self, target: Any, addresses: Any) -> Any:
            contacted.append(f"{target.url} {addresses[0]}")
            raise FetchRefused("connection")

    limits = Limits(remote_fetch_http=True)
    fetch = guarded(tmp_path, limits=limits, transport=Recording())

    await refusal(fetch, "http://8.8.8.8/a")
    await refusal(fetch, "http://8.8.8.8:8080/a")

    assert contacted == ["http://8.8.8.8/a 8.8.8.8"]


# Answers, from a server in the allow-list


async def test_listed_server_is_asked_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with serving(replying()) as server:
        blob = await guarded(tmp_path).get(f"{server.url}/a/b%2Fc.jpg?d")

    names = {line.split(b":")[0] for line in server.requests[0].split(b"\r\n")[1:] if line}
    assert names == {b"host", b"user-agent", b"accept", b"accept-encoding", b"connection"}
    assert server.requests[0].startswith(b"GET /a/b%2Fc.jpg?d HTTP/1.1\r\n")
    assert (blob.name, blob.mime, blob.size) == ("c.png", "image/png", len(PNG))


async def test_redirect_to_an_unlisted_address_is_refused_unvisited(tmp_path: Path) -> None:
    async with serving(replying(), host="127.0.0.1") as canary:
        to_canary = [f"location: http://127.0.0.1:{canary.port}/"]
        async with serving(replying(b"", status="302 Found", headers=to_canary)) as server:
            await refusal(guarded(tmp_path), server.url)

    assert (len(server.requests), canary.requests) == (1, [])


async def test_redirect_to_a_name_that_resolves_elsewhere_is_refused(tmp_path: Path) -> None:
    names = Names(**{"inside.example": ["10.0.0.1"]})
    away = replying(b"", status="307 Temporary Redirect", headers=["location: //inside.example/"])
    async with serving(away) as server:
        await refusal(guarded(tmp_path, resolve=names), server.url)

    assert names.asked == ["inside.example"]


async def test_cookie_of_an_answer_is_never_sent_back(tmp_path: Path) -> None:
    async def answer(stream: Any) -> None:
        first = len(server.requests) == 1
        head = "302 Found\r\nlocation: /next" if first else "200 OK"
        await stream.send(
            f"HTTP/1.1 {head}\r\nset-cookie: a=b\r\ncontent-length: 3\r\n\r\nabc".encode()
        )

    async with serving(answer) as server:
        fetch = guarded(tmp_path)
        await fetch.get(server.url)
        await fetch.get(server.url)

    assert len(server.requests) == 3
    assert not any(b"cookie" in request.lower() for request in server.requests)


@pytest.mark.parametrize(("hops", "passes"), [(3, True), (4, False)])
async def test_three_redirects_are_followed(hops: int, tmp_path: Path, *, passes: bool) -> None:
    async def answer(stream: Any) -> None:
        more = len(server.requests) <= hops
        await (replying(b"", status="301 Moved", headers=["location: /x"]) if more else replying())(
            stream
        )

    async with serving(answer) as server:
        if passes:
            assert (await guarded(tmp_path).get(server.url)).size == len(PNG)
        else:
            await refusal(guarded(tmp_path), server.url)


@pytest.mark.parametrize(
    "answer",
    [
        replying(status="404 Not Found"),
        replying(status="500 Oops"),
        replying(status="204 No Content", body=b""),
        replying(status="304 Not Modified", body=b""),
        replying(status="302 Found"),
        replying(body=b""),
        replying(headers=["content-encoding: gzip"]),
        replying(headers=["transfer-encoding: chunked"]),
        replying(headers=["broken header"]),
    ],
    ids=["404", "500", "204", "304", "nowhere", "empty", "gzip", "framing", "header"],
)
async def test_answer_that_is_no_file_is_refused(answer: Answerer, tmp_path: Path) -> None:
    async with serving(answer) as server:
        await refusal(guarded(tmp_path), server.url)


async def test_answer_cut_short_is_refused(tmp_path: Path) -> None:
    async def answer(stream: Any) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n" + PNG)

    async with serving(answer) as server:
        await refusal(guarded(tmp_path), server.url)


async def test_closed_port_is_refused(tmp_path: Path) -> None:
    async with serving(replying()) as server:
        pass

    await refusal(guarded(tmp_path), server.url)


async def test_declared_size_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    async def answer(stream: Any) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 3145729\r\n\r\n")
        await anyio.sleep_forever()

    async with serving(answer) as server:
        with anyio.fail_after(4):
            await refusal(guarded(tmp_path), server.url)


async def test_endless_body_ends_at_the_limit_and_leaves_nothing(tmp_path: Path) -> None:
    async def answer(stream: Any) -> None:
        await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            await stream.send(bytes(1 << 16))

    before = open_files()
    async with serving(answer) as server:
        await refusal(guarded(tmp_path), server.url)

    assert (open_files(), names_in(tmp_path)) == (before, [])


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n\r\n" + PNG], ids=["silent", "stalled"])
async def test_total_time_is_limited(head: bytes, tmp_path: Path) -> None:
    async def answer(stream: Any) -> None:
        await stream.send(head)
        await anyio.sleep_forever()

    limits = Limits(remote_fetch_cidrs=(LISTED,), remote_fetch_timeout=0.1)
    async with serving(answer) as server:
        with anyio.fail_after(4):
            await refusal(guarded(tmp_path, limits=limits), server.url)


async def test_one_request_fetches_four_at_once(tmp_path: Path) -> None:
    release = anyio.Event()
    arrived, arrivals = anyio.create_memory_object_stream[str](8)

    async def answer(stream: Any) -> None:
        arrived.send_nowait(server.requests[-1].split()[1].decode())
        await release.wait()
        await replying()(stream)

    with arrived, arrivals, anyio.fail_after(4):
        async with serving(answer) as server, anyio.create_task_group() as tasks:
            fetch = guarded(tmp_path)

            def start(path: str, request_id: str) -> None:
                url = server.url + path
                tasks.start_soon(lambda: fetch.get(url, request_id=request_id))

            for _ in range(4):
                start("/", "r1")
            assert [await arrivals.receive() for _ in range(4)] == ["/"] * 4

            start("/fifth", "r1")
            start("/other", "r2")
            assert await arrivals.receive() == "/other"

            release.set()
            assert await arrivals.receive() == "/fifth"


async def test_cause_goes_to_the_log_and_the_address_to_nobody(tmp_path: Path) -> None:
    log = structlog.testing.CapturingLogger()
    error = await refusal(guarded(tmp_path, log=log), "https://user:password@secret.example/")

    assert error.__context__ is None
    assert [call.args for call in log.calls] == [("remote_fetch_failed",)]
    assert log.calls[0].kwargs == {"reason": "url", "request_id": ""}


# Transport security


def _certificate(host: str, folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Make contexts of a server called *host* and of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = folder / "certificate.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=str(file))


async def test_certificate_is_checked_against_the_name_not_the_address(tmp_path: Path) -> None:
    ours, theirs = _certificate("a.example", tmp_path)
    seen: list[str | None] = []
    ours.sni_callback = lambda _socket, name, _context: seen.append(name)
    names = Names(**{"a.example": [LISTED], "b.example": [LISTED]})
    fetch = guarded(tmp_path, resolve=names, transport=PinnedTransport(theirs))
    async with serving(replying(), tls=ours) as server:
        blob = await fetch.get(f"https://a.example:{server.port}/")
        await refusal(fetch, f"https://b.example:{server.port}/")

    assert (blob.size, seen) == (len(PNG), ["a.example", "b.example"])


async def test_untrusted_certificate_is_refused(tmp_path: Path) -> None:
    ours, _ = _certificate("a.example", tmp_path)
    names = Names(**{"a.example": [LISTED]})
    async with serving(replying(), tls=ours) as server:
        await refusal(guarded(tmp_path, resolve=names), f"https://a.example:{server.port}/")

    assert server.requests == []


# Bodies


async def test_small_body_stays_in_memory(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "tmp")
    await spool.write(PNG)
    blob = await spool.to_blob(name="a.png")

    assert (await content(blob), (tmp_path / "tmp").exists()) == (PNG, False)


async def test_large_body_is_read_from_a_nameless_file_any_number_of_times(tmp_path: Path) -> None:
    body = PNG + os.urandom(2_500_000)
    spool = Spool(tmp_path / "tmp")
    for start in range(0, len(body), 65_536):
        await spool.write(body[start : start + 65_536])
    blob = await spool.to_blob(name="a.png")
    first, second = blob.open(), blob.open()

    assert await anext(first) == await anext(second) == body[: 1 << 20]
    assert await content(blob) == body
    assert names_in(tmp_path / "tmp") == []
    await first.aclose()
    await second.aclose()


async def test_file_is_closed_with_its_blob(tmp_path: Path) -> None:
    before = open_files()
    spool = Spool(tmp_path)
    await spool.write(bytes(2_000_000))
    blob = await spool.to_blob(name="a.bin")
    opened = open_files()
    del blob, spool

    assert (opened, open_files()) == (before + 1, before)


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"\x00\x00\x00\x1cftypavif", "image/avif"),
        (b"\x00\x00\x00\x20ftypisom", "video/mp4"),
        (b"%PDF-1.7", "application/pdf"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'>", "application/octet-stream"),
        (b"<!doctype html>", "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_type_is_read_off_the_content(head: bytes, mime: str) -> None:
    assert sniff(head) == mime


async def test_type_in_the_header_does_not_count(tmp_path: Path) -> None:
    claimed = replying(b"<html>", headers=["content-type: image/png"])
    async with serving(claimed) as server:
        blob = await guarded(tmp_path).get(f"{server.url}/../..%2fpasswd.png")

    assert (blob.mime, blob.name) == ("application/octet-stream", "passwd.bin")
