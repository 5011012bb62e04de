"""SpinField: a number with units, a permitted range and up and down chevrons."""

from __future__ import annotations

import math

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls.fields import Field, LineEdit
from groqdesk.ui.theme import Theme, theme, themed


class _Stepper(QWidget):
    """The chevrons: upper half steps up, lower half down, held they repeat."""

    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self._direction = 0
        self._repeat = QTimer(self)
        self._repeat.timeout.connect(self._on_repeat)
        self.setToolTip("Click the upper half for more, the lower for less")
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        self.setFixedSize(theme.px(24), theme.px(24))
        self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._direction = 1 if event.position().y() < self.height() / 2 else -1
        self.stepped.emit(self._direction)
        self._repeat.start(400)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._repeat.stop()

    def _on_repeat(self) -> None:
        self._repeat.setInterval(60)
        self.stepped.emit(self._direction)

    def paintEvent(self, event: QPaintEvent) -> None:
        size = theme().px(14)
        rect = QRectF((self.width() - size) / 2, (self.height() - size) / 2, size, size)
        icons.draw(QPainter(self), "stepper", "text.tertiary" if self.isEnabled() else "text.disabled", rect)


class _NumberEdit(LineEdit):
    stepped = Signal(int)
    stepped_to = Signal(bool)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Up: 1,
            Qt.Key.Key_Down: -1,
            Qt.Key.Key_PageUp: 10,
            Qt.Key.Key_PageDown: -10,
        }.get(Qt.Key(event.key()))
        if steps is None:
            super().keyPressEvent(event)
        else:
            self.stepped.emit(steps)

    def wheelEvent(self, event: QWheelEvent) -> None:
        # A form that is scrolled must not change its numbers: the wheel belongs to the focused field only.
        if self.hasFocus():
            self.stepped.emit(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        else:
            event.ignore()


class SpinField(Field):
    """An int (`decimals` 0) or float field. Out-of-range numbers may be typed; they show an error and emit nothing.

    `empty` names the state without a value ("Random"): then `value()` may be None. `unit` is shown after the number.
    """

    changed = Signal(object)
    """The new valid value: int, float or None."""

    def __init__(
        self,
        minimum: float,
        maximum: float,
        step: float = 1,
        *,
        name: str,
        value: float | None = None,
        decimals: int = 0,
        unit: str = "",
        empty: str = "",
        compact: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        self._edit = _NumberEdit()
        super().__init__(self._edit, name=name, compact=compact, parent=parent)
        self.minimum = minimum
        self.maximum = maximum
        self.step = step
        self.decimals = decimals
        self.unit = unit
        self._empty = empty
        self._value: float | None = value if value is not None or empty else minimum
        self.edit.setPlaceholderText(empty)
        self.stepper = _Stepper()
        self.add_trailing(self.stepper)
        self._edit.stepped.connect(self.step_by)
        self.stepper.stepped.connect(self._on_stepper)
        self.edit.textEdited.connect(self._on_text_edited)
        self.edit.editingFinished.connect(self._on_editing_finished)
        self.fix_requested.connect(self._on_fix_requested)
        self._show_value()
        themed(self)

    def value(self) -> int | float | None:
        """The last valid value; int where there are no decimals."""
        if self._value is None:
            return None
        return round(self._value) if self.decimals == 0 else self._value

    def set_value(self, value: float | None) -> None:
        """Shows a value without emitting `changed`; out of range it is shown with its error."""
        self._value = value
        self._show_value()
        self._check(value)

    def set_range(self, minimum: float, maximum: float) -> None:
        """Changes the permitted range and checks the present number again."""
        self.minimum, self.maximum = minimum, maximum
        self._check(self._value)

    def step_by(self, steps: int) -> None:
        """Moves by whole steps inside the range; from empty it starts at the minimum."""
        start = self.parse(self.edit.text())
        if start is None:
            start = self.minimum - self.step if steps > 0 else self.minimum
        moved = min(self.maximum, max(self.minimum, start + steps * self.step))
        self._take(round(moved, self.decimals))

    def parse(self, text: str) -> float | None:
        """The number in a text with separators and unit, or None."""
        cleaned = text.strip().removesuffix(self.unit).replace(",", "").replace("\u202f", "").replace(" ", "")
        try:
            number = float(cleaned)
        except ValueError:
            return None
        return round(number, self.decimals) if math.isfinite(number) else None

    def format(self, value: float) -> str:
        """A number as the field shows it: thousands separated, fixed decimals, unit."""
        text = f"{value:,.{self.decimals}f}"
        return f"{text} {self.unit}" if self.unit else text

    def apply_theme(self, theme: Theme) -> None:
        """The stepper brings its own space at the right."""
        super().apply_theme(theme)
        margins = self._row.contentsMargins()
        self._row.setContentsMargins(margins.left(), 1, theme.px(2), 1)
        self._row.setSpacing(0)

    def sizeHint(self) -> QSize:
        """Wide enough for the longest permitted number."""
        longest = max((self.format(self.minimum), self.format(self.maximum), self._empty), key=len)
        look = theme()
        width = self.edit.fontMetrics().horizontalAdvance(longest) + look.px(10 + 2 + 24 + 10)
        return QSize(max(width, look.px(76)), super().sizeHint().height())

    def _show_value(self) -> None:
        self.edit.setText("" if self._value is None else self.format(self._value))

    def _check(self, value: float | None) -> bool:
        if value is None:
            self.set_error("")
            return True
        if value > self.maximum:
            limit = self.format(self.maximum)
            self.set_error(f"At most {limit}.", f"Use {limit}")
        elif value < self.minimum:
            limit = self.format(self.minimum)
            self.set_error(f"At least {limit}.", f"Use {limit}")
        else:
            self.set_error("")
            return True
        return False

    def _take(self, value: float | None) -> None:
        different = value != self._value
        self._value = value
        self._show_value()
        self.set_error("")
        if different:
            self.changed.emit(self.value())

    def _on_text_edited(self, text: str) -> None:
        if not text.strip() and self._empty:
            number: float | None = None
        else:
            number = self.parse(text)
            if number is None:
                return
        if self._check(number) and number != self._value:
            self._value = number
            self.changed.emit(self.value())

    def _on_editing_finished(self) -> None:
        text = self.edit.text()
        if not text.strip() and self._empty:
            self._take(None)
            return
        number = self.parse(text)
        if number is None:
            self.set_error("Enter a number." if text.strip() else "A number is needed here.")
        elif self._check(number):
            self._take(number)

    def _on_fix_requested(self) -> None:
        number = self.parse(self.edit.text())
        if number is not None:
            self._take(min(self.maximum, max(self.minimum, number)))
            self.edit.setFocus(Qt.FocusReason.OtherFocusReason)

    def _on_stepper(self, direction: int) -> None:
        self.edit.setFocus(Qt.FocusReason.MouseFocusReason)
        self.step_by(direction)
