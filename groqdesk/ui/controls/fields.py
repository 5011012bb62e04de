"""TextField and SecretField, and the box, error sentence and fixing button that every field shares."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QKeySequence, QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QApplication, QHBoxLayout, QLineEdit, QSizePolicy, QVBoxLayout, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls.buttons import Button, IconButton
from groqdesk.ui.controls.labels import Label
from groqdesk.ui.controls.painting import Hovered, box
from groqdesk.ui.theme import Theme, theme, themed


class FieldBox(Hovered, QWidget):
    """The frame round an editor: hover, focus (accent border and ring), error, disabled. Paints only itself."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.error = False
        self.focused = False
        self.leading = ""

    def set_state(self, *, error: bool | None = None, focused: bool | None = None) -> None:
        """Changes what is given and repaints."""
        self.error = self.error if error is None else error
        self.focused = self.focused if focused is None else focused
        self.update()

    def border(self) -> str:
        """The token of the border in the present state."""
        if not self.isEnabled():
            return "border.subtle"
        if self.error:
            return "danger.text"
        if self.focused:
            return "accent.base"
        return "border.strong" if self._hovered else "border.default"

    def paintEvent(self, event: QPaintEvent) -> None:
        """Box, and the leading icon."""
        look = theme()
        painter = QPainter(self)
        fill = look.color("bg.input") if self.isEnabled() else None
        width = 2.0 if self.focused and self.isEnabled() else 1.0
        box(painter, QRectF(self.rect()), look.radius("sm"), fill, look.color(self.border()), width)
        if self.leading:
            size = look.px(16)
            tone = "text.tertiary" if self.isEnabled() else "text.disabled"
            icons.draw(painter, self.leading, tone, QRectF(look.px(10), (self.height() - size) / 2, size, size))


class LineEdit(QLineEdit):
    """A QLineEdit without a frame that tells its field about focus, and never pastes line breaks as such."""

    focus_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrame(False)
        self.setProperty("focusRing", -1)

    def take_colors(self, theme: Theme) -> None:
        """A transparent ground; the box behind it paints."""
        palette = theme.palette()
        palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
        self.setPalette(palette)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """Tells the field."""
        super().focusInEvent(event)
        self.focus_changed.emit(True)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """Tells the field."""
        super().focusOutEvent(event)
        self.focus_changed.emit(False)


