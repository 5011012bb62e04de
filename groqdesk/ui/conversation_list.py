"""The sidebar of the Playground: search and the list of conversations by day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractItemModel,
    QAbstractListModel,
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QContextMenuEvent, QFontMetrics, QHelpEvent, QKeyEvent, QKeySequence, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from groqdesk.core.conversations import Conversation
from groqdesk.core.usage import usd_text
from groqdesk.ui import icons
from groqdesk.ui.answer_facts import short_model
from groqdesk.ui.controls import Button, Chip, Hairline, IconButton, Label, TextField, plain_tooltip
from groqdesk.ui.controls.painting import box
from groqdesk.ui.menus import menu
from groqdesk.ui.scroll_bar import QuietScrollBar
from groqdesk.ui.theme import Theme, theme, themed

ROW = Qt.ItemDataRole.UserRole
SIDE_PX = 8  # the list reaches the sidebar's edge, so that its scroll bar lies beside the rows
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Head:
    """A line that names the days below it."""

    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One conversation as it is drawn."""

    id: str
    title: str
    facts: str
    time: str
    pinned: bool


def local_day(ms: int) -> dt.datetime:
    """UTC milliseconds as local time of this machine."""
    return dt.datetime.fromtimestamp(ms / 1000).astimezone()


def grouped(conversations: Sequence[Conversation], now: dt.datetime) -> list[Head | Row]:
    """Pinned, Today, Yesterday, Last 7 days, then months, in the order given; empty groups are left out."""
    groups: dict[str, list[Row]] = {}
    for conversation in conversations:
        when = local_day(conversation.updated_ms)
        days = (now.date() - when.date()).days
        if conversation.pinned:
            name = "Pinned"
        elif days <= 0:
            name = "Today"
        elif days == 1:
            name = "Yesterday"
        elif days < 7:
            name = "Last 7 days"
        else:
            name = f"{when:%B %Y}" if when.year != now.year else f"{when:%B}"
        groups.setdefault(name, []).append(_row(conversation, when, days, now))
    lines: list[Head | Row] = []
    for name, rows in groups.items():
        lines += [Head(name), *rows]
    return lines


def _row(conversation: Conversation, when: dt.datetime, days: int, now: dt.datetime) -> Row:
    if days <= 1:
        time = f"{when:%H:%M}" if days <= 0 or not conversation.pinned else f"{when:%a}"
    elif days < 7:
        time = f"{when:%a}"
    else:
        time = f"{when.day} {when:%b}" if when.year == now.year else f"{when:%b %Y}"
    cost = usd_text(conversation.cost_nano_usd)
    if conversation.cost_unknown:
        cost = f"≥ {cost}" if conversation.cost_nano_usd else "–"
    facts = f"{short_model(conversation.choice.model)} · {cost}"
    return Row(conversation.id, conversation.title, facts, time, conversation.pinned)


