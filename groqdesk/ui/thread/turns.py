"""A turn of a conversation as a value, and what the view keeps of it: blocks, their places, the widgets around them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

from PySide6.QtWidgets import QWidget

from groqdesk.ui.thread.blocks import (
    LONG_MESSAGE_CHARS,
    Block,
    Counters,
    clean,
    segments_of,
    slices_of,
)
from groqdesk.ui.thread.stream import MarkdownStream, blocks_of
from groqdesk.ui.thread.styles import Styles

TurnState = Literal["streaming", "done", "interrupted", "failed"]


@dataclass(frozen=True, slots=True)
class Turn:
    """One message of a conversation. `text` is Markdown for the assistant and plain text for the user."""

    id: str
    role: Literal["user", "assistant"]
    text: str
    reasoning: str = ""
    state: TurnState = "done"


@dataclass(slots=True)
class Slot:
    """The place of a widget above or below a turn's text: its height in px and the widget while there is one."""

    height: int = 0
    widget: QWidget | None = None
    made_here: bool = False
    asked: bool = False


class TurnItem:
    """A turn on screen. `blocks` stays None until the turn is near the view; `height` is an estimate until then."""

    # Thousands are made at once when a conversation opens, so that only what differs is set in the constructor.
    state: TurnState = "done"
    reasoning = ""
    blocks: list[Block] | None = None
    stream: MarkdownStream | None = None
    header: Slot | None = None
    footer: Slot | None = None
    tops: list[float]
    pending: list[str]
    text_top = 0.0
    card_width = 0.0
    _parts: list[str] | None = None

    def __init__(self, turn: Turn, height: float = 0.0) -> None:
        self.turn = turn
        self.height = height

    @property
    def id(self) -> str:
        return self.turn.id

    @property
    def is_user(self) -> bool:
        return self.turn.role == "user"

    @property
    def text(self) -> str:
        """The whole text so far, as it arrived."""
        if self._parts is None:
            return self.turn.text
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0]

    @property
    def value(self) -> Turn:
        """The turn as a value, with all text received so far."""
        return Turn(self.id, self.turn.role, self.text, self.reasoning, self.state)

    def add_text(self, text: str) -> None:
        """Text for a turn that streams."""
        if self._parts is None:
            self._parts = [self.turn.text]
        self._parts.append(text)
        self.pending.append(text)

    def estimate(self, lines_per_char: float, styles: Styles) -> None:
        """Sets a likely height from the number of characters. Cheap: it runs for every turn of a conversation."""
        text = self.turn.text if self._parts is None else self.text
        self.height = (len(text) * lines_per_char // 1 + 1) * styles.chat_line
        if self.header is not None:
            self.height += self.header.height
        if self.footer is not None:
            self.height += self.footer.height

    # -- blocks -----------------------------------------------------------------------------------------------------

    def start_stream(self, counters: Counters) -> None:
        """From now on text arrives by `add_text`; what the turn already has is fed first."""
        self.stream = MarkdownStream(counters)
        self.blocks = self.stream.blocks
        self.state = "streaming"
        self.tops = []
        self.pending = [self.text] if self.text else []

    def parse(self, counters: Counters) -> list[Block]:
        """The blocks, made on first use. A very long text becomes unparsed parts that are parsed one by one."""
        if self.blocks is None:
            counters.turns_parsed += 1
            self.tops = []
            if self.is_user:
                self.blocks = [Block("plain", 0, text=part) for part in slices_of(clean(self.text.rstrip("\n")))]
            elif len(self.text) > LONG_MESSAGE_CHARS:
                self.blocks = [Block("unparsed", text=part) for part in segments_of(clean(self.text))]
            else:
                self.blocks = blocks_of(self.text, counters)
        return self.blocks

    def open_segment(self, index: int, counters: Counters) -> None:
        """Replaces an unparsed part by its blocks."""
        if self.blocks is not None:
            self.blocks[index : index + 1] = blocks_of(self.blocks[index].text, counters)

    def place(self, first: int, styles: Styles) -> None:
        """Computes the tops of blocks from `first` on, and the height of the turn."""
        blocks = self.blocks or []
        del self.tops[first:]
        pad = styles.px(10) if self.is_user else 0
        header = self.header.height if self.header is not None else 0
        self.text_top = float(header + styles.px(12) if header else 0)
        y = self.text_top + pad
        if first and self.tops:
            y = self.tops[first - 1] + blocks[first - 1].height
        for i in range(first, len(blocks)):
            y += styles.px(blocks[i].gap) if i else 0
            self.tops.append(y)
            y += blocks[i].height
        footer = self.footer.height if self.footer is not None else 0
        if not blocks and self.header is not None and header and not self.is_user:
            y = float(header)
        self.height = y + pad + (styles.px(6) + footer if footer else 0)

    @property
    def text_bottom(self) -> float:
        """The bottom of the text, where the footer's gap begins, relative to the turn's top."""
        blocks = self.blocks or []
        return self.tops[-1] + blocks[-1].height if blocks and self.tops else self.text_top

    def block_at(self, y: float) -> int:
        """The index of the block at a height relative to the turn's top; the nearest one outside the text."""
        return max(0, bisect_right(self.tops, y) - 1)
