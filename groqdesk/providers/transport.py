"""The HTTP client of all providers: one door to the network, httpx in front and aiohttp behind it.

httpx is the public surface; the fast transport is httpx-aiohttp, mended: bare, it gives wrong error classes, fails POSTs on
stale connections, blocks on name lookups and has no write timeout. Stock httpx serves SOCKS proxies and stands behind a
setting; every test of this room runs over both.

A client is made, used and closed in one loop. Keys are attached at the last moment and only for their own origin;
redirects are never followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import ipaddress
import socket
import ssl
import urllib.request
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from typing import Any, Final

import httpx

from groqdesk import __version__
from groqdesk.core.errors import ConnectionFailed, LocalProblem, Offline, ProviderError, TimedOut
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings

USER_AGENT: Final = f"groqdesk/{__version__}"
UPLOAD_PIECE_BYTES: Final = 1 << 16

_HEADERS: Final = {"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"}

WrapTransport = Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport]


class TransportFault(Exception):
    """Why no reply came, as class names only: the texts of HTTP libraries hold URLs, headers and bytes of the server."""


@functools.cache
def tls_context() -> ssl.SSLContext:
    """The TLS settings that all clients share: about 20 ms to build, so it is built at the first https use.

    Trusts SSL_CERT_FILE or SSL_CERT_DIR where they are set, else the bundled certificates.
    """
    return httpx.create_ssl_context()


def origin_of(url: httpx.URL | str) -> str:
    """`https://api.groq.com`, with the port only where it is not the scheme's own."""
    url = httpx.URL(url)
    host = f"[{url.host}]" if ":" in url.host else url.host
    return f"{url.scheme}://{host}" + (f":{url.port}" if url.port is not None else "")


_PATHS: Final = (
    "/chat/completions",
    "/audio/transcriptions",
    "/audio/translations",
    "/audio/speech",
    "/responses",
    "/models",
)


def clean_base_url(text: str) -> str:
    """A base URL as people paste it, put right: scheme added, full path of one call and trailing slashes cut off.

    A host alone gets `/v1` (Groq's own `/openai/v1`). ValueError with a sentence for what cannot be an address, and for
    addresses that carry a password or a query: those leak into logs.
    """
    text = text.strip().strip("\"'").strip()
    if not text:
        raise ValueError("The address is empty.")
    if any(character.isspace() or not character.isprintable() for character in text):
        raise ValueError("An address has no spaces inside.")
    if "://" not in text:
        text = ("http://" if _is_near(text) else "https://") + text
    try:
        url = httpx.URL(text)
        port = url.port
    except (httpx.InvalidURL, ValueError):
        raise ValueError("This is not an address of a server.") from None
    if url.scheme not in ("http", "https"):
        raise ValueError("An address begins with https:// or http://.")
    labels = url.raw_host.rstrip(b".").split(b".")
    named = len(url.raw_host) <= 253 and all(0 < len(label) <= 63 for label in labels)  # RFC 1035, section 2.3.4
    if not url.host or not named or (port is not None and not 0 < port < 65536):
        raise ValueError("This is not an address of a server.")
    if url.userinfo:
        raise ValueError("An address holds no user name or password. Store the key as a key.")
    if url.query or url.fragment:
        raise ValueError("An address of a server ends before ? and #.")
    path = url.path.rstrip("/")
    for tail in _PATHS:
        while path.endswith(tail):
            path = path.removesuffix(tail).rstrip("/")
    if not path:
        path = "/openai/v1" if url.host == "api.groq.com" else "/v1"
    elif url.host == "api.groq.com" and path == "/openai":
        path = "/openai/v1"
    return origin_of(url) + path


def _is_near(text: str) -> bool:
    """Whether an address without a scheme is of this machine or network, where servers speak plain HTTP."""
    host = text.split("/", 1)[0]
    host = host[1:].split("]", 1)[0] if host.startswith("[") else host.rsplit(":", 1)[0]
    if host == "localhost" or host.endswith((".localhost", ".local", ".lan")):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


class KeyAuth(httpx.Auth):
    """Puts the key into a request when it leaves, only towards the key's own origin, and takes it out again."""

    def __init__(self, key: Secret, origin: str) -> None:
        self._key = key
        self._origin = origin

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        if origin_of(request.url) != self._origin:
            raise LocalProblem("A key was kept from going to a foreign address.", action="Show details")
        request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        try:
            yield request
        finally:
            request.headers.pop("Authorization", None)


