"""A selection inside one turn, across its blocks, and the plain text of it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass

from PySide6.QtGui import QTextCursor, QTextDocument

from groqdesk.ui.thread.blocks import ITEM_GAP, Block, TableShape
from groqdesk.ui.thread.document import plain_text
from groqdesk.ui.thread.inline import Rendered
from groqdesk.ui.thread.tables import table_rows
from groqdesk.ui.thread.turns import TurnItem

Place = tuple[int, int]
"""Index of a block in its turn and a position in the block's document (UTF-16 units)."""

END = 1 << 30


@dataclass(slots=True)
class Selection:
    """What is selected: from `anchor` (where it began) to `cursor`, in the turn `item`."""

    item: TurnItem
    anchor: Place
    cursor: Place

    @property
    def bounds(self) -> tuple[Place, Place]:
        return (self.anchor, self.cursor) if self.anchor <= self.cursor else (self.cursor, self.anchor)

    @property
    def is_empty(self) -> bool:
        return self.anchor == self.cursor

    def range_in(self, index: int, document: QTextDocument) -> tuple[int, int] | None:
        """The selected positions in the block's document, or None."""
        (first, start), (last, end) = self.bounds
        if self.is_empty or not first <= index <= last:
            return None
        length = document.characterCount() - 1
        low = min(length, start) if index == first else 0
        high = min(length, end) if index == last else length
        return (low, high) if high > low else None


def word_at(document: QTextDocument, position: int) -> tuple[int, int]:
    """The word around a position."""
    cursor = QTextCursor(document)
    cursor.setPosition(max(0, min(position, document.characterCount() - 1)))
    cursor.select(QTextCursor.SelectionType.WordUnderCursor)
    return cursor.selectionStart(), cursor.selectionEnd()


def _column(line: str, units: int) -> int:
    if line.isascii():
        return units
    return len(line.encode("utf-16-le", "surrogatepass")[: units * 2].decode("utf-16-le", "ignore"))


def _code_text(block: Block, document: QTextDocument, start: int, end: int) -> str:
    code = block.code
    if code is None or not code.lines:
        return block.partial
    first, last = document.findBlock(start), document.findBlock(end)
    low = block.first_line + first.blockNumber()
    high = min(block.first_line + last.blockNumber(), block.last_line - 1)
    if low > high:
        return block.partial
    from_column = _column(code.lines[low], start - first.position())
    to_column = _column(code.lines[high], end - last.position())
    if block.first_line + last.blockNumber() > high:
        return code.text_between(low, high, from_column) + "\n" + block.partial
    return code.text_between(low, high, from_column, to_column)


def text_of_block(block: Block, rendered: Rendered, start: int, end: int) -> str:
    """The plain text between two positions of a block."""
    document = rendered.document
    whole = start == 0 and end >= document.characterCount() - 1
    if block.kind == "plain" and whole:
        return block.text
    if block.kind == "code":
        return _code_text(block, document, start, min(end, document.characterCount() - 1))
    return plain_text(rendered, start, end)


def separator(block: Block) -> str:
    """What stands between a block and the one before it in copied text."""
    if block.kind == "plain" and block.gap == 0:
        return ""
    if block.kind == "code" and block.gap == 0:
        return "" if block.code is not None and block.first_line in block.code.glued else "\n"
    return "\n" if block.gap in (0, ITEM_GAP) else "\n\n"


def _inert(cell: str) -> str:
    # A spreadsheet would run a cell that begins like a formula.
    return "'" + cell if cell[:1] in ("=", "@", "+") or (cell[:1] == "-" and not cell[1:2].isdigit()) else cell


def table_text(blocks: list[Block], shape: TableShape, *, as_csv: bool) -> str:
    """All rows of the table that the blocks show, as CSV or as Markdown."""
    rows: list[list[tuple[str, str, bool]]] = []
    for block in blocks:
        if block.table is shape:
            rows.extend(table_rows(block))
    if as_csv:
        out = io.StringIO()
        csv.writer(out, lineterminator="\n").writerows([[_inert(cell[0]) for cell in row] for row in rows])
        return out.getvalue()
    marks = {"left": ":--", "right": "--:", "center": ":-:"}
    lines = ["| " + " | ".join(cell[0].replace("|", "\\|") for cell in row) + " |" for row in rows]
    if rows:
        lines.insert(1, "| " + " | ".join(marks.get(cell[1], "---") for cell in rows[0]) + " |")
    return "\n".join(lines) + "\n"
