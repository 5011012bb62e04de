"""Every way a connection can fail, over both transports, on real sockets."""

from __future__ import annotations

import asyncio
import errno
import gzip
import logging
import socket
import ssl
import subprocess
import sys
import traceback
from contextlib import aclosing, suppress
from pathlib import Path

import httpx
import pytest
from socksio.exceptions import ProtocolError

from groqdesk.core.errors import (
    BadResponse,
    ConnectionFailed,
    LocalProblem,
    Offline,
    Permission,
    ProviderError,
    TimedOut,
    Truncated,
)
from groqdesk.core.messages import Finished, Started, TextDelta
from groqdesk.core.secrets import Secret
from groqdesk.core.settings import Timings
from groqdesk.providers import transport
from groqdesk.providers.groq import GroqClient, GroqLLMProvider
from groqdesk.providers.transport import HttpClient, KeyAuth, TransportFault, clean_base_url, origin_of, proxy_mounts
from tests.providers.conftest import KEY, ManualClock, ask, collected, until_error
from tests.providers.fault_server import DONE, END, chunk, fault_server

QUICK = Timings(connect_s=1, first_byte_s=0.4, between_events_s=0.3, write_s=0.3, total_s=5, drain_s=0.2, key_test_s=2)


@pytest.fixture
def timings() -> Timings:
    return QUICK


def text_of(events: list) -> str:
    return "".join(e.text for e in events if isinstance(e, TextDelta))


async def failure(llm, kind=ProviderError) -> tuple[list, ProviderError]:
    """The events and error of a streamed call; the key is nowhere in the error."""
    events, error = await until_error(llm.generate_streaming_response(ask()), kind)
    shown = "".join(traceback.format_exception(error))
    link, chain = error, []
    while link is not None:
        chain.append(repr(link) + str(getattr(link, "__dict__", "")))
        link = link.__cause__ or link.__context__
    assert KEY not in shown
    assert KEY not in "".join(chain)
    assert (error.provider, error.model) == ("groq", ask().model)
    return events, error


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def llm_at(
    url: str, fast: bool, timings: Timings = QUICK, proxies: dict | None = None
) -> tuple[GroqLLMProvider, GroqClient]:
    secret = Secret(KEY)

    async def key() -> Secret:
        return secret

    http = HttpClient(timings, fast=fast, proxies=proxies or {})
    client = GroqClient(key, http, timings, ManualClock(), base_url=url)
    return GroqLLMProvider(client, timings), client


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


# Inside a stream


@pytest.mark.parametrize("fault", ["reset", "close", "clean end", "bad chunk size", "short", "inside an event"])
async def test_broken_inside_a_stream(server, llm, fault):
    async def answer(x):
        if fault == "short":
            await x.head(200, "content-length: 5000")
            await x.raw(chunk("kept"))
        else:
            await x.head(200, "transfer-encoding: chunked")
            await x.piece(chunk("kept"))
        await asyncio.sleep(0.05)
        if fault == "reset":
            x.reset()
        elif fault == "clean end":
            await x.end()
        elif fault == "bad chunk size":
            await x.raw(b"zz\r\n")
        elif fault == "inside an event":
            await x.piece(chunk("lost")[:20])
            await x.end()

    server.script(answer)
    events, error = await failure(llm, Truncated)
    assert text_of(events) == "kept"
    assert (error.message, error.action) == ("The connection broke off.", "Continue")


async def test_a_body_that_ends_with_the_connection(server, llm):
    async def answer(x):
        await x.head(200, "connection: close")
        await x.raw(chunk("whole") + END)

    server.script(answer)
    assert text_of(await collected(llm.generate_streaming_response(ask()))) == "whole"


async def test_a_stall_keeps_the_text(server, llm):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked")
        await x.piece(chunk("kept"))
        await asyncio.sleep(60)

    server.script(answer)
    events, error = await failure(llm, TimedOut)
    assert text_of(events) == "kept"
    assert error.sent


async def test_comments_do_not_count_as_life(server, llm):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked")
        await x.piece(chunk("kept"))
        for _ in range(100):
            await asyncio.sleep(0.05)
            await x.piece(b": ping\n\n")

    server.script(answer)
    await failure(llm, TimedOut)


