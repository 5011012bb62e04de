"""Reading a stream of the engine in a view-model, with and without the engine's thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

import pytest

from groqdesk.core.tasks import TaskScope
from groqdesk.engine import EngineClosed, InlineEngine, ThreadEngine
from groqdesk.viewmodels.bridge import consume


@pytest.fixture(params=[InlineEngine, ThreadEngine])
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[InlineEngine | ThreadEngine]:
    async with request.param() as engine:
        yield engine


class Numbers:
    """Counts from 0; knows whether its connection was closed. `until` None goes on for ever."""

    def __init__(self, until: int | None = None, error: Exception | None = None) -> None:
        self.until = until
        self.error = error
        self.closed = False

    async def stream(self) -> AsyncGenerator[int, None]:
        n = 0
        try:
            while self.until is None or n < self.until:
                yield n
                n += 1
                await asyncio.sleep(0)
            if self.error is not None:
                raise self.error
        finally:
            await asyncio.sleep(0)
            self.closed = True


async def test_every_item_comes_in_order_in_the_readers_task(engine: InlineEngine | ThreadEngine) -> None:
    numbers, got, tasks = Numbers(1_000), [], set()

    def on_batch(batch: list[int]) -> None:
        assert batch
        got.extend(batch)
        tasks.add(asyncio.current_task())

    await consume(engine, numbers.stream, on_batch=on_batch)
    assert got == list(range(1_000))
    assert tasks == {asyncio.current_task()}
    assert numbers.closed


async def test_the_generators_error_comes_after_its_last_item(engine: InlineEngine | ThreadEngine) -> None:
    numbers, got = Numbers(5, ConnectionError("lost")), []
    with pytest.raises(ConnectionError, match="lost"):
        await consume(engine, numbers.stream, on_batch=got.extend)
    assert got == list(range(5))
    assert numbers.closed


async def test_an_error_of_the_reader_stops_the_generator(engine: InlineEngine | ThreadEngine) -> None:
    numbers = Numbers()

    def on_batch(batch: list[int]) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await consume(engine, numbers.stream, on_batch=on_batch)
    assert numbers.closed


async def test_closing_the_scope_stops_the_generator_and_reports_nothing(engine: InlineEngine | ThreadEngine) -> None:
    errors: list[Exception] = []
    numbers, scope, first = Numbers(), TaskScope(errors.append), asyncio.Event()
    scope.start(consume(engine, numbers.stream, on_batch=lambda _: first.set()))
    await first.wait()
    await scope.close()
    assert numbers.closed
    assert not scope.busy
    assert errors == []


async def test_the_scope_reports_what_the_generator_raised(engine: InlineEngine | ThreadEngine) -> None:
    errors: list[Exception] = []
    numbers, scope = Numbers(2, ValueError("bad")), TaskScope(errors.append)
    scope.start(consume(engine, numbers.stream, on_batch=lambda _: None))
    await scope.settled()
    assert [str(error) for error in errors] == ["bad"]


async def test_arguments_go_to_the_generator(engine: InlineEngine | ThreadEngine) -> None:
    async def pair(a: str, b: int) -> AsyncGenerator[str, None]:
        yield a * b

    got: list[str] = []
    await consume(engine, pair, "ab", 2, on_batch=got.extend)
    assert got == ["abab"]


async def test_a_closed_engine_refuses(engine: InlineEngine | ThreadEngine) -> None:
    await engine.close()
    with pytest.raises(EngineClosed):
        await consume(engine, Numbers().stream, on_batch=lambda _: None)
