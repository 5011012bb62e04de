"""Menus in the look of the design, made at the moment they open."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMenu, QWidget


def menu(parent: QWidget, name: str) -> QMenu:
    """An empty menu with rounded corners and no shadow of the system; it deletes itself when it closes."""
    made = QMenu(parent)
    made.setAccessibleName(name)
    made.setWindowFlags(made.windowFlags() | Qt.WindowType.FramelessWindowHint | Qt.WindowType.NoDropShadowWindowHint)
    made.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    made.setToolTipsVisible(True)
    return made
