"""Button and IconButton."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QPushButton, QSizePolicy, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls.painting import FadingHover, box, mixed
from groqdesk.ui.theme import Theme, theme, themed

ButtonKind = Literal["primary", "secondary", "ghost", "danger", "danger-fill"]
ButtonSize = Literal["small", "base", "large"]

_HEIGHT = {"small": "controlSmall", "base": "control", "large": "controlLarge"}
_PADDING = {"small": 8, "base": 12, "large": 16}
_ROLE = {"small": "small", "base": "bodyStrong", "large": "bodyStrong"}
_CLEAR = QColor(Qt.GlobalColor.transparent)


class Button(FadingHover, QPushButton):
    """A button with a verb: 32 px (small 26, large 40), optional icon 6 px before the text.

    One primary button per view; "danger-fill" only in the dialog that deletes for good.
    """

    def __init__(
        self,
        text: str,
        kind: ButtonKind = "secondary",
        *,
        size: ButtonSize = "base",
        icon: str = "",
        trailing_icon: str = "",
        name: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(text, parent)
        self.setAccessibleName(name or text)
        self.setAutoDefault(False)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self._named = bool(name)
        self._kind: ButtonKind = kind
        self._size: ButtonSize = size
        self._icon = icon
        self._trailing = trailing_icon
        themed(self)

    @property
    def kind(self) -> ButtonKind:
        """primary, secondary, ghost, danger or danger-fill."""
        return self._kind

    def set_kind(self, kind: ButtonKind) -> None:
        """Changes the look, not the meaning."""
        self._kind = kind
        self.update()

    def set_icon(self, name: str) -> None:
        """A use-name of icons.USE, or "" for none."""
        self._icon = name
        self.updateGeometry()
        self.update()

    def setText(self, text: str) -> None:
        """The accessible name follows unless one was given."""
        super().setText(text)
        if not getattr(self, "_named", True):
            self.setAccessibleName(text)

    def apply_theme(self, theme: Theme) -> None:
        """Takes font, height and padding."""
        self.setFont(theme.medium(_ROLE[self._size]))
        self.setFixedHeight(theme.size(_HEIGHT[self._size]))
        self._pad = theme.px(_PADDING[self._size])
        self._gap = theme.px(6)
        self._icon_px = theme.px(14 if self._size == "small" else 16)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Text, icons and padding; never clipped."""
        return QSize(self._content_width() + 2 * self._pad + 2, self.minimumHeight())

    def minimumSizeHint(self) -> QSize:
        """The same: a button does not shrink."""
        return self.sizeHint()

    def _content_width(self) -> int:
        width = self.fontMetrics().horizontalAdvance(self.text()) + 1 if self.text() else 0
        for name in (self._icon, self._trailing):
            if name:
                width += self._icon_px + (self._gap if self.text() else 0)
        return width

    def colors(self) -> tuple[QColor, QColor, QColor]:
        """Fill, border and text in the present state."""
        look = theme()
        if not self.isEnabled():
            border = _CLEAR if self._kind == "ghost" else look.color("border.subtle")
            return _CLEAR, border, look.color("text.disabled")
        share = self._hover.share
        down = self.isDown() or self.isChecked()
        if self._kind == "primary":
            fill = look.color("accent.fillPressed" if down else "accent.fill")
            if not down:
                fill = mixed(fill, look.color("accent.fillHover"), share)
            return fill, fill, look.color("text.onAccent")
        if self._kind == "danger-fill":
            fill = look.color("danger.fill")
            fill = fill.darker(112 if down else 100 + round(6 * share))
            return fill, fill, look.color("text.onAccent")
        rest = _CLEAR if self._kind == "ghost" else look.color("bg.raised")
        fill = look.color("bg.active") if down else mixed(rest, look.color("bg.hover"), share)
        border = _CLEAR if self._kind == "ghost" else look.color("border.default")
        text = look.color("danger.text" if self._kind == "danger" else "text.primary")
        if self._kind == "ghost":
            text = mixed(look.color("text.secondary"), text, share)
        return fill, border, text

    def paintEvent(self, event: QPaintEvent) -> None:
        """Box, icons and text, centred as one group."""
        look = theme()
        fill, border, text = self.colors()
        painter = QPainter(self)
        box(painter, QRectF(self.rect()), look.radius("sm"), fill, border)
        x = max(self._pad, round((self.width() - self._content_width()) / 2))
        if self.layoutDirection() == Qt.LayoutDirection.RightToLeft and self._icon and not self._trailing:
            # Mirrored: the icon leads from the right.
            width = self._content_width() - self._icon_px - self._gap
            self._draw_text(painter, x, width, text)
            self._draw_icon(painter, self._icon, x + width + self._gap, text)
            return
        if self._icon:
            self._draw_icon(painter, self._icon, x, text)
            x += self._icon_px + self._gap
        if self.text():
            width = self.fontMetrics().horizontalAdvance(self.text()) + 1
            width = min(width, self.width() - x)
            self._draw_text(painter, x, width, text)
            x += width + self._gap
        if self._trailing:
            self._draw_icon(painter, self._trailing, x, text)

    def _draw_icon(self, painter: QPainter, name: str, x: int, color: QColor) -> None:
        y = (self.height() - self._icon_px) / 2
        icons.draw(painter, name, color, QRectF(x, y, self._icon_px, self._icon_px))

    def _draw_text(self, painter: QPainter, x: int, width: int, color: QColor) -> None:
        painter.setPen(color)
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft | Qt.TextFlag.TextHideMnemonic
        painter.drawText(QRectF(x, 0, width + 1, self.height()), int(flags), self.text())


