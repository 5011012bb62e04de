"""The rail at the window's left edge: the mark, the pages, the settings menu."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls import Button, Hairline, IconButton, Label, NavItem, Popover, Segment, Segments
from groqdesk.ui.controls.painting import Hovered, box
from groqdesk.ui.theme import Theme, theme, themed


class Mark(QWidget):
    """The mark of groqdesk. `flush` draws its first bar at the left edge, in line with text below."""

    def __init__(self, side: int = 26, *, flush: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._side = side
        self._flush = flush
        self.setAccessibleName("groqdesk")
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes its size."""
        self.setFixedSize(theme.px(self._side), theme.px(self._side))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The three bars."""
        indent = round(self.width() * 2 / 26) if self._flush else 0  # the drawing begins 2 of its 26 units in
        icons.draw(QPainter(self), "logo", "accent.base", QRectF(self.rect()).translated(-indent, 0))


class MenuRow(Hovered, QAbstractButton):
    """A row of 30 px in a popover: icon, words, shortcut at the right."""

    def __init__(self, icon: str, text: str, shortcut: str = "", *, danger: bool = False) -> None:
        super().__init__()
        self._icon, self._shortcut, self._danger = icon, shortcut, danger
        self.setText(text)
        self.setAccessibleName(text)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and height."""
        self.setFont(theme.font("body"))
        self.setFixedHeight(theme.px(30))
        self.update()

    def sizeHint(self) -> QSize:
        """Icon, words, shortcut."""
        look = theme()
        metrics = self.fontMetrics()
        width = metrics.horizontalAdvance(self.text()) + metrics.horizontalAdvance(self._shortcut)
        return QSize(width + look.px(64), look.px(30))

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground, icon, words, shortcut."""
        look = theme()
        painter = QPainter(self)
        rect = QRectF(self.rect())
        if self._hovered or self.hasFocus():
            box(painter, rect, look.radius("sm"), look.color("bg.active"), None)
        size = look.px(16)
        tone = "danger.text" if self._danger else "text.secondary"
        icons.draw(painter, self._icon, tone, QRectF(look.px(8), (self.height() - size) / 2, size, size))
        painter.setPen(look.color("danger.text" if self._danger else "text.primary"))
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(rect.adjusted(look.px(32), 0, 0, 0), int(middle | Qt.AlignmentFlag.AlignLeft), self.text())
        painter.setFont(look.font("caption"))
        painter.setPen(look.color("text.tertiary"))
        area = rect.adjusted(0, 0, -look.px(8), 0)
        painter.drawText(area, int(middle | Qt.AlignmentFlag.AlignRight), self._shortcut)


class SettingsMenu(Popover):
    """Theme, text size, the key, the data folder, the shortcuts, the version."""

    theme_chosen = Signal(str)
    size_stepped = Signal(int)
    key_requested = Signal()
    folder_requested = Signal()
    shortcuts_requested = Signal()

    def __init__(self, version: str, parent: QWidget | None = None) -> None:
        super().__init__(name="Settings", parent=parent)
        self.theme_segments = Segments(
            [Segment("system", "System"), Segment("dark", "Dark"), Segment("light", "Light")], name="Theme"
        )
        self.theme_segments.changed.connect(self.theme_chosen)
        self.smaller = IconButton("remove", "Smaller text", shortcut_text="Ctrl+-")
        self.larger = IconButton("add", "Larger text", shortcut_text="Ctrl++")
        self.normal = Button("100 %", size="small", name="Text size 100 %, back to 100 %")
        self.normal.setToolTip("Back to 100 %  Ctrl+0")
        self.smaller.clicked.connect(lambda: self.size_stepped.emit(-1))
        self.larger.clicked.connect(lambda: self.size_stepped.emit(1))
        self.normal.clicked.connect(lambda: self.size_stepped.emit(0))
        looks = self._looks = QVBoxLayout()
        looks.addWidget(Label("Theme", role="small", tone="secondary"))
        looks.addWidget(self.theme_segments)
        sizes = self._sizes = QHBoxLayout()
        sizes.addWidget(Label("Text size", role="small", tone="secondary"))
        sizes.addStretch(1)
        for button in (self.smaller, self.normal, self.larger):
            sizes.addWidget(button)
        looks.addLayout(sizes)
        self.body.addLayout(looks)
        self.body.addWidget(Hairline())
        self.key_row = MenuRow("key", "Replace Groq key…")
        self.folder_row = MenuRow("local_data", "Show data folder")
        self.shortcuts_row = MenuRow("info", "Keyboard shortcuts", "F1")
        for row, signal in (
            (self.key_row, self.key_requested),
            (self.folder_row, self.folder_requested),
            (self.shortcuts_row, self.shortcuts_requested),
        ):
            row.clicked.connect(self.close)
            row.clicked.connect(signal)
            self.body.addWidget(row)
        self.body.addWidget(Hairline())
        self.about = Label(f"groqdesk {version}", role="caption", tone="tertiary")
        self.body.addWidget(self.about)
        self.apply_theme(theme())

    def apply_theme(self, theme: Theme) -> None:
        """Takes paddings."""
        super().apply_theme(theme)
        if hasattr(self, "about"):
            self._looks.setContentsMargins(theme.px(8), theme.px(6), theme.px(8), theme.px(8))
            self._looks.setSpacing(theme.px(8))
            self._sizes.setSpacing(theme.px(4))
            self.about.setContentsMargins(theme.px(8), theme.px(6), theme.px(8), theme.px(4))
            self.body.setSpacing(theme.px(2))
            self.setFixedWidth(theme.px(272))

    def show_look(self, mode: str, percent: int) -> None:
        """The theme chosen and the text size."""
        self.theme_segments.set_value(mode)
        self.normal.setText(f"{percent} %")
        self.normal.setAccessibleName(f"Text size {percent} %, back to 100 %")
        self.smaller.setEnabled(percent > 90)
        self.larger.setEnabled(percent < 150)

    def open_beside(self, anchor: QWidget) -> None:
        """At the right of the rail, its bottom at the anchor's."""
        self.open_at(anchor)
        corner = anchor.mapToGlobal(anchor.rect().bottomRight())
        self.move(corner.x() + theme().px(6), corner.y() - self.height())
        self.theme_segments.setFocus(Qt.FocusReason.PopupFocusReason)


