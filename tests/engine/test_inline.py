"""The engine without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from groqdesk.engine import EngineClosed, InlineEngine
from tests.engine.conftest import Source, other_tasks, place, read_all


async def test_inline_a_call_is_a_plain_await() -> None:
    async def work(n: int) -> tuple[int, object]:
        place.set("inline")
        return n, asyncio.current_task()

    async with InlineEngine() as engine:
        engine.start()
        assert await engine.call(work, 4) == (4, asyncio.current_task())
        with pytest.raises(TypeError, match="positional"):
            await engine.call(work)


async def test_inline_a_stream_runs_no_further_than_it_is_read_and_closes() -> None:
    engine, source = InlineEngine(), Source(pause_s=None)
    async with aclosing(engine.stream(source.run)) as stream:
        assert await anext(stream) == [0]
        assert await anext(stream) == [1]
        assert source.yielded == 2
    assert source.ended.is_set()
    assert await read_all(engine, Source(9).run) == list(range(9))


async def test_inline_exit_in_a_tool_is_an_error() -> None:
    async def tool() -> None:
        raise SystemExit(2)

    async def stream() -> AsyncGenerator[int, None]:
        yield 1
        raise SystemExit(2)

    engine = InlineEngine()
    with pytest.raises(RuntimeError, match="SystemExit"):
        await engine.call(tool)
    with pytest.raises(RuntimeError, match="SystemExit"):
        await read_all(engine, stream)


async def test_inline_posts_run_soon_until_it_is_closed() -> None:
    engine, ran = InlineEngine(), asyncio.Event()
    assert engine.post(ran.set)
    await ran.wait()
    await engine.close()
    assert not engine.post(ran.set)
    with pytest.raises(EngineClosed):
        await engine.call(other_tasks)
    with pytest.raises(EngineClosed):
        engine.stream(Source().run)
