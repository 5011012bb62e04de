"""TextEditor: several lines of text in a box, for instructions and JSON. Enter is a new line."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from groqdesk.ui.controls import TextArea
from groqdesk.ui.controls.painting import box
from groqdesk.ui.theme import Theme, theme, themed

COMMIT_MS = 400


class _Lines(TextArea):
    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter breaks the line here."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not self.composing:
            self.textCursor().insertBlock()
            self.ensureCursorVisible()
            return
        super().keyPressEvent(event)


class TextEditor(QWidget):
    """A field of `min_lines` to `max_lines` lines; `committed(text)` comes 400 ms after the last key and when focus leaves."""

    committed = Signal(str)

    def __init__(
        self,
        *,
        name: str,
        placeholder: str = "",
        mono: bool = False,
        min_lines: int = 3,
        max_lines: int = 10,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.edit = _Lines(
            name=name,
            placeholder=placeholder,
            min_lines=min_lines,
            max_lines=max_lines,
            role="codeSmall" if mono else "body",
        )
        self.edit.textChanged.connect(self._on_text_changed)
        self.edit.installEventFilter(self)
        self.setFocusProxy(self.edit)
        self._column = QVBoxLayout(self)
        self._column.addWidget(self.edit)
        self._focused = False
        self._error = False
        self._quiet = False
        self._commit = QTimer(self)
        self._commit.setSingleShot(True)
        self._commit.setInterval(COMMIT_MS)
        self._commit.timeout.connect(self._on_commit)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the padding."""
        self._column.setContentsMargins(theme.px(10), theme.px(6), theme.px(8), theme.px(6))
        self.update()

    def text(self) -> str:
        """What was typed."""
        return self.edit.text()

    def set_text(self, text: str) -> None:
        """Replaces the text without committing it; what is being typed is left alone."""
        if text == self.edit.text() or self._commit.isActive():
            return
        self._quiet = True
        self.edit.setPlainText(text)
        self._quiet = False

    def set_error(self, error: bool) -> None:
        """The border in danger."""
        self._error = error
        self.update()

    def _on_text_changed(self) -> None:
        if not self._quiet:
            self._commit.start()

    def _on_commit(self) -> None:
        self._commit.stop()
        self.committed.emit(self.edit.text())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Focus shows as a border; leaving commits."""
        if event.type() in (QEvent.Type.FocusIn, QEvent.Type.FocusOut):
            self._focused = event.type() == QEvent.Type.FocusIn
            if not self._focused and self._commit.isActive():
                self._on_commit()
            self.update()
        return False

    def paintEvent(self, event: QPaintEvent) -> None:
        """The box."""
        look = theme()
        border = "danger.text" if self._error else "accent.base" if self._focused else "border.default"
        width = 2.0 if self._focused else 1.0
        box(QPainter(self), QRectF(self.rect()), look.radius("sm"), look.color("bg.input"), look.color(border), width)
