"""Banner (a sentence with one action, in place) and Toast (a short confirmation that goes by itself)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from PySide6.QtCore import QEvent, QObject, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QEnterEvent, QPainter, QPaintEvent, QTextCharFormat, QTextLayout, QTextOption
from PySide6.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls.buttons import Button, IconButton
from groqdesk.ui.controls.labels import Label
from groqdesk.ui.controls.painting import box
from groqdesk.ui.controls.surfaces import Card
from groqdesk.ui.theme import Theme, theme, themed

BannerKind = Literal["info", "success", "warning", "danger", "neutral"]

_LOOK: dict[str, tuple[str, str, str]] = {
    "info": ("info.tint", "info.text", "info"),
    "success": ("success.tint", "success.text", "done"),
    "warning": ("warning.tint", "warning.text", "warning"),
    "danger": ("danger.tint", "danger.text", "fail"),
    "neutral": ("bg.active", "text.secondary", "info"),
}


class Sentence(QLabel):
    """Wrapping plain text whose first part is strong: "The key works. 11 models, first reply in 188 ms."

    Drawn by hand, because rich text would interpret what servers say.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._strong = ""
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        themed(self)

    def set_parts(self, strong: str, rest: str) -> None:
        """Strong part and the rest; either may be empty."""
        self._strong = strong
        self.setText(f"{strong} {rest}" if strong and rest else strong or rest)
        self.setAccessibleName(self.text())
        self.updateGeometry()

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and line height."""
        self.setFont(theme.font("small"))
        self._line = theme.line_height("small")
        self.updateGeometry()
        self.update()

    def _lines(self, width: float) -> QTextLayout:
        look = theme()
        layout = QTextLayout(self.text(), self.font())
        option = QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        option.setTextDirection(self.layoutDirection())
        layout.setTextOption(option)
        ranges = []
        for start, length, bold in ((0, len(self._strong), True), (len(self._strong), len(self.text()), False)):
            part = QTextLayout.FormatRange()
            part.start, part.length = start, length
            style = QTextCharFormat()
            plain = not self._strong
            style.setForeground(look.color("text.primary" if bold or plain else "text.secondary"))
            if bold:
                style.setFontWeight(look.font("bodyStrong").weight())
            part.format = style
            ranges.append(part)
        layout.setFormats(ranges)
        layout.beginLayout()
        y = 0.0
        while True:
            line = layout.createLine()
            if not line.isValid():
                break
            line.setLineWidth(max(1.0, width))
            line.setPosition(QPointF(0, y + (self._line - line.height()) / 2))
            y += self._line
        layout.endLayout()
        return layout

    def hasHeightForWidth(self) -> bool:
        """Yes: it wraps."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Lines times line height."""
        return max(1, self._lines(width).lineCount()) * self._line

    def sizeHint(self) -> QSize:
        """One line, at most 480 wide."""
        width = min(self.fontMetrics().horizontalAdvance(self.text()) * 21 // 20 + 4, theme().px(480))
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """A word or two per line."""
        return QSize(min(theme().px(120), self.sizeHint().width()), self._line)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The lines, vertically centred."""
        layout = self._lines(self.width())
        top = (self.height() - layout.lineCount() * self._line) / 2
        layout.draw(QPainter(self), QPointF(0, top))


class Banner(QWidget):
    """At least 34 px, radius 7, tinted: icon, sentence, one button, optionally a second quiet one and a close cross."""

    acted = Signal()
    """The button was pressed."""
    dismissed = Signal()
    """The cross was pressed."""

    def __init__(
        self,
        kind: BannerKind = "info",
        text: str = "",
        *,
        strong: str = "",
        action: str = "",
        icon: str = "",
        closable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._kind: BannerKind = kind
        self._icon = icon
        self.sentence = Sentence()
        self.button = Button("", size="small", name="Act on this message")
        self.button.clicked.connect(self.acted)
        self.close_button = IconButton("close", "Dismiss", dense=True)
        self.close_button.clicked.connect(self.dismissed)
        self.close_button.setVisible(closable)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.sentence, 1)
        self._row.addWidget(self.button, 0, Qt.AlignmentFlag.AlignVCenter)
        self._row.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignVCenter)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.set_message(kind, text, strong=strong, action=action, icon=icon)
        themed(self)

    @property
    def kind(self) -> BannerKind:
        """info, success, warning, danger or neutral."""
        return self._kind

    def set_message(self, kind: BannerKind, text: str, *, strong: str = "", action: str = "", icon: str = "") -> None:
        """Changes everything; `strong` is said before `text` in primary 500, `action` "" hides the button."""
        self._kind, self._icon = kind, icon
        self.sentence.set_parts(strong, text)
        self.setAccessibleName(self.sentence.text())
        self.button.setText(action)
        self.button.setAccessibleName(action or "Act on this message")
        self.button.setVisible(bool(action))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """34 px high at least."""
        return super().sizeHint().expandedTo(QSize(0, theme().px(34)))

    def apply_theme(self, theme: Theme) -> None:
        """Takes padding and minimum height."""
        self.setMinimumHeight(theme.px(34))
        self._row.setContentsMargins(theme.px(12 + 16 + 8), theme.px(7), theme.px(12), theme.px(7))
        self._row.setSpacing(theme.px(12))
        self.updateGeometry()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Tint and icon."""
        look = theme()
        tint, tone, name = _LOOK[self._kind]
        painter = QPainter(self)
        box(painter, QRectF(self.rect()), look.radius("segment"), look.color(tint), None)
        size = look.px(16)
        x = look.px(12)
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
            x = self.width() - x - size
        icons.draw(painter, self._icon or name, tone, QRectF(x, (self.height() - size) / 2, size, size))


class Toast(Card):
    """One short message at the bottom centre of its window, above the status bar, for 5 s; it waits while hovered.

    A window has one: `show_message` replaces what is there (an offered Undo is then gone, its action stays done).
    """

    DURATION_MS = 5_000

    closed = Signal()
    """It went, by time, cross, Undo or a newer message."""

    def __init__(self, window: QWidget, *, bottom: int = 26) -> None:
        super().__init__("overlay", radius="md", parent=window)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._window = window
        self._bottom = bottom
        self._icon = "done"
        self._on_undo: Callable[[], None] | None = None
        self.label = Label("")
        self.undo_button = Button("Undo", "ghost", size="small")
        self.undo_button.clicked.connect(self._on_undo_clicked)
        self.close_button = IconButton("close", "Dismiss", dense=True)
        self.close_button.clicked.connect(self.dismiss)
        self._row = QHBoxLayout(self)
        self._row.addWidget(self.label)
        self._row.addStretch(1)
        self._row.addWidget(self.undo_button)
        self._row.addWidget(self.close_button)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.dismiss)
        self._remaining_ms = self.DURATION_MS
        window.installEventFilter(self)
        self.hide()
        self._measure(theme())

    def apply_theme(self, theme: Theme) -> None:
        """Takes height and padding."""
        super().apply_theme(theme)
        if hasattr(self, "_row"):
            self._measure(theme)

    def _measure(self, theme: Theme) -> None:
        self.setFixedHeight(theme.px(40))
        self._row.setContentsMargins(theme.px(12 + 16 + 8), 0, theme.px(8), 0)
        self._row.setSpacing(theme.px(8))
        self._place()

    def show_message(self, text: str, *, icon: str = "done", undo: Callable[[], None] | None = None) -> None:
        """Shows `text`; with `undo` a button that calls it once."""
        if self.isVisible():
            self.closed.emit()
        self._icon = icon
        self._on_undo = undo
        self.label.setText(text)
        self.setAccessibleName(text)
        self.undo_button.setVisible(undo is not None)
        self._remaining_ms = self.DURATION_MS
        # In this order: a toast that appears under the pointer is entered while show() runs, and is not moved after.
        self._place()
        self._timer.start(self._remaining_ms)
        self.show()
        self.raise_()

    def dismiss(self) -> None:
        """Hides it now."""
        self._timer.stop()
        self._on_undo = None
        if not self.isHidden():
            self.hide()
            self.closed.emit()

    @property
    def paused(self) -> bool:
        """Whether the pointer holds it."""
        return self.isVisible() and not self._timer.isActive()

    def _on_undo_clicked(self) -> None:
        undo, self._on_undo = self._on_undo, None
        self.dismiss()
        if undo is not None:
            undo()

    def _place(self) -> None:
        look = theme()
        self.ensurePolished()
        self._row.activate()
        room = self._window.width() - 2 * look.px(16)
        width = min(max(self.sizeHint().width(), look.px(320)), max(room, 1))
        self.resize(width, look.px(40))
        y = self._window.height() - look.px(self._bottom) - look.px(16) - self.height()
        self.move((self._window.width() - width) // 2, y)

    def enterEvent(self, event: QEnterEvent) -> None:
        """The time stands still."""
        if not self._timer.isActive():
            return
        self._remaining_ms = max(1, self._timer.remainingTime())
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        """The time goes on."""
        if self.isVisible():
            self._timer.start(self._remaining_ms)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Stays at the bottom centre when the window changes size."""
        if watched is self._window and event.type() == QEvent.Type.Resize and not self.isHidden():
            self._place()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """The card and the icon."""
        super().paintEvent(event)
        look = theme()
        size = look.px(16)
        tone = {"done": "success.text", "warning": "warning.text", "fail": "danger.text"}.get(
            self._icon, "text.secondary"
        )
        icons.draw(QPainter(self), self._icon, tone, QRectF(look.px(13), (self.height() - size) / 2, size, size))
