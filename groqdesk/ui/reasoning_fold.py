"""ReasoningFold: what the model thought, in one line that opens."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QTextCursor
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls import Hairline, TextArea
from groqdesk.ui.controls.painting import Hovered
from groqdesk.ui.theme import Theme, theme, themed

MAX_LINES = 12


class _FoldHead(Hovered, QAbstractButton):
    """Chevron, brain and the line; 24 px high."""

    def __init__(self) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        self.setFont(theme.medium("small"))
        self.setFixedHeight(theme.px(24))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        look = theme()
        return QSize(look.px(40) + self.fontMetrics().horizontalAdvance(self.text()) + 2, look.px(24))

    def minimumSizeHint(self) -> QSize:
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme()
        painter = QPainter(self)
        tone = "text.primary" if self._hovered else "text.tertiary"
        size, middle = look.px(14), self.height() / 2
        chevron = "fold.open" if self.isChecked() else "fold"
        icons.draw(painter, chevron, tone, QRectF(0, middle - size / 2, size, size))
        icons.draw(painter, "thinking", tone, QRectF(look.px(20), middle - size / 2, size, size))
        painter.setPen(look.color(tone))
        area = QRectF(look.px(40), 0, self.width() - look.px(40), self.height())
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), self.text())


class _Thoughts(TextArea):
    """The thinking as plain text in secondary, up to MAX_LINES lines; it follows its end while text arrives."""

    def __init__(self) -> None:
        super().__init__(name="Thinking", max_lines=MAX_LINES, role="body")
        self.setReadOnly(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)

    def apply_theme(self, theme: Theme) -> None:
        super().apply_theme(theme)
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Text, theme.color("text.secondary"))
        self.setPalette(palette)

    def show_text(self, text: str) -> None:
        """Appends what is new; only another text is set anew."""
        shown = self.text()
        if text == shown:
            return
        bar = self.verticalScrollBar()
        follows = bar.value() >= bar.maximum()
        if shown and text.startswith(shown):
            cursor = QTextCursor(self.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(text[len(shown) :])
        else:
            self.setPlainText(text)
        if follows:
            bar.setValue(bar.maximum())


class ReasoningFold(QWidget):
    """One line, and the thinking below it while open."""

    toggled_by_user = Signal(bool)
    """The person opened or folded it."""

    def __init__(self, line: str, text: str, *, opened: bool, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.head = _FoldHead()
        self.head.toggled.connect(self._on_toggled)
        self.head.clicked.connect(self.toggled_by_user)
        self._thoughts = _Thoughts()
        self._body = QWidget()
        row = self._row = QHBoxLayout(self._body)
        row.addWidget(Hairline(Qt.Orientation.Vertical, tone="border.default"))
        row.addWidget(self._thoughts, 1)
        column = self._column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.head)
        column.addWidget(self._body)
        self._text = text
        self._body.hide()
        self.set_line(line)
        self.set_opened(opened)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the indent of the text."""
        self._column.setSpacing(theme.px(4))
        self._row.setContentsMargins(theme.px(6), 0, 0, 0)
        self._row.setSpacing(theme.px(13))

    def set_line(self, line: str) -> None:
        """ "Thought for 0.24 s · 118 tokens"."""
        self.head.setText(line)
        self.head.setAccessibleName(line)
        self.head.updateGeometry()
        self.head.update()

    def set_text(self, text: str) -> None:
        """The thinking so far. A folded one keeps it for later and does no work."""
        self._text = text
        if self.opened:
            self._thoughts.show_text(text)

    @property
    def opened(self) -> bool:
        """Whether the text is shown."""
        return self.head.isChecked()

    def set_opened(self, opened: bool) -> None:
        """Opens or folds it without saying that the person did."""
        self.head.setChecked(opened)

    def text(self) -> str:
        """The thinking."""
        return self._text

    def _on_toggled(self, opened: bool) -> None:
        if opened:
            self._thoughts.show_text(self._text)
        self._body.setVisible(opened)
        self.updateGeometry()
