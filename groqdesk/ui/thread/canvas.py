"""The drawing surface of a thread: scrolls, paints what is visible, keeps the reading position, follows mouse and keys."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QRectF, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QGuiApplication,
    QHelpEvent,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QFrame, QMenu, QToolTip, QWidget

from groqdesk.ui.thread.blocks import Block, CodeText, Counters
from groqdesk.ui.thread.document import plain_text
from groqdesk.ui.thread.embedded import EmbeddedWidgets
from groqdesk.ui.thread.layout import ThreadLayout
from groqdesk.ui.thread.link_walk import LinkWalk
from groqdesk.ui.thread.painting import Marks
from groqdesk.ui.thread.pointer import Hit, Pointer
from groqdesk.ui.thread.selection import table_text
from groqdesk.ui.thread.styles import Styles
from groqdesk.ui.thread.turns import TurnItem

NEAR_END_PX = 48
BLINK_MS = 530
COPIED_MS = 2_000
LINE_PX = 44
# Glyphs and hairlines may reach this far out of their block.
OVERHANG_PX = 4


class Anchor(NamedTuple):
    """Something in view that must not move: a block (or a turn) and its y in the viewport."""

    item: TurnItem
    block: Block | None
    offset: float


def pixel(y: float) -> int:
    """A y in whole pixels; halves always go down the page, so that scrolling by whole pixels changes nothing else."""
    return math.floor(y + 0.5)


class ThreadCanvas(QAbstractScrollArea):
    """Paints the turns of a ThreadLayout. ThreadView adds what a conversation needs."""

    at_end_changed = Signal(bool)
    link_activated = Signal(QUrl)
    copied = Signal()

    def __init__(self, styles: Styles, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.counters = Counters()
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Always there, or the column would jump sideways when the first page is full.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.viewport().setMouseTracking(True)
        self._layout = ThreadLayout(styles, self.counters)
        self._ids: dict[str, int] = {}
        self._live: list[TurnItem] = []
        self._pointer = Pointer(self._layout)
        self._walk = LinkWalk(self._layout)
        self._widgets = EmbeddedWidgets(self.viewport())
        self._pinned = True
        self._at_end = True
        self._adjusting = False
        self._clicks = 0
        self._press_at = QPoint()
        self._mouse = QPoint()
        self._copied: CodeText | None = None
        self._caret_on = True
        self._blink_timer = self._timer(BLINK_MS, self._on_blink)
        self._copied_timer = self._timer(COPIED_MS, self._on_copied_over, once=True)
        self._drag_timer = self._timer(50, self._on_drag_scroll)
        self._restyle()

    def _timer(self, interval_ms: int, slot: Callable[[], None], *, once: bool = False) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval_ms)
        timer.setSingleShot(once)
        timer.timeout.connect(slot)
        return timer

    def _restyle(self) -> None:
        self._blink()

    # -- scrolling --------------------------------------------------------------------------------------------------

    @property
    def at_end(self) -> bool:
        """Whether the end of the thread is within 48 px of the view."""
        return self._at_end

    def scroll_to_end(self) -> None:
        """Goes to the newest text and follows it from now on."""
        self._pinned = True
        self._settle()
        self.viewport().update()

    def scroll_to_turn(self, turn_id: str) -> None:
        """Brings the top of a turn to the top of the view."""
        index = self._ids[turn_id]
        self._pinned = False
        for _ in range(4):
            self._set_value(round(self._layout.tops[index]) - self._layout.styles.px(12))
            self._settle(Anchor(self._layout.items[index], None, self._layout.styles.px(12)))
        self.viewport().update()

    @property
    def _top(self) -> int:
        return self.verticalScrollBar().value()

    def _anchor(self, *, lowest: bool = False) -> Anchor | None:
        """The first block in view with its real height, or the lowest one: what the eye was on before a scroll up."""
        top, bottom = self._top, self._top + self.viewport().height()
        first: Anchor | None = None
        found: Anchor | None = None
        for index in self._layout.visible(top, bottom):
            item = self._layout.items[index]
            y = self._layout.tops[index]
            if y + item.height <= top:
                continue
            if first is None:
                first = Anchor(item, None, y - top)
            if item.blocks is None or len(item.tops) != len(item.blocks):
                continue
            for i in range(item.block_at(top - y), len(item.blocks)):
                block = item.blocks[i]
                at = y + item.tops[i]
                if at >= bottom:
                    break
                if self._layout.is_exact(block) and at + block.height > top:
                    found = Anchor(item, block, at - top)
                    if not lowest:
                        return found
        return found or first

    def _restore(self, anchor: Anchor) -> None:
        index = self._ids.get(anchor.item.id, -1)
        if index < 0 or self._layout.items[index] is not anchor.item:
            return
        y = self._layout.tops[index]
        offset = anchor.offset
        found = -1
        block = anchor.block
        if block is not None:
            found = next((i for i, other in enumerate(anchor.item.blocks or ()) if other is block), -1)
        if block is not None and found >= 0:
            y += anchor.item.tops[found]
            # A block that became shorter still ends in view.
            offset = max(offset, 1 - block.height)
        elif offset < 0:
            # The turn was only estimated, perhaps as too long: stay inside it.
            offset = max(offset, self._layout.styles.px(48) - anchor.item.height)
        self._set_value(round(y - offset))

    def _set_value(self, value: int) -> None:
        self._adjusting = True
        self.verticalScrollBar().setValue(value)
        self._adjusting = False

    def _settle(self, keep: Anchor | None = None) -> bool:
        """Makes what is in view real and keeps the reading position. True if heights changed."""
        if not self._layout.viewport_width:
            return False
        height = self.viewport().height()
        bar = self.verticalScrollBar()
        moved = False
        for _ in range(8):
            held = keep if keep is not None else None if self._pinned else self._anchor()
            self._range()
            if self._pinned:
                self._set_value(bar.maximum())
            elif keep is not None:
                self._restore(keep)
            if self._pinned:
                changed = self._layout.realise_end(height, self._prepare)
            else:
                changed = self._layout.realise(self._top, self._top + height, self._prepare)
            moved |= changed
            self._range()
            if changed and not self._pinned and held is not None:
                self._restore(held)
            if not changed and not (self._pinned and self._top != bar.maximum()):
                break
        self._place_widgets()
        self._tell_end()
        return moved

    def _range(self) -> None:
        bar = self.verticalScrollBar()
        height = self.viewport().height()
        self._adjusting = True
        bar.setRange(0, max(0, round(self._layout.height) - height))
        bar.setPageStep(height)
        bar.setSingleStep(self._layout.styles.px(LINE_PX))
        self._adjusting = False

    def _prepare(self, item: TurnItem) -> bool:
        return bool(self._widgets.factories) and self._widgets.materialise(item, self._layout.column_width)

    def _place_widgets(self) -> None:
        if not (self._widgets.alive or self._widgets.factories):
            return
        top, height = self._top, self.viewport().height()
        shown = set(self._layout.visible(top, top + height))
        near = set(self._layout.visible(max(0, top - 2 * height), top + 3 * height))
        for index in shown:
            y = pixel(self._layout.tops[index]) - top
            self._widgets.place(self._layout.items[index], self._layout.column_left, y, self._layout.column_width)
        self._widgets.retire(
            lambda item: self._ids.get(item.id, -1) in shown, lambda item: self._ids.get(item.id, -1) in near
        )

    def _tell_end(self) -> None:
        at_end = self._near_end()
        if at_end != self._at_end:
            self._at_end = at_end
            self.at_end_changed.emit(at_end)

    def _near_end(self) -> bool:
        return self._top >= self.verticalScrollBar().maximum() - self._layout.styles.px(NEAR_END_PX)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._scroll_pixels(dy)
        if self._adjusting:
            return
        self._pinned = False
        if self._settle(self._anchor(lowest=dy > 0)):
            self.viewport().update()
        # Scrolling up always lets go, or small steps would be pulled back by the next line of an answer.
        self._pinned = dy <= 0 and self._near_end()

    def _scroll_pixels(self, dy: int) -> None:
        # The rows that stay are moved as pixels; only what is new is painted.
        if abs(dy) >= self.viewport().height():
            self.viewport().update()
        elif dy:
            self.viewport().scroll(0, dy)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._rewidth(self._anchor() if self._layout.viewport_width else None)

    def _rewidth(self, anchor: Anchor | None, *, again: bool = False) -> None:
        if self._layout.set_width(self.width(), again=again):
            for item in self._layout.items:
                self._widgets.measure(item, self._layout.column_width)
                if item.blocks is not None:
                    item.place(0, self._layout.styles)
            self._layout.stack()
        self._settle(None if self._pinned else anchor)
        self.viewport().update()

    def _update_from(self, y: float) -> None:
        top = max(0, int(y) - self._top - OVERHANG_PX)
        if top < self.viewport().height():
            self.viewport().update(0, top, self.viewport().width(), self.viewport().height() - top)

    # -- painting ---------------------------------------------------------------------------------------------------

    def paintEvent(self, event: QPaintEvent) -> None:
        self.counters.paints += 1
        rect = event.rect()
        self.counters.painted_px += rect.height()
        painter = QPainter(self.viewport())
        painter.fillRect(rect, self._layout.styles.base)
        top = self._top
        for index in self._layout.visible(top + rect.top() - OVERHANG_PX, top + rect.bottom() + OVERHANG_PX):
            self._paint_turn(painter, index, rect)
        if self._caret_on and self._live:
            painter.fillRect(self._caret_rect(), self._layout.styles.caret)
        painter.end()

    def _paint_turn(self, painter: QPainter, index: int, rect: QRect) -> None:
        layout = self._layout
        item = layout.items[index]
        blocks = item.blocks
        if not blocks or len(item.tops) != len(blocks):
            return
        y = layout.tops[index] - self._top
        if item.is_user and item.card_width and layout.is_exact(blocks[-1]):
            pad = layout.styles.px(10)
            left = layout.column_left + layout.column_width - item.card_width
            # Whole pixels, or a border that moves with the text would be drawn anew between two rows.
            card_top, card_bottom = pixel(y + item.text_top), pixel(y + item.text_bottom + pad)
            layout.painter.card(painter, QRectF(round(left), card_top, item.card_width, card_bottom - card_top))
        left, width = layout.text_left(item), layout.text_width(item)
        for i in range(item.block_at(rect.top() - OVERHANG_PX - y), len(blocks)):
            block = blocks[i]
            at = pixel(y + item.tops[i])
            if at > rect.bottom() + OVERHANG_PX:
                break
            # A block without its real height lies outside the view: drawn, it would cover its neighbours.
            if not layout.is_exact(block) or at + block.height < rect.top() - OVERHANG_PX:
                continue
            rendered = layout.document(item, block)
            clip = QRectF(-left, rect.top() - at, self.viewport().width(), rect.height() + 1)
            painter.save()
            painter.translate(QPointF(left, at))
            layout.painter.block(painter, block, rendered, width, clip, self._marks(item, i, block))
            painter.restore()

    def _marks(self, item: TurnItem, index: int, block: Block) -> Marks:
        marks = Marks()
        chosen = self._pointer.selection
        if chosen is not None and chosen.item is item and block.document is not None:
            marks.selected = chosen.range_in(index, block.document.document)
        if self._pointer.hover.block is block:
            marks.hovered_link = self._pointer.hover.link_range
            marks.copy_hovered = self._pointer.hover.copy
        if (walked := self._walk.range_in(block)) is not None:
            marks.hovered_link, marks.selected = walked, marks.selected or walked
        if block.code is not None:
            marks.copied = self._copied is block.code
            marks.bar_visible = self._layout.painter.max_scroll(block, self._layout.text_width(item)) > 0
        return marks

    def _caret_rect(self) -> QRect:
        if not self._live:
            return QRect()
        item = self._live[-1]
        index = self._ids.get(item.id, -1)
        if index < 0 or not item.blocks or len(item.tops) != len(item.blocks):
            return QRect()
        block = item.blocks[-1]
        if block.document is None:
            return QRect()
        rect = self._layout.painter.caret_rect(block, block.document)
        left = self._layout.text_left(item)
        y = self._layout.tops[index] + item.tops[-1] - self._top
        x = min(rect.x() + left, left + self._layout.text_width(item) - 2)
        return QRect(round(x), pixel(rect.y() + y), round(rect.width()), round(rect.height()))

    def _blink(self) -> None:
        wanted = bool(self._live) and not self._layout.styles.reduced_motion
        if wanted and not self._blink_timer.isActive():
            self._blink_timer.start()
        elif not wanted:
            self._blink_timer.stop()
            self._caret_on = True

    def _on_blink(self) -> None:
        self._caret_on = not self._caret_on
        self.viewport().update(self._caret_rect())

    # -- mouse ------------------------------------------------------------------------------------------------------

    def _hit(self, point: QPoint | QPointF, *, within: TurnItem | None = None) -> Hit | None:
        return self._pointer.hit(point.x(), point.y() + self._top, within=within)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.MouseButton.LeftButton:
            return
        point = event.position().toPoint()
        again = (point - self._press_at).manhattanLength() < QApplication.startDragDistance()
        self._clicks = self._clicks + 1 if self._clicks == 2 and again else 1
        self._begin(point, extend=bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._clicks = 2
            self._begin(event.position().toPoint())

    def _begin(self, point: QPoint, *, extend: bool = False) -> None:
        self._press_at = point
        hit = self._hit(point)
        code = self._pointer.code_under(hit)
        if code is not None:
            self._copy_code(code)
        elif not self._pointer.begin_bar_drag(hit):
            self._pointer.press(hit, self._clicks, extend=extend)
        self.viewport().update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        point = event.position().toPoint()
        self._mouse = point
        if self._pointer.bar_drag is not None:
            self._pointer.drag_bar(self._layout.column_width, point.x() - self._layout.column_left)
            self.viewport().update()
        elif self._pointer.dragging and self._pointer.selection is not None:
            self._pointer.drag(self._hit(point, within=self._pointer.selection.item))
            outside = not 0 <= point.y() < self.viewport().height()
            if outside and not self._drag_timer.isActive():
                self._drag_timer.start()
            self.viewport().update()
        else:
            hit = self._hit(point)
            if self._pointer.move(hit):
                self.viewport().update()
            hover = self._pointer.hover
            text = hit is not None and hit.exact and not hover.copy
            hand, beam, arrow = (
                Qt.CursorShape.PointingHandCursor,
                Qt.CursorShape.IBeamCursor,
                Qt.CursorShape.ArrowCursor,
            )
            self.viewport().setCursor(hand if hover.link or hover.copy else beam if text else arrow)

    def _on_drag_scroll(self) -> None:
        over = min(0, self._mouse.y()) + max(0, self._mouse.y() - self.viewport().height() + 1)
        if not self._pointer.dragging or over == 0 or self._pointer.selection is None:
            self._drag_timer.stop()
            return
        self.verticalScrollBar().setValue(self._top + over)
        inside = QPoint(self._mouse.x(), max(0, min(self._mouse.y(), self.viewport().height() - 1)))
        self._pointer.drag(self._hit(inside, within=self._pointer.selection.item))
        self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._drag_timer.stop()
        self._pointer.dragging = False
        point = event.position().toPoint()
        if self._pointer.bar_drag is not None:
            self._pointer.bar_drag = None
            return
        chosen = self._pointer.selection
        still = (point - self._press_at).manhattanLength() < QApplication.startDragDistance()
        if event.button() == Qt.MouseButton.LeftButton and still and (chosen is None or chosen.is_empty):
            url = self._pointer.link_at(self._hit(point))
            if url is not None:
                self.link_activated.emit(url)

    def leaveEvent(self, event: QEvent) -> None:
        if self._pointer.move(None):
            self.viewport().update()
        super().leaveEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        pixels, angle = event.pixelDelta(), event.angleDelta()
        sideways = pixels.x() or angle.x() / 2
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            sideways = sideways or pixels.y() or angle.y() / 2
        if abs(sideways) > abs(pixels.y() or angle.y() / 2) or event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            if self._pointer.scroll_code(self._hit(event.position()), -sideways):
                self.viewport().update()
            event.accept()
            return
        super().wheelEvent(event)

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            text = self._pointer.tooltip()
            if text:
                QToolTip.showText(event.globalPos(), text, self.viewport())
            else:
                QToolTip.hideText()
            return True
        return super().viewportEvent(event)

    # -- keys and clipboard -----------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        bar = self.verticalScrollBar()
        page = self.viewport().height() - self._layout.styles.px(LINE_PX)
        steps = {
            Qt.Key.Key_PageUp: -page,
            Qt.Key.Key_PageDown: page,
            Qt.Key.Key_Up: -bar.singleStep(),
            Qt.Key.Key_Down: bar.singleStep(),
        }
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        elif event.matches(QKeySequence.StandardKey.SelectAll):
            self.select_message()
        elif event.key() in steps:
            bar.setValue(bar.value() + steps[Qt.Key(event.key())])
        elif event.key() == Qt.Key.Key_Home:
            bar.setValue(0)
        elif event.key() == Qt.Key.Key_End:
            self.scroll_to_end()
        elif event.key() == Qt.Key.Key_Escape and self._pointer.selection is not None:
            self._pointer.selection = None
            self.viewport().update()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and (url := self._walk.url()) is not None:
            self.link_activated.emit(url)
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Tab visits the links in view before it leaves."""
        walked = self._walk.step(self._top, self._top + self.viewport().height(), forward=forward)
        self.viewport().update()
        if walked and (link := self._walk.link) is not None:
            self.setAccessibleDescription(f"Link {link.words}, {link.address}")
        return walked or super().focusNextPrevChild(forward)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._walk.link = None
        self.viewport().update()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.setAccessibleDescription(self.accessible_text())

    def selected_text(self) -> str:
        """The plain text of the selection, "" if nothing is selected."""
        return self._pointer.selected_text()

    def select_message(self, turn_id: str | None = None) -> None:
        """Selects a whole turn: the given one, else the one clicked last, else the last one."""
        items = self._layout.items
        item = items[self._ids[turn_id]] if turn_id is not None else self._pointer.focused
        if item is None and items:
            item = items[-1]
        if item is not None:
            self._pointer.select_all(item)
            self.viewport().update()

    def copy(self) -> None:
        """Puts the selected text on the clipboard."""
        self._to_clipboard(self.selected_text())

    def copy_message(self, turn_id: str) -> None:
        """Puts a turn's text on the clipboard as it arrived (Markdown)."""
        self._to_clipboard(self._layout.items[self._ids[turn_id]].text)

    def _to_clipboard(self, text: str) -> None:
        if text:
            QGuiApplication.clipboard().setText(text)
            self.copied.emit()

    def _copy_code(self, code: CodeText) -> None:
        self._to_clipboard(code.text)
        self._copied = code
        self._copied_timer.start()

    def _on_copied_over(self) -> None:
        self._copied = None
        self.viewport().update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        menu = self.make_menu(event.pos())
        if menu is not None:
            menu.popup(event.globalPos())

    def make_menu(self, point: QPoint) -> QMenu | None:
        """The context menu of what is at a point of the viewport; None over nothing. It deletes itself when closed."""
        hit = self._hit(point)
        if hit is None:
            return None
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Copy", self.copy).setEnabled(bool(self.selected_text()))
        turn_id, code, shape = hit.item.id, hit.block.code, hit.block.table
        menu.addAction("Copy message", lambda: self.copy_message(turn_id))
        if code is not None:
            menu.addAction("Copy code", lambda: self._copy_code(code))
        if shape is not None:
            blocks = list(hit.item.blocks or ())
            menu.addAction(
                "Copy table as Markdown", lambda: self._to_clipboard(table_text(blocks, shape, as_csv=False))
            )
            menu.addAction("Copy table as CSV", lambda: self._to_clipboard(table_text(blocks, shape, as_csv=True)))
        url = self._pointer.link_at(hit)
        if url is not None:
            menu.addAction("Copy link address", lambda: self._to_clipboard(url.toString()))
        menu.addAction("Select message", lambda: self.select_message(turn_id))
        return menu

    def accessible_text(self) -> str:
        """The plain text of what is in view, turn by turn, for screen readers."""
        top, bottom = self._top, self._top + self.viewport().height()
        spoken: list[str] = []
        for index in self._layout.visible(top, bottom):
            item = self._layout.items[index]
            words: list[str] = []
            for y, block in zip(item.tops if item.blocks else (), item.blocks or (), strict=False):
                at = self._layout.tops[index] + y
                if at < bottom and at + block.height > top and block.document is not None:
                    words.append(plain_text(block.document, 0, block.document.document.characterCount() - 1))
            if words:
                spoken.append(("You: " if item.is_user else "Answer: ") + "\n".join(words))
        return "\n\n".join(spoken)
