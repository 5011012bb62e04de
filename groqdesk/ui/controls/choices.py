"""Toggle, Checkbox and Radio: Qt's own buttons for keyboard and screen readers, painted in the look of the design."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QCheckBox, QRadioButton, QWidget

from groqdesk.ui.controls.painting import Fade, box, dot, mixed
from groqdesk.ui.theme import Theme, theme, themed

if TYPE_CHECKING:
    _Mixed = QAbstractButton
else:
    _Mixed = object

_TEXT_FLAGS = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextHideMnemonic)


_CHECK = ((0.25, 0.52), (0.43, 0.70), (0.76, 0.32))
_BAR = ((0.28, 0.5), (0.72, 0.5))


class _Choice(_Mixed):
    """Size and text that checkbox, radio and toggle share; before Qt's class."""

    mark_width = 16
    mark_height = 16

    def _begin(self, name: str) -> None:
        self.setAccessibleName(name)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and sizes."""
        self.setFont(theme.font("body"))
        self._mark = QSize(theme.px(self.mark_width), theme.px(self.mark_height))
        self._gap = theme.px(8)
        self._height = max(theme.px(24), theme.line_height("body"))
        self.setFixedHeight(self._height)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Mark, gap and text."""
        text = self.fontMetrics().horizontalAdvance(self.text()) + 2 if self.text() else 0
        return QSize(self._mark.width() + (self._gap + text if text else 0), self._height)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def hitButton(self, pos: object) -> bool:
        """Mark and text both count."""
        return True

    def _mark_rect(self) -> QRectF:
        x = 0 if self.layoutDirection() == Qt.LayoutDirection.LeftToRight else self.width() - self._mark.width()
        return QRectF(x, (self.height() - self._mark.height()) / 2, self._mark.width(), self._mark.height())

    def _draw_text(self, painter: QPainter) -> None:
        painter.setPen(theme().color("text.primary" if self.isEnabled() else "text.disabled"))
        shift = self._mark.width() + self._gap
        area = QRectF(self.rect())
        if self.layoutDirection() == Qt.LayoutDirection.LeftToRight:
            area.setLeft(shift)
        else:
            area.setRight(self.width() - shift)
        painter.drawText(area, _TEXT_FLAGS, self.text())


class Checkbox(_Choice, QCheckBox):
    """16 px box with text; off, on, partly. Accent only when checked."""

    def __init__(self, text: str, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self._begin(name or text)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Box with check or bar, then the text."""
        look = theme()
        painter = QPainter(self)
        rect = self._mark_rect()
        state = self.checkState()
        if state == Qt.CheckState.Unchecked or not self.isEnabled():
            border = look.color("border.control" if self.isEnabled() else "border.subtle")
            box(painter, rect, look.radius("xs"), look.color("bg.input") if self.isEnabled() else None, border)
        else:
            fill = look.color("accent.fill")
            box(painter, rect, look.radius("xs"), fill, fill)
        if state != Qt.CheckState.Unchecked:
            # Heavier than the icon of the same shape, which would be under 1 px at this size.
            pen = QPen(look.color("text.onAccent" if self.isEnabled() else "text.disabled"), rect.width() / 9)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
            painter.setPen(pen)
            marks = _CHECK if state == Qt.CheckState.Checked else _BAR
            painter.drawPolyline([QPointF(rect.x() + x * rect.width(), rect.y() + y * rect.height()) for x, y in marks])
        self._draw_text(painter)


class Radio(_Choice, QRadioButton):
    """16 px circle with text; arrows move within its parent's radios."""

    def __init__(self, text: str, *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setProperty("focusRing", 8)
        self._begin(name or text)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Circle, the dot when chosen, then the text."""
        look = theme()
        painter = QPainter(self)
        rect = self._mark_rect()
        if self.isChecked() and self.isEnabled():
            fill = look.color("accent.fill")
            box(painter, rect, rect.width() / 2, fill, fill)
            dot(painter, QPointF(rect.center()), rect.width() * 3 / 8, look.color("text.onAccent"))
        else:
            border = look.color("border.control" if self.isEnabled() else "border.subtle")
            box(painter, rect, rect.width() / 2, look.color("bg.input") if self.isEnabled() else None, border)
            if self.isChecked():
                dot(painter, QPointF(rect.center()), rect.width() * 3 / 8, look.color("text.disabled"))
        self._draw_text(painter)


class Toggle(_Choice, QCheckBox):
    """A 30x18 switch; on is neutral (text.primary with a base-coloured knob). Give `name` when it has no text."""

    mark_width = 30
    mark_height = 18

    def __init__(self, text: str = "", *, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        if not (name or text):
            raise ValueError("a toggle needs a name")
        self.setProperty("focusRing", 9)
        self._slide = Fade(self)
        self.toggled.connect(lambda on: self._slide.go(1.0 if on else 0.0))
        self._begin(name or text)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Track and knob, then the text."""
        look = theme()
        painter = QPainter(self)
        rect = self._mark_rect()
        share = self._slide.share
        enabled = self.isEnabled()
        off, on = look.color("bg.active"), look.color("text.primary" if enabled else "border.strong")
        border = mixed(look.color("border.control" if enabled else "border.default"), on, share)
        box(painter, rect, rect.height() / 2, mixed(off, on, share), border)
        knob = mixed(look.color("text.secondary" if enabled else "text.disabled"), look.color("bg.base"), share)
        travel = share if self.layoutDirection() == Qt.LayoutDirection.LeftToRight else 1 - share
        center = QPointF(rect.x() + rect.height() / 2 + travel * (rect.width() - rect.height()), rect.center().y())
        dot(painter, center, rect.height() - look.px(6), knob)
        if self.text():
            self._draw_text(painter)
