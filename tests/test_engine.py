"""The engine: everything that crosses between two loops, under each kind of caller and each kind of engine loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import random
import threading
import time
import traceback
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from groqdesk.engine import EngineClosed, InlineEngine, ThreadEngine

Drive = Callable[[Coroutine[Any, Any, Any]], Any]

CALLERS = ["asyncio", "uvloop", "qasync"]
LOOPS = ["fast", "plain"]

place: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="nowhere")


@pytest.fixture(params=CALLERS)
def drive(request: pytest.FixtureRequest) -> Iterator[Drive]:
    """Runs a coroutine in a caller's loop of one kind."""
    if request.param == "qasync":
        app = request.getfixturevalue("qapp")
        from qasync import QEventLoop

        from groqdesk.ui.garbage import collected_here

        with collected_here():
            loops = [QEventLoop(app)]
            asyncio.set_event_loop(loops[0])  # qasync's debug mode asks for it
            yield lambda work: loops[0].run_until_complete(work)
            asyncio.set_event_loop(None)
            loops.pop().close()  # and no name holds it when the garbage is collected
        return
    loop = pytest.importorskip("uvloop").new_event_loop() if request.param == "uvloop" else asyncio.SelectorEventLoop()
    yield loop.run_until_complete
    loop.close()


@pytest.fixture(params=LOOPS)
def engine(request: pytest.FixtureRequest) -> Iterator[ThreadEngine]:
    threads = threading.active_count()
    engine = ThreadEngine(fast=request.param == "fast")
    engine.start()
    yield engine
    asyncio.run(engine.close())
    assert not engine.jobs
    assert threading.active_count() == threads


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what another thread will make true; fails when it does not within 20 s."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110  # the other thread knows nothing of this loop
            await asyncio.sleep(0.001)


async def other_tasks() -> int:
    """Tasks of the engine's loop, without the one that counts."""
    return len(asyncio.all_tasks()) - 1


class Source:
    """A generator to run in the engine, and what happened to it."""

    def __init__(self, items: int | None = None, *, pause_s: float | None = 0.0) -> None:
        self.items = items
        self.pause_s = pause_s
        self.started = threading.Event()
        self.ended = threading.Event()
        self.thread = 0
        self.yielded = 0

    async def run(self) -> AsyncGenerator[int, None]:
        self.thread = threading.get_ident()
        self.started.set()
        try:
            while self.items is None or self.yielded < self.items:
                self.yielded += 1
                yield self.yielded - 1
                if self.pause_s is not None:
                    await asyncio.sleep(self.pause_s)
        finally:
            await asyncio.sleep(0)  # its cleanup may await
            self.ended.set()


async def read_all(
    engine: ThreadEngine | InlineEngine, fn: Callable[..., AsyncGenerator[Any, None]], *args: Any
) -> list[Any]:
    async with aclosing(engine.stream(fn, *args)) as batches:
        found = [batch async for batch in batches]
    assert all(found), "an empty batch is no news"
    return [item for batch in found for item in batch]


# Calls


def test_a_call_runs_in_the_engine_and_brings_its_value(drive: Drive, engine: ThreadEngine) -> None:
    async def work(a: int, b: int) -> tuple[int, int]:
        await asyncio.sleep(0)
        return a + b, threading.get_ident()

    value, thread = drive(engine.call(work, 2, 3))
    assert value == 5
    assert thread != threading.get_ident()


def test_many_calls_at_once_each_bring_their_own(drive: Drive, engine: ThreadEngine) -> None:
    async def work(n: int) -> int:
        await asyncio.sleep(0.0001 * (n % 7))
        return n

    async def main() -> list[int]:
        return await asyncio.gather(*(engine.call(work, n) for n in range(200)))

    assert drive(main()) == list(range(200))


def test_an_exception_arrives_with_traceback_and_cause(drive: Drive, engine: ThreadEngine) -> None:
    async def deep_inside() -> None:
        try:
            raise KeyError("the server's words")
        except KeyError as error:
            raise ValueError("ours") from error

    with pytest.raises(ValueError, match="ours") as caught:
        drive(engine.call(deep_inside))
    assert isinstance(caught.value.__cause__, KeyError)
    assert "deep_inside" in [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]


def test_a_call_that_does_not_fit_the_function_is_an_error_not_a_hang(drive: Drive, engine: ThreadEngine) -> None:
    async def work() -> None: ...

    with pytest.raises(TypeError, match="positional"):
        drive(engine.call(work, 1))


