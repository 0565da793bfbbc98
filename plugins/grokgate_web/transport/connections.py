"""Sockets that one account (or egress) uses on one route, and handles set up for them."""

import asyncio
from typing import Any

from curl_cffi import AsyncCurl, Curl, CurlOpt

from grokgate_web.transport.model import Route, TransportError

CONNECT_S = 10.0

_MAX_SPARE_HANDLES = 8
_PROTOCOLS = "http,https"
_ENCODINGS = "gzip, deflate, br, zstd"


class Connections:
    """A multi handle of libcurl with its own pool of sockets; closed when nobody uses it."""

    def __init__(self, route: Route, ca_file: str) -> None:
        self._route = route
        self._multi: Any = _Multi(cacert=ca_file)
        self._ca_file = ca_file
        self._spare: list[Curl] = []
        self.live = 0
        """Calls under way."""
        self.used_at = 0.0
        """Loop time of the last call's end."""
        self.retired = False
        """No new call may use it."""

    def start(self, curl: Curl) -> "asyncio.Future[None]":
        """Start the transfer *curl* is set up for; the future ends with it."""
        future: asyncio.Future[None] = self._multi.add_handle(curl)
        self.live += 1
        return future

    def stop(self, curl: Curl, future: "asyncio.Future[None]", *, reusable: bool) -> None:
        """Take *curl* out at once, running or not."""
        self.live -= 1
        if not future.done():
            self._multi.remove_handle(curl)
        if reusable and not self.retired and len(self._spare) < _MAX_SPARE_HANDLES:
            curl.clean_handles_and_buffers()
            self._spare.append(curl)
        else:
            curl.close()

    def handle(self) -> Curl:
        """Return a handle set up for the route; give it back with `stop`.

        Raises:
            TransportError: The library cannot look like the route's browser.
        """
        return self._spare.pop() if self._spare else self._new_handle()

    def _new_handle(self) -> Curl:
        curl = _Handle(cacert=self._ca_file)
        if curl.impersonate(self._route.target, default_headers=False):
            curl.close()
            raise TransportError("connect")
        for option, value in (
            (CurlOpt.NOSIGNAL, 1),
            (CurlOpt.PROTOCOLS_STR, _PROTOCOLS),
            (CurlOpt.FOLLOWLOCATION, 0),
            (CurlOpt.ACCEPT_ENCODING, _ENCODINGS),
            (CurlOpt.CONNECTTIMEOUT_MS, int(CONNECT_S * 1000)),
            (CurlOpt.UPLOAD_BUFFERSIZE, 16 * 1024),
            # Both are set, or libcurl reads http_proxy, no_proxy and others from the environment.
            (CurlOpt.PROXY, self._route.proxy),
            (CurlOpt.NOPROXY, ""),
            (CurlOpt.PROXY_CREDENTIAL_NO_REUSE, 1),
            (CurlOpt.SUPPRESS_CONNECT_HEADERS, 1),
        ):
            curl.setopt(option, value)
        return curl

    async def aclose(self) -> None:
        """Close all sockets; transfers under way end early."""
        self.retired = True
        for curl in self._spare:
            curl.close()
        self._spare.clear()
        await self._multi.close()


class _Handle(Curl):
    # The library allocates this for WebSockets in every handle; plain calls never use it.
    _WS_RECV_BUFFER_SIZE = 1024


class _Multi(AsyncCurl):
    async def _force_timeout(self) -> None:
        """Look after missed signals once a second.

        The library does it ten times a second in every instance, and without collecting finished
        transfers.
        """
        while True:
            await asyncio.sleep(1)
            self.process_data(-1, 0)
