"""Start: from the command to a usable window, and the memory then, beside an empty PySide6 window.

    python -m benchmarks.start [--check] [--quick]

Each start is a process of its own; time runs from before the interpreter starts until the window has painted and its
conversations are shown. Milliseconds depend on the machine and are printed only; the ratio of CPU time is what `--check` holds.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks._measure import Targets, arguments

CPU_RATIO = 9.0  # CPU until usable over an empty PySide6 window's; 8.0 was measured


def _report(began_s: float) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if Path("/proc/self/statm").exists() else 0
    found = {
        "wall_ms": (time.monotonic() - began_s) * 1000,
        "cpu_ms": (used.ru_utime + used.ru_stime) * 1000,
        "rss_mb": pages * os.sysconf("SC_PAGE_SIZE") / 1e6 if pages else used.ru_maxrss / 1e3,
    }
    print(json.dumps(found), flush=True)


def _empty(began_s: float) -> None:
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QWidget

    app = QApplication([])
    window = QWidget()
    window.resize(1280, 832)
    window.show()

    def painted() -> None:
        _report(began_s)
        app.quit()

    QTimer.singleShot(0, painted)
    app.exec()


def _groqdesk(began_s: float, data: str) -> None:
    import asyncio

    from PySide6.QtCore import QEvent, QObject

    import groqdesk.ui.import_hook  # noqa: F401, first, as the window does
    from groqdesk.app import Options, open_app
    from groqdesk.engine import ThreadEngine
    from groqdesk.ui.loop import Application, run
    from groqdesk.ui.main import Desk
    from groqdesk.ui.theme import ThemeController

    class Painted(QObject):
        """Notices the first paint of a widget."""

        def __init__(self) -> None:
            super().__init__()
            self.seen = asyncio.Event()

        def eventFilter(self, watched: QObject, event: QEvent) -> bool:
            if event.type() == QEvent.Type.Paint:
                self.seen.set()
            return False

    async def main(application: Application) -> int:
        look = ThemeController(application)
        async with ThreadEngine() as engine, open_app(Options(data_dir=data), engine, window=True) as house:
            await house.settings_store.save({"first_run_done": True})  # the start that counts is an ordinary one
            desk = Desk(house, look)
            painted = Painted()
            desk.window.installEventFilter(painted)
            desk.start()
            await painted.seen.wait()
            await desk.chat.scope.settled()
            _report(began_s)
            await desk.close()
        return 0

    run(main, ["groqdesk"])


def _once(kind: str, data: str) -> dict[str, float]:
    environment = {**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM") or "offscreen"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # a person's start finds its bytecode cached
    environment["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
    command = [sys.executable, "-m", "benchmarks.start", "child", kind, repr(time.monotonic()), data]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[0])
    return found


def main() -> int:
    if sys.argv[1:2] == ["child"]:
        kind, began_s, data = sys.argv[2], float(sys.argv[3]), sys.argv[4]
        _empty(began_s) if kind == "empty" else _groqdesk(began_s, data)
        return 0
    parsed = arguments(__doc__ or "")
    rounds = 3 if parsed.quick else 7
    with tempfile.TemporaryDirectory(prefix="groqdesk-start-") as data:
        _once("groqdesk", data)  # makes the database and warms the file cache
        _once("empty", data)
        runs = [(_once("empty", data), _once("groqdesk", data)) for _ in range(rounds)]
    for name, place in (("empty PySide6 window", 0), ("groqdesk, usable window", 1)):
        wall, cpu, rss = (
            statistics.median(pair[place][key] for pair in runs) for key in ("wall_ms", "cpu_ms", "rss_mb")
        )
        print(f"  {name:<28} {wall:7.0f} ms   {cpu:7.0f} ms CPU   {rss:6.0f} MB resident")
    targets = Targets()
    ratio = statistics.median(pair[1]["cpu_ms"] / pair[0]["cpu_ms"] for pair in runs)
    targets.at_most("CPU to a usable window over an empty PySide6 window's", ratio, CPU_RATIO, "x")
    return targets.exit_code(check=parsed.check)


if __name__ == "__main__":
    raise SystemExit(main())
