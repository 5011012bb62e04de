"""QuietScrollBar: a scroll bar that lies over its area and shows only while one scrolls or points at the area."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractScrollArea, QScrollBar, QStyle, QStyleOptionSlider

from groqdesk.ui.controls.painting import Hovered, box
from groqdesk.ui.theme import Theme, theme, themed

SHOWN_MS = 900


class QuietScrollBar(Hovered, QScrollBar):
    """10 px lane, 6 px thumb. `lie_over(area)` makes it the vertical bar of an area that keeps its whole width."""

    def __init__(self, area: QAbstractScrollArea) -> None:
        super().__init__(Qt.Orientation.Vertical, area)
        self._area = area
        self._pointed = False
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(SHOWN_MS)
        self._rest.timeout.connect(self.update)
        self.valueChanged.connect(self._on_value_changed)
        self.setAccessibleName("Scroll bar")
        area.viewport().installEventFilter(self)
        themed(self)

    @classmethod
    def lie_over(cls, area: QAbstractScrollArea) -> QuietScrollBar:
        """Replaces the area's vertical scroll bar by one that takes no room."""
        bar = cls(area)
        area.setVerticalScrollBar(bar)
        # Without a bar there would be no lane, and the viewport would reach beyond the area.
        area.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        bar.apply_theme(theme())
        return bar

    def apply_theme(self, theme: Theme) -> None:
        """The lane follows the text size; the area's viewport reaches below it."""
        lane = theme.size("scrollbar")
        self.setFixedWidth(lane)
        self._area.setViewportMargins(0, 0, -lane, 0)
        holder = self.parentWidget()
        if holder is not None and holder is not self._area:
            holder.raise_()
        self.update()

    @property
    def shown(self) -> bool:
        """Whether the thumb is painted."""
        return self.maximum() > self.minimum() and (
            self._hovered or self._pointed or self.isSliderDown() or self._rest.isActive()
        )

    def _on_value_changed(self, _value: int) -> None:
        self._rest.start()
        self.update()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The pointer is over the area."""
        if event.type() in (QEvent.Type.Enter, QEvent.Type.Leave):
            self._pointed = event.type() == QEvent.Type.Enter
            self.update()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """The thumb, or nothing."""
        if not self.shown:
            return
        look = theme()
        option = QStyleOptionSlider()
        self.initStyleOption(option)
        part = QStyle.SubControl.SC_ScrollBarSlider
        thumb = QRectF(self.style().subControlRect(QStyle.ComplexControl.CC_ScrollBar, option, part, self))
        inset = look.px(2)
        strong = self._hovered or self.isSliderDown()
        color = look.color("text.tertiary" if strong else "border.strong")
        box(QPainter(self), thumb.adjusted(inset, inset, -inset, -inset), look.px(3), color, None)
