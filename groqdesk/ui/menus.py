"""Menus in the look of the design, made at the moment they open."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QMenu, QWidget

from groqdesk.ui.compositor import cut_corners, let_corners_show
from groqdesk.ui.theme import theme


class _Menu(QMenu):
    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        cut_corners(self, theme().radius("md"))


def menu(parent: QWidget, name: str) -> QMenu:
    """An empty menu with rounded corners and no shadow of the system; it deletes itself when it closes."""
    made = _Menu(parent)
    made.setAccessibleName(name)
    made.setWindowFlags(made.windowFlags() | Qt.WindowType.FramelessWindowHint | Qt.WindowType.NoDropShadowWindowHint)
    let_corners_show(made)
    made.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    made.setToolTipsVisible(True)
    return made
