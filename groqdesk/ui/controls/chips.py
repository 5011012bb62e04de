"""Chip (a short fact or state) and ChipInput (a few short texts typed by the person, such as stop sequences)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls.buttons import IconButton
from groqdesk.ui.controls.fields import FieldBox, LineEdit
from groqdesk.ui.controls.flow import FlowLayout
from groqdesk.ui.controls.labels import plain_tooltip
from groqdesk.ui.controls.painting import LampState, box, lamp
from groqdesk.ui.theme import Theme, theme, themed

ChipKind = Literal["neutral", "ok", "warn", "bad", "info", "accent", "outline"]

_COLORS: dict[str, tuple[str, str]] = {
    "neutral": ("bg.active", "text.secondary"),
    "ok": ("success.tint", "success.text"),
    "warn": ("warning.tint", "warning.text"),
    "bad": ("danger.tint", "danger.text"),
    "info": ("info.tint", "info.text"),
    "accent": ("accent.tint", "accent.text"),
    "outline": ("", "text.secondary"),
}


class Chip(QLabel):
    """20 px, 11/500, radius 5; before the text either a lamp shape or an icon, so that state is not colour alone."""

    def __init__(
        self,
        text: str,
        kind: ChipKind = "neutral",
        *,
        icon: str = "",
        lamp: LampState | None = None,
        mono: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._kind: ChipKind = kind
        self._icon = icon
        self._lamp: LampState | None = lamp
        self._mono = mono
        self._max_width = 240
        self.setText(text)
        themed(self)

    @property
    def kind(self) -> ChipKind:
        """neutral, ok, warn, bad, info, accent or outline."""
        return self._kind

    def set_state(self, text: str, kind: ChipKind, *, icon: str = "", lamp: LampState | None = None) -> None:
        """Changes text, colour and mark together."""
        self._kind, self._icon, self._lamp = kind, icon, lamp
        self.setText(text)
        self.updateGeometry()
        self.update()

    def setText(self, text: str) -> None:
        """A text too long for a chip is cut; the whole is then its tooltip."""
        super().setText(text)
        self.setAccessibleName(text)
        cut = self.fontMetrics().horizontalAdvance(text) > self._max_width
        self.setToolTip(plain_tooltip(text) if cut else "")

    def apply_theme(self, theme: Theme) -> None:
        """Takes font, height and padding."""
        self.setFont(theme.font("codeSmall" if self._mono else "caption"))
        self.setFixedHeight(theme.px(20))
        self._pad = theme.px(7)
        self._mark = theme.px(12 if self._icon else 8)
        self._gap = theme.px(4)
        self._max_width = theme.px(240)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Mark, text and padding, up to a limit."""
        text = min(self.fontMetrics().horizontalAdvance(self.text()) + 2, self._max_width)
        mark = self._mark + self._gap if self._icon or self._lamp else 0
        return QSize(text + mark + 2 * self._pad, self.minimumHeight())

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, mark and text."""
        look = theme()
        ground, tone = _COLORS[self._kind]
        painter = QPainter(self)
        rect = QRectF(self.rect())
        border = look.color("border.strong") if self._kind == "outline" else None
        box(painter, rect, look.radius("chip"), look.color(ground) if ground else None, border)
        x = float(self._pad)
        area = QRectF(x, (rect.height() - self._mark) / 2, self._mark, self._mark)
        if self._lamp:
            lamp(painter, area, self._lamp, look)
        elif self._icon:
            icons.draw(painter, self._icon, tone, area)
        if self._lamp or self._icon:
            x += self._mark + self._gap
        painter.setPen(look.color(tone))
        room = self.width() - round(x) - self._pad + 1
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, room)
        painter.drawText(QRectF(x, 0, room + 2, rect.height()), int(_MIDDLE), text)


class _RemovableChip(QWidget):
    removed = Signal()

    def __init__(self, value: str, shown: str) -> None:
        super().__init__()
        self.value = value
        self._shown = shown
        self.setToolTip(plain_tooltip(shown))
        self.remove_button = IconButton("close", f"Remove {shown}", side=18, parent=self)
        self.remove_button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.remove_button.clicked.connect(self.removed)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        self.setFont(theme.font("codeSmall"))
        self.setFixedHeight(theme.px(20))
        self._pad = theme.px(7)
        self._text = min(self.fontMetrics().horizontalAdvance(self._shown) + 2, theme.px(180))
        self.setFixedWidth(self._text + self._pad + theme.px(20))
        self.remove_button.move(self.width() - theme.px(19), theme.px(1))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme()
        painter = QPainter(self)
        box(painter, QRectF(self.rect()), look.radius("chip"), look.color("bg.active"), None)
        painter.setPen(QColor(look.color("text.primary")))
        text = self.fontMetrics().elidedText(self._shown, Qt.TextElideMode.ElideMiddle, self._text)
        painter.drawText(QRectF(self._pad, 0, self._text, self.height()), int(_MIDDLE), text)


class ChipInput(QWidget):
    """Up to `limit` texts as chips. Enter or comma adds, Backspace in the empty editor takes the last one away.

    Line breaks and tabs may be typed as \\n and \\t; chips show them that way.
    """

    changed = Signal(tuple)
    """The texts, in order, after the person added or removed one."""

    def __init__(
        self,
        values: Sequence[str] = (),
        *,
        name: str,
        limit: int = 4,
        placeholder: str = "Add",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        if not name:
            raise ValueError("a chip input needs a name")
        self._limit = limit
        self._chips: list[_RemovableChip] = []
        self._frame = FieldBox(self)
        self._frame.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.edit = LineEdit()
        self.edit.setPlaceholderText(placeholder)
        self.edit.setAccessibleName(name)
        self.setAccessibleName(name)
        self.edit.installEventFilter(self)
        self.edit.textEdited.connect(self._on_text_edited)
        self.edit.focus_changed.connect(self._on_focus_changed)
        self.setFocusProxy(self.edit)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._flow = FlowLayout(self, fill_last=True)
        self._flow.addWidget(self.edit)
        self.set_values(values)
        themed(self)

    def values(self) -> tuple[str, ...]:
        """The texts, in order."""
        return tuple(chip.value for chip in self._chips)

    def set_values(self, values: Sequence[str]) -> None:
        """Replaces all texts without emitting `changed`; what is over the limit is left out."""
        for chip in self._chips:
            self._drop(chip)
        self._chips = []
        for value in tuple(dict.fromkeys(values))[: self._limit]:
            self._append(value)
        self._show_room()

    def apply_theme(self, theme: Theme) -> None:
        """Takes font, padding and gaps."""
        self.edit.setFont(theme.font("body"))
        self.edit.take_colors(theme)
        self.edit.setFixedHeight(theme.px(20))
        self.edit.setMinimumWidth(theme.px(56))
        pad = theme.px(4)
        self._flow.setContentsMargins(pad, pad, pad, pad)
        self._flow.set_gaps(theme.px(4), theme.px(4))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """One line, or as many as the chips need at the present width."""
        return QSize(theme().px(200), self.heightForWidth(self.width() or theme().px(200)))

    def minimumSizeHint(self) -> QSize:
        """One chip wide."""
        return QSize(theme().px(120), self.heightForWidth(max(self.width(), theme().px(120))))

    def hasHeightForWidth(self) -> bool:
        """Yes: chips wrap."""
        return True

    def heightForWidth(self, width: int) -> int:
        """28 px for one line."""
        return max(theme().px(28), self._flow.heightForWidth(width))

    def resizeEvent(self, event: QEvent) -> None:
        """The frame lies under everything; another width may need another height."""
        self._frame.setGeometry(self.rect())
        self._frame.lower()
        self.updateGeometry()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click between chips goes to the editor."""
        self.edit.setFocus(Qt.FocusReason.MouseFocusReason)

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Enter adds; Backspace in the empty editor removes the last."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and self.edit.text():
                self._take(self.edit.text())
                return True
            if event.key() == Qt.Key.Key_Backspace and not self.edit.text() and self._chips:
                self._remove(self._chips[-1])
                return True
        return False

    def _on_text_edited(self, text: str) -> None:
        if "," in text:
            for part in text.split(","):
                self._take(part)

    def _on_focus_changed(self, focused: bool) -> None:
        self._frame.set_state(focused=focused)
        if not focused and self.edit.text():
            self._take(self.edit.text())

    def _take(self, typed: str) -> None:
        value = typed.replace("\\n", "\n").replace("\\t", "\t")
        self.edit.clear()
        if not value.strip(" ") or value in self.values() or len(self._chips) >= self._limit:
            return
        self._append(value)
        self._show_room()
        self.changed.emit(self.values())

    def _append(self, value: str) -> None:
        chip = _RemovableChip(value, value.replace("\n", "\\n").replace("\t", "\\t"))
        chip.removed.connect(lambda: self._remove(chip))
        self._flow.insert_widget(len(self._chips), chip)
        chip.show()
        self._chips.append(chip)

    def _remove(self, chip: _RemovableChip) -> None:
        self._chips.remove(chip)
        self._drop(chip)
        self._show_room()
        self.edit.setFocus(Qt.FocusReason.OtherFocusReason)
        self.changed.emit(self.values())

    def _drop(self, chip: _RemovableChip) -> None:
        self._flow.removeWidget(chip)
        chip.hide()
        chip.deleteLater()

    def _show_room(self) -> None:
        full = len(self._chips) >= self._limit
        self.edit.setReadOnly(full)
        self.edit.setVisible(not full or not self._chips)
        if full:
            self.setFocusProxy(self._chips[-1].remove_button)
        else:
            self.setFocusProxy(self.edit)
        self.updateGeometry()


_MIDDLE = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