class _Unstarted(httpx.AsyncBaseTransport):
    """Builds a transport when the first request needs it, so that a client costs nothing until then."""

    def __init__(self, make: Callable[[bool], httpx.AsyncBaseTransport]) -> None:
        self._make = make
        self._made: httpx.AsyncBaseTransport | None = None
        self._secure = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        made = self._made
        if made is None:
            self._secure = request.url.scheme == "https"
            made = self._made = self._make(self._secure)
        return await made.handle_async_request(request)

    async def aclose(self) -> None:
        if self._made is not None:
            await self._made.aclose()


def _make_transport(fast: bool, proxy: httpx.Proxy | None, secure: bool) -> httpx.AsyncBaseTransport:
    # Plain HTTP on loopback needs no certificates; an empty context trusts nobody.
    context = tls_context() if secure or proxy is not None else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if fast and not (proxy is not None and proxy.url.scheme.startswith("socks")):
        from groqdesk.providers.fast_transport import FastTransport

        return FastTransport(verify=context, proxy=proxy)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=15)
    stock = httpx.AsyncHTTPTransport(verify=context, proxy=proxy, limits=limits, trust_env=False)
    return _Socks(stock) if proxy is not None and proxy.url.scheme.startswith("socks") else stock


class _Socks(httpx.AsyncBaseTransport):
    """Turns the SOCKS library's own errors, which httpx lets through, into `ProxyError`."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        from socksio.exceptions import SOCKSError

        try:
            return await self._inner.handle_async_request(request)
        except SOCKSError as error:
            raise httpx.ProxyError(type(error).__name__, request=request) from error

    async def aclose(self) -> None:
        await self._inner.aclose()


def proxy_mounts(
    fast: bool, proxies: Mapping[str, str], wrap: WrapTransport | None = None
) -> dict[str, httpx.AsyncBaseTransport | None]:
    """httpx mounts for `urllib.request.getproxies()`: one transport a proxy, None for the hosts of NO_PROXY.

    ValueError with a sentence for an address that no proxy can have.
    """
    mounts: dict[str, httpx.AsyncBaseTransport | None] = {}
    for scheme in ("http", "https", "all"):
        address = proxies.get(scheme)
        if not address:
            continue
        try:
            proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
        except (ValueError, httpx.InvalidURL):
            raise ValueError(f"The {scheme} proxy of this environment is not an address.") from None
        transport: httpx.AsyncBaseTransport = _Unstarted(functools.partial(_make_transport, fast, proxy))
        mounts[f"{scheme}://"] = wrap(transport) if wrap else transport
    if not mounts:
        return mounts
    # A proxy outside never sees what stays on this machine.
    for host in [*(part.strip() for part in proxies.get("no", "").split(",")), "localhost", "127.0.0.1", "::1"]:
        if host == "*":
            return {}
        if not host:
            continue
        if "://" in host:
            mounts[host] = None
        elif ":" in host.strip("[]") and host.count(":") > 1:
            mounts[f"all://[{host.strip('[]')}]"] = None
        elif host.replace(".", "").isdigit() or host == "localhost":
            mounts[f"all://{host}"] = None
        elif "/" not in host:
            mounts[f"all://*{host}" if host.startswith(".") else f"all://*.{host}"] = None
            mounts[f"all://{host.lstrip('.*')}"] = None
    return mounts


class Reply:
    """An open reply. `pieces` gives the body as it arrives, decoded only if the server compressed it."""

    __slots__ = ("_packed", "_response", "content_type", "request_id", "status")

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        headers = self.headers
        self.content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        self._packed = headers.get("content-encoding", "identity").lower() not in ("", "identity")
        found = headers.get("x-request-id", "").strip()[:200]
        self.request_id: str | None = found if found and found.isascii() and found.isprintable() else None

    @property
    def headers(self) -> dict[str, str]:
        """Names in lower case, repeated headers joined by commas. Made anew each time: an open stream keeps no copy."""
        headers: dict[str, str] = {}
        # Much cheaper than asking httpx's own mapping, which looks for an encoding at every turn.
        for raw_name, raw_value in self._response.headers.raw:
            name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return headers

    def pieces(self) -> AsyncIterator[bytes]:
        if self._packed:
            return self._response.aiter_bytes()
        # Past httpx's byte chunker, which costs more than the bytes are worth.
        stream: Any = self._response.stream
        return stream.__aiter__()  # type: ignore[no-any-return]


class _NoCookies(httpx.Cookies):
    """Nothing that a server sets is ever sent back."""

    def extract_cookies(self, response: httpx.Response) -> None:
        pass


class HttpClient:
    """Sends requests to one server. Nothing is opened, and no TLS context built, before the first request.

    `fast` chooses the transport, `wrap` puts a cassette around it. `proxies` are those of `urllib.request.getproxies()`.
    """

    def __init__(
        self,
        timings: Timings,
        *,
        fast: bool = True,
        wrap: WrapTransport | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> None:
        self._timeout = httpx.Timeout(
            connect=timings.connect_s, read=timings.first_byte_s, write=timings.write_s, pool=timings.connect_s
        ).as_dict()
        self._fast = fast
        self._wrap = wrap
        self._proxies = proxies
        self._client: httpx.AsyncClient | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def _opened(self) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        if self._client is not None:
            if loop is not self._loop:
                raise RuntimeError("an HTTP client is used in the loop that opened it")
            return self._client
        if self._closed:
            raise RuntimeError("the HTTP client is closed")
        proxies = urllib.request.getproxies() if self._proxies is None else self._proxies
        try:
            mounts = proxy_mounts(self._fast, proxies, self._wrap)
        except ValueError as error:
            raise LocalProblem(str(error), action="Show details") from None
        transport: httpx.AsyncBaseTransport = _Unstarted(functools.partial(_make_transport, self._fast, None))
        self._client = httpx.AsyncClient(
            transport=self._wrap(transport) if self._wrap else transport,
            mounts=mounts,
            trust_env=False,
            follow_redirects=False,
        )
        # A jar that keeps nothing; httpx offers no public way to put one in, and its own reads every header of every reply.
        self._client._cookies = _NoCookies()
        self._loop = loop
        return self._client

    @contextlib.asynccontextmanager
    async def open(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        auth: httpx.Auth | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncGenerator[Reply, None]:
        """Sends a request and gives the open reply; leaving the block closes it. Raises httpx's transport errors."""
        client = self._opened()
        request = httpx.Request(
            method,
            url,
            headers=_HEADERS if headers is None else {**_HEADERS, **headers},
            content=content,
            extensions={"timeout": self._timeout},
        )
        response = await client.send(request, auth=auth, stream=True)
        try:
            yield Reply(response)
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()


