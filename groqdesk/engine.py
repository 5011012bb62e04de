"""The engine: network work away from the caller's loop.

`ThreadEngine` is a thread with an asyncio loop of its own (uvloop where it is installed). The window's loop hands it
coroutines and gets streams back in batches; this module and `viewmodels/bridge.py` are the only crossing.
`InlineEngine` is the same port without a thread, for the command line, `serve` and tests.

Clients (HTTP, MCP) are made, used and closed in the engine: `await engine.call(client.aclose)`.
"""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import contextlib
import contextvars
import logging
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from types import TracebackType
from typing import Any, Generic, TypeVar

from groqdesk.core.ports import Batches

log = logging.getLogger(__name__)

T = TypeVar("T")
E = TypeVar("E")

FRAME_S = 0.016
"""A stream hands over at most one batch in this time: one screen frame."""

BUFFER_ITEMS = 500
"""Items that may wait for the caller before the source is paused: half a second of a fast model."""

_JOIN_S = (
    1.0  # A cancelled caller waits this long for the engine's cleanup, so that Stop is never held up by a bad source.
)


class EngineClosed(RuntimeError):
    """The engine is not running, or was closed while it worked for the caller."""

    def __init__(self) -> None:
        super().__init__("the engine is closed")


class _Daemons(concurrent.futures.ThreadPoolExecutor):
    """The engine's executor: a daemon thread for each job.

    A pool's threads are joined when the interpreter ends, so one DNS lookup that hangs would keep the process alive.
    """

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> concurrent.futures.Future[T]:
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def work() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                result = fn(*args, **kwargs)
            except BaseException as error:
                future.set_exception(error)
            else:
                future.set_result(result)

        threading.Thread(target=work, name="groqdesk-work", daemon=True).start()
        return future


