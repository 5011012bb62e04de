"""FlowLayout: items side by side, wrapped into as many lines as the width asks for."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize, Qt
from PySide6.QtWidgets import QLayout, QLayoutItem, QWidget


class FlowLayout(QLayout):
    """Left to right (mirrored in right-to-left layouts), one gap between items and one between lines.

    `fill_last` gives the last item the rest of its line (the editor after the chips).
    """

    def __init__(
        self, parent: QWidget | None = None, *, gap: int = 6, line_gap: int = 6, fill_last: bool = False
    ) -> None:
        super().__init__(parent)
        self._items: list[QLayoutItem] = []
        self._gap = gap
        self._line_gap = line_gap
        self._fill_last = fill_last

    def set_gaps(self, gap: int, line_gap: int) -> None:
        """Both gaps in px."""
        self._gap, self._line_gap = gap, line_gap
        self.invalidate()

    def addItem(self, item: QLayoutItem) -> None:
        """Appends."""
        self._items.append(item)

    def insert_widget(self, index: int, widget: QWidget) -> None:
        """Puts a widget at a place."""
        self.addWidget(widget)
        self._items.insert(index, self._items.pop())
        self.invalidate()

    def count(self) -> int:
        """Number of items."""
        return len(self._items)

    def itemAt(self, index: int) -> QLayoutItem | None:
        """The item, or None past the end."""
        return self._items[index] if 0 <= index < len(self._items) else None

    def takeAt(self, index: int) -> QLayoutItem | None:
        """Removes and returns the item, or None past the end."""
        return self._items.pop(index) if 0 <= index < len(self._items) else None

    def expandingDirections(self) -> Qt.Orientation:
        """None: it takes what it is given."""
        return Qt.Orientation(0)

    def hasHeightForWidth(self) -> bool:
        """Yes."""
        return True

    def heightForWidth(self, width: int) -> int:
        """The height of the wrapped lines."""
        return self._arrange(QRect(0, 0, width, 0), False)

    def setGeometry(self, rect: QRect) -> None:
        """Places the items."""
        super().setGeometry(rect)
        self._arrange(rect, True)

    def sizeHint(self) -> QSize:
        """Everything on one line."""
        margins = self.contentsMargins()
        shown = [item.sizeHint() for item in self._items if not item.isEmpty()]
        width = sum(size.width() for size in shown) + self._gap * max(0, len(shown) - 1)
        height = max((size.height() for size in shown), default=0)
        return QSize(width + margins.left() + margins.right(), height + margins.top() + margins.bottom())

    def minimumSize(self) -> QSize:
        """The widest item."""
        margins = self.contentsMargins()
        sizes = [item.minimumSize() for item in self._items if not item.isEmpty()]
        width = max((size.width() for size in sizes), default=0) + margins.left() + margins.right()
        height = max((size.height() for size in sizes), default=0) + margins.top() + margins.bottom()
        return QSize(width, height)

    def _arrange(self, rect: QRect, place: bool) -> int:
        margins = self.contentsMargins()
        area = rect.marginsRemoved(margins)
        shown = [item for item in self._items if not item.isEmpty()]
        lines: list[list[tuple[QLayoutItem, int]]] = [[]]
        x = 0
        for index, item in enumerate(shown):
            last = self._fill_last and index == len(shown) - 1
            width = min(item.minimumSize().width() if last else item.sizeHint().width(), max(area.width(), 1))
            if lines[-1] and x + width > area.width():
                lines.append([])
                x = 0
            if last:
                width = max(width, area.width() - x)
            lines[-1].append((item, width))
            x += width + self._gap
        y = area.y()
        parent = self.parentWidget()
        mirrored = parent is not None and parent.layoutDirection() == Qt.LayoutDirection.RightToLeft
        for line in lines:
            height = max((item.sizeHint().height() for item, _ in line), default=0)
            x = 0
            for item, width in line:
                if place:
                    own = item.sizeHint().height()
                    left = area.right() + 1 - x - width if mirrored else area.x() + x
                    item.setGeometry(QRect(QPoint(left, y + (height - own) // 2), QSize(width, own)))
                x += width + self._gap
            y += height + self._line_gap
        return y - self._line_gap - area.y() + margins.top() + margins.bottom()
