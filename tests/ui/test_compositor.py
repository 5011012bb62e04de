"""Corners under a real X server without a compositor, with one, and where nobody can be asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QPoint
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QWidget

from groqdesk.ui import compositor
from groqdesk.ui.controls import Popover
from groqdesk.ui.menus import menu
from tests.desktop import Desktop, desktop

ROOT = Path(__file__).resolve().parents[2]
x_server = pytest.mark.skipif(not shutil.which("Xvfb") or not shutil.which("openbox"), reason="needs Xvfb and openbox")

CLAIM = """
    import sys
    from PySide6.QtWidgets import QApplication
    import ctypes
    app = QApplication([])
    from groqdesk.ui.compositor import compositor_runs
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    for f in (x11.XInternAtom, x11.XDefaultRootWindow, x11.XCreateSimpleWindow): f.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x11.XOpenDisplay(None))
    root = ctypes.c_ulong(x11.XDefaultRootWindow(display))
    window = ctypes.c_ulong(x11.XCreateSimpleWindow(display, root, 0, 0, 1, 1, 0, ctypes.c_ulong(0), ctypes.c_ulong(0)))
    atom = ctypes.c_ulong(x11.XInternAtom(display, b"_NET_WM_CM_S0", 0))
    x11.XSetSelectionOwner(display, atom, window, ctypes.c_ulong(0))
    x11.XSync(display, 0)
    print(compositor_runs(sys.argv[1]))
"""
SHOWN = """
    import sys
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication, QWidget
    from groqdesk.ui.controls import Popover, Label
    from groqdesk.ui.theme import ThemeController
    app = QApplication([])
    look = ThemeController(app, mode="light", reduced_motion=True)
    ground = QWidget(); ground.setWindowTitle("ground"); ground.resize(600, 400)
    ground.setStyleSheet("background: white"); ground.show()
    card = Popover(name="card", parent=ground); card.body.addWidget(Label("A card of some width"))
    def show():
        card.open_at(ground); card.move(ground.mapToGlobal(ground.rect().center()))
        QTimer.singleShot(400, lambda: print(card.x(), card.y(), card.width(), card.height(), flush=True))
    QTimer.singleShot(600, show)
    QTimer.singleShot(20000, app.quit)
    app.exec()
"""


def run(code: str, screen: Desktop, **more: Any) -> Any:
    environment = {**os.environ, **screen.environment, "QT_QPA_PLATFORM": "xcb", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(code), screen.environment["DISPLAY"]]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, **more)


@x_server
def test_owner_of_the_selection_tells_of_a_compositor() -> None:
    with desktop() as screen:
        assert not compositor.compositor_runs(screen.environment["DISPLAY"])
        with run(CLAIM, screen) as claim:
            assert claim.communicate(timeout=60)[0].split() == ["True"]


@x_server
@pytest.mark.skipif(not shutil.which("import"), reason="needs ImageMagick")
def test_corners_of_a_popover_show_what_is_below(tmp_path: Path) -> None:
    with desktop() as screen, run(SHOWN, screen) as shown:
        x, y, width, height = map(int, shown.stdout.readline().split())
        picture = QImage(str(screen.picture(tmp_path / "screen.png")))
        shown.terminate()
        for corner in (QPoint(x, y), QPoint(x + width - 1, y), QPoint(x, y + height - 1)):
            assert picture.pixelColor(corner).name() == "#ffffff"
        edge = picture.pixelColor(QPoint(x + width // 2, y)).name()
        assert edge not in ("#ffffff", "#000000")


def test_who_cannot_be_asked_blends() -> None:
    def missing(name: str | None) -> Any:
        raise OSError(name)

    assert compositor.compositor_runs(":1", missing)
    assert compositor.compositor_runs(":99999")


@pytest.mark.qt_log_ignore("This plugin does not support")
@pytest.mark.parametrize("blends", [True, False])
def test_corners_are_translucent_or_cut(qtbot: Any, monkeypatch: pytest.MonkeyPatch, blends: bool) -> None:
    monkeypatch.setattr(compositor, "blends", lambda: blends)
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    made: tuple[Callable[[], QWidget], ...] = (
        lambda: Popover(name="card", parent=window),
        lambda: menu(window, "menu"),
    )
    for make in made:
        card = make()
        card.resize(200, 100)
        card.show()
        mask = card.mask()
        assert mask.isEmpty() is blends
        if not blends:
            assert not mask.contains(QPoint(0, 0))
            assert mask.contains(QPoint(100, 0))
            assert mask.contains(QPoint(199, 50))
        card.close()