async def test_the_whole_call_has_a_deadline(server, fast):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked")
        for _ in range(200):
            await x.piece(chunk("a"))
            await asyncio.sleep(0.02)

    server.script(answer)
    llm, client = llm_at(server.url + "/v1", fast, Timings(between_events_s=5, total_s=0.4))
    events, _ = await failure(llm, TimedOut)
    assert text_of(events)
    await client.aclose()


async def test_a_slow_reader_is_not_a_slow_server(server, llm):
    """The clock runs only while we wait for the server, not while the consumer is busy."""
    server.script(lambda x: x.stream(chunk("a"), chunk("b"), END))
    text = ""
    async with aclosing(llm.generate_streaming_response(ask())) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                text += event.text
                await asyncio.sleep(QUICK.between_events_s * 1.5)
    assert text == "ab"


async def test_an_endless_line_is_refused(server, llm):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked")
        await x.piece(chunk("kept"))
        with suppress(ConnectionError):
            for _ in range(200):
                await x.piece(b"x" * 65536)

    server.script(answer)
    events, error = await failure(llm, BadResponse)
    assert text_of(events) == "kept"
    assert error.message == "Groq sent an answer that cannot be read."


async def test_an_event_that_is_no_chunk(server, llm):
    server.script(lambda x: x.stream(chunk("kept"), b"data: {broken\n\n", END))
    events, _ = await failure(llm, BadResponse)
    assert text_of(events) == "kept"


async def test_an_error_of_groq_inside_a_chunk(server, llm):
    said = {"id": "req_9", "error": "over capacity"}
    server.script(lambda x: x.stream(chunk("kept"), chunk(x_groq=said), DONE))
    events, error = await failure(llm)
    assert text_of(events) == "kept"
    assert (error.kind, error.request_id) == ("unavailable", "req_9")


async def test_one_byte_at_a_time(server, llm):
    whole = chunk("Grüße 🚀") + END
    server.script(lambda x: x.stream(*(whole[i : i + 1] for i in range(len(whole)))))
    assert text_of(await collected(llm.generate_streaming_response(ask()))) == "Grüße 🚀"


async def test_a_compressed_stream(server, llm):
    body = gzip.compress(chunk("packed") + END)

    async def answer(x):
        await x.head(200, "transfer-encoding: chunked", "content-encoding: gzip")
        await x.piece(body[:30])
        await x.piece(body[30:])
        await x.end()

    server.script(answer)
    assert text_of(await collected(llm.generate_streaming_response(ask()))) == "packed"


async def test_broken_compression(server, llm):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked", "content-encoding: gzip")
        await x.piece(b"this is not gzip at all")
        await x.end()

    server.script(answer)
    await failure(llm, Truncated)


async def test_long_and_many_headers(server, llm):
    many = [f"x-h{n}: {n}" for n in range(300)]
    server.script(lambda x: x.json(200, {"error": "no"}, "x-long: " + "y" * 20000, *many))
    _, error = await failure(llm)
    assert error.kind == "unavailable"


# Connections


async def test_a_connection_is_used_again(server, llm):
    server.script(lambda x: x.stream(chunk("a"), END))
    for _ in range(3):
        await collected(llm.generate_streaming_response(ask()))
    assert len(server.seen) == 3
    assert server.connections == 1


async def test_a_connection_that_the_server_closed_is_not_used(server, llm):
    async def answer(x):
        await x.stream(chunk("a"), END)
        x.keep = False

    server.script(answer)
    for _ in range(10):
        assert text_of(await collected(llm.generate_streaming_response(ask()))) == "a"
        # The loop is busy while the server's end of file arrives.
        await asyncio.sleep(0.01)
        while server.open_connections:  # noqa: ASYNC110, no sleep may let the client see the end first
            await asyncio.sleep(0)
    assert len(server.seen) == 10


