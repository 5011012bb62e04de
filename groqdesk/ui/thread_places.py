"""What stands in the thread's place: the page of a new chat, and the outline of one that is loading."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls import Button, Label, Skeleton
from groqdesk.ui.theme import Theme, theme, themed

STARTERS = ("Explain leaky buckets with a table", "Write a rate limiter in Python")


class EmptyThread(QWidget):
    """What a new chat shows: whom one asks, one line, two ways to begin."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._icon = _Picture("nav.chat", 24)
        self.title = Label("", role="header")
        self.line = Label("", tone="tertiary")
        self.buttons = [Button(text, size="small") for text in STARTERS]
        row = QHBoxLayout()
        row.addStretch(1)
        for text, button in zip(STARTERS, self.buttons, strict=True):
            button.clicked.connect(lambda _=False, text=text: self.chosen.emit(text))
            row.addWidget(button)
        row.addStretch(1)
        self._row = row
        column = self._column = QVBoxLayout(self)
        column.addStretch(2)
        for widget in (self._icon, self.title, self.line):
            column.addWidget(widget, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addLayout(row)
        column.addStretch(3)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gaps."""
        self._column.setSpacing(theme.px(6))
        self._row.setSpacing(theme.px(8))
        self._row.setContentsMargins(0, theme.px(8), 0, 0)

    def show_model(self, name: str, practice: bool) -> None:
        """The model that answers here."""
        self.title.setText(f"Ask {name} anything")
        self.line.setText(
            "A practice server answers. No model is behind it." if practice else "Each answer shows its cost and time."
        )


class _Picture(QWidget):
    def __init__(self, icon: str, side: int) -> None:
        super().__init__()
        self._icon, self._side = icon, side
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        self.setFixedSize(theme.px(self._side), theme.px(self._side))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        icons.draw(QPainter(self), self._icon, "text.tertiary", QRectF(self.rect()))


class LoadingThread(QWidget):
    """Three turns in outline, shown when a chat takes longer than 150 ms to load."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Loading the chat")
        column = self._column = QVBoxLayout(self)
        for question, lines in ((260, (0, 0, 420)), (340, (0, 300)), (200, (0, 0, 0, 240))):
            top = QHBoxLayout()
            top.addStretch(1)
            top.addWidget(Skeleton(question, 36))
            column.addLayout(top)
            for width in lines:
                block = Skeleton(width, 12)
                column.addWidget(block)
        column.addStretch(1)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gaps."""
        self._column.setSpacing(theme.px(12))
        self._side()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The same column as the thread."""
        self._side()

    def _side(self) -> None:
        look = theme()
        side = max(look.px(24), (self.width() - look.size("threadColumn")) // 2)
        self._column.setContentsMargins(side, look.px(16), side, 0)