class ConversationModel(QAbstractListModel):
    """Heads and rows; a rename goes out as `renamed`, nothing is changed here."""

    renamed = Signal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._lines: list[Head | Row] = []

    def set_lines(self, lines: list[Head | Row]) -> None:
        """Replaces the list if it differs."""
        if lines == self._lines:
            return
        if [_key(line) for line in lines] == [_key(line) for line in self._lines]:
            self._lines = lines
            self.dataChanged.emit(self.index(0), self.index(len(lines) - 1))
            return
        self.beginResetModel()
        self._lines = lines
        self.endResetModel()

    def line(self, index: Index) -> Head | Row | None:
        """What stands in a line."""
        return self._lines[index.row()] if index.isValid() and index.row() < len(self._lines) else None

    def find(self, conversation_id: str) -> QModelIndex:
        """The line of a conversation; invalid if it is not in the list."""
        for number, line in enumerate(self._lines):
            if isinstance(line, Row) and line.id == conversation_id:
                return self.index(number)
        return QModelIndex()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008, Qt's signature
        """Heads and conversations."""
        return 0 if parent.isValid() else len(self._lines)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The title; the whole line under ROW."""
        line = self.line(index)
        if line is None:
            return None
        if role == ROW:
            return line
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return line.text if isinstance(line, Head) else line.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return line.text if isinstance(line, Head) else f"{line.title}. {line.facts}, {line.time}"
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Heads can be neither chosen nor edited."""
        if isinstance(self.line(index), Row):
            return Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEditable
        return Qt.ItemFlag.NoItemFlags

    def setData(self, index: Index, value: object, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """A new title was typed."""
        line = self.line(index)
        if not isinstance(line, Row) or not isinstance(value, str):
            return False
        if value.strip() and value != line.title:
            self.renamed.emit(line.id, value)
        return True


def _key(line: Head | Row) -> tuple[str, str]:
    return ("head", line.text) if isinstance(line, Head) else ("row", line.id)


class _RowDelegate(QStyledItemDelegate):
    """Two lines in 48 px with 1 px between rows; heads 29."""

    def __init__(self, view: ConversationView) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        look = theme()
        head = isinstance(index.data(ROW), Head)
        return QSize(look.px(120), look.px(29) if head else look.size("listRow") + 1)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        look = theme()
        line: Head | Row | None = index.data(ROW)
        rect = QRectF(option.rect).adjusted(0, 0, -look.px(SIDE_PX), 0)
        painter.save()
        left = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        right = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
        pad = look.px(8)
        if isinstance(line, Head):
            painter.setFont(look.font("caption"))
            painter.setPen(look.color("text.tertiary"))
            painter.drawText(rect.adjusted(pad, look.px(3), 0, 0), left, line.text)
        elif line is not None:
            rect.setHeight(look.size("listRow"))
            if line.id == self._view.open_id:
                box(painter, rect, look.radius("sm"), look.color("bg.active"), None)
            elif option.state & QStyle.StateFlag.State_MouseOver:
                box(painter, rect, look.radius("sm"), look.color("bg.hover"), None)
            if self._view.keyboard_index() == index.row():
                ring = look.color("accent.focusRing")
                box(painter, rect, look.radius("sm"), None, ring, 2)
            body = rect.adjusted(pad, 0, -pad, 0)
            title = QRectF(body.x(), rect.y() + look.px(5), body.width(), look.px(20))
            if line.pinned:
                size = look.px(12)
                area = QRectF(body.right() - size, title.center().y() - size / 2, size, size)
                icons.draw(painter, "pin", "text.tertiary", area)
                title.setRight(area.left() - look.px(6))
            painter.setFont(look.font("bodyStrong"))
            painter.setPen(look.color("text.primary"))
            painter.drawText(title, left, _elided(painter, line.title, title.width()))
            second = QRectF(body.x(), rect.y() + look.px(25), body.width(), look.px(16))
            painter.setFont(look.font("caption"))
            painter.setPen(look.color("text.tertiary"))
            painter.drawText(second, right, line.time)
            room = second.width() - painter.fontMetrics().horizontalAdvance(line.time) - pad
            painter.drawText(second, left, _elided(painter, line.facts, room))
        painter.restore()

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: Index) -> QWidget:
        field = TextField(name="Title of the chat", compact=True, max_length=200, parent=parent)
        field.edit.returnPressed.connect(lambda: self._done(field))
        return field

    def _done(self, field: TextField) -> None:
        self.commitData.emit(field)
        self.closeEditor.emit(field, QStyledItemDelegate.EndEditHint.NoHint)

    def setEditorData(self, editor: QWidget, index: Index) -> None:
        if isinstance(editor, TextField):
            editor.setText(str(index.data(Qt.ItemDataRole.EditRole)))
            editor.edit.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: Index) -> None:
        if isinstance(editor, TextField):
            model.setData(index, editor.text(), Qt.ItemDataRole.EditRole)

    def updateEditorGeometry(self, editor: QWidget, option: QStyleOptionViewItem, index: Index) -> None:
        look = theme()
        rect: QRect = option.rect
        editor.setGeometry(
            rect.x() + look.px(2), rect.y() + look.px(2), rect.width() - look.px(4 + SIDE_PX), look.px(28)
        )

    def helpEvent(self, event: QHelpEvent, view: QAbstractItemView, option: QStyleOptionViewItem, index: Index) -> bool:
        line = index.data(ROW)
        if not isinstance(line, Row):
            return False
        room = option.rect.width() - theme().px(16 + SIDE_PX)
        cut = QFontMetrics(theme().font("bodyStrong")).horizontalAdvance(line.title) > room
        QToolTip.showText(event.globalPos(), plain_tooltip(line.title) if cut else "", view)
        return True


