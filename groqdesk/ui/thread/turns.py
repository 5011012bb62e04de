"""A turn of a conversation as a value, and what the view keeps of it: blocks, their places, the widgets around them."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import Literal

from PySide6.QtWidgets import QWidget

from groqdesk.ui.thread.blocks import (
    SEGMENT_CHARS,
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

    __slots__ = (
        "_parts",
        "blocks",
        "card_width",
        "footer",
        "header",
        "height",
        "pending",
        "reasoning",
        "state",
        "stream",
        "text_top",
        "tops",
        "turn",
    )

    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.state: TurnState = turn.state
        self.reasoning = turn.reasoning
        self._parts = [turn.text]
        self.pending: list[str] = []
        self.blocks: list[Block] | None = None
        self.tops: list[float] = []
        self.text_top = 0.0
        self.height = 0.0
        self.card_width = 0.0
        self.stream: MarkdownStream | None = None
        self.header: Slot | None = None
        self.footer: Slot | None = None

    @property
    def id(self) -> str:
        return self.turn.id

    @property
    def is_user(self) -> bool:
        return self.turn.role == "user"

    @property
    def text(self) -> str:
        """The whole text so far, as it arrived."""
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0]

    @property
    def value(self) -> Turn:
        """The turn as a value, with all text received so far."""
        return Turn(self.id, self.turn.role, self.text, self.reasoning, self.state)

    def add_text(self, text: str) -> None:
        self._parts.append(text)
        self.pending.append(text)

    def estimate(self, width: float, styles: Styles) -> None:
        """Sets a likely height from the number of characters and line ends. Cheap: it runs for every turn."""
        text = self._parts[0] if len(self._parts) == 1 else self.text
        lines = int(len(text) * 7.0 * styles.scale / max(1.0, width)) + text.count("\n") + 1
        self.height = lines * styles.chat_line
        if self.turn.role == "user":
            self.height += styles.px(20)
        for slot in (self.header, self.footer):
            if slot is not None:
                self.height += slot.height

    # -- blocks -----------------------------------------------------------------------------------------------------

    def start_stream(self, counters: Counters) -> None:
        """From now on text arrives by `add_text`; what the turn already has is fed first."""
        self.stream = MarkdownStream(counters)
        self.blocks = self.stream.blocks
        self.pending = [self.text] if self.text else []

    def parse(self, counters: Counters) -> list[Block]:
        """The blocks, made on first use. A very long text becomes unparsed parts that are parsed one by one."""
        if self.blocks is None:
            counters.turns_parsed += 1
            if self.is_user:
                self.blocks = [Block("plain", 0, text=part) for part in slices_of(clean(self.text.rstrip("\n")))]
            elif len(self.text) > SEGMENT_CHARS:
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