def test_context_variables_go_down_and_do_not_come_back(drive: Drive, engine: ThreadEngine) -> None:
    async def work() -> str:
        seen = place.get()
        place.set("engine")
        return seen

    async def items() -> AsyncGenerator[str, None]:
        yield place.get()

    async def main() -> None:
        place.set("window")
        assert await engine.call(work) == "window"
        assert await read_all(engine, items) == ["window"]
        assert place.get() == "window"

    drive(main())


def test_cancelling_the_caller_cancels_the_work_and_awaits_its_cleanup(drive: Drive, engine: ThreadEngine) -> None:
    begun, cleaned = threading.Event(), threading.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    async def main() -> None:
        task = asyncio.create_task(engine.call(work))
        await until(begun.is_set)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert cleaned.is_set()

    drive(main())


def test_work_cancelled_before_it_began_never_begins(drive: Drive, engine: ThreadEngine) -> None:
    gate, ran = threading.Event(), []

    async def work() -> None:
        ran.append(1)

    async def main() -> None:
        engine.post(gate.wait)  # the engine is busy
        task = asyncio.create_task(engine.call(work))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.sleep(0)
        gate.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await engine.call(other_tasks) == 0

    drive(main())
    assert not ran


def test_work_that_cancels_itself_is_a_cancellation_for_the_caller_too(drive: Drive, engine: ThreadEngine) -> None:
    async def work() -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        drive(engine.call(work))