def _elided(painter: QPainter, text: str, width: float) -> str:
    return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(width))


class ConversationView(QListView):
    """The list itself: Enter or a click opens, F2 renames in place, Del deletes, the menu key or right button asks."""

    opened = Signal(str)
    pin_requested = Signal(str, bool)
    delete_requested = Signal(str)
    undo_requested = Signal()
    """Ctrl+Z: the last deleted chat comes back."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.open_id = ""
        self._keyboard = False
        self.setAccessibleName("Chats")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setProperty("focusRing", -1)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.setSelectionMode(QListView.SelectionMode.SingleSelection)
        self.setItemDelegate(_RowDelegate(self))
        QuietScrollBar.lie_over(self)
        self.clicked.connect(self._on_clicked)
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Rows follow the text size."""
        self.scheduleDelayedItemsLayout()
        self.viewport().update()

    def keyboard_index(self) -> int:
        """The row that shows the keyboard's ring, -1 if none."""
        return self.currentIndex().row() if self._keyboard and self.hasFocus() else -1

    def chosen(self) -> Row | None:
        """The row under the keyboard, else the open one."""
        line = self.currentIndex().data(ROW)
        return line if isinstance(line, Row) else None

    def rename_current(self) -> None:
        """Opens the editor in the row."""
        if self.chosen() is not None:
            self.edit(self.currentIndex())

    def delete_current(self) -> None:
        """Asks to delete the row under the keyboard."""
        if (row := self.chosen()) is not None:
            self.delete_requested.emit(row.id)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens, Del deletes, Ctrl+Z brings back, F2 renames; arrows skip heads."""
        self._keyboard = True
        row = self.chosen()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and row is not None:
            self.opened.emit(row.id)
        elif event.key() == Qt.Key.Key_Delete:
            self.delete_current()
        elif event.key() == Qt.Key.Key_F2:
            self.rename_current()
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo_requested.emit()
        else:
            super().keyPressEvent(event)
        self.viewport().update()

    def focusInEvent(self, event: QEvent) -> None:
        """A list that is reached by Tab shows where the keyboard is."""
        super().focusInEvent(event)  # type: ignore[arg-type]
        reason = event.reason()  # type: ignore[attr-defined]
        self._keyboard = reason in (Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason)
        if not self.currentIndex().isValid() and self.model() is not None and self.model().rowCount() > 1:
            self.setCurrentIndex(self.model().index(1, 0))

    def _on_clicked(self, index: QModelIndex) -> None:
        self._keyboard = False
        line = index.data(ROW)
        if isinstance(line, Row):
            self.opened.emit(line.id)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Rename, pin, delete."""
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        index = self.currentIndex() if by_key else self.indexAt(event.pos())
        row = index.data(ROW)
        if not isinstance(row, Row):
            return
        self.setCurrentIndex(index)
        choices = menu(self, f"Menu of {row.title}")
        rename = choices.addAction(icons.icon("edit"), "Rename\tF2")
        rename.triggered.connect(self.rename_current)
        pin = choices.addAction(icons.icon("pin"), "Unpin" if row.pinned else "Pin")
        pin.triggered.connect(lambda: self.pin_requested.emit(row.id, not row.pinned))
        choices.addSeparator()
        delete = choices.addAction(icons.icon("delete", "danger.text", active="danger.text"), "Delete\tDel")
        delete.triggered.connect(lambda: self.delete_requested.emit(row.id))
        where = self.visualRect(index).center() if by_key else event.pos()
        choices.popup(self.viewport().mapToGlobal(QPoint(where)))


