"""Popover (a floating card) and PopoverMenu (a searchable list, for example the model picker)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QGuiApplication, QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from groqdesk.ui import icons
from groqdesk.ui.compositor import cut_corners, let_corners_show
from groqdesk.ui.controls.fields import TextField
from groqdesk.ui.controls.labels import Label
from groqdesk.ui.controls.painting import box
from groqdesk.ui.theme import Theme, theme, themed


class Popover(QWidget):
    """A card that floats by its anchor and goes on Esc or a click elsewhere; two lines round it instead of a shadow."""

    closed = Signal()
    """It was hidden, for whatever reason."""

    def __init__(self, *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(
            parent,
            Qt.WindowType.Popup | Qt.WindowType.FramelessWindowHint | Qt.WindowType.NoDropShadowWindowHint,
        )
        let_corners_show(self)
        self.setAccessibleName(name)
        self.setWindowTitle(name)
        self.body = QVBoxLayout(self)
        self.body.setSpacing(0)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes the padding."""
        pad = theme.px(6)
        self.body.setContentsMargins(pad, pad, pad, pad)
        self.update()

    def open_at(self, anchor: QWidget) -> None:
        """Under the anchor, left edges flush; above it or moved sideways where the screen ends."""
        self.adjustSize()
        below = anchor.mapToGlobal(QPoint(0, anchor.height() + theme().px(4)))
        rect = QRect(below, self.size())
        screen = QGuiApplication.screenAt(below) or QGuiApplication.primaryScreen()
        if screen is not None:
            area = screen.availableGeometry()
            if rect.bottom() > area.bottom():
                rect.moveBottom(anchor.mapToGlobal(QPoint(0, 0)).y() - theme().px(4))
            rect.moveLeft(max(area.left(), min(rect.left(), area.right() - rect.width())))
            rect.moveTop(max(area.top(), rect.top()))
        # Wayland places a popup by its parent window only.
        handle = anchor.window().windowHandle()
        self.winId()
        own = self.windowHandle()
        if own is not None and handle is not None:
            own.setTransientParent(handle)
        self.setGeometry(rect)
        self.show()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc closes."""
        if event.key() == Qt.Key.Key_Escape:
            self.close()
        else:
            super().keyPressEvent(event)

    def hideEvent(self, event: QEvent) -> None:
        """Says so."""
        self.closed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keeps the corners round."""
        super().resizeEvent(event)
        cut_corners(self, theme().radius("md") + 1)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Outer line, inner line, ground."""
        look = theme()
        painter = QPainter(self)
        rect = QRectF(self.rect())
        radius = look.radius("md")
        box(painter, rect, radius + 1, look.color("bg.overlay"), look.color("border.popoverOuter"))
        box(painter, rect.adjusted(1, 1, -1, -1), radius, look.color("bg.overlay"), look.color("border.strong"))


@dataclass(frozen=True)
class PopoverItem:
    """A row: id, name, facts in the second line, a short text at the right. Without `enabled` it cannot be chosen."""

    id: str
    text: str
    detail: str = ""
    trailing: str = ""
    icon: str = ""
    section: str = ""
    enabled: bool = True
    keywords: str = ""


_ITEM = Qt.ItemDataRole.UserRole
_HEAD = Qt.ItemDataRole.UserRole + 1


class _RowDelegate(QStyledItemDelegate):
    """Rows 46 px with a second line, 30 without; section heads 26."""

    def __init__(self, menu: PopoverMenu) -> None:
        super().__init__(menu)
        self._menu = menu

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        look = theme()
        item = index.data(_ITEM)
        if item is None:
            return QSize(look.px(120), look.px(26))
        return QSize(look.px(120), look.px(46 if item.detail else 30))

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        look = theme()
        rect = QRectF(option.rect)
        item: PopoverItem | None = index.data(_ITEM)
        painter.save()
        pad = look.px(8)
        left = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        if item is None:
            painter.setFont(look.font("caption"))
            painter.setPen(look.color("text.tertiary"))
            painter.drawText(rect.adjusted(pad, 0, 0, 0), left, str(index.data(_HEAD)))
            painter.restore()
            return
        state = option.state
        if state & QStyle.StateFlag.State_Selected:
            box(painter, rect, look.radius("sm"), look.color("bg.active"), None)
        elif state & QStyle.StateFlag.State_MouseOver and item.enabled:
            box(painter, rect, look.radius("sm"), look.color("bg.hover"), None)
        body = rect.adjusted(pad, 0, -pad, 0)
        if item.icon:
            size = look.px(16)
            tone = "text.secondary" if item.enabled else "text.disabled"
            icons.draw(painter, item.icon, tone, QRectF(body.x(), body.center().y() - size / 2, size, size))
            body.setLeft(body.left() + size + pad)
        if item.id == self._menu.current_id():
            size = look.px(14)
            icons.draw(
                painter, "ok", "text.primary", QRectF(body.right() - size, body.center().y() - size / 2, size, size)
            )
            body.setRight(body.right() - size - pad)
        if item.trailing:
            painter.setFont(look.font("caption"))
            painter.setPen(look.color("text.tertiary"))
            painter.drawText(body, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), item.trailing)
            body.setRight(body.right() - painter.fontMetrics().horizontalAdvance(item.trailing) - pad)
        head = QRectF(body)
        if item.detail:
            head.setBottom(body.center().y())
            head.setTop(body.top() + look.px(5))
        painter.setFont(look.font("bodyStrong" if item.detail else "body"))
        painter.setPen(look.color("text.primary" if item.enabled else "text.disabled"))
        elided = painter.fontMetrics().elidedText(item.text, Qt.TextElideMode.ElideRight, int(head.width()))
        painter.drawText(head, left, elided)
        if item.detail:
            lower = QRectF(body)
            lower.setTop(body.center().y())
            lower.setBottom(body.bottom() - look.px(5))
            painter.setFont(look.font("caption"))
            painter.setPen(look.color("text.tertiary" if item.enabled else "text.disabled"))
            elided = painter.fontMetrics().elidedText(item.detail, Qt.TextElideMode.ElideRight, int(lower.width()))
            painter.drawText(lower, left, elided)
        painter.restore()


class PopoverMenu(Popover):
    """A list with a search field: type to filter, arrows and PgUp/PgDn move, Enter chooses, Esc closes.

    Every word typed must occur in a row's text, facts, section or keywords, in any order.
    """

    chosen = Signal(str)
    """Id of the row that was chosen; the popover closes before."""

    def __init__(
        self,
        *,
        name: str,
        placeholder: str = "Search",
        width: int = 340,
        max_rows: int = 9,
        empty_text: str = "Nothing found",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(name=name, parent=parent)
        self._items: tuple[PopoverItem, ...] = ()
        self._current = ""
        self._wanted_width = width
        self._max_rows = max_rows
        self.search = TextField(name=f"Search {name.lower()}", placeholder=placeholder, icon="search", compact=True)
        self.search.edit.installEventFilter(self)
        self.search.changed.connect(self._on_search_changed)
        self.list = QListWidget()
        self.list.setAccessibleName(name)
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setMouseTracking(True)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setVerticalScrollMode(QListWidget.ScrollMode.ScrollPerPixel)
        self.list.setItemDelegate(_RowDelegate(self))
        self.list.itemClicked.connect(self._on_item_clicked)
        self.empty = Label(empty_text, tone="tertiary")
        self.empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.body.addWidget(self.search)
        self.body.addWidget(self.list, 1)
        self.body.addWidget(self.empty)
        self._fit()

    def set_items(self, items: Sequence[PopoverItem], current: str = "") -> None:
        """Rows in order (a section head before the first row of each section) and the id with the check mark."""
        self._items = tuple(items)
        self._current = current
        self._fill()
        self._fit()

    def items(self) -> tuple[PopoverItem, ...]:
        """All rows."""
        return self._items

    def current_id(self) -> str:
        """Id of the row with the check mark."""
        return self._current

    def shown_ids(self) -> tuple[str, ...]:
        """Ids of the rows that match the search."""
        rows = (self.list.item(row).data(_ITEM) for row in range(self.list.count()))
        return tuple(item.id for item in rows if item is not None)

    def highlighted_id(self) -> str:
        """Id of the row that Enter would choose, or ""."""
        row = self.list.currentItem()
        item = row.data(_ITEM) if row is not None else None
        return item.id if item is not None else ""

    def open_at(self, anchor: QWidget) -> None:
        """Opens with an empty search, the current row highlighted."""
        self.search.setText("")
        self._fill()
        self._fit()
        super().open_at(anchor)
        self.search.edit.setFocus(Qt.FocusReason.PopupFocusReason)

    def apply_theme(self, theme: Theme) -> None:
        """Sizes follow the text size."""
        super().apply_theme(theme)
        if hasattr(self, "empty"):
            self._fit()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the search field that move in the list."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            steps = {
                Qt.Key.Key_Down: 1,
                Qt.Key.Key_Up: -1,
                Qt.Key.Key_PageDown: self._max_rows,
                Qt.Key.Key_PageUp: -self._max_rows,
            }.get(Qt.Key(event.key()))
            if steps is not None:
                self._move(steps)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._choose(self.list.currentItem())
                return True
        return False

    def _on_search_changed(self, text: str) -> None:
        self._fill()

    def _on_item_clicked(self, row: QListWidgetItem) -> None:
        self._choose(row)

    def _matches(self, item: PopoverItem, words: Sequence[str]) -> bool:
        text = f"{item.text} {item.detail} {item.section} {item.keywords} {item.trailing}".casefold()
        return all(word in text for word in words)

    def _fill(self) -> None:
        words = self.search.text().casefold().split()
        self.list.clear()
        section = ""
        chosen = -1
        for item in self._items:
            if not self._matches(item, words):
                continue
            if item.section and item.section != section:
                section = item.section
                head = QListWidgetItem()
                head.setFlags(Qt.ItemFlag.NoItemFlags)
                head.setData(_HEAD, section)
                self.list.addItem(head)
            row = QListWidgetItem()
            row.setData(_ITEM, item)
            row.setData(Qt.ItemDataRole.AccessibleTextRole, f"{item.text}. {item.detail}".rstrip(". "))
            if not item.enabled:
                row.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(row)
            if item.enabled and (chosen < 0 or (item.id == self._current and not words)):
                chosen = self.list.count() - 1
        self.list.setCurrentRow(chosen)
        found = self.list.count() > 0
        self.list.setVisible(found)
        self.empty.setVisible(not found)

    def _fit(self) -> None:
        look = theme()
        pad = look.px(6)
        row = look.px(46 if any(item.detail for item in self._items) else 30)
        heads = len({item.section for item in self._items if item.section})
        rows = min(self._max_rows * row, len(self._items) * row + heads * look.px(26))
        self.empty.setFixedHeight(row)
        self.body.setSpacing(pad)
        self.setFixedSize(look.px(self._wanted_width), look.px(28) + 3 * pad + max(row, rows))

    def _move(self, steps: int) -> None:
        count = self.list.count()
        row = self.list.currentRow()
        direction = 1 if steps > 0 else -1
        left = abs(steps)
        best = row
        while left > 0 and 0 <= row + direction < count:
            row += direction
            if self.list.item(row).flags() & Qt.ItemFlag.ItemIsEnabled:
                best = row
                left -= 1
        self.list.setCurrentRow(best)

    def _choose(self, row: QListWidgetItem | None) -> None:
        item: PopoverItem | None = row.data(_ITEM) if row is not None else None
        if item is not None and item.enabled:
            self.close()
            self.chosen.emit(item.id)
