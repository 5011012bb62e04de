"""The fast transport: httpx-aiohttp with its faults mended. Imported with the first request, for aiohttp is slow to load.

What is mended, each seen against stock httpx: refused, reset and closed connections came as ConnectTimeout; protocol errors
leaked as aiohttp's own; a POST on a connection that the server had closed failed instead of opening a new one; lookups
blocked the loop's own resolver threads; a second cookie jar; headers over 8 KB; uploads without a write timeout.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import aiohttp
import aiohttp.abc
import httpx
from aiohttp.client_proto import ResponseHandler
from httpx_aiohttp.transport import AiohttpTransport

from groqdesk.providers.transport import UPLOAD_PIECE_BYTES

_MAP: Final = (  # the first that fits wins
    (aiohttp.ClientProxyConnectionError, httpx.ProxyError),
    (aiohttp.ClientHttpProxyError, httpx.ProxyError),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.SocketTimeoutError, httpx.ReadTimeout),
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.NonHttpUrlClientError, httpx.UnsupportedProtocol),
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    (aiohttp.ClientError, httpx.ReadError),
    (OSError, httpx.ReadError),
)


@contextlib.contextmanager
def _mapped(request: httpx.Request) -> Iterator[None]:
    try:
        yield
    except (httpx.TransportError, aiohttp.ClientError, OSError) as error:
        cause = error.__cause__ if isinstance(error, httpx.TransportError) and error.__cause__ else error
        for kind, target in _MAP:
            if isinstance(cause, kind):
                # Class name only: aiohttp's texts hold the URL and header bytes.
                raise target(type(cause).__name__, request=request) from cause
        raise


class _Resolver(aiohttp.abc.AbstractResolver):
    """Looks names up in the loop's default executor, which the engine fills with threads that nobody joins."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[aiohttp.abc.ResolveResult]:
        look = functools.partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM, 0, socket.AI_ADDRCONFIG)
        found = await asyncio.get_running_loop().run_in_executor(None, look)
        return [
            {
                "hostname": host,
                "host": str(address[0]),
                "port": int(address[1]),
                "family": kind,
                "proto": protocol,
                "flags": socket.AI_NUMERICHOST,
            }
            for kind, _, protocol, _, address in found
        ]

    async def close(self) -> None:
        pass


class _Handler(ResponseHandler):
    """aiohttp's protocol, whose body also ends when the connection does: after a bad chunk size it waited for ever."""

    def connection_lost(self, exc: BaseException | None) -> None:
        body = self._payload
        super().connection_lost(exc)
        if body is not None and not body.is_eof() and body.exception() is None:
            body.set_exception(aiohttp.ClientPayloadError("connection lost"))


_handler: Final[type[ResponseHandler]] = _Handler


class _Mapped(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, request: httpx.Request) -> None:
        self._stream = stream
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _mapped(self._request):
            async for piece in self._stream:
                yield piece

    async def aclose(self) -> None:
        with _mapped(self._request):
            await self._stream.aclose()


class _Upload(httpx.AsyncByteStream):
    """A long body in pieces, each with a deadline of its own: aiohttp has no write timeout."""

    def __init__(self, body: bytes, write_s: float | None, watch: asyncio.Timeout) -> None:
        self._body = body
        self._write_s = write_s
        self._watch = watch

    async def __aiter__(self) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        for start in range(0, len(self._body), UPLOAD_PIECE_BYTES):
            self._set(None if self._write_s is None else loop.time() + self._write_s)
            yield self._body[start : start + UPLOAD_PIECE_BYTES]
        self._set(None)

    def _set(self, when: float | None) -> None:
        # RuntimeError: the reply came before the body was sent, and the watch is over.
        with contextlib.suppress(RuntimeError):
            self._watch.reschedule(when)


class FastTransport(AiohttpTransport):
    """An httpx transport over aiohttp's connections. Raises httpx's errors only."""

    def __init__(self, *, verify: ssl.SSLContext, proxy: httpx.Proxy | None = None) -> None:
        super().__init__(verify=verify, proxy=None if proxy is None else _without_auth(proxy), trust_env=False)

    def get_client(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=0, resolver=_Resolver(), keepalive_timeout=15, ssl=self.ssl_context)
        # Not public; without it only the class above is lost, and test_broken_inside_a_stream says so.
        connector._factory = functools.partial(_handler, loop=asyncio.get_running_loop())
        return aiohttp.ClientSession(
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=65536,
            max_field_size=65536,
            max_headers=512,
            connector=connector,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for _ in range(3):
            await asyncio.sleep(0)  # lets a pending end of file retire the dead connection
        timeout: dict[str, Any] = request.extensions.get("timeout", {})
        # aiohttp's whole "connect" (name, TCP, TLS) is what httpx-aiohttp calls the pool timeout.
        request.extensions = {**request.extensions, "timeout": {**timeout, "pool": timeout.get("connect")}}
        with _mapped(request):
            response = await self._send(request, timeout.get("write"))
        response.stream = _Mapped(_stream_of(response), request)
        return response

    async def _send(self, request: httpx.Request, write_s: float | None) -> httpx.Response:
        try:
            body = request.content
        except httpx.RequestNotRead:
            return await super().handle_async_request(request)
        if len(body) <= UPLOAD_PIECE_BYTES:
            return await super().handle_async_request(request)
        try:
            async with asyncio.timeout(None) as watch:
                pieces = httpx.Request(
                    request.method,
                    request.url,
                    headers=request.headers,
                    stream=_Upload(body, write_s, watch),
                    extensions=request.extensions,
                )
                return await super().handle_async_request(pieces)
        except TimeoutError:
            if watch.expired():
                raise httpx.WriteTimeout("write timeout", request=request) from None
            raise


def _stream_of(response: httpx.Response) -> httpx.AsyncByteStream:
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("a transport gives an async stream")
    return stream


def _without_auth(proxy: httpx.Proxy) -> httpx.Proxy:
    """The proxy with its password as the header that aiohttp moves to where it belongs; its `BasicAuth` is deprecated."""
    if proxy.raw_auth is None:
        return proxy
    name, password = proxy.raw_auth
    basic = base64.b64encode(name + b":" + password).decode("ascii")
    return httpx.Proxy(proxy.url, headers={**proxy.headers, "Authorization": f"Basic {basic}"})
