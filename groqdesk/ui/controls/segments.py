"""Segments (one of a few, in a row) and Tabs (pages of a panel)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QButtonGroup, QHBoxLayout, QRadioButton, QSizePolicy, QTabBar, QWidget

from groqdesk.ui import icons
from groqdesk.ui.controls.painting import Hovered, box
from groqdesk.ui.theme import Theme, theme, themed


@dataclass(frozen=True)
class Segment:
    """One choice: the id it stands for, its words, and a use-name of icons.USE or ""."""

    id: str
    text: str
    icon: str = ""


class _SegmentButton(Hovered, QRadioButton):
    """A radio button for keyboard and screen readers, painted as a segment."""

    def __init__(self, segment: Segment) -> None:
        super().__init__(segment.text)
        self.segment = segment
        self.setAccessibleName(segment.text)
        self.setProperty("focusRing", 5)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        self.setFont(theme.medium("small"))
        self.setFixedHeight(theme.px(24))
        self._icon_px = theme.px(14)
        self._gap = theme.px(6)
        self._pad = theme.px(10)
        self.updateGeometry()
        self.update()

    def content_width(self) -> int:
        text = self.fontMetrics().horizontalAdvance(self.text()) + 2
        return text + (self._icon_px + self._gap if self.segment.icon else 0)

    def sizeHint(self) -> QSize:
        return QSize(self.content_width() + 2 * self._pad, self.minimumHeight())

    def minimumSizeHint(self) -> QSize:
        return QSize(self.content_width() + self._gap, self.minimumHeight())

    def hitButton(self, pos: object) -> bool:
        return True

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme()
        painter = QPainter(self)
        chosen = self.isChecked()
        if chosen and self.isEnabled():
            fill = look.color("bg.active" if look.is_dark else "bg.raised")
            box(painter, QRectF(self.rect()), look.px(5), fill, None if look.is_dark else look.color("border.default"))
        tone = "text.primary" if chosen or self._hovered else "text.secondary"
        tone = tone if self.isEnabled() else "text.disabled"
        x = (self.width() - self.content_width()) / 2
        if self.segment.icon:
            rect = QRectF(x, (self.height() - self._icon_px) / 2, self._icon_px, self._icon_px)
            icons.draw(painter, self.segment.icon, tone, rect)
            x += self._icon_px + self._gap
        painter.setPen(look.color(tone))
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        painter.drawText(QRectF(x, 0, self.width() - x, self.height()), flags, self.text())


class Segments(QWidget):
    """A row of exclusive choices, 30 px. Arrows move, Home and End go to the ends, Tab enters at the chosen one."""

    changed = Signal(str)
    """Id of the newly chosen segment; not emitted by `set_value`."""

    def __init__(
        self,
        segments: Sequence[Segment | str],
        *,
        name: str,
        value: str = "",
        stretch: bool = True,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        if not name:
            raise ValueError("segments need a name")
        self.setAccessibleName(name)
        self._stretch = stretch
        policy = QSizePolicy.Policy.Expanding if stretch else QSizePolicy.Policy.Fixed
        self.setSizePolicy(policy, QSizePolicy.Policy.Fixed)
        self._group = QButtonGroup(self)
        self._group.setExclusive(True)
        self._buttons: list[_SegmentButton] = []
        self._row = QHBoxLayout(self)
        self._row.setSpacing(0)
        self.set_segments(segments, value)
        self._group.buttonToggled.connect(self._on_toggled)
        self._quiet = False
        themed(self)

    def set_segments(self, segments: Sequence[Segment | str], value: str = "") -> None:
        """Replaces the choices; the first is chosen unless `value` names another. Emits nothing."""
        for old in self._buttons:
            self._group.removeButton(old)
            self._row.removeWidget(old)
            old.deleteLater()
        self._buttons = []
        for item in segments:
            segment = Segment(item, item) if isinstance(item, str) else item
            button = _SegmentButton(segment)
            button.installEventFilter(self)
            self._group.addButton(button)
            self._row.addWidget(button, 1 if self._stretch else 0)
            self._buttons.append(button)
        self.set_value(value or (self._buttons[0].segment.id if self._buttons else ""))

    def value(self) -> str:
        """Id of the chosen segment, "" if none."""
        return next((button.segment.id for button in self._buttons if button.isChecked()), "")

    def set_value(self, value: str) -> None:
        """Chooses by id without emitting `changed`; an unknown id changes nothing."""
        self._quiet = True
        for button in self._buttons:
            if button.segment.id == value:
                button.setChecked(True)
                self.setFocusProxy(button)
        self._quiet = False

    def buttons(self) -> tuple[QRadioButton, ...]:
        """The segments as radio buttons, left to right."""
        return tuple(self._buttons)

    def apply_theme(self, theme: Theme) -> None:
        """Takes height and padding."""
        self.setFixedHeight(theme.px(30))
        pad = (theme.px(30) - theme.px(24)) // 2
        self._row.setContentsMargins(pad, pad, pad, pad)
        self.updateGeometry()
        self.update()

    def eventFilter(self, watched: object, event: QEvent) -> bool:
        """Home and End; left and right in reading direction are the radio buttons' own."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and self._buttons:
            key = event.key()
            if key in (Qt.Key.Key_Home, Qt.Key.Key_End):
                target = self._buttons[0 if key == Qt.Key.Key_Home else -1]
                target.setFocus(Qt.FocusReason.TabFocusReason)
                target.setChecked(True)
                return True
        return False

    def _on_toggled(self, button: _SegmentButton, checked: bool) -> None:
        if checked and not self._quiet:
            self.setFocusProxy(button)
            self.changed.emit(button.segment.id)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The trough."""
        look = theme()
        border = look.color("border.default" if self.isEnabled() else "border.subtle")
        box(QPainter(self), QRectF(self.rect()), look.radius("segment"), look.color("bg.sunken"), border)


class Tabs(QTabBar):
    """Tabs 40 px high with a 2 px accent underline; a tab may carry a count and a danger icon (it holds an error)."""

    def __init__(self, texts: Sequence[str] = (), *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setDrawBase(False)
        self.setExpanding(False)
        self.setUsesScrollButtons(False)
        self.setElideMode(Qt.TextElideMode.ElideNone)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setMouseTracking(True)
        self._counts: dict[int, int] = {}
        self._errors: set[int] = set()
        themed(self)
        for text in texts:
            self.addTab(text)

    def apply_theme(self, theme: Theme) -> None:
        """Takes font and height."""
        self._height = theme.px(40)
        self._gap = theme.px(16)
        self._inner = theme.px(5)
        self.setFont(theme.font("bodyStrong"))
        self.setFixedHeight(self._height)
        self.updateGeometry()
        self.update()

    def set_count(self, index: int, count: int | None) -> None:
        """The number after a tab's text; None takes it away."""
        if count is None:
            self._counts.pop(index, None)
        else:
            self._counts[index] = count
        self._relayout(index)

    def set_error(self, index: int, error: bool) -> None:
        """Marks a tab that holds an error; the accessible text says so."""
        (self._errors.add if error else self._errors.discard)(index)
        self.setTabToolTip(index, "Holds an error" if error else "")
        self._relayout(index)

    def _relayout(self, index: int) -> None:
        self.setTabText(index, self.tabText(index))
        self.updateGeometry()
        self.update()

    def _widths(self, index: int) -> tuple[int, int, int]:
        metrics = self.fontMetrics()
        text = metrics.horizontalAdvance(self.tabText(index)) + 2
        count = metrics.horizontalAdvance(str(self._counts[index])) + self._inner if index in self._counts else 0
        icon = theme().px(14) + self._inner if index in self._errors else 0
        return text, count, icon

    def tabSizeHint(self, index: int) -> QSize:
        """Text, count and icon, and the gap to the next tab."""
        return QSize(sum(self._widths(index)) + self._gap, self._height)

    def minimumTabSizeHint(self, index: int) -> QSize:
        """Tabs do not shrink."""
        return self.tabSizeHint(index)

    def sizeHint(self) -> QSize:
        """All tabs in a row."""
        return QSize(sum(self.tabSizeHint(i).width() for i in range(self.count())), self._height)

    def minimumSizeHint(self) -> QSize:
        """The same."""
        return self.sizeHint()

    def mouseMoveEvent(self, event: object) -> None:
        """Hover repaints."""
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Text, count and icon of each tab; the line under the current one."""
        look = theme()
        painter = QPainter(self)
        painter.setFont(self.font())
        hovered = self.tabAt(self.mapFromGlobal(self.cursor().pos())) if self.underMouse() else -1
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        for index in range(self.count()):
            rect = QRectF(self.tabRect(index))
            text, count, icon = self._widths(index)
            current = index == self.currentIndex()
            tone = "text.primary" if current or index == hovered else "text.secondary"
            painter.setPen(look.color(tone if self.isTabEnabled(index) else "text.disabled"))
            painter.drawText(rect, flags, self.tabText(index))
            if count:
                painter.setPen(look.color("text.tertiary"))
                painter.drawText(rect.adjusted(text - 2 + self._inner, 0, 0, 0), flags, str(self._counts[index]))
            if icon:
                size = look.px(14)
                area = QRectF(rect.x() + text + count + self._inner - 2, (rect.height() - size) / 2, size, size)
                icons.draw(painter, "error", "danger.text", area)
            if current:
                line = QRectF(rect.x(), self._height - look.px(2), text + count + icon - 2, look.px(2))
                painter.fillRect(line, look.color("accent.base"))
