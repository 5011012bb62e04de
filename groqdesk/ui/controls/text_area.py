"""TextArea: the composer's editor."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QMimeData, QPointF, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QGuiApplication,
    QInputMethodEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QResizeEvent,
    QTextBlock,
    QTextDocument,
    QTextOption,
)
from PySide6.QtWidgets import QFrame, QPlainTextDocumentLayout, QPlainTextEdit, QSizePolicy, QWidget

from groqdesk.ui.theme import Theme, theme, themed

LARGE_CHARACTERS = 200_000
"""From this length on lines break anywhere: looking for word boundaries in one huge paragraph takes too long."""


class _LineHeightLayout(QPlainTextDocumentLayout):
    """The plain layout with a fixed line height, which QPlainTextEdit itself cannot do."""

    _MOST_LINES = 2_000

    def __init__(self, document: QTextDocument) -> None:
        super().__init__(document)
        self.line_px = 0.0

    def blockBoundingRect(self, block: QTextBlock) -> QRectF:
        """Moves the lines of the block to the fixed height, once per layout of the block."""
        rect = super().blockBoundingRect(block)
        layout = block.layout()
        count = layout.lineCount() if layout is not None else 0
        if not rect.isValid() or self.line_px <= 0 or count == 0 or count > self._MOST_LINES:
            return rect
        first = layout.lineAt(0)
        lead = max(0.0, (self.line_px - first.height()) / 2)
        if abs(first.y() - lead) > 0.01:
            for index in range(count):
                line = layout.lineAt(index)
                line.setPosition(QPointF(line.x(), lead + index * self.line_px))
        return QRectF(rect.x(), rect.y(), rect.width(), count * self.line_px)


class TextArea(QPlainTextEdit):
    """Grows from 1 to `max_lines` lines, then scrolls. Enter submits, Shift+Enter is a new line.

    Enter never submits while an input method composes. Only plain text is pasted, of any size: from LARGE_CHARACTERS on
    lines break anywhere. `takes` says of a text whether it may be pasted here.
    """

    submitted = Signal()
    """Enter was pressed, with no composition going on."""
    files_dropped = Signal(list)
    """Local paths (str) that were dropped or pasted as files."""
    too_long = Signal(object)
    """A text (str) that `takes` refused; who made the area keeps it elsewhere."""

    def __init__(
        self,
        *,
        name: str,
        placeholder: str = "",
        min_lines: int = 1,
        max_lines: int = 10,
        role: str = "chat",
        takes: Callable[[str], bool] = lambda text: True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        if not name:
            raise ValueError("a text area needs a name")
        self._takes = takes
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("focusRing", -1)
        self.setTabChangesFocus(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._role = role
        self._min_lines = min_lines
        self._max_lines = max_lines
        self._preedit = ""
        self._layout = _LineHeightLayout(self.document())
        self.document().setDocumentLayout(self._layout)
        self.document().setDocumentMargin(0)
        self._layout.documentSizeChanged.connect(self._on_size_changed)
        self.document().contentsChange.connect(self._on_contents_change)
        self._large = False
        self._set_wrapping()
        # Qt draws the caret in the colour of the text; the design wants it in the accent, so we draw and blink it.
        self.setCursorWidth(0)
        self._caret_shown = False
        self._blink = QTimer(self)
        self._blink.timeout.connect(self._on_blink)
        self.cursorPositionChanged.connect(self._show_caret)
        themed(self)

    def text(self) -> str:
        """The whole text."""
        return self.toPlainText()

    @property
    def composing(self) -> bool:
        """Whether an input method holds text that is not committed yet."""
        return bool(self._preedit)

    @property
    def large(self) -> bool:
        """Whether the text has LARGE_CHARACTERS or more."""
        return self._large

    def lines(self) -> int:
        """Lines shown, between `min_lines` and `max_lines`."""
        wanted = round(self.document().size().height())
        return min(self._max_lines, max(self._min_lines, wanted))

    def apply_theme(self, theme: Theme) -> None:
        """Takes font, colours and line height."""
        self.setFont(theme.font(self._role))
        palette = theme.palette()
        palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
        self.setPalette(palette)
        self._caret_color = theme.color("accent.base")
        self._layout.line_px = float(theme.line_height(self._role))
        self._fit()
        self.viewport().update()

    def sizeHint(self) -> QSize:
        """As high as its lines."""
        return QSize(theme().px(320), self.lines() * theme().line_height(self._role))

    def minimumSizeHint(self) -> QSize:
        """Narrow, one line."""
        return QSize(theme().px(80), self._min_lines * theme().line_height(self._role))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter submits; with Shift it is a new line; other modifiers are left to shortcuts."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not self.composing:
            modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if modifiers == Qt.KeyboardModifier.NoModifier:
                self.submitted.emit()
                event.accept()
                return
            if modifiers == Qt.KeyboardModifier.ShiftModifier:
                # A paragraph, not the line separator U+2028 that Qt would insert.
                self.textCursor().insertBlock()
                self.ensureCursorVisible()
                return
            event.ignore()
            return
        super().keyPressEvent(event)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """Remembers whether a composition is going on."""
        self._preedit = event.preeditString()
        super().inputMethodEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The caret appears."""
        super().focusInEvent(event)
        self._show_caret()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Input methods end their composition when focus leaves."""
        self._preedit = ""
        super().focusOutEvent(event)
        self._blink.stop()
        self._caret_shown = False
        self.viewport().update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The text, then the caret."""
        super().paintEvent(event)
        if self._caret_shown and self.hasFocus() and not self.isReadOnly():
            rect = self.cursorRect()
            QPainter(self.viewport()).fillRect(rect.x(), rect.y(), theme().px(1), rect.height(), self._caret_color)

    def _show_caret(self) -> None:
        self._caret_shown = self.hasFocus()
        flash_ms = QGuiApplication.styleHints().cursorFlashTime()
        if self.hasFocus() and flash_ms > 0 and not theme().reduced_motion:
            self._blink.start(flash_ms // 2)
        else:
            self._blink.stop()
        self.viewport().update()

    def _on_blink(self) -> None:
        self._caret_shown = not self._caret_shown
        self.viewport().update()

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Text and files."""
        return source.hasText() or source.hasUrls()

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Files are announced; of everything else the plain text is inserted."""
        paths = [url.toLocalFile() for url in source.urls() if url.isLocalFile()] if source.hasUrls() else []
        if paths:
            self.files_dropped.emit(paths)
            return
        text = source.text().replace("\r\n", "\n").replace("\r", "\n")
        if not self._takes(text):
            self.too_long.emit(text)
            return
        # Decided before inserting, or Qt would lay the text out twice.
        self._set_large(self.document().characterCount() + len(text) > LARGE_CHARACTERS)
        self.textCursor().insertText(text)
        self.ensureCursorVisible()

    def setPlainText(self, text: str) -> None:
        """Replaces the text and its undo history."""
        # Never the other way round: a megabyte without spaces takes 25 s with wrapping at word boundaries.
        if len(text) > LARGE_CHARACTERS:
            self._set_large(True)
        super().setPlainText(text)

    def _on_contents_change(self, position: int, removed: int, added: int) -> None:
        self._set_large(self.document().characterCount() > LARGE_CHARACTERS)

    def _set_large(self, large: bool) -> None:
        if large != self._large:
            self._large = large
            self._set_wrapping()

    def _set_wrapping(self) -> None:
        mode = QTextOption.WrapMode
        self.setWordWrapMode(mode.WrapAnywhere if self._large else mode.WrapAtWordBoundaryOrAnywhere)

    def _on_size_changed(self, size: object) -> None:
        self._fit()

    def _fit(self) -> None:
        height = self.lines() * theme().line_height(self._role)
        if height != self.minimumHeight() or height != self.maximumHeight():
            self.setFixedHeight(height)
            self.updateGeometry()
        full = round(self.document().size().height()) > self._max_lines
        policy = Qt.ScrollBarPolicy.ScrollBarAsNeeded if full else Qt.ScrollBarPolicy.ScrollBarAlwaysOff
        if policy != self.verticalScrollBarPolicy():
            self.setVerticalScrollBarPolicy(policy)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Another width, other lines."""
        super().resizeEvent(event)
        self._fit()
