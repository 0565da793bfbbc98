"""The wire of the guarded fetch: one request on a connection of its own, to given addresses only.

Imported on the first fetch: nothing else in the core needs an HTTP client.
"""

import ssl
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

import certifi
import httpcore

from grokgate.fetch.answer import Answer
from grokgate.fetch.target import FetchRefused, IPAddress, Target

CONNECT_TIMEOUT_S = 5.0
"""For each address."""

_MAX_ADDRESSES = 4


class PinnedTransport:
    """Talks to a target at addresses that were checked before; keeps no connection and no state.

    Args:
        tls: What server certificates are checked against. None: the system's authorities (or the
            file ``SSL_CERT_FILE`` names) and the bundled ones.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls or _default_tls()

    @asynccontextmanager
    async def get(
        self, target: Target, addresses: Sequence[IPAddress]
    ) -> AsyncGenerator[Answer, None]:
        """Send the request and give the answer, whose body must be read inside the context.

        Raises:
            FetchRefused: ``connection``: not reached, not trusted, or broken off.
        """
        url = _url(target)
        connection = self._connection(url, addresses)
        with _broken_connections():
            async with (
                connection,
                connection.stream("GET", url, headers=_headers(target)) as response,
            ):
                headers = {
                    name.decode("latin-1").lower(): value.decode("latin-1")
                    for name, value in response.headers
                }
                yield Answer(status=response.status, headers=headers, body=response.aiter_stream())

    async def post(
        self,
        target: Target,
        addresses: Sequence[IPAddress],
        *,
        headers: Mapping[str, str],
        body: bytes,
    ) -> int:
        """Send *body* and return the status of the answer, of which no more is read.

        Raises:
            FetchRefused: ``connection``: not reached, not trusted, or broken off.
        """
        url = _url(target)
        connection = self._connection(url, addresses)
        sent = [*_headers(target), *headers.items(), ("content-length", str(len(body)))]
        with _broken_connections():
            async with (
                connection,
                connection.stream("POST", url, headers=sent, content=body) as response,
            ):
                return int(response.status)

    def _connection(
        self, url: httpcore.URL, addresses: Sequence[IPAddress]
    ) -> httpcore.AsyncHTTPConnection:
        return httpcore.AsyncHTTPConnection(
            url.origin, ssl_context=self._tls, network_backend=_PinnedBackend(addresses)
        )


class _PinnedBackend(httpcore.AnyIOBackend):
    """Connects to the given addresses, in order, whatever host it is asked for."""

    def __init__(self, addresses: Sequence[IPAddress]) -> None:
        self._addresses = addresses[:_MAX_ADDRESSES]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        for address in self._addresses:
            try:
                return await super().connect_tcp(str(address), port, CONNECT_TIMEOUT_S)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        raise FetchRefused("connection")


def _url(target: Target) -> httpcore.URL:
    return httpcore.URL(
        scheme=target.scheme, host=target.host, port=target.port, target=target.path
    )


def _headers(target: Target) -> list[tuple[str, str]]:
    # Compressed bodies are not asked for and not taken: what is counted is what arrives.
    return [
        ("host", target.authority),
        ("user-agent", "grokgate"),
        ("accept", "*/*"),
        ("accept-encoding", "identity"),
        ("connection", "close"),
    ]


def _default_tls() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


@contextmanager
def _broken_connections() -> Iterator[None]:
    try:
        yield
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException):
        raise FetchRefused("connection") from None
