"""What several controls paint the same way: boxes with a hairline, a hover fade, lamps and dots."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QVariantAnimation
from PySide6.QtGui import QColor, QEnterEvent, QPainter, QPainterPath, QPen
from PySide6.QtWidgets import QWidget

from groqdesk.ui.theme import Theme, theme

if TYPE_CHECKING:
    _Mixed = QWidget
else:
    _Mixed = object  # two Qt classes cannot be bases of one

LampState = Literal["healthy", "testing", "open", "off"]


def box(
    painter: QPainter, rect: QRectF, radius: float, fill: QColor | None, border: QColor | None, width: float = 1.0
) -> None:
    """A rounded rectangle whose border lies inside `rect`; None leaves fill or border out."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(border, width) if border is not None else Qt.PenStyle.NoPen)
    painter.setBrush(fill if fill is not None else Qt.BrushStyle.NoBrush)
    inset = width / 2 if border is not None else 0.0
    inner = rect.adjusted(inset, inset, -inset, -inset)
    painter.drawRoundedRect(inner, max(0.0, radius - inset), max(0.0, radius - inset))


def mixed(first: QColor, second: QColor, share: float) -> QColor:
    """`first` at share 0, `second` at share 1, linear between, alpha too."""
    if share <= 0:
        return first
    if share >= 1:
        return second
    # A transparent colour is black underneath; take the other's hue so that a fade does not darken.
    a = QColor(second.red(), second.green(), second.blue(), 0) if first.alpha() == 0 else first
    b = QColor(first.red(), first.green(), first.blue(), 0) if second.alpha() == 0 else second
    return QColor(
        round(a.red() + (b.red() - a.red()) * share),
        round(a.green() + (b.green() - a.green()) * share),
        round(a.blue() + (b.blue() - a.blue()) * share),
        round(a.alpha() + (b.alpha() - a.alpha()) * share),
    )


class Fade(QVariantAnimation):
    """A value between 0 and 1 that runs to its goal in the theme's fast time and repaints its widget."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._widget = widget
        self.share = 0.0
        self.valueChanged.connect(self._on_value)

    def go(self, goal: float) -> None:
        """Starts towards `goal`; arrives at once with reduced motion or while the widget is hidden."""
        current = theme()
        duration_ms = current.motion("fast")
        self.stop()
        if duration_ms == 0 or not self._widget.isVisible():
            self._on_value(goal)
            return
        self.setEasingCurve(current.easing)
        self.setDuration(duration_ms)
        self.setStartValue(self.share)
        self.setEndValue(goal)
        self.start()

    def _on_value(self, value: float) -> None:
        self.share = float(value)
        self._widget.update()


class Hovered(_Mixed):
    """Before a widget class: knows whether the pointer is over it, and repaints when that changes."""

    _hovered = False

    def enterEvent(self, event: QEnterEvent) -> None:
        """Hover begins."""
        super().enterEvent(event)
        self._hovered = True
        self.update()

    def leaveEvent(self, event: QEvent) -> None:
        """Hover ends."""
        super().leaveEvent(event)
        self._hovered = False
        self.update()


class FadingHover(_Mixed):
    """Before a widget class: `_hover.share` goes to 1 under the pointer and back."""

    @functools.cached_property
    def _hover(self) -> Fade:
        return Fade(self)

    def enterEvent(self, event: QEnterEvent) -> None:
        """Hover begins."""
        super().enterEvent(event)
        self._hover.go(1.0)

    def leaveEvent(self, event: QEvent) -> None:
        """Hover ends."""
        super().leaveEvent(event)
        self._hover.go(0.0)


def lamp(painter: QPainter, rect: QRectF, state: LampState, look: Theme) -> None:
    """A provider's state as a shape: filled disc, half disc, cross or ring (never by colour alone)."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    side = min(rect.width(), rect.height())
    area = QRectF(0, 0, side, side)
    area.moveCenter(rect.center())
    line = side / 5
    inner = area.adjusted(line / 2, line / 2, -line / 2, -line / 2)
    if state == "healthy":
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(look.color("success.graphic"))
        painter.drawEllipse(area)
    elif state == "testing":
        color = look.color("warning.graphic")
        painter.setPen(QPen(color, line))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(inner)
        half = QPainterPath(area.center())
        half.arcTo(inner, 90, 180)
        half.closeSubpath()
        painter.fillPath(half, color)
    elif state == "open":
        pen = QPen(look.color("danger.graphic"), line * 1.2)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.drawLine(inner.topLeft(), inner.bottomRight())
        painter.drawLine(inner.topRight(), inner.bottomLeft())
    else:
        painter.setPen(QPen(look.color("text.tertiary"), line))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(inner)


def dot(painter: QPainter, center: QPointF, diameter: float, color: QColor) -> None:
    """A filled circle."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(color)
    painter.drawEllipse(center, diameter / 2, diameter / 2)
