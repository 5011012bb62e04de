"""What panels at the sides need: a grip to resize them, a scrim below them where they cover the page."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from groqdesk.ui.theme import theme


class Grip(QWidget):
    """The 7 px at a panel's edge that resize it."""

    dragged = Signal(int)
    released = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setCursor(Qt.CursorShape.SplitHCursor)
        self._from = QPoint()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._from = event.globalPosition().toPoint()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        here = event.globalPosition().toPoint()
        self.dragged.emit(here.x() - self._from.x())
        self._from = here

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.released.emit()


class Scrim(QWidget):
    """Darkens what an overlay covers; a click closes the overlay."""

    clicked = Signal()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.clicked.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        QPainter(self).fillRect(self.rect(), theme().color("scrim"))
