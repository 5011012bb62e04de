"""Tables: column widths that fit, ten rows to a document, hairlines between them."""

from __future__ import annotations

import re

from markdown_it.token import Token
from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QFontMetricsF,
    QTextBlock,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextLength,
    QTextTable,
    QTextTableCellFormat,
    QTextTableFormat,
)

from groqdesk.ui.thread.blocks import Block, Counters, TableShape
from groqdesk.ui.thread.inline import InlineWriter, Rendered, block_format, new_document
from groqdesk.ui.thread.styles import Styles

_MARKUP = re.compile(r"[*`~]+|\[|\]\([^)]*\)")
HEADER_PAD_PX = 6


def render_table(block: Block, styles: Styles, width: float, counters: Counters) -> Rendered:
    """Ten rows of a table, with the header in the first part."""
    shape = block.table or TableShape(first=block.tokens)
    rendered = Rendered(new_document(styles))
    cursor = QTextCursor(rendered.document)
    cursor.setBlockFormat(block_format(1))
    writer = InlineWriter(styles, block.references, counters, tint=False)
    table = fill_table(cursor, block.tokens, styles, width, writer, shape, with_header=block.with_header)
    cursor.movePosition(QTextCursor.MoveOperation.End)
    cursor.setBlockFormat(block_format(1))
    rendered.document.setTextWidth(width)
    rendered.columns = table.columns()
    rendered.rules = row_rules(rendered.document, table, styles, block.with_header)
    rendered.height = rendered.rules[-1][0] + 1 if rendered.rules else 0.0
    return rendered


def _cells(tokens: list[Token], *, with_header: bool) -> list[list[tuple[str, str, bool]]]:
    """Rows of (content, alignment, is header)."""
    rows: list[list[tuple[str, str, bool]]] = []
    header = align = ""
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type in ("th_open", "td_open"):
            align = str(token.attrGet("style") or "").removeprefix("text-align:")
            header = token.type
        elif token.type == "inline" and rows:
            rows[-1].append((token.content, align, header == "th_open"))
    return rows if with_header else [row for row in rows if row and not row[0][2]]


def _natural_widths(shape: TableShape, styles: Styles) -> list[float]:
    if shape.natural is None:
        rows = _cells(shape.first, with_header=True)
        body, caption = QFontMetricsF(styles.body_font), QFontMetricsF(styles.caption_font)
        count = max((len(row) for row in rows), default=1)
        shape.natural = [float(styles.px(28))] * count
        for row in rows:
            for i, (content, _, header) in enumerate(row):
                text = _MARKUP.sub("", content[:400])
                # Code and bold in a cell are wider than the plain words by up to a seventh.
                wide = (caption if header else body).horizontalAdvance(text) * (1.0 if text == content else 1.15)
                shape.natural[i] = max(shape.natural[i], wide)
    return shape.natural


def column_widths(natural: list[float], width: float, gap: float) -> list[float]:
    """Column widths that add up to `width`: content plus an equal stretch, or a fair share where it does not fit."""
    wanted = [n + gap for n in natural]
    total = sum(wanted)
    if total <= width:
        return [w * width / total for w in wanted]
    left, open_columns = width, sorted(range(len(wanted)), key=lambda i: wanted[i])
    result = [0.0] * len(wanted)
    while open_columns:
        i = open_columns[0]
        share = left / len(open_columns)
        if wanted[i] > share:
            rest = sum(wanted[j] for j in open_columns)
            # The widest columns share what is left; none gets less than two thirds of the equal share.
            low = share * 2 / 3
            for j in open_columns:
                result[j] = low + (left - low * len(open_columns)) * wanted[j] / rest
            break
        result[i] = wanted[i]
        left -= wanted[i]
        open_columns.pop(0)
    return result


def fill_table(
    cursor: QTextCursor,
    tokens: list[Token],
    styles: Styles,
    width: float,
    writer: InlineWriter,
    shape: TableShape,
    *,
    with_header: bool,
    left: float = 0,
) -> QTextTable:
    rows = _cells(tokens, with_header=with_header)
    natural = _natural_widths(shape, styles)
    layout = QTextTableFormat()
    layout.setBorder(0)
    layout.setCellPadding(0)
    layout.setCellSpacing(0)
    layout.setLeftMargin(left)
    gap = float(styles.px(24))
    widths = column_widths(natural, width - gap, gap) if len(natural) > 1 else [width]
    if len(widths) > 1:
        widths[0] += gap / 2
        widths[-1] += gap / 2
    layout.setColumnWidthConstraints([QTextLength(QTextLength.Type.FixedLength, w) for w in widths])
    columns = len(natural)
    table = cursor.insertTable(max(1, len(rows)), columns, layout)
    caption = QTextCharFormat()
    caption.setFont(styles.caption_font)
    caption.setForeground(styles.tertiary)
    body = QTextCharFormat(styles.chat)
    body.setFont(styles.body_font)
    side = styles.px(12)
    formats: list[QTextTableCellFormat] = []
    for i in range(columns):
        made = QTextTableCellFormat()
        made.setLeftPadding(side if i else 0)
        made.setRightPadding(side if i < columns - 1 else 0)
        formats.append(made)
    pads = ((styles.px(4), styles.px(4)), (0, styles.px(HEADER_PAD_PX)))
    for y, row in enumerate(rows):
        for x, (content, align, header) in enumerate(row[:columns]):
            cell = table.cellAt(y, x)
            formats[x].setTopPadding(pads[header][0])
            formats[x].setBottomPadding(pads[header][1])
            cell.setFormat(formats[x])
            at = cell.firstCursorPosition()
            block = block_format(styles.px(16 if header else 20))
            if align == "right":
                block.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignAbsolute)
            elif align == "center":
                block.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            at.setBlockFormat(block)
            writer.write(at, content, caption if header else body)
    return table


def row_rules(
    document: QTextDocument, table: QTextTable, styles: Styles, with_header: bool
) -> list[tuple[float, bool]]:
    layout = document.documentLayout()
    rules: list[tuple[float, bool]] = []
    for y in range(table.rows()):
        bottom = max(
            block_bottom(layout, table.cellAt(y, x).lastCursorPosition().block()) for x in range(table.columns())
        )
        header = y == 0 and with_header
        rules.append((round(bottom) + styles.px(HEADER_PAD_PX if header else 4) - 1, header))
    return rules


def block_bottom(layout: QAbstractTextDocumentLayout, block: QTextBlock) -> float:
    # Qt's rectangle ends with the last line's own height, not with the line height that was set.
    return layout.blockBoundingRect(block).top() + block.layout().lineCount() * block.blockFormat().lineHeight()


def table_rows(block: Block) -> list[list[tuple[str, str, bool]]]:
    """The rows of a table block as (Markdown of the cell, alignment or "", is header)."""
    return _cells(block.tokens, with_header=block.with_header)
