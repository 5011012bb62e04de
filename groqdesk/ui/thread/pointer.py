"""What the mouse does in a thread: selecting, hovering and following links, copying code, scrolling code sideways."""

from __future__ import annotations

import html
from dataclasses import dataclass

from PySide6.QtCore import QPointF, Qt, QUrl
from PySide6.QtGui import QTextDocument

from groqdesk.ui.thread.blocks import Block, CodeText
from groqdesk.ui.thread.inline import Rendered
from groqdesk.ui.thread.layout import ThreadLayout
from groqdesk.ui.thread.links import safe_url
from groqdesk.ui.thread.selection import END, Selection, separator, text_of_block, word_at
from groqdesk.ui.thread.turns import TurnItem


@dataclass(slots=True)
class Hit:
    """What is at a point: the turn, the block with its index, the point in block coordinates, the text position there."""

    item: TurnItem
    index: int
    block: Block
    at: QPointF
    position: int
    link: str = ""
    exact: bool = True


@dataclass(slots=True)
class Hover:
    """What the mouse is over, for drawing."""

    block: Block | None = None
    link: str = ""
    link_range: tuple[int, int] | None = None
    copy: bool = False


class Pointer:
    """Mouse state of one thread view. Methods take content coordinates: viewport x, y from the top of the thread."""

    def __init__(self, layout: ThreadLayout) -> None:
        self.layout = layout
        self.selection: Selection | None = None
        self.hover = Hover()
        self.focused: TurnItem | None = None
        self.dragging = False
        self.bar_drag: tuple[Block, float, float] | None = None
        self._unit = "char"
        self._origin: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))

    def clear(self) -> None:
        self.selection = None
        self.hover = Hover()
        self.focused = None
        self.dragging = False
        self.bar_drag = None

    # -- finding ----------------------------------------------------------------------------------------------------

    def hit(self, x: float, y: float, *, within: TurnItem | None = None) -> Hit | None:
        """What is at a point; with `within`, the nearest place in that turn."""
        layout = self.layout
        if not layout.items:
            return None
        turn = layout.items.index(within) if within is not None else layout.index_at(y)
        item = layout.items[turn]
        if not item.blocks or len(item.tops) != len(item.blocks):
            return None
        inside = y - layout.tops[turn]
        index = item.block_at(inside)
        block = item.blocks[index]
        if block.kind == "unparsed":
            return None
        rendered = layout.document(item, block)
        at = QPointF(x - layout.text_left(item), inside - item.tops[index])
        point = at - layout.painter.text_offset(block)
        text = rendered.document.documentLayout()
        position = text.hitTest(point, Qt.HitTestAccuracy.FuzzyHit)
        exact = 0 <= at.y() <= block.height and 0 <= at.x() <= layout.text_width(item)
        link = text.anchorAt(point) if exact else ""
        return Hit(item, index, block, at, max(0, position), link, exact)

    def move(self, hit: Hit | None) -> bool:
        """The mouse moved without a button. True if something looks different now."""
        before = (self.hover.block, self.hover.link_range, self.hover.copy)
        self.hover = Hover()
        if hit is not None and hit.exact:
            button = self.layout.painter.copy_rect(hit.block, self.layout.text_width(hit.item))
            self.hover.block = hit.block
            self.hover.copy = button is not None and button.contains(hit.at)
            if hit.link:
                self.hover.link = hit.link
                rendered: Rendered = self.layout.document(hit.item, hit.block)
                self.hover.link_range = _anchor_range(rendered.document, hit.position, hit.link)
        return before != (self.hover.block, self.hover.link_range, self.hover.copy)

    def tooltip(self) -> str:
        """The plain address of the hovered link, safe to hand to QToolTip."""
        return f"<span>{html.escape(self.hover.link)}</span>" if self.hover.link else ""

    # -- selecting --------------------------------------------------------------------------------------------------

    def press(self, hit: Hit | None, clicks: int, *, extend: bool = False) -> None:
        """A button went down: 1 click places the cursor, 2 select the word, 3 the block."""
        if hit is None:
            self.selection = None
            return
        self.focused = hit.item
        if extend and self.selection is not None and self.selection.item is hit.item:
            self.selection.cursor = (hit.index, hit.position)
            self.dragging = True
            return
        self._unit = {2: "word", 3: "block"}.get(clicks, "char")
        self._origin = self._span(hit)
        self.selection = Selection(hit.item, *self._origin)
        self.dragging = True

    def drag(self, hit: Hit | None) -> None:
        """The mouse moved with the button down."""
        if hit is None or self.selection is None or hit.item is not self.selection.item:
            return
        low, high = self._span(hit)
        first, last = self._origin
        if low < first:
            self.selection.anchor, self.selection.cursor = last, low
        else:
            self.selection.anchor, self.selection.cursor = first, max(high, last) if self._unit != "char" else high

    def _span(self, hit: Hit) -> tuple[tuple[int, int], tuple[int, int]]:
        if self._unit == "word":
            start, end = word_at(self.layout.document(hit.item, hit.block).document, hit.position)
            return (hit.index, start), (hit.index, end)
        if self._unit == "block":
            return (hit.index, 0), (hit.index, END)
        return (hit.index, hit.position), (hit.index, hit.position)

    def select_all(self, item: TurnItem) -> None:
        """Selects a whole turn."""
        blocks = item.parse(self.layout.counters)
        self.focused = item
        if blocks:
            self.selection = Selection(item, (0, 0), (len(blocks) - 1, END))

    def selected_text(self) -> str:
        """The plain text of the selection, "" if there is none."""
        chosen = self.selection
        if chosen is None or chosen.is_empty or not chosen.item.blocks:
            return ""
        parts: list[str] = []
        (first, start), (last, end) = chosen.bounds
        blocks = chosen.item.blocks
        for index in range(first, min(last, len(blocks) - 1) + 1):
            block = blocks[index]
            if parts:
                parts.append(separator(block))
            if block.kind == "unparsed":
                parts.append(block.text)
                continue
            low = start if index == first else 0
            high = end if index == last else END
            if block.kind == "plain" and low == 0 and high == END:
                parts.append(block.text)
            elif block.kind == "code" and block.code is not None and low == 0 and high == END and not block.partial:
                parts.append(block.code.text_between(block.first_line, block.last_line - 1))
            else:
                parts.append(text_of_block(block, self.layout.document(chosen.item, block), low, high))
        return "".join(parts)

    # -- code boxes -------------------------------------------------------------------------------------------------

    def code_under(self, hit: Hit | None) -> CodeText | None:
        """The code whose Copy button is at the point."""
        if hit is None or not hit.exact:
            return None
        button = self.layout.painter.copy_rect(hit.block, self.layout.text_width(hit.item))
        return hit.block.code if button is not None and button.contains(hit.at) else None

    def begin_bar_drag(self, hit: Hit | None) -> bool:
        """Takes hold of a sideways scroll bar, if one is at the point."""
        if hit is None or hit.block.code is None:
            return False
        lane = self.layout.painter.bar_rect(hit.block, self.layout.text_width(hit.item))
        if lane is None or not lane.adjusted(0, -4, 0, 4).contains(hit.at):
            return False
        self.bar_drag = (hit.block, hit.at.x(), hit.block.code.scroll_px)
        return True

    def drag_bar(self, item_width: float, x: float) -> None:
        """Moves the held scroll bar; x in block coordinates."""
        if self.bar_drag is None:
            return
        block, from_x, from_px = self.bar_drag
        lane = self.layout.painter.bar_rect(block, item_width)
        thumb = self.layout.painter.thumb_rect(block, item_width)
        if lane is not None and thumb is not None and block.code is not None:
            limit = self.layout.painter.max_scroll(block, item_width)
            room = max(1.0, lane.width() - thumb.width())
            block.code.scroll_px = min(limit, max(0.0, from_px + (x - from_x) * limit / room))

    def scroll_code(self, hit: Hit | None, delta_px: float) -> bool:
        """Scrolls the code at the point sideways. False if there is none or it fits."""
        if hit is None or hit.block.code is None or not hit.exact:
            return False
        limit = self.layout.painter.max_scroll(hit.block, self.layout.text_width(hit.item))
        if limit <= 0:
            return False
        code = hit.block.code
        code.scroll_px = min(limit, max(0.0, code.scroll_px + delta_px))
        return True

    def link_at(self, hit: Hit | None) -> QUrl | None:
        """The link at a point that may be offered for opening."""
        return safe_url(hit.link) if hit is not None and hit.link else None


def _anchor_range(document: QTextDocument, position: int, href: str) -> tuple[int, int] | None:
    block = document.findBlock(position)
    start = end = -1
    iterator = block.begin()
    while not iterator.atEnd():
        fragment = iterator.fragment()
        if fragment.charFormat().anchorHref() == href:
            if start < 0 or end != fragment.position():
                if start >= 0 and end >= position:
                    break
                start = fragment.position()
            end = fragment.position() + fragment.length()
        iterator += 1
    return (start, end) if start >= 0 else None
