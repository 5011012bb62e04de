"""Where everything is: turns, blocks and their heights, and the few documents that are alive.

Heights are estimates until a block comes near the view; `realise` parses and lays out what a range of y needs.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable
from itertools import accumulate
from operator import add, sub

from groqdesk.ui.thread.blocks import Block, CodeText, Counters
from groqdesk.ui.thread.code import exact_runs
from groqdesk.ui.thread.document import (
    extend_code,
    extend_plain,
    plain_text,
    render_code,
    render_flow,
    render_plain,
)
from groqdesk.ui.thread.inline import Rendered
from groqdesk.ui.thread.painting import BlockPainter
from groqdesk.ui.thread.stream import MarkdownStream
from groqdesk.ui.thread.styles import Styles
from groqdesk.ui.thread.tables import render_table
from groqdesk.ui.thread.turns import TurnItem

MAX_DOCUMENTS = 400
COLUMN_PX = 720
SIDE_PX = 24
EDGE_PX = 16
TURN_GAP_PX = 12
QUESTION_GAP_PX = 24
USER_SHARE = 0.88
LEX_AT_ONCE_CHARS = 4_000
PLAIN_LIVE_CHARS = 3_000


class ThreadLayout:
    """The geometry of a conversation for one width and one set of styles."""

    def __init__(self, styles: Styles, counters: Counters) -> None:
        self.counters = counters
        self.items: list[TurnItem] = []
        self.tops: list[float] = []
        self.height = 0.0
        self.viewport_width = 0
        self.column_left = 0
        self.column_width = COLUMN_PX
        self.lex_later: Callable[[CodeText], None] = lambda code: None
        self._alive: OrderedDict[Block, None] = OrderedDict()
        self.set_styles(styles)

    # -- inputs -----------------------------------------------------------------------------------------------------

    def set_styles(self, styles: Styles) -> None:
        """New fonts and colours: all documents go, all heights become estimates."""
        self.styles = styles
        self.painter = BlockPainter(styles)
        self.forget_documents()
        for item in self.items:
            item.card_width = 0.0
            for block in item.blocks or ():
                block.width = -1.0
                self.guess(item, block)

    def set_width(self, viewport_width: int, *, again: bool = False) -> bool:
        """The width of the view with its scroll bar, in px; the column is at most 720 px wide between margins of 24 px.

        True if the column is now of another width (or `again` is set): heights are estimates then.
        """
        self.viewport_width = viewport_width
        px = self.styles.px
        width = max(px(160), min(px(COLUMN_PX), viewport_width - 2 * px(SIDE_PX)))
        self.column_left = max(0, (viewport_width - width) // 2)
        if width == self.column_width and not again:
            return False
        self.column_width = width
        self.forget_documents()
        for item in self.items:
            item.card_width = 0.0
            if item.blocks is None:
                item.estimate(self.lines_per_char, self.styles)
        return True

    def forget_documents(self) -> None:
        """Drops every document; heights stay as guesses."""
        for block in self._alive:
            block.document = None
        self._alive.clear()
        self.counters.documents_alive = 0

    def documents_of(self, code: CodeText) -> list[Block]:
        """The blocks of a code text that have a document."""
        return [block for block in self._alive if block.code is code]

    def discard(self, blocks: list[Block]) -> None:
        """These blocks are gone."""
        for block in blocks:
            if block.document is not None:
                block.document = None
                self._alive.pop(block, None)
        self.counters.documents_alive = len(self._alive)

    # -- places -----------------------------------------------------------------------------------------------------

    def text_width(self, item: TurnItem) -> float:
        """The width of a turn's text in px."""
        if item.is_user:
            return int(self.column_width * USER_SHARE) - 2 * self.styles.px(15)
        return self.column_width

    def text_left(self, item: TurnItem) -> float:
        """The x of a turn's text in the viewport."""
        if item.is_user:
            return self.column_left + self.column_width - item.card_width + self.styles.px(15)
        return self.column_left

    @property
    def lines_per_char(self) -> float:
        """How many lines a character takes on average, for estimates: 7 px each, and a third of the room stays empty."""
        return 10.0 * self.styles.scale / max(1, self.column_width)

    def gap_before(self, index: int) -> int:
        """The space above a turn."""
        if index == 0:
            return self.styles.px(EDGE_PX)
        return self.styles.px(QUESTION_GAP_PX if self.items[index].is_user else TURN_GAP_PX)

    def stack(self, first: int = 0) -> None:
        """Computes the tops of turns from `first` on and the whole height."""
        items = self.items
        if first == 0 and items:
            px = self.styles.px
            question, answer = px(QUESTION_GAP_PX), px(TURN_GAP_PX)
            gaps = [question if item.turn.role == "user" else answer for item in items]
            gaps[0] = px(EDGE_PX)
            heights = [item.height for item in items]
            ends = accumulate(map(add, heights, gaps))
            self.tops = list(map(sub, ends, heights))
        else:
            del self.tops[first:]
            y = self.tops[-1] + items[first - 1].height if first else 0.0
            for i in range(first, len(items)):
                y += self.gap_before(i)
                self.tops.append(y)
                y += items[i].height
        self.height = self.tops[-1] + items[-1].height + self.styles.px(EDGE_PX) if items else 0.0

    def index_at(self, y: float) -> int:
        """The turn at a height, or the one above the gap there."""
        return max(0, bisect_right(self.tops, y) - 1)

    def visible(self, top: float, bottom: float) -> range:
        """Indices of the turns between two heights."""
        if not self.items:
            return range(0)
        return range(self.index_at(top), min(len(self.items), bisect_right(self.tops, bottom)))

    # -- making things real -----------------------------------------------------------------------------------------

    def is_exact(self, block: Block) -> bool:
        """Whether the block's height is its real one at this width."""
        return block.width == self.column_width

    def realise(self, top: float, bottom: float, prepare: Callable[[TurnItem], bool]) -> bool:
        """Parses and lays out what is between two heights. True if any height changed.

        `prepare(item)` is called for each turn in the range first; it returns True if its header or footer changed.
        """
        changed_from = -1
        shift = 0.0
        index = self.index_at(top)
        while index < len(self.items) and self.tops[index] + shift < bottom:
            item = self.items[index]
            before = item.height
            y = self.tops[index] + shift
            if y + before > top:
                changed = prepare(item)
                if self._realise_item(item, top - y, bottom - y) or changed:
                    if changed:
                        item.place(0, self.styles)
                    if item.height != before:
                        shift += item.height - before
                        changed_from = index if changed_from < 0 else changed_from
            index += 1
        if changed_from >= 0:
            self.stack(changed_from + 1)
        return changed_from >= 0

    def realise_end(self, height: float, prepare: Callable[[TurnItem], bool]) -> bool:
        """The same for the last `height` px of the thread, from the bottom up: nothing is parsed that will not be seen."""
        changed_from = -1
        left = height - self.styles.px(EDGE_PX)
        for index in range(len(self.items) - 1, -1, -1):
            item = self.items[index]
            before = item.height
            changed = prepare(item)
            for _ in range(8):
                again = self._realise_item(item, item.height - left, item.height)
                if changed:
                    item.place(0, self.styles)
                    changed = False
                if not again:
                    break
            if item.height != before:
                changed_from = index
            left -= item.height + self.gap_before(index)
            if left <= 0:
                break
        if changed_from >= 0:
            self.stack(changed_from + 1)
        return changed_from >= 0

    def _realise_item(self, item: TurnItem, top: float, bottom: float) -> bool:
        fresh = item.blocks is None
        blocks = item.parse(self.counters)
        if fresh or len(item.tops) != len(blocks):
            for block in blocks:
                self.guess(item, block)
            item.place(0, self.styles)
        index = item.block_at(top)
        changed = fresh
        while index < len(blocks) and item.tops[index] < bottom:
            block = blocks[index]
            if block.kind == "unparsed":
                item.open_segment(index, self.counters)
                for opened in blocks[index:]:
                    if opened.height == 0:
                        self.guess(item, opened)
                item.place(index, self.styles)
                changed = True
                continue
            if not self.is_exact(block) and item.tops[index] + block.height >= top:
                height = block.height
                self.document(item, block)
                if block.height != height or item.is_user:
                    item.place(index, self.styles)
                    changed = True
            index += 1
        return changed

    def guess(self, item: TurnItem, block: Block) -> None:
        """Gives a block that has no document a likely height."""
        styles = self.styles
        if block.kind == "code":
            block.height = self.painter.code_height(block)
        elif block.kind == "table":
            rows = sum(token.type == "tr_open" for token in block.tokens)
            block.height = rows * styles.px(28)
        else:
            size = len(block.text) + sum(len(token.content) for token in block.tokens)
            breaks = block.text.count("\n") + sum(token.content.count("\n") for token in block.tokens)
            lines = size * 7.0 * styles.scale / max(1.0, self.text_width(item)) + breaks
            block.height = (int(lines) + 1) * styles.chat_line

    def document(self, item: TurnItem, block: Block) -> Rendered:
        """The laid out document of a block, made if there is none; corrects the block's height."""
        rendered: Rendered | None = block.document
        if rendered is not None:
            self._alive.move_to_end(block)
            return rendered
        self.counters.blocks_rebuilt += 1
        width = self.painter.text_width(block, self.text_width(item))
        if block.kind == "code":
            self._color(block)
            rendered = render_code(block, self.styles)
        elif block.kind == "table":
            rendered = render_table(block, self.styles, width, self.counters)
        elif block.kind == "flow":
            rendered = render_flow(block, self.styles, width, self.counters)
        else:
            rendered = render_plain(block.text, self.styles, width)
        block.document = rendered
        self._alive[block] = None
        while len(self._alive) > MAX_DOCUMENTS:
            self._alive.popitem(last=False)[0].document = None
        self.counters.documents_alive = len(self._alive)
        self.counters.documents_peak = max(self.counters.documents_peak, len(self._alive))
        self._measure(item, block, rendered)
        return rendered

    def _measure(self, item: TurnItem, block: Block, rendered: Rendered) -> None:
        # Whole pixels everywhere: what scrolls is moved as pixels.
        block.height = self.painter.code_height(block) if block.kind == "code" else math.ceil(rendered.height)
        block.width = self.column_width
        if item.is_user:
            wanted = min(self.text_width(item), rendered.document.idealWidth()) + 2 * self.styles.px(15)
            item.card_width = max(item.card_width if len(item.blocks or ()) > 1 else 0.0, round(wanted + 0.5))

    def _color(self, block: Block) -> None:
        code = block.code
        if code is None or code.exact or not code.closed:
            return
        if sum(map(len, code.lines)) <= LEX_AT_ONCE_CHARS:
            code.runs = [runs for runs in exact_runs(code.language, code.lines) if runs is not None][-1]
            code.exact = True
        else:
            self.lex_later(code)

    # -- streaming --------------------------------------------------------------------------------------------------

    def grow(self, index: int) -> float:
        """Feeds what arrived for a streaming turn; returns the y of the first change in the thread, or -1."""
        item = self.items[index]
        stream = item.stream
        if stream is None:
            return -1.0
        arrived = "".join(item.pending)
        item.pending.clear()
        frozen = stream.frozen
        live = stream.blocks[frozen:]
        if arrived:
            stream.feed(arrived)
        return self._follow(index, stream, live, frozen)

    def finish(self, index: int) -> float:
        """The streaming turn has all its text: everything freezes. Returns the y of the first change, or -1."""
        item = self.items[index]
        stream = item.stream
        if stream is None:
            return -1.0
        self.grow(index)
        frozen = stream.frozen
        live = stream.blocks[frozen:]
        stream.close()
        y = self._follow(index, stream, live, frozen)
        if stream.late_references:
            # A link definition came after its use: the blocks before it are drawn again.
            old = [block for block in stream.blocks if block.kind != "code"]
            self.discard(old)
            for block in old:
                block.width = -1.0
            y = self.tops[index]
        item.stream = None
        return y

    def _follow(self, index: int, stream: MarkdownStream, live: list[Block], frozen: int) -> float:
        """Brings documents and places up to date; `live` are the blocks behind the first `frozen` ones before."""
        item = self.items[index]
        blocks = stream.blocks
        first = stream.take_changed()
        if first >= len(blocks) and len(item.tops) == len(blocks):
            return -1.0
        first = min(first, len(item.tops), len(blocks))
        now = set(map(id, blocks[frozen:]))
        self.discard([block for block in live if id(block) not in now and block.document is not None])
        k = first
        while k < len(blocks):
            self._refresh(item, blocks[k], k)
            k += 1
        item.place(max(0, first - 1) if first else 0, self.styles)
        self.stack(index + 1)
        return self.tops[index] + (item.tops[first] if first < len(item.tops) else item.text_top)

    def _refresh(self, item: TurnItem, block: Block, index: int) -> None:
        rendered: Rendered | None = block.document
        if rendered is None or block.kind in ("flow", "table"):
            if block.height == 0:
                self.guess(item, block)
            elif rendered is None:
                block.width = -1.0
            if block.kind == "code":
                self.guess(item, block)
            return
        if block.kind == "code":
            extend_code(rendered, block, self.styles)
        else:
            extend_plain(rendered, block.text, self.styles)
            self._cut_plain(item, block, index, rendered)
            rendered = self.document(item, block)
        self._measure(item, block, rendered)

    def _cut_plain(self, item: TurnItem, block: Block, index: int, rendered: Rendered) -> None:
        # Appending lays the whole paragraph out again, so a long one goes on in a new document from a line's start.
        if len(block.text) <= PLAIN_LIVE_CHARS or item.stream is None or index != len(item.stream.blocks) - 1:
            return
        document = rendered.document
        last = document.lastBlock()
        line = last.layout().lineForTextPosition(max(0, last.length() - 400))
        at = last.position() + (line.textStart() if line.isValid() else 0)
        cut = len(plain_text(rendered, 0, at))
        if 0 < cut < len(block.text):
            item.stream.plain_cut(index, cut)
            self.discard([block])
