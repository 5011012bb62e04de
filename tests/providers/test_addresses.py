"""Keys stay at their address; pasted addresses, origins and proxies."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import httpx
import pytest
from socksio.exceptions import ProtocolError

from groqdesk.core.errors import (
    ConnectionFailed,
    LocalProblem,
)
from groqdesk.core.secrets import Secret
from groqdesk.providers import transport
from groqdesk.providers.transport import HttpClient, KeyAuth, clean_base_url, origin_of, proxy_mounts
from tests.providers.calls import QUICK, closed_port, failure, llm_at, text_of, timings  # noqa: F401, fixtures are found by name
from tests.providers.conftest import KEY, ask, collected
from tests.providers.fault_server import END, chunk

# Keys, addresses, proxies


async def test_a_key_never_goes_to_a_foreign_address(server, fast):
    server.script(lambda x: x.json(200, {}))
    http = HttpClient(QUICK, fast=fast, proxies={})
    auth = KeyAuth(Secret(KEY), "https://api.groq.com")
    with pytest.raises(LocalProblem):
        async with http.open("GET", server.url + "/v1/models", auth=auth):
            pass
    assert server.seen == []
    await http.aclose()


async def test_the_key_leaves_the_request_after_it_was_sent():
    auth = KeyAuth(Secret(KEY), "https://api.groq.com")
    request = httpx.Request("GET", "https://api.groq.com/openai/v1/models")
    flow = auth.async_auth_flow(request)
    await anext(flow)
    assert request.headers["Authorization"] == f"Bearer {KEY}"
    await flow.aclose()
    assert "Authorization" not in request.headers


@pytest.mark.parametrize(
    ("pasted", "clean"),
    [
        ("https://api.groq.com/openai/v1", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/openai/v1/", "https://api.groq.com/openai/v1"),
        (" https://api.groq.com/openai/v1/chat/completions ", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com", "https://api.groq.com/openai/v1"),
        ("https://api.groq.com/openai", "https://api.groq.com/openai/v1"),
        ("api.openai.com/v1", "https://api.openai.com/v1"),
        ("https://api.openai.com", "https://api.openai.com/v1"),
        ("localhost:8080", "http://localhost:8080/v1"),
        ("127.0.0.1:11434/v1/", "http://127.0.0.1:11434/v1"),
        ("[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("192.168.1.5:1234", "http://192.168.1.5:1234/v1"),
        ("8.8.8.8:1234", "https://8.8.8.8:1234/v1"),
        ("http://h/v1/audio/transcriptions/audio/transcriptions", "http://h/v1"),
        ('"https://host.example/api/v1/models"', "https://host.example/api/v1"),
        ("HTTPS://Host.Example/v1", "https://host.example/v1"),
    ],
)
def test_pasted_addresses(pasted, clean):
    assert clean_base_url(pasted) == clean
    assert clean_base_url(clean) == clean


@pytest.mark.parametrize(
    "pasted",
    ["", "  ", "ftp://host/v1", "https://", "https://user:pw@host/v1", "https://gsk_x@host", "https://host/v1?key=1",
     "https://host/#x", "http://host:99999/v1", "http://ho st/v1", "http://host:0/v1", "file:///etc/passwd"],
)  # fmt: skip
def test_addresses_that_are_refused(pasted):
    with pytest.raises(ValueError, match=r"^[A-Z].*\.$"):
        clean_base_url(pasted)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.groq.com/openai/v1", "https://api.groq.com"),
        ("https://api.groq.com:443/x", "https://api.groq.com"),
        ("http://api.groq.com/x", "http://api.groq.com"),
        ("https://api.groq.com.evil.example/", "https://api.groq.com.evil.example"),
        ("http://[::1]:8080/v1", "http://[::1]:8080"),
    ],
)
def test_origins(url, origin):
    assert origin_of(url) == origin


async def test_a_proxy_of_the_environment(fast, server):
    server.script(lambda x: x.stream(chunk("through"), END))
    address = server.url.replace("http://", "http://user:pa%24s@")
    llm, client = llm_at("http://far.example/v1", fast, proxies={"http": address})
    assert text_of(await collected(llm.generate_streaming_response(ask()))) == "through"
    seen = server.seen[0]
    assert seen.path == "http://far.example/v1/chat/completions"
    assert seen.headers["proxy-authorization"].startswith("Basic ")
    await client.aclose()


async def test_a_proxy_that_is_not_there(fast):
    llm, client = llm_at("https://far.example/v1", fast, proxies={"https": f"http://127.0.0.1:{closed_port()}"})
    await failure(llm, ConnectionFailed)
    await client.aclose()


async def test_a_proxy_that_wants_a_password(fast, server):
    server.script(lambda x: x.whole(407, b"", 'proxy-authenticate: Basic realm="x"'))
    llm, client = llm_at("https://far.example/v1", fast, proxies={"https": server.url})
    _, error = await failure(llm, ConnectionFailed)
    assert error.message == "The proxy of this network did not let the request through."
    assert "authorization" not in server.seen[0].headers
    await client.aclose()


@pytest.mark.parametrize("no_proxy", ["far.example", ".example", "other.net, far.example", "*"])
async def test_hosts_that_need_no_proxy(no_proxy):
    mounts = proxy_mounts(True, {"all": "http://proxy.example:3128", "no": no_proxy})
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(lambda _: httpx.Response(204)), mounts=mounts, trust_env=False
    ) as client:
        assert (await client.get("http://far.example/")).status_code == 204


async def test_this_machine_needs_no_proxy(fast, server):
    server.script(lambda x: x.stream(chunk("near"), END))
    llm, client = llm_at(server.url + "/v1", fast, proxies={"http": f"http://127.0.0.1:{closed_port()}"})
    assert text_of(await collected(llm.generate_streaming_response(ask()))) == "near"
    await client.aclose()


async def test_a_socks_proxy(fast):
    """Over the stock transport whatever the setting: the fast one cannot speak SOCKS."""
    asked = []

    async def serve(reader, writer):
        await reader.readexactly(3)
        writer.write(b"\x05\x00")
        head = await reader.readexactly(5)
        asked.append(await reader.readexactly(head[4]))
        await reader.readexactly(2)
        writer.write(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
        await reader.readuntil(b"\r\n\r\n")
        body = chunk("through") + END
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: %d\r\n\r\n" % len(body) + body
        )
        await reader.read()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    llm, client = llm_at("http://far.example/v1", fast, proxies={"all": f"socks5://127.0.0.1:{port}"})
    assert text_of(await collected(llm.generate_streaming_response(ask()))) == "through"
    assert asked == [b"far.example"]
    await client.aclose()
    listener.close()
    await asyncio.sleep(0.05)


async def test_an_error_of_the_socks_library_is_a_proxy_error():
    def refuse(_request):
        raise ProtocolError("malformed reply")

    socks = transport._Socks(httpx.MockTransport(refuse))
    with pytest.raises(httpx.ProxyError):
        await socks.handle_async_request(httpx.Request("GET", "http://far.example/"))
    await socks.aclose()


async def test_a_proxy_address_that_is_none(fast):
    llm, client = llm_at("http://far.example/v1", fast, proxies={"http": "gopher://x"})
    with pytest.raises(LocalProblem, match="http proxy"):
        await llm.generate_response(ask())
    await client.aclose()


def test_importing_a_provider_is_light_and_builds_no_tls_context():
    script = (
        "import sys, asyncio; from groqdesk.providers import groq; from groqdesk.providers.transport import HttpClient, tls_context;"
        "from groqdesk.core.settings import Timings; HttpClient(Timings());"
        "heavy = {'aiohttp', 'PySide6', 'sqlalchemy', 'keyring', 'uvloop', 'groq'} & set(sys.modules);"
        "print(heavy or 'light', tls_context.cache_info().misses)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["light", "0"]
