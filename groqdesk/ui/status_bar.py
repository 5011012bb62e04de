"""The line at the window's bottom: the providers' lamps at the left, what today cost at the right."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls import Button, Hairline, Label, Lamp, Popover, plain_tooltip
from groqdesk.ui.controls.painting import Hovered, LampState, box, lamp
from groqdesk.ui.theme import Theme, theme, themed
from groqdesk.viewmodels.shell import ProviderLamp, ShellState

SHAPES: dict[str, LampState] = {"ok": "healthy", "testing": "testing", "failed": "open", "off": "off"}
KEPT_IN = {
    "keyring": "Kept in the system's keyring.",
    "memory": "Kept until groqdesk closes.",
    "environment": "From the environment of this process.",
}
SPENT_TIP = (
    "Today: what the requests since midnight cost. Summed from the usage ledger of this computer; "
    "calls without a known price are not in it."
)


class StatusItem(Hovered, QAbstractButton):
    """A lamp or an icon, a name in secondary, a value in primary; 22 px high, a button."""

    def __init__(self, name: str, value: str = "", *, icon: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name, self._value, self._icon = name, value, icon
        self._lamp: LampState | None = None
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        themed(self)

    def show_value(self, value: str, state: LampState | None = None) -> None:
        """Value and lamp; both are in the accessible name."""
        self._value, self._lamp = value, state
        self.setAccessibleName(f"{self._name} {value}".strip())
        self.updateGeometry()
        self.update()

    @property
    def value(self) -> str:
        """What it says."""
        return self._value

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and height."""
        self.setFont(theme.font("caption"))
        self.setFixedHeight(theme.px(24))
        self.updateGeometry()
        self.update()

    def _lead(self) -> int:
        look = theme()
        return look.px(8 + 6) if self._lamp else look.px(12 + 6) if self._icon else 0

    def sizeHint(self) -> QSize:
        """Lead, name, value and 6 px at both sides."""
        look = theme()
        metrics = self.fontMetrics()
        width = self._lead() + metrics.horizontalAdvance(self._name) + look.px(12) + 2
        if self._value:
            width += look.px(6) + metrics.horizontalAdvance(self._value)
        return QSize(width, look.px(24))

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Ground under the pointer, lamp or icon, words."""
        look = theme()
        painter = QPainter(self)
        if self._hovered or self.isDown():
            area = QRectF(self.rect()).adjusted(0, look.px(2), 0, -look.px(2))
            box(painter, area, look.radius("xs"), look.color("bg.hover"), None)
        x = look.px(6)
        middle = self.height() / 2
        if self._lamp:
            lamp(painter, QRectF(x, middle - look.px(4), look.px(8), look.px(8)), self._lamp, look)
        elif self._icon:
            icons.draw(painter, self._icon, "text.tertiary", QRectF(x, middle - look.px(6), look.px(12), look.px(12)))
        x += self._lead()
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.setPen(look.color("text.tertiary"))
        painter.drawText(QRectF(x, 0, self.width(), self.height()), flags, self._name)
        x += self.fontMetrics().horizontalAdvance(self._name) + look.px(6)
        painter.setPen(look.color("text.secondary"))
        painter.drawText(QRectF(x, 0, self.width(), self.height()), flags, self._value)


class ProviderCard(Popover):
    """One provider: state, key, and what can be done about them."""

    test_requested = Signal(str)
    replace_requested = Signal(str)
    remove_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(name="Provider", parent=parent)
        self._provider = ""
        self.lamp = Lamp(name="Provider")
        self.name_label = Label("", role="heading")
        self.state_label = Label("", role="small", tone="secondary")
        self.key_label = Label("", role="codeSmall", tone="secondary")
        self.kept_label = Label("", role="small", tone="tertiary", wrap=True)
        head = self._head = QHBoxLayout()
        head.addWidget(self.lamp)
        head.addWidget(self.name_label)
        head.addStretch(1)
        head.addWidget(self.state_label)
        self.test_button = Button("Test", size="small")
        self.replace_button = Button("Replace key", size="small")
        self.remove_button = Button("Remove key", "danger", size="small")
        self.test_button.clicked.connect(lambda: self.test_requested.emit(self._provider))
        self.replace_button.clicked.connect(self.close)
        self.replace_button.clicked.connect(lambda: self.replace_requested.emit(self._provider))
        self.remove_button.clicked.connect(lambda: self.remove_requested.emit(self._provider))
        buttons = self._buttons = QHBoxLayout()
        for button in (self.test_button, self.replace_button, self.remove_button):
            buttons.addWidget(button)
        buttons.addStretch(1)
        inner = self._inner = QVBoxLayout()
        inner.addLayout(head)
        inner.addWidget(self.key_label)
        inner.addWidget(self.kept_label)
        inner.addLayout(buttons)
        self.body.addLayout(inner)
        self.apply_theme(theme())

    def apply_theme(self, theme: Theme) -> None:
        """Takes paddings."""
        super().apply_theme(theme)
        if hasattr(self, "_inner"):
            self._inner.setContentsMargins(theme.px(8), theme.px(6), theme.px(8), theme.px(6))
            self._inner.setSpacing(theme.px(6))
            self._head.setSpacing(theme.px(8))
            self._buttons.setSpacing(theme.px(6))
            self.setFixedWidth(theme.px(300))

    @property
    def provider(self) -> str:
        """Whose card it is."""
        return self._provider

    def show_provider(self, shown: ProviderLamp) -> None:
        """State and key of a provider; the practice server has no key."""
        self._provider = shown.provider
        self.lamp.set_state(SHAPES[shown.state])
        self.name_label.setText(shown.name)
        self.state_label.setText(shown.text or "not tested")
        practice = shown.provider == "demo"
        has_key = bool(shown.key_source)
        self.key_label.setVisible(has_key)
        self.key_label.setText(f"•••• {shown.key_tail}" if shown.key_tail else "••••")
        kept = KEPT_IN.get(shown.key_source, "No key is stored.")
        self.kept_label.setText("A practice server answers. No model is behind it." if practice else kept)
        self.replace_button.setVisible(shown.provider == "groq")
        self.replace_button.setText("Replace key" if has_key else "Add a key")
        self.remove_button.setVisible(has_key and shown.key_source != "environment")
        self.test_button.setEnabled(shown.state != "testing")
        self.adjustSize()


class StatusBar(QWidget):
    """26 px, full width. Lamps open their provider's card; the sum tells what it is."""

    lamp_clicked = Signal(str)
    spending_clicked = Signal()
    folder_clicked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "window")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Status")
        self.lamps: dict[str, StatusItem] = {}
        self._lamps_row = QHBoxLayout()
        self.spent = StatusItem("Today")
        self.spent.setToolTip(plain_tooltip(SPENT_TIP))
        self.spent.clicked.connect(self.spending_clicked)
        self.folder = StatusItem("Data in", icon="database")
        self.folder.setToolTip("Show the data folder")
        self.folder.clicked.connect(self.folder_clicked)
        row = self._row = QHBoxLayout()
        row.addLayout(self._lamps_row)
        row.addStretch(1)
        row.addWidget(self.spent)
        row.addWidget(self.folder)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(Hairline())
        column.addLayout(row)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes sizes."""
        self.setFixedHeight(theme.size("statusBar"))
        self._row.setContentsMargins(theme.px(6), 0, theme.px(6), 0)
        self._row.setSpacing(theme.px(4))
        self._lamps_row.setSpacing(theme.px(4))

    def show_state(self, state: ShellState) -> None:
        """Lamps in order, today's sum, the folder on the first page."""
        self._show_lamps(state.lamps)
        setup = state.page == "setup"
        self.spent.setVisible(not setup)
        self.spent.show_value(state.spent_today)
        self.folder.setVisible(setup)
        self.folder.show_value(state.data_folder)

    def _show_lamps(self, lamps: Sequence[ProviderLamp]) -> None:
        for shown in lamps:
            item = self.lamps.get(shown.provider)
            if item is None:
                item = self.lamps[shown.provider] = StatusItem(shown.name)
                item.clicked.connect(lambda _=False, provider=shown.provider: self.lamp_clicked.emit(provider))
                self._lamps_row.addWidget(item)
            item.show_value(shown.text, SHAPES[shown.state])
            item.setToolTip(plain_tooltip(f"{shown.name}: {shown.text or 'not tested'}"))
        for provider in set(self.lamps) - {shown.provider for shown in lamps}:
            gone = self.lamps.pop(provider)
            gone.hide()
            gone.deleteLater()
