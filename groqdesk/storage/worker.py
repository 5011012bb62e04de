"""Worker: one thread that runs jobs in order, called from any event loop."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import logging
import queue
import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)


class WorkerClosed(RuntimeError):
    """The thread takes no more jobs."""


class Worker:
    """A daemon thread with a queue and timers. What it holds (connections) is touched by its jobs only.

    `call` works from every kind of asyncio loop: the outcome goes back through the caller's `call_soon_threadsafe`.
    """

    def __init__(self, name: str) -> None:
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def post(self, job: Callable[[], None]) -> None:
        """Queues `job` and returns at once. Raises `WorkerClosed` after `stop`."""
        with self._lock:
            if self._closed:
                raise WorkerClosed(self._thread.name)
            self._jobs.put(job)

    def later(self, delay_s: float, job: Callable[[], None]) -> None:
        """Runs `job` in `delay_s` seconds, between other jobs. A timer still waiting at `stop` is dropped."""
        due = time.monotonic() + delay_s
        self.post(lambda: heapq.heappush(self._timers, (due, next(self._count), job)))

    async def call(
        self, fn: Callable[[], T], *, droppable: bool = False, cancelled: Callable[[], None] | None = None
    ) -> T:
        """Runs `fn` on the thread and gives its outcome to the caller's loop.

        A job that is not `droppable` runs even if its caller was cancelled meanwhile, so that writes keep their order.
        `cancelled` is called on the caller's thread when the caller was cancelled.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[T] = loop.create_future()
        dropped = threading.Event()

        def job() -> None:
            if droppable and dropped.is_set():
                return
            try:
                result = fn()
            except BaseException as error:
                failure = error
                tell(lambda: waiter.set_exception(failure))
            else:
                tell(lambda: waiter.set_result(result))

        def tell(settle: Callable[[], None]) -> None:
            def unless_gone() -> None:
                if not waiter.done():
                    settle()

            # The caller's loop may have been closed while the job ran; then nobody waits for the outcome.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(unless_gone)

        self.post(job)
        try:
            return await waiter
        except asyncio.CancelledError:
            dropped.set()
            if cancelled is not None:
                cancelled()
            raise

    def stop(self) -> None:
        """Lets the jobs queued so far run, then ends the thread."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._jobs.put(None)

    def join(self, timeout_s: float) -> bool:
        """Waits for the thread's end; False if it still runs."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        while True:
            self._run_due()
            wait_s = max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else None
            try:
                job = self._jobs.get(timeout=wait_s)
            except queue.Empty:
                continue
            if job is None:
                return
            self._run(job)
            del job  # a finished job keeps its caller's frames alive until the next one comes

    def _run_due(self) -> None:
        while self._timers and self._timers[0][0] <= time.monotonic():
            self._run(heapq.heappop(self._timers)[2])

    def _run(self, job: Callable[[], None]) -> None:
        try:
            job()
        except Exception:
            log.exception("a job of thread %s failed", self._thread.name)
