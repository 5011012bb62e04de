"""Keeps real widgets above and below turns: places those in view, makes them late and removes them early."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import QWidget

from groqdesk.ui.thread.turns import Slot, TurnItem

Side = Literal["header", "footer"]


@dataclass(frozen=True, slots=True)
class Factory:
    """Makes the widget of a turn when it comes into view; `height` tells the space it will need, in px (0 = none)."""

    make: Callable[[str], QWidget | None]
    height: Callable[[str], int]


class EmbeddedWidgets(QObject):
    """The headers and footers of all turns. `resized` names a turn whose widget asked for another height."""

    resized = Signal(str)

    def __init__(self, viewport: QWidget) -> None:
        super().__init__(viewport)
        self._viewport = viewport
        self._owners: dict[int, tuple[TurnItem, Side]] = {}
        self.factories: dict[Side, Factory] = {}
        viewport.installEventFilter(self)

    @property
    def alive(self) -> int:
        """How many widgets exist now."""
        return len(self._owners)

    def reserve(self, item: TurnItem) -> None:
        """Gives a turn the space that the factories foresee for it. Called before its widget exists."""
        for side, factory in self.factories.items():
            slot = self._slot(item, side)
            if slot.widget is None:
                slot.height = max(0, factory.height(item.id))

    def set_widget(self, item: TurnItem, side: Side, widget: QWidget | None, width: int) -> None:
        """Puts a widget (or none) at a turn; the view owns it from now on."""
        self._drop(item, side)
        slot = self._slot(item, side)
        slot.made_here = False
        slot.asked = True
        slot.height = 0
        if widget is not None:
            self._adopt(item, side, widget, width)

    def measure(self, item: TurnItem, width: int) -> None:
        """Asks the turn's widgets for their heights at a width."""
        for slot in (item.header, item.footer):
            if slot is not None and slot.widget is not None:
                slot.height = self._height_of(slot.widget, width)

    def materialise(self, item: TurnItem, width: int) -> bool:
        """Makes the widgets of a turn that is in view. True if the space they need differs from what was foreseen."""
        changed = False
        for side, factory in self.factories.items():
            slot = self._slot(item, side)
            if slot.widget is None and not slot.asked:
                slot.asked = True
                before = slot.height
                made = factory.make(item.id)
                slot.height = 0
                if made is not None:
                    self._adopt(item, side, made, width)
                    slot.made_here = True
                changed |= slot.height != before
        return changed

    def place(self, item: TurnItem, left: int, top: int, width: int) -> None:
        """Shows the turn's widgets; `top` is the turn's top in the viewport."""
        for slot, below in ((item.header, 0), (item.footer, round(item.height))):
            if slot is not None and slot.widget is not None:
                y = top + below - slot.height if below else top
                slot.widget.setGeometry(left, y, width, slot.height)
                if slot.widget.isHidden():
                    slot.widget.show()

    def retire(self, keep: Callable[[TurnItem], bool], near: Callable[[TurnItem], bool]) -> None:
        """Hides the widgets of turns out of view (not `keep`) and deletes factory-made ones that are not even `near`."""
        for item, side in list(self._owners.values()):
            slot = self._slot(item, side)
            if slot.widget is None or keep(item):
                continue
            slot.widget.hide()
            if slot.made_here and not near(item) and not slot.widget.isAncestorOf(self._focus()):
                self._drop(item, side)
                slot.asked = False

    def _focus(self) -> QWidget:
        return self._viewport.window().focusWidget() or self._viewport

    def forget(self, item: TurnItem) -> None:
        """Deletes what the factories made for a turn, so that they are asked again."""
        for side in self.factories:
            slot = self._slot(item, side)
            if slot.made_here or slot.widget is None:
                self._drop(item, side)
                slot.asked = False

    def hand_over(self, old: TurnItem, new: TurnItem) -> None:
        """The widgets of a turn now belong to the item that replaces it."""
        new.header, new.footer = old.header, old.footer
        for key, (item, side) in list(self._owners.items()):
            if item is old:
                self._owners[key] = (new, side)

    def drop(self, item: TurnItem) -> None:
        """The turn is gone: its widgets too."""
        self._drop(item, "header")
        self._drop(item, "footer")

    def drop_all(self) -> None:
        """Another conversation: all widgets go."""
        for item, side in list(self._owners.values()):
            self._drop(item, side)

    def _slot(self, item: TurnItem, side: Side) -> Slot:
        slot = item.header if side == "header" else item.footer
        if slot is None:
            slot = Slot()
            setattr(item, side, slot)
        return slot

    def _adopt(self, item: TurnItem, side: Side, widget: QWidget, width: int) -> None:
        slot = self._slot(item, side)
        widget.setParent(self._viewport)
        widget.setCursor(Qt.CursorShape.ArrowCursor)
        widget.hide()
        widget.installEventFilter(self)
        slot.widget = widget
        slot.height = self._height_of(widget, width)
        self._owners[id(widget)] = (item, side)

    def _drop(self, item: TurnItem, side: Side) -> None:
        slot = item.header if side == "header" else item.footer
        if slot is None or slot.widget is None:
            return
        widget, slot.widget = slot.widget, None
        self._owners.pop(id(widget), None)
        widget.removeEventFilter(self)
        widget.hide()
        widget.deleteLater()

    @staticmethod
    def _height_of(widget: QWidget, width: int) -> int:
        wanted = widget.heightForWidth(width) if widget.hasHeightForWidth() else -1
        if wanted < 0:
            wanted = widget.sizeHint().height()
        return max(widget.minimumHeight(), min(wanted, widget.maximumHeight()))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        # A widget with a layout is asked itself; one without passes the request to its parent, the viewport.
        if event.type() == QEvent.Type.LayoutRequest:
            for item, side in list(self._owners.values()):
                slot = self._slot(item, side)
                widget = slot.widget
                if widget is None or (watched is not widget and watched is not self._viewport):
                    continue
                if self._height_of(widget, max(1, widget.width())) != slot.height:
                    self.resized.emit(item.id)
        return False
