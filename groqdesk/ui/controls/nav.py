"""NavItem: an entry of the rail at the window's left edge."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls.labels import plain_tooltip
from groqdesk.ui.controls.painting import FadingHover, box, dot, mixed
from groqdesk.ui.theme import Theme, theme, themed


class NavItem(FadingHover, QAbstractButton):
    """Icon 20 over a label in a box of 52x48 (`item_rect`); checked = where you are, with the accent mark at the edge.

    The widget is as wide as the rail (64), so that the 3x20 mark stands at the window's edge. A pip says that something
    there needs a look; its reason is the tooltip.
    """

    def __init__(self, icon: str, text: str, *, shortcut_text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._icon = icon
        self._shortcut = shortcut_text
        self._pip = ""
        self.set_pip("")
        themed(self)

    def set_pip(self, reason: str) -> None:
        """Shows the amber pip with its reason, or takes it away with ""."""
        self._pip = reason
        name = self.text()
        self.setAccessibleName(f"{name}, {reason}" if reason else name)
        self.setToolTip(plain_tooltip(reason) if reason else f"{name}  {self._shortcut}".strip())
        self.update()

    @property
    def pip(self) -> str:
        """The reason shown, or ""."""
        return self._pip

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and size."""
        self.setFont(theme.font("nav"))
        self.setFixedSize(theme.size("rail"), theme.px(48))
        self.setProperty("focusRing", theme.radius("md"))
        self.update()

    def item_rect(self) -> QRect:
        """The box of 52x48 in the middle of the rail; the focus ring goes round it."""
        look = theme()
        width = look.px(52)
        return QRect((self.width() - width) // 2, 0, width, look.px(48))

    def focus_rect(self) -> QRect:
        """What the focus ring surrounds."""
        return self.item_rect()

    def sizeHint(self) -> QSize:
        """Its fixed size."""
        return self.minimumSize()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Box, mark, icon, label and pip."""
        look = theme()
        painter = QPainter(self)
        item = QRectF(self.item_rect())
        chosen = self.isChecked()
        rest = look.color("bg.hover")
        rest.setAlpha(0)
        fill = look.color("bg.active") if chosen else mixed(rest, look.color("bg.hover"), self._hover.share)
        box(painter, item, look.radius("md"), fill, None)
        if chosen:
            height = look.px(20)
            mark = QRectF(0, (self.height() - height) / 2, look.px(3), height)
            if self.layoutDirection() == Qt.LayoutDirection.RightToLeft:
                mark.moveRight(self.width())
            box(painter, mark.adjusted(-look.px(3), 0, 0, 0), look.px(2), look.color("accent.base"), None)
        primary = look.color("text.primary")
        icon_color = primary if chosen else mixed(look.color("text.secondary"), primary, self._hover.share)
        text_color = primary if chosen else mixed(look.color("text.tertiary"), primary, self._hover.share)
        size = look.size("iconNav")
        area = QRectF(round(item.center().x() - size / 2), look.px(7), size, size)
        icons.draw(painter, self._icon, icon_color, area)
        painter.setPen(text_color)
        label = QRectF(0, look.px(28), self.width(), look.px(15))
        painter.drawText(label, int(Qt.AlignmentFlag.AlignCenter), self.text())
        if self._pip:
            dot(painter, QPointF(area.right() + look.px(2), area.top()), look.px(6), look.color("warning.graphic"))
