"""Connections: used again, given up, closed; what is sent over them, over both transports."""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import aclosing

import pytest

from groqdesk.core.errors import (
    TimedOut,
)
from groqdesk.core.messages import TextDelta
from groqdesk.core.settings import Timings
from tests.providers.calls import QUICK, closed_port, failure, llm_at, text_of, timings  # noqa: F401, fixtures are found by name
from tests.providers.conftest import KEY, ask, collected
from tests.providers.fault_server import END, chunk

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