def _links(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


_NO_ROUTE: Final = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}


def has_route() -> bool:
    """Whether this machine has a way out at all. Asks the routing table; sends nothing."""
    for family, address in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 9))
            return True
    return False


def error_for_fault(error: httpx.TransportError | httpx.InvalidURL, name: str, host: str) -> ProviderError:
    """The error for a request that got no reply, with a `TransportFault` as its cause.

    Cuts the links to the library's own exceptions, whose texts and fields hold URLs and header bytes.
    """
    links = list(_links(error))
    opening = name[:1].upper() + name[1:]
    failure: ProviderError
    os_errors = {link.errno for link in links if isinstance(link, OSError)}
    near = host in ("localhost", "::1") or host.startswith("127.")
    if isinstance(error, (httpx.ConnectTimeout, httpx.PoolTimeout)):
        failure = TimedOut(f"{opening} cannot be reached: no connection in time.", sent=False)
    elif isinstance(error, httpx.TimeoutException):
        failure = TimedOut(f"{opening} did not answer in time.")
    elif any(isinstance(link, ssl.SSLCertVerificationError) for link in links):
        failure = ConnectionFailed(
            f"The certificate of {host} is not trusted. Nothing was sent.", action="Show details", sent=False
        )
        failure.code = "certificate"
    elif isinstance(error, httpx.ProxyError):
        failure = ConnectionFailed("The proxy of this network did not let the request through.", sent=False)
    elif isinstance(error, (httpx.UnsupportedProtocol, httpx.InvalidURL)):
        failure = ConnectionFailed(f"The address of {name} cannot be used.", action="Check the address", sent=False)
    elif isinstance(error, httpx.ConnectError):
        no_name = any(isinstance(link, socket.gaierror) for link in links)
        if not near and (os_errors & _NO_ROUTE or no_name) and not has_route():
            failure = Offline("No network. Recordings and usage still work.", sent=False)
        elif no_name:
            failure = ConnectionFailed(f"The name {host} was not found.", sent=False)
        else:
            failure = ConnectionFailed(f"{opening} cannot be reached.", sent=False)
    else:
        failure = ConnectionFailed(f"The connection to {name} broke off.")
    failure.__cause__ = TransportFault(" < ".join(dict.fromkeys(type(link).__name__ for link in links)))
    for link in links:
        link.__cause__ = link.__context__ = None
    return failure
