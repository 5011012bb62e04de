"""What goes wrong inside a stream, over both transports."""

from __future__ import annotations

import asyncio
import gzip
from contextlib import aclosing, suppress

import pytest

from groqdesk.core.errors import (
    BadResponse,
    TimedOut,
    Truncated,
)
from groqdesk.core.messages import TextDelta
from groqdesk.core.settings import Timings
from tests.providers.calls import QUICK, closed_port, failure, llm_at, text_of, timings  # noqa: F401, fixtures are found by name
from tests.providers.conftest import ask, collected
from tests.providers.fault_server import DONE, END, chunk

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
