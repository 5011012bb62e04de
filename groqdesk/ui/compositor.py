"""Rounded windows: translucent where a compositor blends them; X11 without one shows black there, so corners are cut off."""

from __future__ import annotations

import ctypes
import functools
import os
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QGuiApplication, QPainterPath, QRegion
from PySide6.QtWidgets import QWidget

Load = Callable[[str | None], Any]


class _Cookie(ctypes.Structure):
    _fields_ = (("sequence", ctypes.c_uint),)


class _Reply(ctypes.Structure):
    """xcb_intern_atom_reply_t and xcb_get_selection_owner_reply_t alike: a head of 8 bytes, then one number."""

    _fields_ = (("head", ctypes.c_uint64), ("number", ctypes.c_uint32))


@functools.cache
def blends() -> bool:
    """Whether the screen blends translucent windows; asked once. Everything but X11 without a compositor does."""
    return QGuiApplication.platformName() != "xcb" or compositor_runs(os.environ.get("DISPLAY", ""))


def compositor_runs(display: str, load: Load = ctypes.CDLL) -> bool:
    """Whether an X server has a compositor: the owner of _NET_WM_CM_S<screen> (Extended Window Manager Hints).

    True also if that cannot be asked.
    """
    try:
        xcb, free = load("libxcb.so.1"), load(None).free
    except OSError:
        return True
    pointer, reply = ctypes.c_void_p, ctypes.POINTER(_Reply)
    free.argtypes = [pointer]
    for name, result, arguments in (
        ("xcb_connect", pointer, [ctypes.c_char_p, ctypes.POINTER(ctypes.c_int)]),
        ("xcb_connection_has_error", ctypes.c_int, [pointer]),
        ("xcb_intern_atom", _Cookie, [pointer, ctypes.c_uint8, ctypes.c_uint16, ctypes.c_char_p]),
        ("xcb_intern_atom_reply", reply, [pointer, _Cookie, pointer]),
        ("xcb_get_selection_owner", _Cookie, [pointer, ctypes.c_uint32]),
        ("xcb_get_selection_owner_reply", reply, [pointer, _Cookie, pointer]),
        ("xcb_disconnect", None, [pointer]),
    ):
        function = getattr(xcb, name)
        function.restype, function.argtypes = result, arguments

    def number(answer: Any) -> int | None:
        if not answer:
            return None
        value = int(answer.contents.number)
        free(answer)
        return value

    screen = ctypes.c_int(0)
    connection = xcb.xcb_connect(display.encode(), ctypes.byref(screen))
    try:
        if xcb.xcb_connection_has_error(connection):
            return True
        selection = f"_NET_WM_CM_S{screen.value}".encode()
        cookie = xcb.xcb_intern_atom(connection, 0, len(selection), selection)
        atom = number(xcb.xcb_intern_atom_reply(connection, cookie, None))
        if atom is None:
            return True
        cookie = xcb.xcb_get_selection_owner(connection, atom)
        return number(xcb.xcb_get_selection_owner_reply(connection, cookie, None)) != 0
    finally:
        xcb.xcb_disconnect(connection)


def let_corners_show(window: QWidget) -> None:
    """Makes the ground of a window see-through where the screen can; to be called before it is shown."""
    if blends():
        window.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)


def cut_corners(window: QWidget, radius: float) -> None:
    """Cuts the corners off where they cannot be see-through; to be called for each size."""
    if not blends():
        path = QPainterPath()
        path.addRoundedRect(QRectF(window.rect()), radius, radius)
        window.setMask(QRegion(path.toFillPolygon().toPolygon()))
