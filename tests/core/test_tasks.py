"""A scope owns its tasks: errors go to one place, closing cancels and waits."""

from __future__ import annotations

import asyncio
import logging

import pytest

from groqdesk.core.tasks import TaskScope


async def test_errors_are_reported_and_cancellation_is_not() -> None:
    reported: list[Exception] = []
    scope = TaskScope(reported.append)

    async def fails() -> None:
        raise ValueError("a")

    async def waits() -> None:
        await asyncio.Event().wait()

    scope.start(fails())
    waiting = scope.start(waits(), name="waiting")
    assert waiting is not None
    assert waiting.get_name() == "waiting"
    waiting.cancel()
    await scope.settled()
    await asyncio.sleep(0)
    assert [str(error) for error in reported] == ["a"]
    assert not scope.busy


async def test_without_a_report_an_error_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise ValueError("no one listens")

    scope = TaskScope()
    scope.start(fails(), name="lonely")
    with caplog.at_level(logging.ERROR):
        await scope.settled()
        await asyncio.sleep(0)
    assert "task lonely failed" in caplog.text
    assert "no one listens" in caplog.text


async def test_settled_waits_for_tasks_that_tasks_start() -> None:
    done: list[str] = []
    scope = TaskScope()

    async def second() -> None:
        await asyncio.sleep(0)
        done.append("second")

    async def first() -> None:
        await asyncio.sleep(0)
        scope.start(second())
        done.append("first")

    scope.start(first())
    await scope.settled()
    assert done == ["first", "second"]


async def test_close_cancels_waits_for_cleanup_and_refuses_more() -> None:
    steps: list[str] = []
    scope = TaskScope()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned")

    scope.start(work())
    await asyncio.sleep(0)
    await scope.close()
    assert steps == ["cleaned"]
    late = work()
    assert scope.start(late) is None
    with pytest.raises(RuntimeError, match="already awaited"):
        await late


async def test_a_task_may_close_its_own_scope() -> None:
    steps: list[str] = []
    scope = TaskScope()

    async def other() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("other cancelled")

    async def closes() -> None:
        await asyncio.sleep(0)
        await scope.close()
        steps.append("closed")

    scope.start(other())
    task = scope.start(closes())
    assert task is not None
    await task
    assert steps == ["other cancelled", "closed"]
