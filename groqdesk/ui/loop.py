"""Runs the window's coroutine on the Qt event loop, safely: `run(main, argv)`.

What it guards against was seen with qasync 0.28: quitting through Qt stops the loop under a running coroutine, pending
tasks are dropped without their `finally`, exceptions in slots go nowhere, SIGTERM waits for the next Python code.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from types import TracebackType
from typing import Any

from PySide6.QtCore import QEvent, QMessageLogContext, QtMsgType, Signal, qInstallMessageHandler
from PySide6.QtWidgets import QApplication
from qasync import QEventLoop

from groqdesk import __version__
from groqdesk.ui.garbage import collected_here

log = logging.getLogger(__name__)
qt_log = logging.getLogger("qt")

REPEAT_S = 5.0  # an error in a paint event comes with each frame, and showing it paints again
LEFTOVERS_S = 2.0
SWITCH_INTERVAL_S = 0.001  # engine code that computes holds the window up a fifth as long as with Python's 5 ms

_LEVELS = {
    QtMsgType.QtDebugMsg: logging.DEBUG,
    QtMsgType.QtInfoMsg: logging.INFO,
    QtMsgType.QtWarningMsg: logging.WARNING,
    QtMsgType.QtCriticalMsg: logging.ERROR,
    QtMsgType.QtFatalMsg: logging.CRITICAL,
}
_HARMLESS = ("This plugin does not support",)  # said by the offscreen and Wayland platforms for each window

Report = Callable[[BaseException], None]


class Application(QApplication):
    """The QApplication of the window. It never ends the process; it asks to close, and `main` returns.

    `close_requested` is emitted for SIGINT, SIGTERM, the end of the session, and Qt's quit (Cmd+Q). `report` gets every
    exception that no coroutine caught; the window replaces it to show a notice. It runs in the window's thread.
    """

    close_requested = Signal()

    def __init__(self, argv: Sequence[str]) -> None:
        super().__init__(list(argv))
        self.setApplicationName("groqdesk")
        self.setApplicationDisplayName("groqdesk")
        self.setApplicationVersion(__version__)
        self.setDesktopFileName("groqdesk")
        self.setQuitOnLastWindowClosed(False)
        self.commitDataRequest.connect(lambda _: self.request_close())
        self.report: Report = lambda error: None  # it has been logged
        self._closing = asyncio.Event()

    def request_close(self) -> None:
        """Asks `main` to end; may be called again."""
        self._closing.set()
        self.close_requested.emit()

    async def until_close(self) -> None:
        """Returns when closing was asked for, also if that was before."""
        await self._closing.wait()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Quit:
            self.request_close()
            return True
        return super().event(event)


def run(main: Callable[[Application], Coroutine[Any, Any, int]], argv: Sequence[str]) -> int:
    """Makes the QApplication, runs `main(app)` on its loop, and returns its exit code or raises its exception.

    When `main` ends, tasks it left are cancelled and awaited, two seconds at most. The first SIGINT or SIGTERM asks to
    close, the second ends the process. Call it once in a process, in the main thread, after `preflight()`.
    """
    with _qt_messages_logged():
        app = Application(argv)
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        with collected_here(), QEventLoop(app) as loop, _errors_reported(app, loop), _signals_close(app, loop):
            asyncio.set_event_loop(loop)  # qasync's debug mode asks for it
            try:
                code: int = loop.run_until_complete(_whole(main, app))
            finally:
                asyncio.set_event_loop(None)
            return code


async def _whole(main: Callable[[Application], Coroutine[Any, Any, int]], app: Application) -> int:
    try:
        return await main(app)
    finally:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            log.warning("task %s was left running and is cancelled", task.get_name())
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=LEFTOVERS_S)


class _Reporter:
    """Logs each error with its traceback and hands it on, once in `REPEAT_S` for each place that raises."""

    def __init__(self, app: Application) -> None:
        self._app = app
        self._seen: dict[tuple[object, ...], float] = {}
        self._lock = threading.Lock()

    def __call__(self, error: BaseException, where: str) -> None:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = (type(error), trace.tb_frame.f_code if trace else None, trace.tb_lineno if trace else 0)
        now_s = time.monotonic()
        with self._lock:
            if now_s - self._seen.get(place, -REPEAT_S) < REPEAT_S:
                return
            self._seen[place] = now_s
        log.error("unexpected error in %s", where, exc_info=error)
        try:
            self._app.report(error)
        except Exception:
            log.exception("the error could not be shown")


@contextlib.contextmanager
def _errors_reported(app: Application, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    reporter = _Reporter(app)

    def in_slot(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if isinstance(error, KeyboardInterrupt):
            app.request_close()
        else:
            reporter(error.with_traceback(trace), "a slot")

    def in_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None and not isinstance(args.exc_value, SystemExit):
            name = args.thread.name if args.thread else "a thread"
            loop.call_soon_threadsafe(reporter, args.exc_value, name)

    def in_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            reporter(error, str(context.get("message", "the loop")))
        else:
            log.error("the window's loop: %s", context.get("message"))

    slot_hook, thread_hook = sys.excepthook, threading.excepthook
    sys.excepthook, threading.excepthook = in_slot, in_thread
    loop.set_exception_handler(in_loop)
    try:
        yield
    finally:
        sys.excepthook, threading.excepthook = slot_hook, thread_hook


@contextlib.contextmanager
def _signals_close(app: Application, loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def asked() -> None:
        for number in before:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_DFL)
        app.request_close()

    for number in before:
        if sys.platform == "win32":  # no add_signal_handler: this waits for the next Python code of the window
            signal.signal(number, lambda *_: app.request_close())
        else:
            loop.add_signal_handler(number, asked)
    try:
        yield
    finally:
        for number, handler in before.items():
            if sys.platform != "win32":
                loop.remove_signal_handler(number)
            signal.signal(number, handler)


@contextlib.contextmanager
def _qt_messages_logged() -> Iterator[None]:
    def handler(kind: QtMsgType, context: QMessageLogContext, message: str) -> None:
        level = logging.DEBUG if message.startswith(_HARMLESS) else _LEVELS.get(kind, logging.WARNING)
        with contextlib.suppress(Exception):  # Qt cannot carry an exception
            qt_log.log(level, "%s: %s", context.category or "default", message)

    before = qInstallMessageHandler(handler)
    try:
        yield
    finally:
        qInstallMessageHandler(before)
