"""Card, Hairline and Skeleton."""

from __future__ import annotations

import time
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from groqdesk.ui.controls.painting import box
from groqdesk.ui.theme import Theme, theme, themed

CardKind = Literal["raised", "sunken", "overlay", "plain", "input"]


class Card(QFrame):
    """A framed area with radius 10; put a layout on it. "overlay" is for what floats (toast, popover)."""

    def __init__(self, kind: CardKind = "raised", *, radius: str = "lg", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._kind: CardKind = kind
        self._radius = radius
        self._strong = False
        themed(self)

    def set_strong_border(self, strong: bool) -> None:
        """A stronger border, for example round the composer while it has focus."""
        self._strong = strong
        self.update()

    def apply_theme(self, theme: Theme) -> None:
        """Repaints."""
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground and hairline; a floating card has a second, outer line instead of a shadow."""
        look = theme()
        painter = QPainter(self)
        rect = QRectF(self.rect())
        radius = look.radius(self._radius)
        fill = None if self._kind == "plain" else look.color(f"bg.{self._kind}")
        if self._kind == "overlay":
            box(painter, rect, radius + 1, None, look.color("border.popoverOuter"))
            box(painter, rect.adjusted(1, 1, -1, -1), radius, fill, look.color("border.strong"))
        else:
            box(painter, rect, radius, fill, look.color("border.strong" if self._strong else "border.default"))


class Hairline(QWidget):
    """A line of 1 px between regions."""

    def __init__(
        self,
        orientation: Qt.Orientation = Qt.Orientation.Horizontal,
        *,
        tone: str = "border.subtle",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._tone = tone
        if orientation == Qt.Orientation.Horizontal:
            self.setFixedHeight(1)
        else:
            self.setFixedWidth(1)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Repaints."""
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The line."""
        QPainter(self).fillRect(self.rect(), theme().color(self._tone))


class Skeleton(QWidget):
    """A block in the place of text that is being loaded: opacity 1 -> .6 -> 1 in 1.2 s, static with reduced motion.

    Show it only after 150 ms of waiting (`Skeleton.DELAY_MS`).
    """

    DELAY_MS = 150
    _PERIOD_S = 1.2

    def __init__(self, width: int = 0, height: int = 12, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Loading")
        self._width = width
        self._height = height
        if not width:
            self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._tick = QTimer(self)
        self._tick.setInterval(50)
        self._tick.timeout.connect(self.update)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes its size; pulses only where motion is wanted."""
        self.setFixedHeight(theme.px(self._height))
        if self._width:
            self.setFixedWidth(theme.px(self._width))
        self._run()

    def sizeHint(self) -> QSize:
        """The size given."""
        return QSize(theme().px(self._width or 120), theme().px(self._height))

    def _run(self) -> None:
        if self.isVisible() and not theme().reduced_motion:
            self._tick.start()
        else:
            self._tick.stop()
        self.update()

    def showEvent(self, event: QShowEvent) -> None:
        """Starts to pulse."""
        self._run()

    def hideEvent(self, event: QHideEvent) -> None:
        """Costs nothing while hidden."""
        self._tick.stop()

    def opacity(self, now_s: float) -> float:
        """The opacity at a moment: a triangle between 1 and .6."""
        if theme().reduced_motion:
            return 1.0
        phase = now_s % self._PERIOD_S / self._PERIOD_S
        return 1.0 - 0.4 * (1 - abs(2 * phase - 1))

    def paintEvent(self, event: QPaintEvent) -> None:
        """The block."""
        look = theme()
        painter = QPainter(self)
        painter.setOpacity(self.opacity(time.monotonic()))
        box(painter, QRectF(self.rect()), look.radius("xs"), look.color("bg.skeleton"), None)
