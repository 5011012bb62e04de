"""Turns the tokens of one block into a small QTextDocument plus the shapes that Qt's rich text cannot draw.

The document never loads anything: no images, no HTML, no style sheets. Links become anchors only if `safe_url` allows them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from markdown_it.token import Token
from PySide6.QtGui import (
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextLayout,
    QTextTable,
)

from groqdesk.ui.thread.blocks import Block, Counters, TableShape, language_of
from groqdesk.ui.thread.code import Run, can_lex, exact_runs
from groqdesk.ui.thread.inline import InlineWriter, Rendered, block_format, insert_text, new_document
from groqdesk.ui.thread.styles import DISPLAY_ONLY, Styles
from groqdesk.ui.thread.tables import block_bottom, fill_table, row_rules

_NESTED_CODE_CHARS = 4_000
_BULLETS = "•◦▪"


def render_plain(text: str, styles: Styles, width: float) -> Rendered:
    """Text exactly as typed, line breaks kept."""
    document = new_document(styles)
    cursor = QTextCursor(document)
    cursor.setBlockFormat(block_format(styles.chat_line))
    cursor.beginEditBlock()
    insert_text(cursor, text.removesuffix("\n"), styles.chat)
    cursor.endEditBlock()
    document.setTextWidth(width)
    return Rendered(document, document.size().height(), plain_chars=len(text))


def extend_plain(rendered: Rendered, text: str, styles: Styles) -> None:
    """Adds what `text` has more than is shown; `text` starts with what is shown."""
    cursor = QTextCursor(rendered.document)
    cursor.movePosition(QTextCursor.MoveOperation.End)
    cursor.insertText(text[rendered.plain_chars :], styles.chat)
    rendered.plain_chars = len(text)
    rendered.height = rendered.document.size().height()


def format_ranges(runs: list[Run], styles: Styles) -> list[QTextLayout.FormatRange]:
    """Colour ranges of one line of code for QTextLayout."""
    ranges: list[QTextLayout.FormatRange] = []
    for start, length, style in runs:
        made = QTextLayout.FormatRange()
        made.start, made.length, made.format = start, length, styles.syntax[style]
        ranges.append(made)
    return ranges


def render_code(block: Block, styles: Styles) -> Rendered:
    """The lines first_line..last_line of a code block (and the unfinished line), one text block per line, unwrapped."""
    rendered = Rendered(new_document(styles, wrap=False))
    extend_code(rendered, block, styles)
    return rendered


def extend_code(rendered: Rendered, block: Block, styles: Styles) -> None:
    """Brings the document of a growing code block up to date: complete lines are appended, the unfinished one replaced."""
    code = block.code
    if code is None or not rendered.open_end:
        return
    document = rendered.document
    cursor = QTextCursor(document)
    cursor.movePosition(QTextCursor.MoveOperation.End)
    cursor.beginEditBlock()
    cursor.movePosition(QTextCursor.MoveOperation.StartOfBlock, QTextCursor.MoveMode.KeepAnchor)
    cursor.removeSelectedText()
    if rendered.code_lines == 0:
        cursor.setBlockFormat(block_format(styles.code_line))
        cursor.setBlockCharFormat(styles.code)
    shown = rendered.code_lines
    lines = code.lines[block.first_line + shown : block.last_line]
    # While the block may still grow, an empty text block at the end waits for the next line.
    growing = block.last_line == len(code.lines) and not code.closed
    if growing:
        lines = [*lines, block.partial]
    if lines:
        cursor.insertText("\n".join(lines), styles.code)
    elif shown:
        cursor.deletePreviousChar()
    rendered.open_end = growing
    if code.runs is not None:
        colored = code.runs[block.first_line + shown : block.last_line]
        for i, runs in enumerate(colored):
            if runs:
                document.findBlockByNumber(shown + i).layout().setFormats(format_ranges(runs, styles))
    # Formats set outside an edit would leave the layout of these lines stale until the next one.
    cursor.endEditBlock()
    rendered.code_lines = block.last_line - block.first_line
    rendered.height = max(1, rendered.code_lines + bool(block.partial)) * styles.code_line


def recolor_code(rendered: Rendered, block: Block, styles: Styles) -> None:
    """Applies the runs of the code text again, after an exact lex."""
    if block.code is None or block.code.runs is None:
        return
    document = rendered.document
    for i, runs in enumerate(block.code.runs[block.first_line : block.last_line]):
        line = document.findBlockByNumber(i)
        line.layout().setFormats(format_ranges(runs, styles))
        document.markContentsDirty(line.position(), line.length())


def render_flow(block: Block, styles: Styles, width: float, counters: Counters) -> Rendered:
    """A heading, paragraph, quote, rule or one list item with all that it holds."""
    return _FlowBuilder(block, styles, width, counters).build()


@dataclass(slots=True)
class _OpenList:
    """A list being written: the bullet, or the delimiter behind the number that comes next."""

    mark: str
    number: int | None

    def next_marker(self) -> str:
        if self.number is None:
            return self.mark
        self.number += 1
        return f"{self.number - 1}{self.mark}"


class _FlowBuilder:
    """Walks the tokens of one block and writes the document."""

    def __init__(self, block: Block, styles: Styles, width: float, counters: Counters) -> None:
        self._block = block
        self._styles = styles
        self._width = width
        self._rendered = Rendered(new_document(styles))
        self._cursor = QTextCursor(self._rendered.document)
        self._writer = InlineWriter(styles, block.references, counters)
        self._lists: list[_OpenList] = []
        self._quotes: list[int] = []
        self._first = True
        self._marker = False
        self._heading = 0
        self._spans: list[tuple[str, float, int, int]] = []
        self._tables: list[tuple[QTextTable, float]] = []
        self._indent = styles.px(24)

    def build(self) -> Rendered:
        document = self._rendered.document
        number = self._block.number
        if number is not None and number > 99 and self._block.tokens[0].type == "ordered_list_open":
            self._indent = self._styles.px(24) + round(self._styles.px(9) * (len(str(number)) - 2))
        document.setIndentWidth(self._indent)
        self._cursor.beginEditBlock()
        i = 0
        tokens = self._block.tokens
        while i < len(tokens):
            i = self._table(i) if tokens[i].type == "table_open" else self._token(tokens[i], i)
        self._cursor.endEditBlock()
        document.setTextWidth(self._width)
        self._rendered.height = document.size().height()
        self._shapes()
        self._rendered.height = max([self._rendered.height, *(bottom for _, _, bottom in self._rendered.shades)])
        return self._rendered

    def _token(self, token: Token, index: int) -> int:
        match token.type:
            case "bullet_list_open" | "ordered_list_open":
                self._open_list(token)
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._marker = True
            case "list_item_close":
                if self._marker:
                    self._start(self._styles.chat_line, self._styles.chat)
            case "blockquote_open":
                self._quotes.append(-1)
            case "blockquote_close":
                first = self._quotes.pop()
                if first >= 0:
                    last = self._cursor.block().blockNumber()
                    self._spans.append(("bar", self._left(), first, last))
            case "heading_open":
                self._heading = int(token.tag[1:])
            case "heading_close":
                self._heading = 0
            case "inline":
                style, line = self._styles.heading(self._heading) if self._heading else (None, self._styles.chat_line)
                base = style or self._styles.chat
                self._start(line, base)
                self._writer.write(self._cursor, token.content, base)
            case "fence" | "code_block":
                self._code(token)
            case "hr":
                self._start(self._styles.px(9), self._styles.chat)
                at = self._cursor.block().blockNumber()
                self._spans.append(("rule", 0, at, at))
            case _:
                pass
        return index + 1

    def _open_list(self, token: Token) -> None:
        depth = len(self._lists) + 1
        if token.type == "bullet_list_open":
            self._lists.append(_OpenList(_BULLETS[min(depth, len(_BULLETS)) - 1], None))
            return
        start = token.attrGet("start")
        number = self._block.number if depth == 1 and not self._quotes else None
        self._lists.append(
            _OpenList(token.markup, number if number is not None else 1 if start is None else int(start))
        )

    def _left(self) -> float:
        return len(self._quotes) * self._styles.px(15)

    def _start(self, line_px: int, style: QTextCharFormat, *, top: float | None = None, extra_left: float = 0) -> None:
        gap = self._styles.px(4 if self._marker else 8) if top is None else top
        form = block_format(line_px, 0 if self._first and top is None else gap, self._left() + extra_left)
        if self._lists:
            form.setIndent(len(self._lists))
        if self._first:
            self._cursor.setBlockFormat(form)
            self._cursor.setBlockCharFormat(style)
        else:
            self._cursor.insertBlock(form, style)
        self._first = False
        if self._quotes:
            at = self._cursor.block().blockNumber()
            self._quotes = [at if first < 0 else first for first in self._quotes]
        if self._marker and self._lists:
            right = self._left() + len(self._lists) * self._indent - self._styles.px(8)
            self._rendered.markers[self._cursor.block().blockNumber()] = (self._lists[-1].next_marker(), right, 0.0)
        self._marker = False

    def _code(self, token: Token) -> None:
        styles = self._styles
        lines = token.content.removesuffix("\n").split("\n")
        if self._marker:
            self._start(styles.chat_line, styles.chat)
        language = language_of(token.info)
        runs: list[list[Run]] = []
        if len(token.content) <= _NESTED_CODE_CHARS and can_lex(language, lines):
            runs = [found for found in exact_runs(language, lines) if found is not None][-1]
        first = -1
        for i, line in enumerate(lines):
            top = styles.px(18) if i == 0 and not self._first else styles.px(10) if i == 0 else 0
            self._start(styles.code_line, styles.code, top=top, extra_left=styles.px(12))
            if i == len(lines) - 1:
                form = self._cursor.blockFormat()
                form.setBottomMargin(styles.px(10))
                self._cursor.setBlockFormat(form)
            insert_text(self._cursor, line, styles.code)
            block = self._cursor.block()
            first = block.blockNumber() if first < 0 else first
            if runs and runs[i]:
                block.layout().setFormats(format_ranges(runs[i], styles))
        self._spans.append(("shade", self._left() + len(self._lists) * self._indent, first, first + len(lines) - 1))

    def _table(self, index: int) -> int:
        tokens = self._block.tokens
        end = next(i for i in range(index, len(tokens)) if tokens[i].type == "table_close")
        part = tokens[index : end + 1]
        left = self._left() + len(self._lists) * self._indent
        self._start(1 if not self._marker else self._styles.chat_line, self._styles.chat)
        writer = InlineWriter(self._styles, self._block.references, Counters(), tint=False)
        shape = TableShape(first=part)
        width = max(self._styles.px(120), self._width - left)
        table = fill_table(self._cursor, part, self._styles, width, writer, shape, with_header=True, left=left)
        self._cursor.movePosition(QTextCursor.MoveOperation.End)
        self._cursor.setBlockFormat(block_format(1))
        self._tables.append((table, left))
        return end + 1

    def _shapes(self) -> None:
        document = self._rendered.document
        layout = document.documentLayout()
        for number, (text, right, _) in self._rendered.markers.items():
            block = document.findBlockByNumber(number)
            line = block.layout().lineAt(0)
            baseline = layout.blockBoundingRect(block).top() + line.y() + line.ascent()
            self._rendered.markers[number] = (text, right, baseline)
        pad = self._styles.px(8)

        def edges(first: int, last: int) -> tuple[float, float]:
            top = layout.blockBoundingRect(document.findBlockByNumber(first)).top()
            return top, block_bottom(layout, document.findBlockByNumber(last))

        for kind, x, first, last in self._spans:
            top, bottom = edges(first, last)
            if kind == "rule":
                self._rendered.rules.append((round((top + bottom) / 2), True))
            elif kind == "bar":
                self._rendered.bars.append((x, top, bottom))
            else:
                self._rendered.shades.append((x, top - pad, bottom + pad))
        for table, _ in self._tables:
            self._rendered.rules.extend(row_rules(document, table, self._styles, True))


def plain_text(rendered: Rendered, start: int, end: int) -> str:
    """The text between two positions, as a reader would type it: list markers, tabs between cells, no display marks."""
    document, columns = rendered.document, rendered.columns
    parts: list[str] = []
    block = document.findBlock(start)
    while block.isValid() and block.position() < end:
        text = _block_text(block, start, end)
        if parts and not (columns and block.blockNumber() == 0):
            parts.append(_separator(document, block) if columns else "\n")
        marker = rendered.markers.get(block.blockNumber())
        if marker is not None and start <= block.position():
            parts.append("  " * (block.blockFormat().indent() - 1) + marker[0] + " ")
        parts.append(text)
        block = block.next()
    return "".join(parts).strip("\n") if columns else "".join(parts)


def _separator(document: QTextDocument, block: QTextBlock) -> str:
    table = cast("QTextTable | None", QTextCursor(block).currentTable())
    if table is None:
        return "\n"
    return "\n" if table.cellAt(block.position()).column() == 0 else "\t"


def _block_text(block: QTextBlock, start: int, end: int) -> str:
    parts: list[str] = []
    iterator = block.begin()
    while not iterator.atEnd():
        fragment = iterator.fragment()
        if fragment.isValid() and not fragment.charFormat().hasProperty(DISPLAY_ONLY):
            at = fragment.position()
            # Positions count UTF-16 units.
            units = fragment.text().encode("utf-16-le", "surrogatepass")
            cut = units[max(0, start - at) * 2 : max(0, end - at) * 2]
            parts.append(cut.decode("utf-16-le", "replace").replace("\u2028", "\n").replace("\xa0", " "))
        iterator += 1
    return "".join(parts)