class IconButton(FadingHover, QAbstractButton):
    """A square button with one icon: 28 px, 24 in dense rows, or a given side; `name` is tooltip and accessible name.

    `on` holds it down (bg.active), for example while its panel is open.
    """

    def __init__(
        self,
        icon: str,
        name: str,
        *,
        dense: bool = False,
        side: int = 0,
        kind: ButtonKind = "ghost",
        shortcut_text: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        if not name:
            raise ValueError("an icon button needs a name")
        self._icon = icon
        self._kind: ButtonKind = kind
        self._dense = dense
        self._side = side
        self._on = False
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_name(name, shortcut_text)
        themed(self)

    def set_name(self, name: str, shortcut_text: str = "") -> None:
        """Accessible name and tooltip; the tooltip also tells the shortcut."""
        self.setAccessibleName(name)
        self.setToolTip(f"{name}  {shortcut_text}" if shortcut_text else name)

    def set_icon(self, name: str) -> None:
        """A use-name of icons.USE."""
        self._icon = name
        self.update()

    @property
    def icon_name(self) -> str:
        """The use-name of the icon."""
        return self._icon

    def set_kind(self, kind: ButtonKind) -> None:
        """ghost, secondary or primary (Send)."""
        self._kind = kind
        self.update()

    @property
    def on(self) -> bool:
        """Whether it is held down."""
        return self._on

    def set_on(self, on: bool) -> None:
        """Holds it down or releases it."""
        self._on = on
        self.update()

    def apply_theme(self, theme: Theme) -> None:
        """Takes side and icon size."""
        side = theme.px(self._side or (24 if self._dense else 28))
        self.setFixedSize(side, side)
        self._icon_px = theme.px(14 if self._dense else 16)
        self.update()

    def sizeHint(self) -> QSize:
        """Its fixed side."""
        return self.minimumSize()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground and icon."""
        look = theme()
        painter = QPainter(self)
        down = self._on or self.isDown() or self.isChecked()
        share = self._hover.share
        border: QColor | None = None
        if not self.isEnabled():
            fill, color = _CLEAR, look.color("text.disabled")
            border = None if self._kind == "ghost" else look.color("border.subtle")
        elif self._kind == "primary":
            fill = mixed(look.color("accent.fill"), look.color("accent.fillHover"), share)
            fill = look.color("accent.fillPressed") if down else fill
            color = look.color("text.onAccent")
        else:
            ghost = self._kind == "ghost"
            rest = _CLEAR if ghost else look.color("bg.raised")
            border = None if ghost else look.color("border.default")
            fill = look.color("bg.active") if down else mixed(rest, look.color("bg.hover"), share)
            primary = look.color("text.primary")
            color = primary if down or not ghost else mixed(look.color("text.tertiary"), primary, share)
        box(painter, QRectF(self.rect()), look.radius("sm"), fill, border)
        offset = (self.width() - self._icon_px) / 2
        icons.draw(painter, self._icon, color, QRectF(offset, offset, self._icon_px, self._icon_px))