class ConversationSidebar(QWidget):
    """Title, new chat, search, list. Says what the person wants; `show_conversations` and `show_open` draw."""

    new_requested = Signal()
    searched = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setProperty("surface", "sidebar")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName("Chats")
        self._shown: tuple[object, str, object] = (None, "", None)
        self.title = Label("Chats", role="header")
        self.new_button = IconButton("new", "New chat", shortcut_text="Ctrl+N")
        self.new_button.clicked.connect(self.new_requested)
        self.header = QWidget()
        self._header_row = QHBoxLayout(self.header)
        self._header_row.addWidget(self.title)
        self._header_row.addStretch(1)
        self._header_row.addWidget(self.new_button)
        self.search = TextField(
            name="Search chats", placeholder="Search messages", icon="search", clearable=True, compact=True
        )
        self.search.setToolTip("Search all messages  Ctrl+Shift+F")
        self.search.changed.connect(self.searched)
        self.hint = Chip("Ctrl\u200a⇧\u200aF", "outline")
        self.search.add_trailing(self.hint)
        self.search.changed.connect(lambda text: self.hint.setVisible(not text))
        self.model = ConversationModel(self)
        self.view = ConversationView()
        self.view.setModel(self.model)
        self._empty = QWidget()
        empty = QVBoxLayout(self._empty)
        self.empty_text = Label("", role="small", tone="tertiary", wrap=True)
        self.empty_text.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self.empty_button = Button("New chat", size="small")
        self.empty_button.clicked.connect(self._on_empty_clicked)
        empty.addWidget(self.empty_text)
        empty.addWidget(self.empty_button, 0, Qt.AlignmentFlag.AlignHCenter)
        empty.addStretch(1)
        column = self._column = QVBoxLayout()
        column.addWidget(self.search)
        column.addWidget(self.view, 1)
        column.addWidget(self._empty, 1)
        inner = QVBoxLayout()
        inner.setContentsMargins(0, 0, 0, 0)
        inner.setSpacing(0)
        inner.addWidget(self.header)
        inner.addWidget(Hairline())
        inner.addLayout(column)
        across = QHBoxLayout(self)
        across.setContentsMargins(0, 0, 0, 0)
        across.setSpacing(0)
        across.addLayout(inner, 1)
        across.addWidget(Hairline(Qt.Orientation.Vertical))
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        """Takes sizes."""
        self.header.setFixedHeight(theme.size("header") - 1)
        self._header_row.setContentsMargins(theme.px(16), 0, theme.px(12), 0)
        self._column.setContentsMargins(theme.px(8), theme.px(10), 0, 0)
        self._column.setSpacing(theme.px(4))
        self.search.setContentsMargins(theme.px(4), 0, theme.px(12), 0)

    def show_conversations(self, conversations: Sequence[Conversation], search: str, now: dt.datetime) -> None:
        """The list, or why it is empty. Cheap while nothing of it changes: it comes with every key that is typed."""
        if conversations is self._shown[0] and (search, now.date()) == self._shown[1:]:
            return
        self._shown = (conversations, search, now.date())
        self.model.set_lines(grouped(conversations, now))
        self.view.setVisible(bool(conversations))
        self._empty.setVisible(not conversations)
        self.empty_text.setText(f'Nothing found for "{search[:60]}".' if search else "No chats yet.")
        self.empty_button.setText("Clear the search" if search else "New chat")
        self.show_open(self.view.open_id)

    def show_open(self, conversation_id: str) -> None:
        """Marks the conversation that is open."""
        self.view.open_id = conversation_id
        index = self.model.find(conversation_id)
        if index.isValid() and self.view.currentIndex() != index and not self.view.hasFocus():
            self.view.setCurrentIndex(index)
        self.view.viewport().update()

    def _on_empty_clicked(self) -> None:
        if self.search.text():
            self.search.setText("")
        else:
            self.new_requested.emit()