class Field(QWidget):
    """A one-line field: the editor in its box, below it (only in error) the sentence and one fixing button."""

    fix_requested = Signal()
    """The fixing button of the error was pressed."""

    def __init__(
        self, edit: LineEdit, *, name: str, compact: bool = False, large: bool = False, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        if not name:
            raise ValueError("a field needs a name")
        self._compact = compact
        self._large = large
        self.edit = edit
        self.box = FieldBox()
        self.edit.setAccessibleName(name)
        self.setAccessibleName(name)
        self.setFocusProxy(self.edit)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._row = QHBoxLayout(self.box)
        self._row.addWidget(self.edit, 1)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addWidget(self.box)
        self._problem = QWidget()
        problem_row = self._problem_row = QHBoxLayout(self._problem)
        problem_row.setContentsMargins(0, 0, 0, 0)
        self.error_label = Label("", role="small", tone="danger", wrap=True)
        self.fix_button = Button("", size="small", name=f"Fix {name.lower()}")
        self.fix_button.clicked.connect(self.fix_requested)
        problem_row.addWidget(self.error_label, 1)
        problem_row.addWidget(self.fix_button, 0, Qt.AlignmentFlag.AlignTop)
        self._column.addWidget(self._problem)
        self._problem.hide()
        self._error_icon = _ErrorIcon()
        self._row.addWidget(self._error_icon)
        self._error_icon.hide()
        self.edit.focus_changed.connect(self._on_focus_changed)

    def add_trailing(self, widget: QWidget) -> None:
        """A small widget at the right, after the error icon."""
        self._row.addWidget(widget)

    def apply_theme(self, theme: Theme) -> None:
        """Takes height (32, compact 28, large 40), padding and font."""
        self.box.setFixedHeight(theme.px(28 if self._compact else 40 if self._large else 32))
        lead = theme.px(10 + 16 + 6) if self.box.leading else theme.px(10)
        self._row.setContentsMargins(lead, 1, theme.px(8), 1)
        self._row.setSpacing(theme.px(4))
        self._column.setSpacing(theme.px(4))
        self._problem_row.setSpacing(theme.px(8))
        self.edit.setFont(theme.font(self._font_role()))
        self.edit.take_colors(theme)
        self.updateGeometry()
        self.update()

    def _font_role(self) -> str:
        return "body"

    def text(self) -> str:
        """What was typed."""
        return self.edit.text()

    def setText(self, text: str) -> None:
        """Replaces the text and its undo history."""
        self.edit.setText(text)

    @property
    def error(self) -> str:
        """The error sentence shown, or ""."""
        return self.error_label.text() if self.box.error else ""

    def set_error(self, sentence: str, fix: str = "") -> None:
        """Shows border, icon and sentence below, with a button `fix` ("Use 65,536") if given; "" takes them away."""
        bad = bool(sentence)
        self.box.set_state(error=bad)
        self._error_icon.setVisible(bad)
        self.error_label.setText(sentence)
        self.fix_button.setText(fix)
        self.fix_button.setAccessibleName(fix or f"Fix {self.accessibleName().lower()}")
        self.fix_button.setVisible(bool(fix))
        self._problem.setVisible(bad)
        self.edit.setAccessibleDescription(sentence)
        self.updateGeometry()

    def _on_focus_changed(self, focused: bool) -> None:
        self.box.set_state(focused=focused)


class _ErrorIcon(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        self.setFixedSize(theme.px(16), theme.px(16))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        icons.draw(QPainter(self), "error", "danger.text", QRectF(self.rect()))


class TextField(Field):
    """One line of text, 32 px (28 compact, 40 large): leading icon, clear button, error with a fixing button."""

    changed = Signal(str)
    """Text typed by the person or set."""
    submitted = Signal(str)
    """Enter was pressed."""
    committed = Signal(str)
    """Focus left, or Enter: the moment to validate."""

    def __init__(
        self,
        text: str = "",
        *,
        name: str,
        placeholder: str = "",
        icon: str = "",
        clearable: bool = False,
        compact: bool = False,
        large: bool = False,
        mono: bool = False,
        max_length: int = 32767,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(LineEdit(), name=name, compact=compact, large=large, parent=parent)
        self._mono = mono
        self.edit.setPlaceholderText(placeholder)
        self.edit.setMaxLength(max_length)
        self.edit.setText(text)
        self.box.leading = icon
        self.clear_button = IconButton("close", f"Clear {name.lower()}", dense=True)
        self.clear_button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.clear_button.clicked.connect(self._on_clear_clicked)
        self._clearable = clearable
        self.add_trailing(self.clear_button)
        self.edit.textChanged.connect(self._on_text_changed)
        self.edit.returnPressed.connect(lambda: self.submitted.emit(self.edit.text()))
        self.edit.editingFinished.connect(lambda: self.committed.emit(self.edit.text()))
        self.clear_button.setVisible(clearable and bool(text))
        themed(self)

    def _font_role(self) -> str:
        return "code" if self._mono else "body"

    def _on_text_changed(self, text: str) -> None:
        self.clear_button.setVisible(self._clearable and bool(text))
        self.changed.emit(text)

    def _on_clear_clicked(self) -> None:
        self.edit.clear()
        self.edit.setFocus(Qt.FocusReason.OtherFocusReason)


class _SecretEdit(LineEdit):
    """Always in password mode, so that accessibility, drag, copy and undo never carry the text.

    What may be seen (the last four characters, or all while revealed) is painted over the bullets; the code font gives
    every character the same width.
    """

    visible_tail = 4

    def __init__(self) -> None:
        super().__init__()
        self.setEchoMode(QLineEdit.EchoMode.Password)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self.setInputMethodHints(Qt.InputMethodHint.ImhHiddenText | Qt.InputMethodHint.ImhSensitiveData)
        self.revealed = False
        self.show_tail = False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A paste loses spaces and line breaks: keys are copied with them, and none contains any."""
        if event.matches(QKeySequence.StandardKey.Paste):
            self.paste()
            return
        super().keyPressEvent(event)

    def paste(self) -> None:
        """Inserts the clipboard's text without white space and shows the last four characters."""
        text = "".join(QApplication.clipboard().text().split())
        if text:
            self.insert(text)
            self.show_tail = True
            self.update()

    def open_from(self) -> int:
        """Index of the first character that may be seen."""
        text = self.text()
        if self.revealed:
            return 0
        # A short text would be given away by its tail.
        return len(text) - self.visible_tail if self.show_tail and len(text) >= 4 * self.visible_tail else len(text)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        text = self.text()
        first = self.open_from()
        if first >= len(text) or self.hasSelectedText():
            return
        painter = QPainter(self)
        metrics = self.fontMetrics()
        advance = metrics.horizontalAdvance("\u2022" * 64) / 64
        cursor = self.cursorRect()
        origin = cursor.x() + cursor.width() / 2 - self.cursorPosition() * advance
        left = max(0.0, origin + first * advance)
        area = QRectF(left, 0, self.width() - left, self.height())
        painter.fillRect(area, theme().color("bg.input") if self.isEnabled() else theme().color("bg.base"))
        painter.setClipRect(area)
        painter.setPen(self.palette().color(QPalette.ColorRole.Text))
        for index in range(first, len(text)):
            x = origin + index * advance
            if x + advance >= 0 and x <= self.width():
                painter.drawText(QRectF(x, 0, advance + 1, self.height()), int(_MIDDLE), text[index])
        if self.hasFocus() and self.cursorPosition() >= first:
            painter.fillRect(QRectF(cursor.center().x(), cursor.y() + 1, 1, cursor.height() - 2), painter.pen().color())


class SecretField(Field):
    """A field for a key: bullets, after a paste also the last four characters, an eye that reveals for 10 s.

    The text leaves only through `secret()`. It is in no tooltip, accessibility value, clipboard, repr or undo history.
    """

    changed = Signal()
    """The text changed; ask `secret()`."""
    submitted = Signal()
    """Enter was pressed."""

    REVEAL_MS = 10_000

    def __init__(
        self,
        *,
        name: str,
        placeholder: str = "",
        icon: str = "key",
        large: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        self._edit = _SecretEdit()
        super().__init__(self._edit, name=name, large=large, parent=parent)
        self.edit.setPlaceholderText(placeholder)
        self.edit.setMaxLength(4096)
        self.box.leading = icon
        self.reveal_button = IconButton("reveal", "Show the key", dense=True)
        self.reveal_button.clicked.connect(lambda: self.set_revealed(not self._edit.revealed))
        self.add_trailing(self.reveal_button)
        self._hide_again = QTimer(self)
        self._hide_again.setSingleShot(True)
        self._hide_again.setInterval(self.REVEAL_MS)
        self._hide_again.timeout.connect(lambda: self.set_revealed(False))
        self.edit.textChanged.connect(self._on_text_changed)
        self.edit.returnPressed.connect(self.submitted)
        themed(self)

    def _font_role(self) -> str:
        return "code"

    def secret(self) -> str:
        """The text, without white space around it."""
        return self.edit.text().strip()

    def text(self) -> str:
        """What is shown, never the text itself: bullets and, after a paste, the last four characters."""
        text = self.edit.text()
        shown = text[self._edit.open_from() :] if not self._edit.revealed else ""
        return "\u2022" * (len(text) - len(shown)) + shown

    def set_secret(self, text: str) -> None:
        """Fills the field as a paste would."""
        self.edit.setText("".join(text.split()))
        self._edit.show_tail = bool(text)
        self.edit.update()

    def setText(self, text: str) -> None:
        """The same as set_secret."""
        self.set_secret(text)

    def clear(self) -> None:
        """Forgets the text."""
        self.edit.setText("")
        self._edit.show_tail = False
        self.set_revealed(False)

    def set_revealed(self, revealed: bool) -> None:
        """Shows the whole text for REVEAL_MS, or hides it."""
        self._edit.revealed = revealed
        self.reveal_button.set_on(revealed)
        self.reveal_button.set_name("Hide the key" if revealed else "Show the key")
        if revealed:
            self._hide_again.start()
        else:
            self._hide_again.stop()
        self.edit.update()

    def _on_text_changed(self, text: str) -> None:
        if not text:
            self._edit.show_tail = False
        self.changed.emit()

    def __repr__(self) -> str:
        return f"SecretField({self.accessibleName()!r})"

    def sizeHint(self) -> QSize:
        """Wide enough for a usual key of 56 characters where there is room."""
        hint = super().sizeHint()
        return QSize(max(hint.width(), theme().px(320)), hint.height())


_MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
