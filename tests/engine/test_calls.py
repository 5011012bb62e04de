"""Calls into the engine, under each kind of caller and each kind of engine loop."""

from __future__ import annotations

import asyncio
import threading
import traceback
from collections.abc import AsyncGenerator

import pytest

from groqdesk.engine import ThreadEngine
from tests.engine.conftest import Drive, other_tasks, place, read_all, until


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
