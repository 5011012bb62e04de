"""Toggle, Checkbox and Radio: Qt's own buttons for keyboard and screen readers, painted in the look of the design."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QCheckBox, QRadioButton, QWidget

from groqdesk.ui.controls.painting import Fade, box, dot, mixed
from groqdesk.ui.theme import Theme, theme, themed

_TEXT_FLAGS = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextHideMnemonic)


_CHECK = ((0.25, 0.52), (0.43, 0.70), (0.76, 0.32))
_BAR = ((0.28, 0.5), (0.72, 0.5))


class _Choice:
    """Size and text that checkbox, radio and toggle share."""

    mark_width = 16
    mark_height = 16

    def measure(self, theme: Theme, widget: QCheckBox | QRadioButton) -> None:
        widget.setFont(theme.font("body"))
        self._mark = QSize(theme.px(self.mark_width), theme.px(self.mark_height))
        self._gap = theme.px(8)
        self._height = max(theme.px(24), theme.line_height("body"))
        widget.setFixedHeight(self._height)
        widget.updateGeometry()
        widget.update()

    def hint(self, widget: QCheckBox | QRadioButton) -> QSize:
        text = widget.fontMetrics().horizontalAdvance(widget.text()) + 2 if widget.text() else 0
        return QSize(self._mark.width() + (self._gap + text if text else 0), self._height)

    def mark_rect(self, widget: QWidget) -> QRectF:
        x = 0 if widget.layoutDirection() == Qt.LayoutDirection.LeftToRight else widget.width() - self._mark.width()
        return QRectF(x, (widget.height() - self._mark.height()) / 2, self._mark.width(), self._mark.height())

    def draw_text(self, painter: QPainter, widget: QCheckBox | QRadioButton) -> None:
        painter.setPen(theme().color("text.primary" if widget.isEnabled() else "text.disabled"))
        shift = self._mark.width() + self._gap
        area = QRectF(widget.rect())
        if widget.layoutDirection() == Qt.LayoutDirection.LeftToRight:
            area.setLeft(shift)
        else:
            area.setRight(widget.width() - shift)
        painter.drawText(area, _TEXT_FLAGS, widget.text())


class Checkbox(_Choice, QCheckBox):
    """16 px box with text; off, on, partly. Accent only when checked."""

    def __init__(self, text: str, *, name: str = "", parent: QWidget | None = None) -> None:
        QCheckBox.__init__(self, text, parent)
        self.setAccessibleName(name or text)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and sizes."""
        self.measure(theme, self)

    def sizeHint(self) -> QSize:
        """Box, gap and text."""
        return self.hint(self)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.hint(self)

    def hitButton(self, pos: object) -> bool:
        """Box and text both count."""
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        """Box with check or bar, then the text."""
        look = theme()
        painter = QPainter(self)
        rect = self.mark_rect(self)
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
        self.draw_text(painter, self)


class Radio(_Choice, QRadioButton):
    """16 px circle with text; arrows move within its parent's radios."""

    def __init__(self, text: str, *, name: str = "", parent: QWidget | None = None) -> None:
        QRadioButton.__init__(self, text, parent)
        self.setAccessibleName(name or text)
        self.setProperty("focusRing", 8)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and sizes."""
        self.measure(theme, self)

    def sizeHint(self) -> QSize:
        """Circle, gap and text."""
        return self.hint(self)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.hint(self)

    def hitButton(self, pos: object) -> bool:
        """Circle and text both count."""
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        """Circle, the dot when chosen, then the text."""
        look = theme()
        painter = QPainter(self)
        rect = self.mark_rect(self)
        if self.isChecked() and self.isEnabled():
            fill = look.color("accent.fill")
            box(painter, rect, rect.width() / 2, fill, fill)
            dot(painter, QPointF(rect.center()), rect.width() * 3 / 8, look.color("text.onAccent"))
        else:
            border = look.color("border.control" if self.isEnabled() else "border.subtle")
            box(painter, rect, rect.width() / 2, look.color("bg.input") if self.isEnabled() else None, border)
            if self.isChecked():
                dot(painter, QPointF(rect.center()), rect.width() * 3 / 8, look.color("text.disabled"))
        self.draw_text(painter, self)


class Toggle(_Choice, QCheckBox):
    """A 30x18 switch; on is neutral (text.primary with a base-coloured knob). Give `name` when it has no text."""

    mark_width = 30
    mark_height = 18

    def __init__(self, text: str = "", *, name: str = "", parent: QWidget | None = None) -> None:
        QCheckBox.__init__(self, text, parent)
        if not (name or text):
            raise ValueError("a toggle needs a name")
        self.setAccessibleName(name or text)
        self.setProperty("focusRing", 9)
        self._slide = Fade(self)
        self.toggled.connect(lambda on: self._slide.go(1.0 if on else 0.0))
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and sizes."""
        self.measure(theme, self)

    def sizeHint(self) -> QSize:
        """Switch, gap and text."""
        return self.hint(self)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.hint(self)

    def hitButton(self, pos: object) -> bool:
        """Switch and text both count."""
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        """Track and knob, then the text."""
        look = theme()
        painter = QPainter(self)
        rect = self.mark_rect(self)
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
            self.draw_text(painter, self)
