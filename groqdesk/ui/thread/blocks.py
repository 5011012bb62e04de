"""The blocks that a message is drawn in, and the cuts through very long texts. Nothing here knows Qt.

A block is one top-level Markdown block, or a part of one: an item of a list, ten rows of a table, sixty lines of code, a
slice of a very long paragraph.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Literal

from markdown_it import MarkdownIt
from markdown_it.token import Token

from groqdesk.ui.thread.code import Run

BlockKind = Literal["flow", "table", "code", "plain", "unparsed"]

CODE_LINES_PER_BLOCK = 60
CODE_LINE_CHARS = 4_000
CODE_BLOCK_CHARS = 16_000
TABLE_ROWS_PER_BLOCK = 10
TABLE_CELLS_PER_BLOCK = 100
LONG_PARAGRAPH_CHARS = 3_000
PLAIN_PARAGRAPH_CHARS = 40_000
PLAIN_SLICE_CHARS = 16_000
LONG_MESSAGE_CHARS = 64_000
SEGMENT_CHARS = 20_000
BLOCK_GAP = 12
ITEM_GAP = 4

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

_FENCE_LINE = re.compile(r"^ {0,3}(`{3,}|~{3,})", re.MULTILINE)


@dataclass(slots=True)
class Counters:
    """What the view did, for tests and benchmarks. Characters, blocks and paints are totals since construction."""

    chars_parsed: int = 0
    chars_inline: int = 0
    blocks_rebuilt: int = 0
    turns_parsed: int = 0
    paints: int = 0
    painted_px: int = 0
    documents_alive: int = 0
    documents_peak: int = 0
    flushes: int = 0


@dataclass(slots=True, eq=False)
class CodeText:
    """The code of one fence: complete lines, the runs that colour them, and what its blocks share on screen."""

    language: str
    lines: list[str] = field(default_factory=list)
    runs: list[list[Run]] | None = None
    closed: bool = False
    exact: bool = False
    longest: int = 0
    scroll_px: float = 0.0
    glued: set[int] = field(default_factory=set)
    """Numbers of lines that only continue the line before: one of more than CODE_LINE_CHARS is shown in parts."""

    def append(self, line: str, *, glued: bool = False) -> None:
        """Adds one line without its line end."""
        for at in range(0, max(1, len(line)), CODE_LINE_CHARS):
            if glued or at:
                self.glued.add(len(self.lines))
            self.lines.append(line[at : at + CODE_LINE_CHARS])
            self.longest = max(self.longest, len(self.lines[-1].expandtabs(4)))

    def text_between(self, first: int, last: int, start: int = 0, end: int | None = None) -> str:
        """The text of lines first..last (inclusive) from column `start` of the first to `end` of the last."""
        parts: list[str] = []
        for number in range(first, last + 1):
            line = self.lines[number]
            cut = line[start if number == first else 0 : end if number == last else None]
            parts.append(cut if number == first or number in self.glued else "\n" + cut)
        return "".join(parts)

    @property
    def text(self) -> str:
        """The code as it arrived, without the fence."""
        return self.text_between(0, len(self.lines) - 1)


@dataclass(slots=True, eq=False)
class TableShape:
    """What the parts of one table share, so that their columns line up: the part that decides the column widths."""

    first: list[Token] = field(default_factory=list)
    natural: list[float] | None = None


@dataclass(slots=True, eq=False)
class Block:
    """One drawable part of a message. `gap` is the space above in px; `height`, `document` and `built` belong to the view."""

    kind: BlockKind
    gap: int = BLOCK_GAP
    tokens: list[Token] = field(default_factory=list)
    text: str = ""
    references: dict[str, Any] = field(default_factory=dict)
    number: int | None = None
    code: CodeText | None = None
    first_line: int = 0
    last_line: int = 0
    chars: int = 0
    partial: str = ""
    table: TableShape | None = None
    with_header: bool = True
    height: float = 0.0
    width: float = -1.0
    document: Any = None


def clean(text: str) -> str:
    """Line ends as \\n and no NUL, as CommonMark wants it."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.replace("\0", "\ufffd") if "\0" in text else text


def slices_of(text: str, limit: int = PLAIN_SLICE_CHARS) -> list[str]:
    """The text in parts of at most `limit` characters, cut after a line end or a space where there is one."""
    parts: list[str] = []
    at = 0
    while len(text) - at > limit:
        cut = text.rfind("\n", at + limit // 2, at + limit) + 1 or text.rfind(" ", at + limit // 2, at + limit) + 1
        cut = cut or at + limit
        parts.append(text[at:cut])
        at = cut
    parts.append(text[at:])
    return parts


def segments_of(text: str, limit: int = SEGMENT_CHARS) -> list[str]:
    """Cuts a very long message into parts that are parsed one by one when they come into view.

    A cut falls on a blank line outside code if there is one; inside code the fence is closed and opened again. Each part
    is at most about `limit` characters.
    """
    if len(text) <= LONG_MESSAGE_CHARS:
        return [text]
    parts: list[str] = []
    opener = ""
    at = 0
    while at < len(text):
        end = min(len(text), at + limit)
        if end < len(text):
            cut = text.rfind("\n\n", at + limit // 2, end)
            while cut > 0 and cut + 2 < len(text) and text[cut + 2] in " \t>|":
                cut = text.rfind("\n\n", at + limit // 2, cut)
            end = cut + 2 if cut > 0 else (text.rfind("\n", at + limit // 2, end) + 1 or end)
        part = opener + text[at:end]
        opener = _fence_left_open(part)
        parts.append(part)
        at = end
    return parts


def _fence_left_open(text: str) -> str:
    marker = ""
    opener = ""
    for found in _FENCE_LINE.finditer(text):
        line_end = text.find("\n", found.start())
        line = text[found.start() : line_end if line_end >= 0 else len(text)].strip()
        if not marker:
            if not (found[1][0] == "`" and "`" in line[len(found[1]) :]):
                marker, opener = found[1], line + "\n"
        elif found[1][0] == marker[0] and len(found[1]) >= len(marker) and line == found[1]:
            marker = opener = ""
    return opener


def language_of(info: str) -> str:
    """The language word of a fence's info string, at most 32 printable characters."""
    words = info.split()
    word = words[0].strip("{}.") if words else ""
    return word[:32] if word.isprintable() else ""


def code_blocks(code: CodeText) -> list[Block]:
    """The blocks of 60 lines that show one code text; one block for empty code."""
    made = [Block("code", code=code)]
    for line in code.lines:
        extend_code_blocks(made, line)
    return made


def extend_code_blocks(blocks: list[Block], line: str) -> None:
    """Gives the next line of the last block's code to that block, or to a new one if it is full."""
    block = blocks[-1]
    shown = block.last_line - block.first_line
    if shown >= CODE_LINES_PER_BLOCK or (shown and block.chars + len(line) > CODE_BLOCK_CHARS):
        block = Block("code", 0, code=block.code, first_line=block.last_line, last_line=block.last_line)
        blocks.append(block)
    block.last_line += 1
    block.chars += len(line)
