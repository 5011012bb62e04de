"""Draws blocks: rich text, code boxes, table hairlines, quote bars, the user's card and the caret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import (
    QAbstractTextDocumentLayout,
    QColor,
    QFontMetricsF,
    QPainter,
    QPalette,
    QPen,
    QTextCharFormat,
    QTextCursor,
)

from groqdesk.ui.thread.blocks import Block
from groqdesk.ui.thread.inline import Rendered
from groqdesk.ui.thread.styles import Styles


@dataclass(slots=True)
class Marks:
    """What is drawn on top of a block: the selected range, the link under the mouse, the state of the Copy button."""

    selected: tuple[int, int] | None = None
    hovered_link: tuple[int, int] | None = None
    copied: bool = False
    copy_hovered: bool = False
    bar_visible: bool = False


class BlockPainter:
    """Geometry and drawing of blocks for one set of styles."""

    def __init__(self, styles: Styles) -> None:
        self.styles = styles
        px = styles.px
        self.code_head = px(30) + 1
        self.code_pad = px(8)
        self.code_side = px(13)
        self._rise = round((styles.chat_line - QFontMetricsF(styles.chat_font).height()) / 2)
        self._code_rise = round((styles.code_line - QFontMetricsF(styles.code_font).height()) / 2)
        self._copy_width = QFontMetricsF(styles.caption_font).horizontalAdvance("Copied") + px(22)

    # -- geometry ---------------------------------------------------------------------------------------------------

    @staticmethod
    def is_last_code(block: Block) -> bool:
        """Whether the block ends its code box."""
        return block.code is not None and block.last_line == len(block.code.lines)

    def code_height(self, block: Block) -> float:
        """The height of a code block in px. Known without a document, since lines do not wrap."""
        lines = block.last_line - block.first_line + bool(block.partial)
        head = self.code_head + self.code_pad if block.first_line == 0 else 0
        return head + max(1, lines) * self.styles.code_line + (self.code_pad + 1 if self.is_last_code(block) else 0)

    def text_offset(self, block: Block) -> QPointF:
        """Where the block's document begins inside the block."""
        # Qt puts the room of a fixed line height above the text; half of it belongs below.
        if block.code is None:
            return QPointF(0, -self._rise)
        top = self.code_head + self.code_pad if block.first_line == 0 else 0
        return QPointF(self.code_side - block.code.scroll_px, top - self._code_rise)

    def text_width(self, block: Block, width: float) -> float:
        """The width that the block's text may take."""
        return width - 2 * self.code_side if block.code is not None else width

    def max_scroll(self, block: Block, width: float) -> float:
        """How far the code can be scrolled sideways, in px."""
        code = block.code
        if code is None:
            return 0.0
        wanted = (max(code.longest, len(block.partial)) + 1) * self.styles.code_px
        return max(0.0, wanted - self.text_width(block, width))

    def copy_rect(self, block: Block, width: float) -> QRectF | None:
        """The Copy button of a code box, in block coordinates."""
        if block.code is None or block.first_line:
            return None
        return QRectF(
            width - self._copy_width - self.styles.px(8), 1, self._copy_width + self.styles.px(7), self.code_head - 2
        )

    def bar_rect(self, block: Block, width: float) -> QRectF | None:
        """The lane of the sideways scroll bar, in block coordinates; on the last part of a box that is too wide."""
        if not self.is_last_code(block) or self.max_scroll(block, width) <= 0:
            return None
        return QRectF(self.code_side, block.height - self.styles.px(8), width - 2 * self.code_side, self.styles.px(6))

    def thumb_rect(self, block: Block, width: float) -> QRectF | None:
        """The thumb of that scroll bar."""
        lane = self.bar_rect(block, width)
        limit = self.max_scroll(block, width)
        if lane is None or block.code is None:
            return None
        length = max(self.styles.px(24), lane.width() * lane.width() / (lane.width() + limit))
        at = lane.left() + (lane.width() - length) * min(1.0, block.code.scroll_px / limit)
        return QRectF(at, lane.top() + lane.height() / 4, length, lane.height() / 2)

    # -- drawing ----------------------------------------------------------------------------------------------------

    def card(self, painter: QPainter, rect: QRectF) -> None:
        """The user's card."""
        self._box(painter, rect, self.styles.px(10), self.styles.card, self.styles.subtle)

    def _box(self, painter: QPainter, rect: QRectF, radius: float, fill: QColor, line: QColor) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        painter.setPen(QPen(line, 1))
        painter.setBrush(fill)
        painter.drawRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def block(
        self, painter: QPainter, block: Block, rendered: Rendered, width: float, clip: QRectF, marks: Marks
    ) -> None:
        """Draws a block at the painter's origin; `clip` is what needs drawing, in block coordinates."""
        styles = self.styles
        offset = self.text_offset(block)
        if block.code is not None:
            self._code_frame(painter, block, width, marks)
            painter.save()
            inner = QRectF(self.code_side - styles.px(4), 0, width - 2 * self.code_side + styles.px(8), block.height)
            painter.setClipRect(inner.intersected(clip), Qt.ClipOperation.IntersectClip)
        for x, top, bottom in rendered.shades:
            box = QRectF(x, top, width - x, bottom - top)
            self._box(painter, box, styles.px(6), styles.sunken, styles.subtle)
        for x, top, bottom in rendered.bars:
            painter.fillRect(QRectF(x, top, styles.px(3), bottom - top), styles.bar)
        for y, strong in rendered.rules:
            painter.fillRect(QRectF(0, y, width, 1), styles.hairline if strong else styles.subtle)
        painter.translate(offset)
        if rendered.markers:
            painter.setFont(styles.chat_font)
            painter.setPen(styles.primary)
            metrics = QFontMetricsF(styles.chat_font)
            for text, right, baseline in rendered.markers.values():
                painter.drawText(QPointF(right - metrics.horizontalAdvance(text), baseline), text)
        self._text(painter, rendered, clip.translated(-offset), marks)
        painter.translate(-offset)
        if block.code is not None:
            painter.restore()
            thumb = self.thumb_rect(block, width) if marks.bar_visible else None
            if thumb is not None:
                self._box(painter, thumb, thumb.height() / 2, styles.bar, styles.bar)

    def _text(self, painter: QPainter, rendered: Rendered, clip: QRectF, marks: Marks) -> None:
        context = QAbstractTextDocumentLayout.PaintContext()
        context.clip = clip
        palette = context.palette
        palette.setColor(QPalette.ColorRole.Text, self.styles.primary)
        context.palette = palette
        selections: list[QAbstractTextDocumentLayout.Selection] = []
        for where, style in ((marks.hovered_link, self._underline()), (marks.selected, self._selected())):
            if where is None:
                continue
            cursor = QTextCursor(rendered.document)
            cursor.setPosition(where[0])
            cursor.setPosition(where[1], QTextCursor.MoveMode.KeepAnchor)
            made = QAbstractTextDocumentLayout.Selection()
            made.cursor, made.format = cursor, style
            selections.append(made)
        context.selections = selections
        rendered.document.documentLayout().draw(painter, context)

    def _selected(self) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setBackground(self.styles.selection)
        return made

    @staticmethod
    def _underline() -> QTextCharFormat:
        made = QTextCharFormat()
        made.setFontUnderline(True)
        return made

    def _code_frame(self, painter: QPainter, block: Block, width: float, marks: Marks) -> None:
        styles = self.styles
        first, last = block.first_line == 0, self.is_last_code(block)
        radius = styles.px(8)
        # Parts of one box overlap the cut: what lies outside the part is clipped away.
        box = QRectF(0, 0 if first else -2 * radius, width, block.height + (0 if first else 2 * radius))
        if not last:
            box.setHeight(box.height() + 2 * radius)
        painter.save()
        painter.setClipRect(QRectF(0, 0, width, block.height), Qt.ClipOperation.IntersectClip)
        self._box(painter, box, radius, styles.sunken, styles.hairline)
        painter.restore()
        if not first or block.code is None:
            return
        painter.fillRect(QRectF(1, self.code_head - 1, width - 2, 1), styles.subtle)
        painter.setFont(styles.caption_font)
        painter.setPen(styles.tertiary)
        head = QRectF(self.code_side, 0, width - 2 * self.code_side, self.code_head)
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(head, middle | Qt.AlignmentFlag.AlignLeft, block.code.language or "text")
        button = self.copy_rect(block, width)
        if button is not None:
            word = "Copied" if marks.copied else "Copy"
            painter.setPen(styles.primary if marks.copy_hovered or marks.copied else styles.secondary)
            right = button.adjusted(0, 0, -styles.px(8), 0)
            painter.drawText(right, middle | Qt.AlignmentFlag.AlignRight, word)
            text = QFontMetricsF(styles.caption_font).horizontalAdvance(word)
            self._copy_icon(
                painter, QPointF(right.right() - text - styles.px(20), right.center().y() - styles.px(7)), marks.copied
            )

    def _copy_icon(self, painter: QPainter, at: QPointF, done: bool) -> None:
        unit = self.styles.scale
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        pen = QPen(painter.pen().color(), 1.2 * unit)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        if done:
            points = [(2.5, 7.5), (5.5, 10.5), (11.5, 3.5)]
            painter.drawPolyline([QPointF(at.x() + x * unit, at.y() + y * unit) for x, y in points])
        else:
            painter.drawRoundedRect(QRectF(at.x() + 4.5 * unit, at.y() + 4.5 * unit, 8 * unit, 8 * unit), 1.5, 1.5)
            back = [(2.2, 9.5), (1.5, 8.8), (1.5, 2.5), (2.5, 1.5), (8.8, 1.5), (9.5, 2.2)]
            painter.drawPolyline([QPointF(at.x() + x * unit, at.y() + y * unit) for x, y in back])
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)

    def caret_rect(self, block: Block, rendered: Rendered) -> QRectF:
        """The streaming caret behind the last character, in block coordinates."""
        document = rendered.document
        last = document.lastBlock()
        if rendered.columns:
            return QRectF(0, max(0.0, rendered.height - self.styles.px(22)), 0, 0)
        layout = last.layout()
        length = last.length() - 1
        line = layout.lineForTextPosition(length)
        x, y = 0.0, 0.0
        if line.isValid():
            found: Any = line.cursorToX(length)  # (x, position); the stubs know only x
            x = float(found[0])
            y = line.y()
        top = document.documentLayout().blockBoundingRect(last).top() + y
        high = self.styles.code_line if block.code is not None else self.styles.chat_line
        offset = self.text_offset(block)
        left = document.documentLayout().blockBoundingRect(last).left()
        return QRectF(offset.x() + left + x + 1, offset.y() + top + 1, 2, high - 4)
