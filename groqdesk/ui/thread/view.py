"""The thread of a conversation: turns as values, answers that stream, widgets around the text.

Only what is visible is parsed and laid out. The cost of a flush does not grow with the answer or the conversation.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from groqdesk.ui.thread.blocks import CodeText
from groqdesk.ui.thread.canvas import ThreadCanvas
from groqdesk.ui.thread.document import recolor_code
from groqdesk.ui.thread.embedded import Factory, Side
from groqdesk.ui.thread.relex import RelexQueue
from groqdesk.ui.thread.speech import SentenceAnnouncer
from groqdesk.ui.thread.styles import Palette, Styles
from groqdesk.ui.thread.turns import Turn, TurnItem, TurnState

FLUSH_MIN_MS = 33
FLUSH_MAX_MS = 250
FLUSH_COST_FACTOR = 4


class ThreadView(ThreadCanvas):
    """Shows turns; the newest is at the bottom.

    Text and colours come in as values; everything the user does that is not reading goes out as a signal.
    `at_end_changed(bool)`: whether the end is in view (within 48 px), for a "Newest" button.
    `link_activated(QUrl)`: a click on an http, https or mailto link, or Enter on one that Tab reached; opening it is the receiver's decision.
    `reasoning_changed(turn_id)`: more reasoning text arrived, at the pace of flushes. `copied()`: something was put on
    the clipboard. Unknown turn ids raise KeyError.
    """

    reasoning_changed = Signal(str)

    def __init__(self, theme: Palette, parent: QWidget | None = None) -> None:
        super().__init__(Styles(theme), parent)
        self._widgets.resized.connect(self._on_widget_resized)
        self._lexing = RelexQueue(self)
        self._lexing.lexed.connect(self._on_lexed)
        self._layout.lex_later = self._lexing.add
        self._thinking: set[str] = set()
        self._cost_ms = 0.0
        self._flush_timer = self._timer(FLUSH_MIN_MS, self.flush, once=True)
        self.announcer = SentenceAnnouncer(self)
        self.setAccessibleName("Conversation")

    # -- conversation -----------------------------------------------------------------------------------------------

    def set_palette(self, palette: Palette) -> None:
        """New colours, fonts or text size, at once; the reading position stays."""
        anchor = self._anchor()
        self._layout.set_styles(Styles(palette))
        self._restyle()
        self._rewidth(anchor, again=True)

    def set_turns(self, turns: Iterable[Turn]) -> None:
        """Shows another conversation from its end. Cheap: only what becomes visible is parsed."""
        self._lexing.clear()
        self._flush_timer.stop()
        self._pointer.clear()
        self._thinking.clear()
        self._live.clear()
        self._widgets.drop_all()
        self._layout.forget_documents()
        per_char, line = self._layout.lines_per_char, self._layout.styles.chat_line
        items = [TurnItem(turn, (len(turn.text) * per_char // 1 + 1) * line) for turn in turns]
        self._layout.items = items
        self._ids = {item.turn.id: i for i, item in enumerate(items)}
        every = bool(self._widgets.factories)
        for item in [item for item in items if every or item.turn.state != "done" or item.turn.reasoning]:
            self._welcome(item)
        self._layout.stack()
        self._pinned = True
        self._blink()
        self._settle()
        self.viewport().update()

    def turns(self) -> list[Turn]:
        """The conversation as values, with all text received so far."""
        return [item.value for item in self._layout.items]

    def turn(self, turn_id: str) -> Turn:
        """One turn as a value."""
        return self._item(turn_id).value

    def append_turn(self, turn: Turn) -> None:
        """Adds a turn at the end. One in state `streaming` then takes text by `feed`. A user turn scrolls to the end.

        ValueError if there is a turn of this id already.
        """
        if turn.id in self._ids:
            raise ValueError(f"turn {turn.id} is already shown")
        items = self._layout.items
        item = TurnItem(turn)
        self._ids[turn.id] = len(items)
        items.append(item)
        self._welcome(item)
        self._layout.stack(len(items) - 1)
        self._pinned |= item.is_user
        self._blink()
        self._settle()
        self.viewport().update()

    def begin_stream(self, turn: Turn) -> None:
        """Adds an assistant turn whose text will arrive by `feed`."""
        self.append_turn(replace(turn, state="streaming"))

    def replace_turn(self, turn: Turn) -> None:
        """Shows other content for a turn of the same id; its widgets stay."""
        index = self._ids[turn.id]
        old = self._layout.items[index]
        item = TurnItem(turn)
        self._widgets.hand_over(old, item)
        self._retire(old)
        self._layout.items[index] = item
        self._welcome(item)
        self._layout.stack(index)
        self._blink()
        self._settle()
        self.viewport().update()

    def remove_turns_after(self, turn_id: str) -> None:
        """Removes all turns behind this one."""
        keep = self._ids[turn_id] + 1
        for item in self._layout.items[keep:]:
            self._widgets.drop(item)
            self._retire(item)
            del self._ids[item.id]
        del self._layout.items[keep:]
        self._layout.stack(keep)
        self._blink()
        self._settle()
        self.viewport().update()

    def _item(self, turn_id: str) -> TurnItem:
        return self._layout.items[self._ids[turn_id]]

    def _welcome(self, item: TurnItem) -> None:
        item.state, item.reasoning = item.turn.state, item.turn.reasoning
        if self._widgets.factories:
            self._widgets.reserve(item)
        if item.turn.state == "streaming" and item.turn.role == "assistant":
            item.start_stream(self.counters)
            self._live.append(item)
            item.place(0, self._layout.styles)
            if item.pending:
                self._flush_soon()
        else:
            item.estimate(self._layout.lines_per_char, self._layout.styles)

    def _retire(self, item: TurnItem) -> None:
        self._layout.discard(item.blocks or [])
        if item in self._live:
            self._live.remove(item)
        chosen = self._pointer.selection
        if self._pointer.focused is item or (chosen is not None and chosen.item is item):
            self._pointer.clear()

    # -- streaming --------------------------------------------------------------------------------------------------

    def feed(self, turn_id: str, text: str) -> None:
        """Takes text of a streaming turn; it is shown with the next flush. ValueError if the turn does not stream."""
        item = self._item(turn_id)
        if item.stream is None:
            raise ValueError(f"turn {turn_id} is not streaming")
        item.add_text(text)
        self._flush_soon()

    def feed_reasoning(self, turn_id: str, text: str) -> None:
        """Takes reasoning text; `turn(id).reasoning` has it, `reasoning_changed` says so with the next flush."""
        self._item(turn_id).reasoning += text
        self._thinking.add(turn_id)
        self._flush_soon()

    def end_stream(self, turn_id: str, state: TurnState = "done") -> None:
        """No more text: what is left is shown and the turn freezes in `state`."""
        index = self._ids[turn_id]
        item = self._layout.items[index]
        item.state = state
        if item.stream is None:
            return
        for text in item.pending:
            self.announcer.add(text)
        self.announcer.finish()
        caret = self._caret_rect().translated(0, self._top)
        y = self._layout.finish(index)
        self._live.remove(item)
        self._lex_closed(item, 0)
        self._settle()
        self._update_from(y if y >= 0 else self._layout.tops[index])
        self.viewport().update(caret.translated(0, -self._top))
        self._blink()

    def _flush_soon(self) -> None:
        if not self._flush_timer.isActive():
            wait = FLUSH_COST_FACTOR * self._cost_ms
            self._flush_timer.start(round(min(FLUSH_MAX_MS, max(FLUSH_MIN_MS, wait))))

    def flush(self) -> None:
        """Shows what has arrived. Called by the flush timer; its interval is 4 x the last cost, 33 to 250 ms."""
        started = time.thread_time()
        self._flush_timer.stop()
        self.counters.flushes += 1
        first = -1.0
        caret = self._caret_rect().translated(0, self._top)
        for item in self._live:
            if not item.pending:
                continue
            for text in item.pending:
                self.announcer.add(text)
            known = len(item.blocks or ())
            y = self._layout.grow(self._ids[item.id])
            if y >= 0:
                first = y if first < 0 else min(first, y)
            self._lex_closed(item, max(0, known - 1))
        if first >= 0:
            self._caret_on = True
            self._settle()
            self._update_from(first)
            # Where the caret was may lie above the first change.
            self.viewport().update(caret.translated(0, -self._top))
        thinking, self._thinking = self._thinking, set()
        for turn_id in thinking:
            if turn_id in self._ids:
                self.reasoning_changed.emit(turn_id)
        self._blink()
        self._cost_ms = (time.thread_time() - started) * 1e3

    def _lex_closed(self, item: TurnItem, first: int) -> None:
        for block in (item.blocks or [])[first:]:
            code = block.code
            if code is not None and code.closed and code.runs is not None:
                self._lexing.add(code)

    def _on_lexed(self, code: CodeText) -> None:
        shown = self._layout.documents_of(code)
        for block in shown:
            recolor_code(block.document, block, self._layout.styles)
        if shown:
            self.viewport().update()

    @property
    def pending_lexes(self) -> int:
        """How many code texts still wait for their exact colours."""
        return len(self._lexing)

    # -- widgets around the text ------------------------------------------------------------------------------------

    def set_header(self, turn_id: str, widget: QWidget | None) -> None:
        """Puts a widget above a turn's text, as wide as the column; None removes it. The view owns the widget."""
        self._set_widget(turn_id, "header", widget)

    def set_footer(self, turn_id: str, widget: QWidget | None) -> None:
        """Puts a widget below a turn's text; None removes it. The view owns the widget."""
        self._set_widget(turn_id, "footer", widget)

    def set_header_factory(self, make: Callable[[str], QWidget | None], height: Callable[[str], int]) -> None:
        """Headers made when a turn comes into view and deleted far from it; `height(turn_id)` in px is known before.

        Call it before `set_turns`. A turn that got a widget by `set_header` is never asked about.
        """
        self._widgets.factories["header"] = Factory(make, height)

    def set_footer_factory(self, make: Callable[[str], QWidget | None], height: Callable[[str], int]) -> None:
        """The same for footers."""
        self._widgets.factories["footer"] = Factory(make, height)

    def refresh_widgets(self, turn_id: str) -> None:
        """Asks the factories again about a turn whose header or footer is now another one."""
        item = self._item(turn_id)
        self._widgets.forget(item)
        self._widgets.reserve(item)
        self._resized(item)

    @property
    def widgets_alive(self) -> int:
        """How many header and footer widgets exist."""
        return self._widgets.alive

    def _set_widget(self, turn_id: str, side: Side, widget: QWidget | None) -> None:
        item = self._item(turn_id)
        self._widgets.set_widget(item, side, widget, self._layout.column_width)
        self._resized(item)

    def _on_widget_resized(self, turn_id: str) -> None:
        item = self._item(turn_id)
        before = item.height
        self._widgets.measure(item, self._layout.column_width)
        self._resized(item, unless=before)

    def _resized(self, item: TurnItem, *, unless: float = -1.0) -> None:
        anchor = None if self._pinned else self._anchor()
        if item.blocks is None:
            item.estimate(self._layout.lines_per_char, self._layout.styles)
        else:
            item.place(0, self._layout.styles)
        if item.height != unless:
            self._layout.stack(self._ids[item.id])
            self._settle(anchor)
            self.viewport().update()
