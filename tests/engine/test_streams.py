"""Streams out of the engine: order, back-pressure, and every way of stopping them."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
import traceback
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groqdesk.engine import ThreadEngine
from tests.engine.conftest import Drive, Source, other_tasks, read_all, until


def test_a_stream_brings_every_item_in_order_without_running_in_the_caller(drive: Drive, engine: ThreadEngine) -> None:
    source = Source(5_000, pause_s=None)
    assert drive(read_all(engine, source.run)) == list(range(5_000))
    assert source.ended.is_set()
    assert source.thread != threading.get_ident()


def test_an_empty_stream_ends(drive: Drive, engine: ThreadEngine) -> None:
    assert drive(read_all(engine, Source(0).run)) == []


def test_the_error_of_a_stream_comes_after_its_last_item_and_only_once(drive: Drive, engine: ThreadEngine) -> None:
    async def broken() -> AsyncGenerator[int, None]:
        for n in range(7):
            yield n
        raise ConnectionError("lost") from TimeoutError("late")

    async def main() -> None:
        got: list[int] = []
        stream = engine.stream(broken)
        with pytest.raises(ConnectionError, match="lost") as caught:  # noqa: PT012
            async for batch in stream:
                got += batch
        assert got == list(range(7))
        assert isinstance(caught.value.__cause__, TimeoutError)
        assert "broken" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
        assert [batch async for batch in stream] == []

    drive(main())


@pytest.mark.parametrize("limit", [1, 2, 500])
def test_a_stalled_window_pauses_the_source_at_the_limit(drive: Drive, engine: ThreadEngine, limit: int) -> None:
    taken, waiting = 0, []

    async def numbers() -> AsyncGenerator[int, None]:
        for n in range(20 * limit):
            waiting.append(n + 1 - taken)
            yield n

    async def main() -> None:
        nonlocal taken
        stream = engine.stream(numbers, limit=limit)
        deadline = time.monotonic() + 20
        while not stream._pipe.blocked:  # the window hangs, nothing of its loop runs
            assert time.monotonic() < deadline
            time.sleep(0.001)  # noqa: ASYNC251
        assert len(waiting) == limit
        got: list[int] = []
        async for batch in stream:
            assert len(batch) <= limit
            got += batch
            taken = len(got)
        assert got == list(range(20 * limit))
        assert max(waiting) <= 2 * limit  # a batch just taken, not counted yet, and the buffer

    drive(main())


def test_closing_a_stream_stops_the_source_and_drops_the_rest(drive: Drive, engine: ThreadEngine) -> None:
    async def main() -> None:
        source = Source()
        async with aclosing(engine.stream(source.run)) as stream:
            async for _ in stream:
                break
        assert source.ended.is_set()
        assert [batch async for batch in stream] == []
        await stream.aclose()
        assert await engine.call(other_tasks) == 0

    drive(main())


def test_cancelling_the_reader_stops_the_source(drive: Drive, engine: ThreadEngine) -> None:
    async def silent(source: Source) -> AsyncGenerator[int, None]:
        async with aclosing(source.run()) as items:
            async for item in items:
                if item:
                    yield item

    async def main() -> None:
        for source in (Source(), Source(1, pause_s=60)):  # one that flows, one that says nothing
            task = asyncio.create_task(read_all(engine, silent, source))
            await until(source.started.is_set)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert source.ended.is_set()

    drive(main())


def test_a_paused_source_stops_too(drive: Drive, engine: ThreadEngine) -> None:
    async def main() -> None:
        source = Source(pause_s=None)
        stream = engine.stream(source.run, limit=3)
        await until(lambda: stream._pipe.blocked)
        await stream.aclose()
        assert source.ended.is_set()

    drive(main())


def test_losing_the_last_reference_stops_the_source(drive: Drive, engine: ThreadEngine) -> None:
    async def main() -> None:
        source = Source()
        stream = engine.stream(source.run)
        await anext(stream)
        del stream
        gc.collect()
        await until(source.ended.is_set)
        await until(lambda: not engine.jobs)

    drive(main())


def test_the_engine_outlives_a_caller_whose_loop_is_gone(engine: ThreadEngine) -> None:
    source = Source()
    kept = []

    async def leave() -> None:
        kept.append(engine.stream(source.run))
        await anext(kept[0])

    asyncio.run(leave())
    kept.clear()
    gc.collect()
    assert source.ended.wait(20)
    assert asyncio.run(engine.call(other_tasks)) == 0


@settings(max_examples=40, deadline=None)
@given(
    chunks=st.lists(st.integers(0, 40), max_size=12),
    limit=st.integers(1, 50),
    naps=st.lists(st.booleans(), min_size=12, max_size=12),
)
def test_whatever_the_rhythm_nothing_is_lost_doubled_or_reordered(
    chunks: list[int], limit: int, naps: list[bool], shared: ThreadEngine
) -> None:
    async def rhythm() -> AsyncGenerator[tuple[int, int], None]:
        for number, (size, nap) in enumerate(zip(chunks, naps, strict=False)):
            for item in range(size):
                yield number, item
            await asyncio.sleep(0.002 if nap else 0)

    async def main() -> list[tuple[int, int]]:
        async with aclosing(shared.stream(rhythm, limit=limit)) as stream:
            return [item async for batch in stream for item in batch]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("groqdesk.engine.FRAME_S", 0.0005)
        assert asyncio.run(main()) == [(number, item) for number, size in enumerate(chunks) for item in range(size)]


@pytest.fixture(scope="module")
def shared() -> Iterator[ThreadEngine]:
    engine = ThreadEngine()
    engine.start()
    yield engine
    asyncio.run(engine.close())
