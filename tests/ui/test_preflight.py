"""The look at the machine before Qt is imported."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from groqdesk.ui.preflight import EVERYWHERE, PACKAGES, WAYLAND, X11, missing_library, preflight

ROOT = Path(__file__).resolve().parents[2]

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="libraries of Linux")


class Machine:
    """A machine with every library except some, and an X server or none."""

    def __init__(self, *missing: str, x_server: bool = True) -> None:
        self.missing = missing
        self.x_server = x_server
        self.connections = 0

    def load(self, name: str) -> Any:
        if name in self.missing:
            raise OSError(f"{name}: cannot open shared object file: No such file or directory")
        return self if name == "libxcb.so.1" else object()

    def __getattr__(self, name: str) -> Any:
        assert name.startswith("xcb_")
        function = type(self).__dict__["_" + name.removeprefix("xcb_")]

        self.__dict__[name] = foreign = functools.partial(
            function, self
        )  # takes attributes, as a foreign function does
        return foreign

    def _connect(self, display: bytes, _: None) -> int:
        self.connections += 1
        return 42

    def _connection_has_error(self, connection: int) -> int:
        return 0 if self.x_server else 1

    def _disconnect(self, connection: int) -> None:
        assert connection == 42
        self.connections -= 1


def test_nothing_is_missing() -> None:
    machine = Machine()
    assert preflight({"DISPLAY": ":0"}, "linux", machine.load) is None
    assert machine.connections == 0


def test_other_systems_are_not_looked_at() -> None:
    assert preflight({}, "darwin", Machine(*EVERYWHERE).load) is None
    assert preflight({}, "win32", Machine(*EVERYWHERE).load) is None


def test_no_display_is_said_with_what_still_works() -> None:
    said = preflight({}, "linux", Machine().load)
    assert said is not None
    assert said.startswith("There is no display: neither DISPLAY nor WAYLAND_DISPLAY is set.")
    assert "groqdesk --help" in said


def test_one_missing_library_is_named_with_its_package() -> None:
    assert preflight({"DISPLAY": ":0"}, "linux", Machine("libxcb-cursor.so.0").load) == (
        "The system library libxcb-cursor.so.0 is missing; the window needs it. "
        "Install with: sudo apt-get install libxcb-cursor0"
    )


def test_several_missing_libraries_come_in_one_command() -> None:
    machine = Machine("libxcb-cursor.so.0", "libxcb-xkb.so.1", "libxkbcommon-x11.so.0")
    assert preflight({"DISPLAY": ":0"}, "linux", machine.load) == (
        "The system libraries libxcb-cursor.so.0, libxcb-xkb.so.1 and libxkbcommon-x11.so.0 are missing; "
        "the window needs them. Install with: sudo apt-get install libxcb-cursor0 libxcb-xkb1 libxkbcommon-x11-0"
    )


@pytest.mark.parametrize("library", [*EVERYWHERE, *X11])
def test_each_library_of_an_x11_window_is_looked_for(library: str) -> None:
    said = preflight({"DISPLAY": ":0"}, "linux", Machine(library).load)
    assert said is not None
    assert library in said
    assert said.endswith(PACKAGES[library])


@pytest.mark.parametrize("library", [*EVERYWHERE, *WAYLAND])
def test_each_library_of_a_wayland_window_is_looked_for(library: str) -> None:
    said = preflight({"WAYLAND_DISPLAY": "wayland-0"}, "linux", Machine(library).load)
    assert said is not None
    assert said.endswith(PACKAGES[library])


def test_of_two_displays_one_that_works_is_enough() -> None:
    both = {"WAYLAND_DISPLAY": "wayland-0", "DISPLAY": ":0"}
    assert preflight(both, "linux", Machine("libxcb-cursor.so.0").load) is None
    assert preflight(both, "linux", Machine("libwayland-client.so.0").load) is None
    said = preflight(both, "linux", Machine("libwayland-client.so.0", "libxcb-cursor.so.0").load)
    assert said is not None
    assert "libwayland-client0" in said


def test_a_display_that_nobody_serves() -> None:
    machine = Machine(x_server=False)
    said = preflight({"DISPLAY": ":9"}, "linux", machine.load)
    assert said == "No X server answers at DISPLAY=':9'. Start the window in a desktop session."
    assert machine.connections == 0


def test_a_chosen_platform_is_taken_at_its_word() -> None:
    bare = Machine(*X11, *WAYLAND)
    assert preflight({"QT_QPA_PLATFORM": "offscreen"}, "linux", bare.load) is None
    assert preflight({"QT_QPA_PLATFORM": "vnc:size=800x600"}, "linux", bare.load) is None
    said = preflight({"QT_QPA_PLATFORM": "xcb"}, "linux", Machine("libxcb-shm.so.0").load)
    assert said is not None
    assert "libxcb-shm0" in said
    assert preflight({"QT_QPA_PLATFORM": "xcb;offscreen"}, "linux", bare.load) is None


def test_an_import_that_failed_for_a_library_is_explained() -> None:
    error = ImportError("libEGL.so.1: cannot open shared object file: No such file or directory")
    assert missing_library(error) == (
        "The system library libEGL.so.1 is missing; the window needs it. Install with: sudo apt-get install libegl1"
    )
    unknown = missing_library(ImportError("libnew-2.so.7: cannot open shared object file: No such file or directory"))
    assert unknown == "The system library libnew-2.so.7 is missing; the window needs it."
    assert missing_library(ImportError("No module named 'PySide6'")) is None


@linux
def test_this_machine_can_show_windows_offscreen() -> None:
    assert preflight({"QT_QPA_PLATFORM": "offscreen"}) is None


@linux
def test_it_loads_no_qt() -> None:
    code = "import sys; import groqdesk.ui.preflight as p; p.preflight({}); print('PySide6' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "False\n"


@pytest.mark.system
@linux
def test_it_agrees_with_qt_about_a_real_x_server() -> None:
    if shutil.which("Xvfb") is None:
        assert os.environ.get("CI") != "true", "CI installs Xvfb"
        pytest.skip("Xvfb is not installed")
    read, write = os.pipe()
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", "640x480x24", "-nolisten", "tcp"],
        pass_fds=[write],
        stderr=subprocess.DEVNULL,
    )
    os.close(write)
    try:
        with os.fdopen(read) as lines:
            display = f":{lines.readline().strip()}"
        assert preflight({"DISPLAY": display}) is None
        environment = {k: v for k, v in os.environ.items() if k not in ("QT_QPA_PLATFORM", "WAYLAND_DISPLAY")}
        code = "from PySide6.QtWidgets import QApplication; print(QApplication([]).platformName())"
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment | {"DISPLAY": display}, capture_output=True, text=True
        )
        assert done.stdout == "xcb\n", done.stderr
    finally:
        server.terminate()
        server.wait()
    said = preflight({"DISPLAY": display})
    assert said is not None
    assert said.startswith("No X server answers")
