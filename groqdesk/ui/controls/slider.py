"""Slider: a value on a line, by mouse, wheel (only when focused) and keyboard."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QSizePolicy, QSlider, QWidget

from groqdesk.ui.controls.painting import box, dot
from groqdesk.ui.theme import Theme, theme, themed


class Slider(QSlider):
    """20 px high, track 4, knob 14. Arrows 1 step, PgUp and PgDn 10 steps, Home and End, double-click = default.

    Values are floats; inside, Qt counts whole steps (`value()` of QSlider), so no rounding drifts.
    """

    moved = Signal(float)
    """The person chose this value; not emitted by `set_number`."""

    def __init__(
        self,
        minimum: float,
        maximum: float,
        step: float,
        *,
        name: str,
        value: float | None = None,
        default: float | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        if not name:
            raise ValueError("a slider needs a name")
        self.setAccessibleName(name)
        self._low = minimum
        self._step = step
        self._default = minimum if default is None else default
        # Decimals of the step, so that 60 steps of 0.01 are 0.6 and not 0.6000000000000001.
        self._decimals = len(f"{step:.10f}".rstrip("0").split(".")[1])
        self.setRange(0, round((maximum - minimum) / step))
        self.setSingleStep(1)
        self.setPageStep(10)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setProperty("focusRing", -1)
        self._quiet = False
        self._keyboard = False
        self.set_number(self._default if value is None else value)
        self.valueChanged.connect(self._on_value_changed)
        themed(self)

    def number(self) -> float:
        """The value in its own unit."""
        return round(self._low + self.value() * self._step, self._decimals)

    def set_number(self, value: float) -> None:
        """Moves the knob without emitting `moved`; the value is kept inside the range."""
        self._quiet = True
        self.setValue(round((value - self._low) / self._step))
        self._quiet = False

    def apply_theme(self, theme: Theme) -> None:
        """Takes the height."""
        self.setFixedHeight(theme.px(20))
        self._knob = theme.px(14)
        self._track = theme.px(4)
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as there is room, 120 at least by wish."""
        return QSize(theme().px(120), theme().px(20))

    def minimumSizeHint(self) -> QSize:
        """Room to see that it is a slider."""
        return QSize(theme().px(40), theme().px(20))

    def _on_value_changed(self, _steps: int) -> None:
        if not self._quiet:
            self.moved.emit(self.number())

    def _go_to(self, x: float) -> None:
        span = max(1.0, self.width() - self._knob)
        share = min(1.0, max(0.0, (x - self._knob / 2) / span))
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            share = 1 - share
        self.setValue(round(share * self.maximum()))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """The knob comes to the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self.setSliderDown(True)
            self._go_to(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Dragging."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._go_to(event.position().x())

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Drag ends."""
        self.setSliderDown(False)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Back to the default."""
        self.setValue(round((self._default - self._low) / self._step))

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Only when focused: a scrolled form must not change its values."""
        if self.hasFocus():
            self.setValue(self.value() + (1 if event.angleDelta().y() > 0 else -1))
            event.accept()
        else:
            event.ignore()

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The ring is for those who came by keyboard."""
        self._keyboard = event.reason() != Qt.FocusReason.MouseFocusReason
        super().focusInEvent(event)
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and right are more in both directions of writing but the horizontal arrows, which mirror."""
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        right = -1 if mirrored else 1
        steps = {
            Qt.Key.Key_Right: right,
            Qt.Key.Key_Left: -right,
            Qt.Key.Key_Up: 1,
            Qt.Key.Key_Down: -1,
            Qt.Key.Key_PageUp: self.pageStep(),
            Qt.Key.Key_PageDown: -self.pageStep(),
            Qt.Key.Key_Home: -self.maximum(),
            Qt.Key.Key_End: self.maximum(),
        }.get(Qt.Key(event.key()))
        if steps is None:
            super().keyPressEvent(event)
        else:
            self.setValue(self.value() + steps)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Track, filled part, knob with a gap in the ground's colour; the focus ring round the knob."""
        look = theme()
        painter = QPainter(self)
        span = self.width() - self._knob
        share = self.value() / self.maximum() if self.maximum() else 0.0
        mirrored = self.layoutDirection() == Qt.LayoutDirection.RightToLeft
        x = self._knob / 2 + span * (1 - share if mirrored else share)
        y = self.height() / 2
        enabled = self.isEnabled()
        track = QRectF(0, y - self._track / 2, self.width(), self._track)
        box(painter, track, self._track / 2, look.color("bg.active"), None)
        filled = QRectF(track)
        if mirrored:
            filled.setLeft(x)
        else:
            filled.setRight(x)
        box(painter, filled, self._track / 2, look.color("text.tertiary" if enabled else "border.strong"), None)
        if self.hasFocus() and self._keyboard:
            dot(painter, QPointF(x, y), look.px(20), look.color("accent.focusRing"))
            dot(painter, QPointF(x, y), look.px(16), look.color("bg.sidebar"))
        else:
            dot(painter, QPointF(x, y), self._knob, look.color("bg.sidebar"))
        dot(painter, QPointF(x, y), look.px(10), look.color("text.primary" if enabled else "text.disabled"))
