"""Worker: order, loops, cancellation, timers, end."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import pytest
import uvloop

from groqdesk.storage.worker import Worker, WorkerClosed


async def test_runs_jobs_in_order_on_one_thread_and_gives_results_and_errors() -> None:
    worker = Worker("test")
    names = await asyncio.gather(*(worker.call(lambda n=n: (n, threading.current_thread().name)) for n in range(50)))
    assert names == [(n, "test") for n in range(50)]
    with pytest.raises(ZeroDivisionError):
        await worker.call(lambda: 1 // 0)
    assert await worker.call(lambda: "alive") == "alive"
    worker.stop()
    assert worker.join(5)
    with pytest.raises(WorkerClosed):
        await worker.call(lambda: None)
    with pytest.raises(WorkerClosed):
        worker.later(0, lambda: None)


async def test_a_cancelled_caller_drops_only_what_may_be_dropped() -> None:
    worker, go, done = Worker("test"), threading.Event(), []
    worker.post(lambda: go.wait(10))
    told = []
    kept = asyncio.ensure_future(worker.call(lambda: done.append("kept")))
    dropped = asyncio.ensure_future(
        worker.call(lambda: done.append("dropped"), droppable=True, cancelled=lambda: told.append(True))
    )
    await asyncio.sleep(0)
    kept.cancel()
    dropped.cancel()
    await asyncio.gather(kept, dropped, return_exceptions=True)
    go.set()
    assert await worker.call(lambda: list(done)) == ["kept"]
    assert told == [True]
    worker.stop()
    assert worker.join(5)


async def test_timers_run_in_order_of_time_between_jobs_and_survive_errors() -> None:
    worker, order, last = Worker("test"), [], threading.Event()
    worker.later(0.02, lambda: (order.append("late"), last.set()))
    worker.later(0.0, lambda: order.append("soon"))
    worker.later(0.01, lambda: 1 // 0)
    assert await asyncio.to_thread(last.wait, 10)
    assert order == ["soon", "late"]
    worker.stop()
    assert worker.join(5)


def test_serves_several_kinds_of_loops_at_once() -> None:
    worker = Worker("test")

    async def ask() -> list[int]:
        return [await worker.call(lambda n=n: n) for n in range(200)]

    def on(new_loop: object, results: list[list[int]]) -> None:
        with asyncio.Runner(loop_factory=new_loop) as runner:  # type: ignore[arg-type]
            results.append(runner.run(ask()))

    results: list[list[int]] = []
    threads = [
        threading.Thread(target=on, args=(new_loop, results))
        for new_loop in (uvloop.new_event_loop, asyncio.new_event_loop) * 2
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [list(range(200))] * 4
    worker.stop()
    assert worker.join(5)


def test_the_outcome_for_a_closed_loop_is_dropped() -> None:
    worker, go = Worker("test"), threading.Event()
    loop = asyncio.new_event_loop()
    task = loop.create_task(worker.call(lambda: go.wait(10)))
    loop.run_until_complete(asyncio.sleep(0))
    task.cancel()
    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
    loop.close()
    go.set()
    assert asyncio.run(worker.call(lambda: "still here")) == "still here"
    worker.stop()
    assert worker.join(5)


def test_serves_the_windows_loop() -> None:
    code = """
import sys, qasync
from PySide6.QtWidgets import QApplication
from groqdesk.storage.worker import Worker
app = QApplication([])
worker = Worker("test")
async def ask():
    return [await worker.call(lambda n=n: n) for n in range(100)]
with qasync.QEventLoop(app) as loop:
    assert loop.run_until_complete(ask()) == list(range(100))
worker.stop()
print("ok")
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stdout == "ok\n", run.stderr
