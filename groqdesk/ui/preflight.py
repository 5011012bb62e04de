"""What Qt needs from a Linux machine, looked at before Qt is imported: without it Qt aborts the process."""

from __future__ import annotations

import ctypes
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any

Load = Callable[[str], Any]

# Library -> Debian's package (Ubuntu's names with t64 provide these). Source: ldd of the wheel's libQt6Gui and plugins.
EVERYWHERE = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
}
X11 = {
    "libxcb.so.1": "libxcb1",
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11-xcb.so.1": "libx11-xcb1",
}
WAYLAND = {
    "libwayland-client.so.0": "libwayland-client0",
    "libwayland-cursor.so.0": "libwayland-cursor0",
}
PACKAGES = EVERYWHERE | X11 | WAYLAND


def preflight(
    environment: Mapping[str, str] = os.environ, platform: str = sys.platform, load: Load = ctypes.CDLL
) -> str | None:
    """What keeps the window from opening, in words with the remedy; None if nothing does or this is not Linux.

    Two displays offered (X11 and Wayland) need one that works. Loads the libraries, connects to the X server.
    """
    if not platform.startswith("linux"):
        return None
    if missing := _missing(EVERYWHERE, load):
        return _install(missing)
    problems = []
    for name in _platforms(environment):
        problem = _problem(name, environment, load)
        if problem is None:
            return None
        problems.append(problem)
    if problems:
        return problems[0]
    return (
        "There is no display: neither DISPLAY nor WAYLAND_DISPLAY is set. Start the window in a desktop session; "
        "the commands work without one (groqdesk --help)."
    )


def missing_library(error: ImportError) -> str | None:
    """The same words for an import of Qt that failed for a system library; None if it failed for another reason."""
    found = re.match(r"(lib[\w.+-]+\.so[.\d]*): cannot open shared object file", str(error))
    return _install([found[1]]) if found else None


def _platforms(environment: Mapping[str, str]) -> list[str]:
    if chosen := environment.get("QT_QPA_PLATFORM", ""):
        return [name.split(":")[0] for name in chosen.split(";")]
    offered = []
    if environment.get("WAYLAND_DISPLAY"):
        offered.append("wayland")
    if environment.get("DISPLAY"):
        offered.append("xcb")
    return offered


def _problem(name: str, environment: Mapping[str, str], load: Load) -> str | None:
    if name == "xcb":
        if missing := _missing(X11, load):
            return _install(missing)
        display = environment.get("DISPLAY", "")
        if not _x_server_answers(display, load):
            return f"No X server answers at DISPLAY={display!r}. Start the window in a desktop session."
    elif name.startswith("wayland") and (missing := _missing(WAYLAND, load)):
        return _install(missing)
    return None  # offscreen and the rest need no display


def _missing(libraries: Mapping[str, str], load: Load) -> list[str]:
    missing = []
    for name in libraries:
        try:
            load(name)
        except OSError:
            missing.append(name)
    return missing


def _install(missing: list[str]) -> str:
    named = f"The system library {missing[0]} is" if len(missing) == 1 else f"The system libraries {_list(missing)} are"
    packages = [PACKAGES[name] for name in missing if name in PACKAGES]
    remedy = f" Install with: sudo apt-get install {' '.join(packages)}" if packages else ""
    return f"{named} missing; the window needs {'it' if len(missing) == 1 else 'them'}.{remedy}"


def _list(names: list[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1]


def _x_server_answers(display: str, load: Load) -> bool:
    xcb = load("libxcb.so.1")
    xcb.xcb_connect.restype = ctypes.c_void_p
    xcb.xcb_connect.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    xcb.xcb_connection_has_error.argtypes = [ctypes.c_void_p]
    xcb.xcb_disconnect.argtypes = [ctypes.c_void_p]
    connection = xcb.xcb_connect(display.encode(), None)
    try:
        return not xcb.xcb_connection_has_error(connection)
    finally:
        xcb.xcb_disconnect(connection)  # also right for a connection that failed
