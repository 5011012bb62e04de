"""The end of the engine: whatever runs, it is told, cleaned up or left behind."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time

import pytest

from groqdesk.engine import EngineClosed, ThreadEngine
from tests.engine.conftest import Drive, Source, other_tasks, read_all, until


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