class _Job(Generic[T]):
    """One coroutine in the engine. `done` belongs to the caller's loop; `stopped` says that the caller gave it up."""

    def __init__(self, engine: ThreadEngine, make: Callable[[], Coroutine[Any, Any, T]]) -> None:
        self._engine = engine
        self._make = make
        self._task: asyncio.Task[T] | None = None
        self._caller = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        self.stopped = False
        self.done: asyncio.Future[T] = self._caller.create_future()
        engine.jobs.add(self)
        if not engine.post(self._begin):
            self.tell(None)

    def _begin(self) -> None:
        if self.stopped or self._engine.closing:
            self.tell(None)
            return
        self._task = asyncio.get_running_loop().create_task(self._work(), context=self._context)
        self._task.add_done_callback(self.tell)

    async def _work(self) -> T:
        return await self._make()  # in a task, so that a call that does not fit the function is the caller's error too

    def tell(self, task: asyncio.Task[T] | None) -> None:
        """Carries the outcome to the caller; None means that there is none and will be none."""
        self._engine.jobs.discard(self)
        if task is not None and not task.cancelled():
            task.exception()  # it is the caller's to retrieve
        with contextlib.suppress(RuntimeError):  # the caller's loop is closed
            self._caller.call_soon_threadsafe(self._settle, task)

    def _settle(self, task: asyncio.Task[T] | None) -> None:
        if self.done.done():
            return
        if self.stopped:
            self.done.cancel()
        elif task is None or (task.cancelled() and self._engine.closing):
            self.done.set_exception(EngineClosed())
        elif task.cancelled():  # the coroutine raised CancelledError by itself: as with a plain await
            self.done.cancel()
        elif (error := task.exception()) is None:
            self.done.set_result(task.result())
        elif isinstance(error, Exception):
            self.done.set_exception(error)
        else:  # exit() in a tool ends the tool, not the window
            self.done.set_exception(_as_exception(error))
        if not self.done.cancelled():
            self.done.exception()  # a caller that left has no use for "exception was never retrieved"

    def stop(self) -> None:
        """Cancels the work. From any thread, never blocks."""
        if not self.stopped:
            self.stopped = True
            self._engine.post(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def join(self) -> None:
        if not self.done.done():
            await asyncio.wait([self.done], timeout=_JOIN_S)


def _as_exception(error: BaseException) -> RuntimeError:
    wrapped = RuntimeError(f"the work ended with {error!r}")
    wrapped.__cause__ = error
    return wrapped


class _Pipe(Generic[E]):
    """The engine's end of a stream. It must not refer to the `Stream`: losing that one is what stops it."""

    def __init__(self, limit: int, notify: Callable[[], object]) -> None:
        self.buffer: collections.deque[E] = collections.deque()
        self.waiting = False  # the caller sleeps until an item comes
        self.blocked = False  # the source sleeps until the caller takes some
        self.room = asyncio.Event()
        self._limit = limit
        self._notify = notify

    async def pump(self, fn: Callable[..., AsyncGenerator[E, None]], args: tuple[Any, ...]) -> None:
        source = fn(*args)
        try:
            async for item in source:
                self.buffer.append(item)
                if self.waiting:
                    self.waiting = False
                    with contextlib.suppress(RuntimeError):  # the caller's loop is closed
                        self._notify()
                while len(self.buffer) >= self._limit:
                    self.room.clear()
                    self.blocked = True
                    if len(self.buffer) >= self._limit:  # looked at again: it may have been emptied before `blocked`
                        await self.room.wait()
        finally:
            await source.aclose()


class Stream(Generic[E]):
    """Batches of what an async generator yields in the engine; an async iterator of lists, in order, none empty.

    At most one batch in `FRAME_S`; the first item after a pause comes at once. The source's exception is raised after
    its last item, with its traceback and cause. `aclose`, a cancelled `__anext__`, or losing the last reference stops
    the source and runs its `finally` in the engine. One consumer at a time, in the loop that made it.
    """

    def __init__(
        self, engine: ThreadEngine, fn: Callable[..., AsyncGenerator[E, None]], args: tuple[Any, ...], limit: int
    ) -> None:
        loop, wake = asyncio.get_running_loop(), asyncio.Event()
        pipe: _Pipe[E] = _Pipe(limit, lambda: loop.call_soon_threadsafe(wake.set))
        self._engine, self._loop, self._wake, self._pipe = engine, loop, wake, pipe
        self._next_s = 0.0
        self._job: _Job[None] = _Job(engine, lambda: pipe.pump(fn, args))
        self._job.done.add_done_callback(lambda _: wake.set())

    def __aiter__(self) -> AsyncIterator[list[E]]:
        return self

    async def __anext__(self) -> list[E]:
        job, pipe = self._job, self._pipe
        try:
            early_s = self._next_s - self._loop.time()
            if early_s > 0 and not job.stopped:
                await asyncio.sleep(early_s)
            while not pipe.buffer and not job.stopped:
                if job.done.done():
                    job.stopped = True
                    job.done.result()
                    raise StopAsyncIteration
                self._wake.clear()
                pipe.waiting = True
                if not pipe.buffer:  # looked at again: an item may have come before `waiting`
                    await self._wake.wait()
        except asyncio.CancelledError:
            job.stop()
            raise
        if job.stopped:
            raise StopAsyncIteration
        self._next_s = self._loop.time() + FRAME_S
        batch = [pipe.buffer.popleft() for _ in range(len(pipe.buffer))]
        if pipe.blocked:
            pipe.blocked = False
            self._engine.post(pipe.room.set)
        return batch

    async def aclose(self) -> None:
        """Stops the source and waits for its cleanup, one second at most. What was not taken yet is dropped."""
        self._job.stop()
        self._pipe.buffer.clear()
        await self._job.join()

    def __del__(self) -> None:
        if (job := getattr(self, "_job", None)) is not None:
            job.stop()


class ThreadEngine:
    """The engine in a daemon thread; `async with` starts and closes it.

    `start` blocks for the milliseconds that the loop needs to run. `close` takes at most `close_s`: it cancels what
    runs, waits for the cleanup, and leaves behind what ignores that. Work that is cut off raises `EngineClosed` in its
    caller. `fast` False keeps to asyncio's own loop.
    """

    def __init__(self, *, close_s: float = 3.0, fast: bool = True) -> None:
        self.closing = False
        self.jobs: set[_Job[Any]] = set()
        self._close_s = close_s
        self._fast = fast
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Starts the thread and returns when its loop runs."""
        if self._thread is not None:
            raise RuntimeError("the engine was started before")
        loop = self._loop = _new_loop(self._fast)
        loop.set_default_executor(_Daemons())
        running = threading.Event()
        loop.call_soon(running.set)
        self._thread = threading.Thread(target=self._main, args=(loop,), name="groqdesk-engine", daemon=True)
        self._thread.start()
        running.wait()

    def _main(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        while not self.closing:
            try:
                loop.run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                log.warning("work in the engine raised %s; the engine goes on", repr(error))
        finish = loop.create_task(self._finish())
        while not finish.done():
            try:
                loop.run_until_complete(finish)
            except (SystemExit, KeyboardInterrupt) as error:  # it does not spare the others their cleanup
                log.warning("cleanup in the engine raised %s", repr(error))
        loop.close()
        asyncio.set_event_loop(None)
        for job in list(self.jobs):  # they ignored the cancel, or came when nobody looked any more
            job.tell(None)

    async def _finish(self) -> None:
        await asyncio.sleep(0)  # what was posted before now sees `closing`
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=self._close_s * 0.6)
            for task in left:
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # said here, with its name
                log.warning("task %s ignored its cancellation and is left behind", task.get_name())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.get_running_loop().shutdown_asyncgens(), self._close_s * 0.15)

    def post(self, fn: Callable[[], object]) -> bool:
        """Runs `fn` in the engine's thread soon; from any thread. False if the engine does not run."""
        if self._loop is None:
            return False
        try:
            self._loop.call_soon_threadsafe(fn)
        except RuntimeError:  # closed
            return False
        return True

    async def call(self, fn: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Awaits `fn(*args)` in the engine, with the caller's context variables.

        Exceptions arrive with traceback and cause; cancelling the caller cancels the work and waits for its cleanup,
        one second at most. Raises `EngineClosed`.
        """
        if self.closing:
            raise EngineClosed
        job: _Job[T] = _Job(self, lambda: fn(*args))
        try:
            return await asyncio.shield(job.done)
        except asyncio.CancelledError:
            job.stop()
            await job.join()
            raise
        finally:
            del job  # it holds the exception that holds this frame

    def stream(self, fn: Callable[..., AsyncGenerator[E, None]], *args: Any, limit: int = BUFFER_ITEMS) -> Stream[E]:
        """Runs the generator `fn(*args)` in the engine and gives its items in batches; see `Stream`.

        The generator is paused while `limit` items wait. It starts at once, not at the first `__anext__`.
        """
        if self.closing:
            raise EngineClosed
        return Stream(self, fn, args, limit)

    async def close(self) -> None:
        """Ends the thread, within `close_s`. May be called again."""
        self.closing = True
        if self._loop is None or self._thread is None:
            return
        self.post(self._loop.stop)
        loop = asyncio.get_running_loop()
        end_s = loop.time() + self._close_s
        while self._thread.is_alive():
            if loop.time() >= end_s:
                log.warning("the engine did not end within %.1f s and is left behind", self._close_s)
                for job in list(self.jobs):
                    job.tell(None)
                return
            await asyncio.sleep(0.005)

    async def __aenter__(self) -> ThreadEngine:
        self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _new_loop(fast: bool) -> asyncio.AbstractEventLoop:
    # By name: under a policy set by qasync, asyncio.new_event_loop() would make a Qt loop.
    if sys.platform == "win32":
        return asyncio.ProactorEventLoop()
    if fast:
        with contextlib.suppress(ImportError):
            import uvloop

            return uvloop.new_event_loop()
    return asyncio.SelectorEventLoop()


class _InlineStream(Generic[E]):
    def __init__(self, source: AsyncGenerator[E, None]) -> None:
        self._source = source

    def __aiter__(self) -> AsyncIterator[list[E]]:
        return self

    async def __anext__(self) -> list[E]:
        try:
            return [await anext(self._source)]
        except SystemExit as error:
            raise _as_exception(error) from error

    async def aclose(self) -> None:
        await self._source.aclose()


class InlineEngine:
    """The engine without a thread: work runs in the caller's own loop, for the command line, `serve` and tests.

    A call is a plain await and each batch of a stream holds one item. Closing refuses new work; what runs belongs to
    its caller.
    """

    def __init__(self) -> None:
        self.closing = False

    def start(self) -> None:
        """There is nothing to start."""

    def post(self, fn: Callable[[], object]) -> bool:
        """Runs `fn` soon, in the running loop. False if the engine is closed."""
        if self.closing:
            return False
        asyncio.get_running_loop().call_soon(fn)
        return True

    async def call(self, fn: Callable[..., Coroutine[Any, Any, T]], *args: Any) -> T:
        """Awaits `fn(*args)`. exit() in it becomes a RuntimeError, as in the thread. Raises `EngineClosed`."""
        if self.closing:
            raise EngineClosed
        try:
            return await fn(*args)
        except SystemExit as error:
            raise _as_exception(error) from error

    def stream(self, fn: Callable[..., AsyncGenerator[E, None]], *args: Any, limit: int = BUFFER_ITEMS) -> Batches[E]:
        """Gives the generator's items one by one, as lists; nothing runs ahead of the caller. Raises `EngineClosed`."""
        if self.closing:
            raise EngineClosed
        return _InlineStream(fn(*args))

    async def close(self) -> None:
        """Refuses new work."""
        self.closing = True

    async def __aenter__(self) -> InlineEngine:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
