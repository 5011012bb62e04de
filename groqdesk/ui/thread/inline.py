"""Small, inert text documents and the inline part of Markdown: bold, code, links, image labels, very long words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from markdown_it.token import Token
from PySide6.QtCore import QByteArray, QUrl
from PySide6.QtGui import (
    QFont,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextOption,
)

from groqdesk.ui.thread.blocks import MARKDOWN, PLAIN_PARAGRAPH_CHARS, Counters
from groqdesk.ui.thread.links import image_label, safe_url
from groqdesk.ui.thread.styles import DISPLAY_ONLY, Styles

# Qt's wrapping is quadratic in the length of a word, so no document holds a longer one; 1 MB took 71 s.
_LONG_WORD = re.compile(r"\S{401,}")
_BREAK_EVERY = 200
# Each marker costs the inline parser up to 15 us, more in nests of brackets: 3,000 keep a block under 50 ms.
_SPECIAL = "*_[]`!<&~\\"
_MAX_SPECIAL = 3_000
_FIXED = QTextBlockFormat.LineHeightTypes.FixedHeight.value


class InertDocument(QTextDocument):
    """A QTextDocument that answers every request for a resource with nothing and counts the requests."""

    requests = 0

    def loadResource(self, kind: int, name: QUrl | str, /) -> Any:
        InertDocument.requests += 1
        return QByteArray()


@dataclass(slots=True)
class Rendered:
    """A laid out block: its document, height in px, and shapes in document coordinates.

    `rules` are hairlines (y, strong); `bars` the lines beside quotes and `shades` the boxes behind nested code, both
    (x, top, bottom). `markers` are list markers by number of the text block: (text, right edge, baseline). `columns` is
    the column count of a table block, 0 otherwise. `open_end`: code that may still take lines.
    """

    document: QTextDocument
    height: float = 0.0
    rules: list[tuple[float, bool]] = field(default_factory=list)
    bars: list[tuple[float, float, float]] = field(default_factory=list)
    shades: list[tuple[float, float, float]] = field(default_factory=list)
    markers: dict[int, tuple[str, float, float]] = field(default_factory=dict)
    columns: int = 0
    code_lines: int = 0
    plain_chars: int = 0
    open_end: bool = True


def new_document(styles: Styles, *, wrap: bool = True) -> InertDocument:
    """An empty document without margin and undo; wraps words, and inside words that are wider than the line."""
    document = InertDocument()
    document.setUndoRedoEnabled(False)
    document.setDocumentMargin(0)
    document.setDefaultFont(styles.chat_font)
    mode = QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere if wrap else QTextOption.WrapMode.NoWrap
    option = QTextOption()
    option.setWrapMode(mode)
    option.setTabStopDistance(styles.code_px * 4)
    document.setDefaultTextOption(option)
    return document


def insert_text(cursor: QTextCursor, text: str, style: QTextCharFormat) -> None:
    """Inserts text, with break opportunities that exist only on screen in words of more than 400 characters."""
    at = 0
    for found in _LONG_WORD.finditer(text) if len(text) > 400 else ():
        cursor.insertText(text[at : found.start()], style)
        mark = QTextCharFormat(style)
        mark.setProperty(DISPLAY_ONLY, True)
        word = found.group()
        for start in range(0, len(word), _BREAK_EVERY):
            if start:
                cursor.insertText("\u200b", mark)
            cursor.insertText(word[start : start + _BREAK_EVERY], style)
        at = found.end()
    cursor.insertText(text[at:] if at else text, style)


def inline_tokens(content: str, references: dict[str, Any], counters: Counters) -> list[Token]:
    """The inline tokens of a paragraph, heading or cell; one that is giant or full of markers stays plain text."""
    children: list[Token] = []
    if len(content) > PLAIN_PARAGRAPH_CHARS or sum(map(content.count, _SPECIAL)) > _MAX_SPECIAL:
        text = Token("text", "", 0)
        text.content = content
        return [text]
    counters.chars_inline += len(content)
    MARKDOWN.inline.parse(content, MARKDOWN, {"references": references}, children)
    return children


class InlineWriter:
    """Writes inline tokens at a cursor."""

    def __init__(self, styles: Styles, references: dict[str, Any], counters: Counters, *, tint: bool = True) -> None:
        self._styles = styles
        self._references = references
        self._counters = counters
        self._tint = tint

    def write(self, cursor: QTextCursor, content: str, base: QTextCharFormat) -> None:
        """Parses and writes `content` in the format `base`."""
        bold = italic = strike = 0
        links: list[str] = []
        for token in inline_tokens(content, self._references, self._counters):
            match token.type:
                case "strong_open" | "strong_close":
                    bold += token.nesting
                case "em_open" | "em_close":
                    italic += token.nesting
                case "s_open" | "s_close":
                    strike += token.nesting
                case "link_open":
                    url = safe_url(str(token.attrGet("href") or ""))
                    links.append(url.toString(QUrl.ComponentFormattingOption.FullyEncoded) if url is not None else "")
                case "link_close":
                    links.pop()
                case "softbreak":
                    cursor.insertText(" ", base)
                case "hardbreak":
                    cursor.insertText("\u2028", base)
                case "image":
                    self._image(cursor, token, base)
                case _:
                    code = token.type == "code_inline"
                    insert_text(cursor, token.content, self._format(base, bold, italic, strike, code, links))
        # Text that follows must not inherit an anchor.
        cursor.setCharFormat(base)

    def _image(self, cursor: QTextCursor, token: Token, base: QTextCharFormat) -> None:
        address = str(token.attrGet("src") or "")
        alt = "".join(child.content for child in token.children or []) or token.content
        style = QTextCharFormat(base)
        style.setForeground(self._styles.secondary)
        url = safe_url(address)
        if url is not None:
            style.setAnchor(True)
            style.setAnchorHref(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))
        insert_text(cursor, image_label(alt, address), style)

    def _format(
        self, base: QTextCharFormat, bold: int, italic: int, strike: int, code: bool, links: list[str]
    ) -> QTextCharFormat:
        href = next((link for link in reversed(links) if link), "")
        if not (bold or italic or strike or code or href):
            return base
        made = QTextCharFormat(base)
        if code:
            made.setFont(self._styles.code_font)
            if self._tint:
                made.setBackground(self._styles.inline_code.background())
        if bold:
            made.setFontWeight(QFont.Weight.DemiBold.value)
        if italic:
            made.setFontItalic(True)
        if strike:
            made.setFontStrikeOut(True)
        if href:
            made.setForeground(self._styles.link_color)
            made.setAnchor(True)
            made.setAnchorHref(href)
        return made


def block_format(line_px: int, top_px: float = 0, left_px: float = 0) -> QTextBlockFormat:
    made = QTextBlockFormat()
    made.setLineHeight(line_px, _FIXED)
    if top_px:
        made.setTopMargin(top_px)
    if left_px:
        made.setLeftMargin(left_px)
    return made
