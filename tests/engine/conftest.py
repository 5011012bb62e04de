"""Callers of three kinds, engines of two, and a source of items that knows what happened to it."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from contextlib import aclosing
from typing import Any

import pytest

from groqdesk.engine import InlineEngine, ThreadEngine

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
