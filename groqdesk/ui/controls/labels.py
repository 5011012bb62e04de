"""Text: labels that never interpret what they show, one that elides, and the label of a form field."""

from __future__ import annotations

import html

from PySide6.QtCore import QPointF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QLabel, QSizePolicy, QWidget

from groqdesk.ui.controls.painting import dot
from groqdesk.ui.theme import Theme, theme, themed

TONES: dict[str, str] = {
    "primary": "text.primary",
    "secondary": "text.secondary",
    "tertiary": "text.tertiary",
    "disabled": "text.disabled",
    "accent": "accent.text",
    "success": "success.text",
    "warning": "warning.text",
    "danger": "danger.text",
    "info": "info.text",
}


class Label(QLabel):
    """Plain text in a role of the type scale and a tone; markup in the text is shown as typed."""

    def __init__(
        self,
        text: str = "",
        *,
        role: str = "body",
        tone: str = "primary",
        strong: bool = False,
        wrap: bool = False,
        selectable: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        if selectable:
            self.setTextInteractionFlags(
                Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
            )
        self._role = role
        self._strong = strong
        self.setText(text)
        self.setProperty("tone", tone)
        themed(self)

    def set_tone(self, tone: str) -> None:
        """One of TONES."""
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            self.style().unpolish(self)
            self.style().polish(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the font of its role; the tone is the style sheet's."""
        self.setFont(theme.font(self._role, strong=self._strong))


class ElidedLabel(QLabel):
    """One line of plain text, cut with an ellipsis where there is no room; the whole text is then its tooltip."""

    def __init__(
        self,
        text: str = "",
        *,
        role: str = "body",
        tone: str = "primary",
        strong: bool = False,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self._role = role
        self._tone = tone
        self._strong = strong
        self._mode = mode
        self._color = QColor()
        self.setText(text)
        themed(self)

    def set_tone(self, tone: str) -> None:
        """One of TONES."""
        self._tone = tone
        self.apply_theme(theme())

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and colour."""
        self.setFont(theme.font(self._role, strong=self._strong))
        self._color = theme.color(TONES[self._tone])
        self._line = theme.line_height(self._role)
        self.updateGeometry()
        self.update()

    def setText(self, text: str) -> None:
        """Line breaks are shown as spaces."""
        super().setText(" ".join(text.splitlines()))
        self._show_tooltip()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """The width of the whole text with 4 % slack: Qt draws text a little wider than the design."""
        width = self.fontMetrics().horizontalAdvance(self.text())
        return QSize(width + width // 25 + 1, self._line)

    def minimumSizeHint(self) -> QSize:
        """Room for an ellipsis and a letter or two."""
        return QSize(min(self.fontMetrics().averageCharWidth() * 4, self.sizeHint().width()), self._line)

    def elided(self) -> str:
        """The text as it is drawn at the present width."""
        return self.fontMetrics().elidedText(self.text(), self._mode, self.width())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The tooltip follows whether the text fits."""
        super().resizeEvent(event)
        self._show_tooltip()

    def _show_tooltip(self) -> None:
        full = self.text()
        # A tooltip is rich text when it looks like it; outside text must not be.
        self.setToolTip("" if self.elided() == full else plain_tooltip(full))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draws the elided text."""
        painter = QPainter(self)
        painter.setPen(self._color if self.isEnabled() else self.palette().color(self.foregroundRole()))
        painter.drawText(self.rect(), self.alignment() | Qt.AlignmentFlag.AlignVCenter, self.elided())


def plain_tooltip(text: str) -> str:
    """`text` so that a tooltip shows it as typed: Qt reads tooltips as HTML when they look like it."""
    if "<" not in text:
        return text
    return f"<qt>{html.escape(text, quote=False)}</qt>".replace("\n", "<br>")


class ChangedDot(QAbstractButton):
    """The 5 px accent dot after a label: the value differs from the default; a click resets it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Reset to default")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the accent; the hit area is larger than the dot."""
        self._color = theme.color("accent.base")
        self._diameter = theme.px(5)
        self.setFixedSize(theme.px(24), theme.px(16))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The dot stands close to its label, at the left."""
        painter = QPainter(self)
        dot(painter, QPointF(self._diameter / 2 + 1, self.height() / 2), self._diameter, self._color)


class FieldLabel(QWidget):
    """The label over a field, its buddy for screen readers, with the dot that says "changed" and a note at the right."""

    reset_requested = Signal()
    """The dot was pressed."""

    def __init__(self, text: str, buddy: QWidget | None = None, *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        self.label = Label(text, role="small", tone="secondary")
        if buddy is not None:
            self.label.setBuddy(buddy)
        self.dot = ChangedDot()
        self.dot.clicked.connect(self.reset_requested)
        keep = self.dot.sizePolicy()
        keep.setRetainSizeWhenHidden(True)
        self.dot.setSizePolicy(keep)
        self.dot.hide()
        self.note = Label("", role="small", tone="tertiary")
        row.addWidget(self.label)
        row.addWidget(self.dot)
        row.addStretch(1)
        row.addWidget(self.note)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gap."""
        self._row.setSpacing(theme.px(5))

    def set_changed(self, default: str | None) -> None:
        """Shows the dot with "Changed from `default`. Click to reset."; None hides it."""
        self.dot.setVisible(default is not None)
        if default is not None:
            self.dot.setToolTip(plain_tooltip(f"Changed from {default}. Click to reset."))
            self.dot.setAccessibleName(f"Reset {self.label.text()} to {default}")

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A click on the label goes to its field."""
        buddy = self.label.buddy()
        if buddy is not None:
            buddy.setFocus(Qt.FocusReason.MouseFocusReason)
