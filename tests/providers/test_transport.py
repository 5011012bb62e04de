"""Every way a connection can fail, over both transports, on real sockets."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from groqdesk.core.errors import (
    BadResponse,
    ConnectionFailed,
    Offline,
    Permission,
    ProviderError,
    TimedOut,
    Truncated,
)
from groqdesk.core.messages import Finished, Started
from groqdesk.providers import transport
from groqdesk.providers.transport import TransportFault
from tests.providers.calls import QUICK, closed_port, failure, llm_at, text_of, timings  # noqa: F401, fixtures are found by name
from tests.providers.conftest import ask, collected
from tests.providers.fault_server import END, chunk, fault_server

# Before the first byte


async def test_refused(fast):
    llm, client = llm_at(f"http://127.0.0.1:{closed_port()}/v1", fast)
    events, error = await failure(llm, ConnectionFailed)
    assert events == [Started("groq", ask().model)]
    assert error.message == "Groq cannot be reached."
    assert error.sent is False
    assert isinstance(error.__cause__, TransportFault)
    assert "ConnectError" in str(error.__cause__)
    await client.aclose()


@pytest.mark.parametrize(
    ("route", "kind", "sentence"),
    [
        (True, ConnectionFailed, "The name nowhere.invalid was not found."),
        (False, Offline, "No network. Recordings and usage still work."),
    ],
)
async def test_a_name_that_is_not_found(fast, monkeypatch, route, kind, sentence):
    def no_name(*_args, **_kwargs):
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    monkeypatch.setattr(transport, "has_route", lambda: route)
    llm, client = llm_at("http://nowhere.invalid/v1", fast)
    _, error = await failure(llm, kind)
    assert type(error) is kind
    assert (error.message, error.sent) == (sentence, False)
    await client.aclose()


@pytest.mark.parametrize("families", [{socket.AF_INET}, {socket.AF_INET6}, set()])
def test_a_way_out_is_asked_of_the_routing_table(monkeypatch, families):
    """A datagram socket is only bound to a route; nothing is sent."""
    asked = []

    class Probe(socket.socket):
        def connect(self, address):
            asked.append((self.family, self.type))
            if self.family not in families:
                raise OSError(errno.ENETUNREACH, "Network is unreachable")

    monkeypatch.setattr(transport.socket, "socket", Probe)
    assert transport.has_route() is bool(families)
    assert {kind for _, kind in asked} == {socket.SOCK_DGRAM}


async def test_an_untrusted_certificate_gets_no_key(fast):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(Path(__file__).with_name("localhost.pem"))
    async with fault_server(ssl=context) as server:
        server.script(lambda x: x.stream(END))
        llm, client = llm_at(server.url + "/v1", fast)
        _, error = await failure(llm, ConnectionFailed)
        assert error.message == "The certificate of 127.0.0.1 is not trusted. Nothing was sent."
        assert (error.code, error.sent) == ("certificate", False)
        assert server.seen == []
        await client.aclose()


async def test_a_trusted_certificate_works(fast, monkeypatch):
    pem = Path(__file__).with_name("localhost.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    trusting = ssl.create_default_context(cafile=pem)
    monkeypatch.setattr(transport, "tls_context", lambda: trusting)
    async with fault_server(ssl=context) as server:
        server.script(lambda x: x.stream(chunk("a"), END))
        llm, client = llm_at(server.url + "/v1", fast)
        assert text_of(await collected(llm.generate_streaming_response(ask()))) == "a"
        await client.aclose()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("fault", ["reset", "close", "half a head", "not HTTP", "bad header"])
async def test_broken_before_the_reply(server, llm, fault):
    async def answer(x):
        if fault == "reset":
            x.reset()
        elif fault == "half a head":
            await x.raw(b"HTTP/1.1 200 OK\r\ncontent-ty")
        elif fault == "not HTTP":
            await x.raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        elif fault == "bad header":
            await x.raw(b"HTTP/1.1 200 OK\r\nno colon here\r\n\r\n")

    server.script(answer)
    events, error = await failure(llm, ConnectionFailed)
    assert type(error) is ConnectionFailed
    assert error.message == "The connection to Groq broke off."
    assert error.sent is True
    assert len(events) == len(server.seen) == 1


async def test_no_reply_in_time(server, llm):
    server.script(lambda _: asyncio.sleep(60))
    _, error = await failure(llm, TimedOut)
    assert error.message == "Groq did not answer in time."
    assert error.sent is True
    await asyncio.wait_for(server.stopped.wait(), 2)


async def test_headers_but_no_event_in_time(server, llm):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked")
        await asyncio.sleep(60)

    server.script(answer)
    await failure(llm, TimedOut)
    await asyncio.wait_for(server.stopped.wait(), 2)


async def test_a_redirect_is_not_followed_and_takes_no_key_along(server, llm):
    async with fault_server() as other:
        other.script(lambda x: x.stream(END))
        server.script(lambda x: x.whole(307, b"", f"location: {other.url}/v1/chat/completions"))
        _, error = await failure(llm, BadResponse)
        assert error.status == 307
        assert other.seen == []


# The reply


async def test_a_sign_in_page_is_no_answer(server, llm):
    page = b"<!DOCTYPE html><html><body>Welcome to Hotel Wifi</body></html>"
    server.script(lambda x: x.whole(200, page))
    _, error = await failure(llm, BadResponse)
    assert error.message == "A sign-in page of this network answered instead of Groq."
    server.script(lambda x: x.whole(200, page, kind="application/json"))
    with pytest.raises(BadResponse, match="sign-in page"):
        await llm.generate_response(ask())


async def test_a_page_as_403_is_the_network_not_the_key(server, llm):
    page = b"<html><head><title>Attention Required! | Cloudflare</title></head></html>"
    server.script(lambda x: x.whole(403, page))
    _, error = await failure(llm, Permission)
    assert error.message == "Groq blocks this network, often a VPN. The key is fine."


async def test_an_error_with_status_200_is_an_error(server, llm):
    body = {"error": {"message": "Rate limit reached", "code": "rate_limit_exceeded", "type": "tokens"}}
    server.script(lambda x: x.json(200, body))
    _, error = await failure(llm)
    assert (error.kind, error.status) == ("rate_limited", 429)
    with pytest.raises(ProviderError) as caught:
        await llm.generate_response(ask())
    assert caught.value.kind == "rate_limited"


async def test_a_whole_answer_to_a_streamed_request(server, llm):
    server.script(
        lambda x: x.json(
            200, {"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}, "x-request-id: r7"
        )
    )
    events = await collected(llm.generate_streaming_response(ask()))
    assert text_of(events) == "whole"
    assert events[-1] == Finished("stop", "groq", ask().model, None, "r7")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"choices":[]}', b'{"choices":[{}]}', b"\xff\xfe", b"[" * 5000]
)
async def test_what_is_no_answer_is_a_bad_response(server, llm, body):
    server.script(lambda x: x.whole(200, body, kind="application/json"))
    with pytest.raises(BadResponse):
        await llm.generate_response(ask())


@pytest.mark.parametrize("stream", [True, False])
async def test_a_status_that_is_neither_answer_nor_error(server, llm, stream):
    server.script(lambda x: x.whole(202, b"{}", "x-request-id: r5", kind="application/json"))
    call = collected(llm.generate_streaming_response(ask())) if stream else llm.generate_response(ask())
    with pytest.raises(BadResponse, match="answered without an answer") as caught:
        await call
    assert (caught.value.status, caught.value.request_id) == (202, "r5")


async def test_a_whole_answer_that_says_why_it_stopped(server, llm):
    body = {"choices": [], "x_groq": {"id": "req_4", "error": "over capacity"}}
    server.script(lambda x: x.json(200, body))
    with pytest.raises(ProviderError) as caught:
        await llm.generate_response(ask())
    assert (caught.value.kind, caught.value.request_id) == ("unavailable", "req_4")
    server.script(lambda x: x.json(200, {"object": "error", "message": "no memory", "code": 500}))
    with pytest.raises(ProviderError) as caught:
        await llm.generate_response(ask())
    assert caught.value.kind == "unavailable"


async def test_a_whole_answer_that_breaks_off(server, llm):
    async def answer(x):
        await x.head(200, "content-length: 500", kind="application/json")
        await x.raw(b'{"choices": [{"mess')

    server.script(answer)
    with pytest.raises(Truncated):
        await llm.generate_response(ask())


async def test_a_whole_answer_that_stalls(server, llm):
    async def answer(x):
        await x.head(200, "content-length: 500", kind="application/json")
        await asyncio.sleep(60)

    server.script(answer)
    with pytest.raises(TimedOut):
        await llm.generate_response(ask())


async def test_a_whole_answer_that_never_ends(server, llm):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked", kind="application/json")
        with suppress(ConnectionError):
            for _ in range(600):
                await x.piece(b" " * (1 << 17))

    server.script(answer)
    with pytest.raises((BadResponse, TimedOut)) as caught:
        await llm.generate_response(ask())
    # 32 MiB at most, or as much as came before the deadline on a slow machine.
    assert caught.value.message in ("Groq sent an answer that cannot be read.", "Groq did not answer in time.")


async def test_an_error_whose_body_does_not_come(server, llm):
    async def answer(x):
        await x.head(401, "content-length: 500", kind="application/json")
        await x.raw(b"{")

    server.script(answer)
    with pytest.raises(ProviderError) as caught:
        await llm.generate_response(ask())
    assert caught.value.kind == "invalid_key"


async def test_a_page_with_an_empty_body_is_the_network_too(server, llm):
    server.script(lambda x: x.whole(403, b""))
    _, error = await failure(llm, Permission)
    assert error.message == "Groq blocks this network, often a VPN. The key is fine."