def test_exit_in_a_tool_ends_the_tool_and_nothing_else(
    drive: Drive, engine: ThreadEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async def tool() -> None:
        raise SystemExit(3)

    async def blocking_tool() -> None:
        await asyncio.get_running_loop().run_in_executor(None, exit, 4)

    async def stream() -> AsyncGenerator[int, None]:
        yield 1
        raise SystemExit(5)

    async def well() -> str:
        return "well"

    async def main() -> None:
        for fn in (tool, blocking_tool):
            with pytest.raises(RuntimeError, match="SystemExit") as caught:
                await engine.call(fn)
            assert isinstance(caught.value.__cause__, SystemExit)
        with pytest.raises(RuntimeError, match="SystemExit"):
            await read_all(engine, stream)
        assert await engine.call(well) == "well"

    drive(main())
    assert "the engine goes on" in caplog.text


# Streams


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


# Closing


def test_close_ends_twenty_streams_and_a_call_and_runs_every_cleanup(drive: Drive, engine: ThreadEngine) -> None:
    sources = [Source() for _ in range(20)]
    begun = threading.Event()

    async def endless() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def main() -> None:
        readers = [asyncio.create_task(read_all(engine, source.run)) for source in sources]
        call = asyncio.create_task(engine.call(endless))
        await until(lambda: begun.is_set() and all(source.started.is_set() for source in sources))
        await engine.close()
        assert all(source.ended.is_set() for source in sources)
        outcomes = await asyncio.gather(*readers, call, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [EngineClosed] * 21

    drive(main())


def test_a_closed_engine_refuses_and_closes_again(drive: Drive, engine: ThreadEngine) -> None:
    async def main() -> None:
        source = Source()
        await engine.close()
        await engine.close()
        with pytest.raises(EngineClosed):
            await engine.call(other_tasks)
        with pytest.raises(EngineClosed):
            engine.stream(source.run)
        assert not source.started.is_set()
        assert engine.post(source.started.set) is False

    drive(main())


def test_an_engine_that_never_started_refuses(drive: Drive) -> None:
    async def main() -> None:
        engine = ThreadEngine()
        with pytest.raises(EngineClosed):
            await engine.call(other_tasks)
        with pytest.raises(EngineClosed):
            await anext(engine.stream(Source().run))
        await engine.close()
        with pytest.raises(EngineClosed):
            await engine.call(other_tasks)

    drive(main())


def test_an_engine_starts_once(engine: ThreadEngine) -> None:
    with pytest.raises(RuntimeError, match="started before"):
        engine.start()


@pytest.mark.parametrize("fast", [True, False])
def test_close_leaves_behind_what_ignores_it_and_tells_the_callers(
    drive: Drive, fast: bool, caplog: pytest.LogCaptureFixture
) -> None:
    release, stuck, deaf_began = threading.Event(), threading.Event(), threading.Event()

    async def deaf() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name("deaf")
        deaf_began.set()
        while True:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(3600)

    def lookup() -> None:
        stuck.set()
        release.wait()

    async def dns() -> None:
        await asyncio.get_running_loop().run_in_executor(None, lookup)

    async def main() -> None:
        engine = ThreadEngine(close_s=0.3, fast=fast)
        engine.start()
        calls = [asyncio.create_task(engine.call(fn)) for fn in (deaf, dns)]
        await until(lambda: stuck.is_set() and deaf_began.is_set())
        await engine.close()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [EngineClosed, EngineClosed]
        assert engine._thread is not None
        await until(lambda: not engine._thread.is_alive())

    threads = threading.active_count()
    drive(main())
    assert "task deaf ignored its cancellation" in caplog.text
    assert threading.active_count() == threads + 1, "the stuck lookup, a daemon"
    release.set()
    while threading.active_count() > threads:
        time.sleep(0.001)


def test_close_does_not_wait_for_an_engine_that_is_stuck(drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    release, stuck = threading.Event(), threading.Event()

    async def computing() -> None:
        stuck.set()
        release.wait()

    async def main() -> None:
        engine = ThreadEngine(close_s=0.1)
        engine.start()
        call = asyncio.create_task(engine.call(computing))
        await until(stuck.is_set)
        await engine.close()
        assert "did not end within" in caplog.text
        with pytest.raises(EngineClosed):
            await call
        release.set()
        assert engine._thread is not None
        await until(lambda: not engine._thread.is_alive())

    drive(main())


def test_cleanup_that_calls_exit_does_not_spare_the_others_theirs(drive: Drive) -> None:
    begun, cleaned = [], []

    async def work(n: int) -> None:
        begun.append(n)
        try:
            await asyncio.Event().wait()
        finally:
            if n == 0:
                raise SystemExit(1)
            await asyncio.sleep(0.001)
            cleaned.append(n)

    async def main() -> None:
        engine = ThreadEngine()
        engine.start()
        calls = [asyncio.create_task(engine.call(work, n)) for n in range(4)]
        await until(lambda: len(begun) == 4)
        await engine.close()
        assert sorted(cleaned) == [1, 2, 3]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, RuntimeError) for outcome in outcomes)

    drive(main())


# A thousand cancels


class StreamingServer(threading.Thread):
    """HTTP on loopback that streams one chunk a millisecond until the client leaves."""

    def __init__(self) -> None:
        super().__init__(name="server", daemon=True)
        self.open = 0
        self.served = 0
        self.port = 0
        self._ready = threading.Event()

    def __enter__(self) -> StreamingServer:
        self.start()
        self._ready.wait()
        return self

    def __exit__(self, *exc: object) -> None:
        self._loop.call_soon_threadsafe(self._leave.set)
        self.join()

    def run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop, self._leave = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._leave.wait()
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.served += 1
        gone = asyncio.create_task(reader.read())  # ends when the client leaves
        try:
            writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            while not gone.done():
                writer.write(b"8\r\ndata: x\n\r\n")
                await asyncio.wait([gone], timeout=0.001)
        finally:
            with contextlib.suppress(OSError):
                await gone
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
            self.open -= 1


async def lines(port: int) -> AsyncGenerator[bytes, None]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        while True:
            size = int(await reader.readline(), 16)
            yield (await reader.readexactly(size + 2))[:-2]
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def first_line(port: int) -> bytes:
    async with aclosing(lines(port)) as found:
        return await anext(found)


def sockets() -> int:
    count = 0
    for descriptor in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts sockets in /proc")
def test_a_thousand_random_cancels_leave_nothing(drive: Drive, engine: ThreadEngine) -> None:
    dice = random.Random(20261122)

    async def one(port: int) -> None:
        match dice.randrange(5):
            case 0:  # Stop after a few batches
                async with aclosing(engine.stream(lines, port)) as stream:
                    for _ in range(dice.randrange(3)):
                        assert set(await anext(stream)) == {b"data: x\n"}
            case 1:  # the reader's task is cancelled anywhere
                task = asyncio.create_task(read_all(engine, lines, port))
                await asyncio.sleep(dice.random() * 0.02)
                task.cancel()
                await asyncio.wait([task])
                assert task.cancelled()
            case 2:  # the widget is deleted
                stream = engine.stream(lines, port)
                if dice.randrange(2):
                    await anext(stream)
            case 3:  # a call is cancelled anywhere
                call = asyncio.create_task(engine.call(first_line, port))
                await asyncio.sleep(dice.random() * 0.004)
                call.cancel()
                await asyncio.wait([call])
                assert call.cancelled() or call.result() == b"data: x\n"
            case 4:  # stopped before it began
                await engine.stream(lines, port).aclose()

    async def main(port: int) -> None:
        for _ in range(20):
            await asyncio.gather(*(one(port) for _ in range(50)))
        await until(lambda: not engine.jobs)
        assert await engine.call(other_tasks) == 0

    with StreamingServer() as server:
        threads, before = threading.active_count(), sockets()
        drive(main(server.port))
        asyncio.run(until(lambda: server.open == 0))
        assert server.served > 300
        assert threading.active_count() == threads
        assert sockets() == before


# Without a thread


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