async def test_stop_closes_the_connection(server, llm):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked")
        for _ in range(1000):
            await x.piece(chunk("a"))
            await asyncio.sleep(0.005)

    server.script(answer)
    async with aclosing(llm.generate_streaming_response(ask())) as events:
        async for event in events:
            if isinstance(event, TextDelta):
                break
    await asyncio.wait_for(server.stopped.wait(), 2)
    assert server.open_connections == 0


async def test_a_cancelled_call_closes_the_connection(server, llm):
    server.script(lambda _: asyncio.sleep(60))
    task = asyncio.get_running_loop().create_task(llm.generate_response(ask()))
    while not server.seen:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(server.stopped.wait(), 2)


async def test_a_hundred_stops_leave_nothing_behind(server, llm):
    async def answer(x):
        await x.head(200, "transfer-encoding: chunked")
        await x.piece(chunk("a"))
        await asyncio.sleep(60)

    server.script(answer)

    async def stopped() -> None:
        async with aclosing(llm.generate_streaming_response(ask())) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    return

    before = asyncio.all_tasks()
    for _ in range(5):
        await asyncio.gather(*(stopped() for _ in range(20)))
    async with asyncio.timeout(5):
        while server.open_connections or asyncio.all_tasks() != before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert len(server.seen) == 100


async def test_fifty_at_once_get_their_own_answers(server, llm):
    async def answer(x):
        said = x.seen.json["messages"][0]["content"]
        await x.stream(*(chunk(said) for _ in range(20)), END)

    server.script(answer)
    asked = [f"<{n}>" for n in range(50)]
    answers = await asyncio.gather(*(collected(llm.generate_streaming_response(ask(text))) for text in asked))
    assert [text_of(events) for events in answers] == [text * 20 for text in asked]


async def test_cookies_are_not_kept(server, llm):
    async def answer(x):
        await x.json(200, {"choices": [{"message": {"content": "a"}}]}, "set-cookie: __cf_bm=secret; path=/")

    server.script(answer)
    await llm.generate_response(ask())
    await llm.generate_response(ask())
    assert "cookie" not in server.seen[1].headers


async def test_a_long_request_arrives_whole(server, llm):
    server.script(lambda x: x.stream(chunk("a"), END))
    text = "é🚀x" * 60_000
    await collected(llm.generate_streaming_response(ask(text)))
    assert server.seen[0].json["messages"][0]["content"] == text
    assert "content-length" in server.seen[0].headers


async def test_a_server_that_stops_reading(fast):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        llm, client = llm_at(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", fast, Timings(write_s=0.3))
        with pytest.raises(TimedOut):
            # The kernel takes the connection and what fits its buffers; nobody reads.
            await llm.generate_response(ask("x" * 20_000_000))
        await client.aclose()
        await asyncio.sleep(0.05)


async def test_what_is_sent(server, llm):
    server.script(lambda x: x.stream(chunk("a"), END))
    await collected(llm.generate_streaming_response(ask("hello")))
    seen = server.seen[0]
    assert seen.headers["user-agent"].startswith("groqdesk/")
    assert seen.headers["accept"] == "text/event-stream"
    assert seen.headers["content-type"] == "application/json"
    assert seen.json == {"model": ask().model, "messages": [{"role": "user", "content": "hello"}], "stream": True}
    assert KEY not in seen.path


async def test_the_key_is_in_no_log(server, llm, caplog):
    caplog.set_level(logging.DEBUG)
    server.script(
        lambda x: x.stream(chunk("a"), END),
        lambda x: x.json(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}),
        lambda _: asyncio.sleep(60),
    )
    await collected(llm.generate_streaming_response(ask()))
    _, error = await failure(llm)
    assert error.kind == "invalid_key"
    await failure(llm, TimedOut)
    assert KEY not in caplog.text


async def test_a_client_belongs_to_its_loop(server, llm, client):
    server.script(lambda x: x.stream(chunk("a"), END))
    await collected(llm.generate_streaming_response(ask()))

    def elsewhere() -> str:
        try:
            asyncio.run(collected(llm.generate_streaming_response(ask())))
        except RuntimeError as error:
            return str(error)
        return ""

    assert "loop" in await asyncio.to_thread(elsewhere)


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
