"""The window's loop, each test in a process of its own: one process has one QApplication."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PRELUDE = """
import asyncio, gc, logging, os, signal, sys, threading
from contextlib import aclosing
from PySide6.QtCore import QObject, QTimer, Qt, Signal
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from groqdesk.engine import ThreadEngine
from groqdesk.ui.loop import Application, run

logging.basicConfig(level=logging.DEBUG, format="%(name)s %(levelname)s %(message)s")

def say(*words):
    print(*words, flush=True)

async def until(condition):
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)
"""


def start(script: str) -> subprocess.Popen[str]:
    code = PRELUDE + textwrap.dedent(script) + "\nsys.exit(run(main, ['groqdesk']))\n"
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen"},
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, list[str], str]:
    """Exit code, lines said, stderr."""
    out, err = process.communicate(timeout=60)
    return process.returncode, out.splitlines(), err


def test_main_decides_the_exit_code() -> None:
    code, said, err = finish(
        start("""
        async def main(app):
            assert app is QApplication.instance()
            say(app.applicationName(), app.quitOnLastWindowClosed(), sys.getswitchinterval())
            await asyncio.sleep(0.01)
            return 7
        """)
    )
    assert (code, said) == (7, ["groqdesk False 0.001"]), err


def test_an_exception_of_main_is_raised_and_the_hooks_are_given_back() -> None:
    code, said, err = finish(
        start("""
        async def main(app):
            raise LookupError("the data is too new")

        before = sys.excepthook, threading.excepthook, signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        try:
            run(main, ["groqdesk"])
        except LookupError as error:
            say(error)
        after = sys.excepthook, threading.excepthook, signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
        say(before == after, gc.isenabled())
        os._exit(0)
        """)
    )
    assert (code, said) == (0, ["the data is too new", "True True"]), err


@pytest.mark.parametrize("quit_call", ["app.quit()", "QApplication.quit()", "QTimer.singleShot(0, app.quit)"])
def test_quitting_qt_asks_main_to_close_and_stops_nothing(quit_call: str) -> None:
    code, said, err = finish(
        start(f"""
        async def main(app):
            app.close_requested.connect(lambda: say("asked"))
            {quit_call}
            await app.until_close()
            await asyncio.sleep(0.02)
            say("closed in order")
            return 3
        """)
    )
    assert (code, said) == (3, ["asked", "closed in order"]), err


def test_closing_the_last_window_ends_nothing() -> None:
    code, said, err = finish(
        start("""
        async def main(app):
            window = QWidget()
            window.show()
            await asyncio.sleep(0.02)
            window.close()
            await asyncio.sleep(0.05)
            say("still here")
            return 0
        """)
    )
    assert (code, said) == (0, ["still here"]), err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_an_idle_window_to_close(number: signal.Signals) -> None:
    process = start("""
        async def main(app):
            say("ready")
            await app.until_close()
            await asyncio.sleep(0.02)
            say("closed in order")
            return 0
        """)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    code, said, err = finish(process)
    assert (code, said) == (0, ["closed in order"]), err


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_second_signal_ends_a_close_that_hangs(number: signal.Signals) -> None:
    process = start("""
        async def main(app):
            say("ready")
            await app.until_close()
            say("hanging")
            await asyncio.sleep(3600)
        """)
    assert process.stdout is not None
    for line in ("ready\n", "hanging\n"):
        assert process.stdout.readline() == line
        process.send_signal(number)
    assert finish(process)[0] == -number


def test_errors_that_no_coroutine_caught_reach_report_in_the_windows_thread() -> None:
    code, said, err = finish(
        start("""
        class Source(QObject):
            happened = Signal()

        async def lost():
            None.lost

        def thread_work():
            {}["thread"]

        async def main(app):
            told = []

            def report(error):
                assert threading.current_thread() is threading.main_thread()
                told.append(type(error).__name__)

            app.report = report
            source = Source()
            source.happened.connect(lambda: 1 / 0)
            source.happened.emit()
            assert told == ["ZeroDivisionError"], told
            QTimer.singleShot(0, lambda: [][1])
            loop = asyncio.get_running_loop()
            loop.call_soon(lambda: int("soon"))
            thread = threading.Thread(target=thread_work, name="worker")
            thread.start()
            thread.join()
            threading.Thread(target=sys.exit).start()  # an exit is no error
            task = loop.create_task(lost())
            await asyncio.wait([task])
            del task
            gc.collect()
            await until(lambda: len(told) == 5)
            say(*sorted(told))
            return 0
        """)
    )
    assert (code, said) == (0, ["AttributeError IndexError KeyError ValueError ZeroDivisionError"]), err
    for place in ("a slot", "worker", "Task exception was never retrieved"):
        assert f"unexpected error in {place}" in err
    assert "in thread_work\n" in err  # with its traceback


def test_an_error_of_every_frame_is_reported_once_and_a_broken_report_only_logged() -> None:
    code, said, err = finish(
        start("""
        async def main(app):
            told = []

            def report(error):
                told.append(error)
                raise RuntimeError("no card to show it on")

            app.report = report
            timer = QTimer()
            ticks = []
            def tick():
                ticks.append(1)
                raise ValueError("in a paint event")
            timer.timeout.connect(tick)
            timer.start(1)
            await until(lambda: len(ticks) > 20)
            timer.stop()
            say(len(told))
            return 0
        """)
    )
    assert (code, said) == (0, ["1"]), err
    assert err.count("unexpected error in a slot") == 1
    assert err.count("the error could not be shown") == 1


def test_tasks_left_behind_get_their_cleanup() -> None:
    code, said, err = finish(
        start("""
        async def forgotten():
            try:
                await asyncio.sleep(3600)
            finally:
                await asyncio.sleep(0.01)
                say("cleaned up")

        async def main(app):
            asyncio.get_running_loop().create_task(forgotten(), name="forgotten")
            await asyncio.sleep(0)
            return 0
        """)
    )
    assert (code, said) == (0, ["cleaned up"]), err
    assert "task forgotten was left running" in err


def test_what_qt_says_is_logged() -> None:
    code, _, err = finish(
        start("""
        from PySide6.QtCore import qCritical, qWarning

        async def main(app):
            qWarning("a warning of Qt")
            qCritical("an error of Qt")
            qWarning("This plugin does not support raise()")
            return 0
        """)
    )
    assert code == 0
    assert "qt WARNING default: a warning of Qt" in err
    assert "qt ERROR default: an error of Qt" in err
    assert "qt DEBUG default: This plugin does not support raise()" in err


def test_garbage_is_collected_in_the_windows_thread_only() -> None:
    code, said, err = finish(
        start("""
        import weakref

        class Cycle(QTimer):
            def __init__(self):
                super().__init__()
                self.me = self
                self.start(1)

        class Witness:
            def __init__(self, places):
                self.me, self.places = self, places
            def __del__(self):
                self.places.append(threading.current_thread() is threading.main_thread())

        async def allocate(n):
            kept = []
            for _ in range(n):
                kept.append([[]])
            return len(kept)

        async def main(app):
            places = []
            async with ThreadEngine() as engine:
                for _ in range(50):
                    Cycle(), Witness(places)
                    await engine.call(allocate, 5_000)
                await until(lambda: len(places) == 50)
            say(all(places))
            return 0
        """)
    )
    assert (code, said) == (0, ["True"]), err
    assert "another thread" not in err


def test_a_window_that_streams_asks_and_closes_in_order() -> None:
    """What the window relies on, together: streams, an open dialog, a child that is deleted, closing from a signal."""
    code, said, err = finish(
        start("""
        async def ticks(ended):
            n = 0
            try:
                while True:
                    yield n
                    n += 1
                    await asyncio.sleep(0.0005)
            finally:
                await asyncio.sleep(0)
                ended.append(1)

        async def read(engine, ended, seen):
            async with aclosing(engine.stream(ticks, ended)) as batches:
                async for batch in batches:
                    assert batch[0] == len(seen)
                    seen += batch

        async def ask(parent):
            dialog = QDialog(parent)
            answer = asyncio.get_running_loop().create_future()
            dialog.finished.connect(answer.set_result)
            dialog.open()
            QTimer.singleShot(30, dialog.accept)
            try:
                return await answer
            finally:
                dialog.deleteLater()

        async def main(app):
            loop = asyncio.get_running_loop()
            window = QWidget()
            window.show()
            ended, streams = [], [[] for _ in range(10)]
            engine = ThreadEngine()
            engine.start()
            readers = [loop.create_task(read(engine, ended, seen)) for seen in streams]
            before = [len(seen) for seen in streams]
            assert await ask(window) == QDialog.DialogCode.Accepted
            await until(lambda: all(len(seen) > 20 for seen in streams))
            loop.call_later(0.01, lambda: os.kill(os.getpid(), signal.SIGTERM))
            await app.until_close()
            window.hide()
            for reader in readers[:5]:
                reader.cancel()
            await asyncio.wait(readers[:5])
            say(len(ended), all(reader.cancelled() for reader in readers[:5]))
            await engine.close()
            await asyncio.wait(readers)
            say(len(ended), {type(reader.exception()).__name__ for reader in readers[5:]})
            say(threading.active_count())
            return 0
        """)
    )
    assert (code, said) == (0, ["5 True", "10 {'EngineClosed'}", "1"]), err
    assert "ERROR" not in err
