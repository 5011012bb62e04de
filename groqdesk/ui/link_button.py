"""LinkButton: a quiet verb in a line of text."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls.painting import Hovered
from groqdesk.ui.theme import Theme, theme, themed


class LinkButton(Hovered, QAbstractButton):
    """Words without a box, tertiary, primary under the pointer; 24 px high. `trailing_icon` follows the words."""

    def __init__(
        self, text: str = "", *, trailing_icon: str = "", tone: str = "text.tertiary", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._trailing = trailing_icon
        self._tone = tone
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setText(text)
        themed(self)

    def setText(self, text: str) -> None:
        """The words are the accessible name too."""
        super().setText(text)
        self.setAccessibleName(text)
        self.updateGeometry()

    def set_trailing_icon(self, name: str) -> None:
        """Another icon behind the words, "" for none."""
        self._trailing = name
        self.updateGeometry()
        self.update()

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and height."""
        self.setFont(theme.medium("small"))
        self.setFixedHeight(theme.px(24))
        self._icon_px = theme.px(12)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """The words, and the icon 4 px behind them."""
        width = self.fontMetrics().horizontalAdvance(self.text()) + 2
        if self._trailing:
            width += theme().px(5) + self._icon_px
        return QSize(width, self.minimumHeight())

    def minimumSizeHint(self) -> QSize:
        """The same: words are not cut."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Words and icon."""
        look = theme()
        painter = QPainter(self)
        tone = "text.primary" if self._hovered or self.isDown() else self._tone
        color = look.color(tone if self.isEnabled() else "text.disabled")
        painter.setPen(color)
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        width = self.fontMetrics().horizontalAdvance(self.text()) + 2
        painter.drawText(QRectF(0, 0, width, self.height()), flags, self.text())
        if self._trailing:
            y = (self.height() - self._icon_px) / 2
            area = QRectF(width - 2 + look.px(5), y, self._icon_px, self._icon_px)
            icons.draw(painter, self._trailing, color, area)