class NavRail(QWidget):
    """64 px wide: one entry for each page that exists, Settings at the bottom."""

    page_requested = Signal(str)
    settings_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Pages")
        self.mark = Mark()
        self.items = {"chat": NavItem("nav.chat", "Chat", shortcut_text="Ctrl+1")}
        self.settings = NavItem("nav.settings", "Settings", shortcut_text="Ctrl+,")
        self.settings.setAutoExclusive(False)
        self.settings.setCheckable(False)
        self.settings.clicked.connect(self.settings_requested)
        self._column = QVBoxLayout()
        self._column.addWidget(self.mark, 0, Qt.AlignmentFlag.AlignHCenter)
        self._top_gap = QWidget()
        self._column.addWidget(self._top_gap)
        for page, item in self.items.items():
            item.setAutoExclusive(False)  # the first run is none of the pages: nothing is checked then
            item.clicked.connect(lambda _=False, page=page: self.page_requested.emit(page))
            self._column.addWidget(item)
        self._column.addStretch(1)
        self._column.addWidget(self.settings)
        self._line = Hairline(Qt.Orientation.Vertical, parent=self)
        across = QVBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.addLayout(self._column)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes sizes."""
        self.setFixedWidth(theme.size("rail"))
        self._column.setContentsMargins(0, theme.px(14), 0, theme.px(8))
        self._column.setSpacing(theme.px(4))
        self._top_gap.setFixedHeight(theme.px(59 - 14 - 26 - 8))
        self._place_line()

    def resizeEvent(self, event: QEvent) -> None:
        """The line keeps to the right edge."""
        self._place_line()

    def _place_line(self) -> None:
        self._line.setGeometry(self.width() - 1, 0, 1, self.height())

    def show_page(self, page: str) -> None:
        """Marks where one is; no entry for a page that is none of the rail's."""
        for name, item in self.items.items():
            item.setChecked(name == page)
