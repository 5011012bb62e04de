"""What the thread view needs of a theme, and the text formats made from it once per palette."""

from __future__ import annotations

from typing import Protocol

from PySide6.QtGui import QColor, QFont, QFontMetricsF, QTextCharFormat, QTextFormat

# Marks characters that only exist on screen (break opportunities in very long words); copied text leaves them out.
DISPLAY_ONLY = QTextFormat.Property.UserProperty.value + 1

# Style numbers of code runs are indices into this tuple; 0 is the plain colour.
SYNTAX = (
    "text.primary",
    "syntax.keyword",
    "syntax.string",
    "syntax.number",
    "syntax.function",
    "syntax.type",
    "syntax.comment",
    "syntax.punct",
)


class Palette(Protocol):
    """Colours by path (`text.primary`), fonts by role (`chat`, `code`, `caption` ...), text scale 0.9 to 1.5."""

    @property
    def scale(self) -> float: ...
    @property
    def reduced_motion(self) -> bool: ...
    def color(self, path: str, /) -> QColor: ...
    def font(self, role: str, /) -> QFont: ...


def text_format(font: QFont, color: QColor) -> QTextCharFormat:
    """A character format of one font and colour."""
    made = QTextCharFormat()
    made.setFont(font)
    made.setForeground(color)
    return made


class Styles:
    """Fonts, colours and lengths of one palette, ready for documents and painters. Immutable after construction."""

    def __init__(self, palette: Palette) -> None:
        self.scale = palette.scale
        self.reduced_motion = palette.reduced_motion
        self.color = palette.color
        self.chat_font = palette.font("chat")
        self.body_font = palette.font("body")
        self.code_font = palette.font("code")
        self.caption_font = palette.font("caption")
        self.title_font = palette.font("title")
        self.primary = palette.color("text.primary")
        self.secondary = palette.color("text.secondary")
        self.tertiary = palette.color("text.tertiary")
        self.base = palette.color("bg.base")
        self.sunken = palette.color("bg.sunken")
        self.subtle = palette.color("border.subtle")
        self.hairline = palette.color("border.default")
        self.bar = palette.color("border.strong")
        self.caret = palette.color("accent.base")
        raised = palette.color("bg.raised")
        # In the light theme "raised" is the page itself, so the user's card sinks instead.
        self.card = self.sunken if raised == self.base else raised
        self.selection = palette.color("info.text")
        self.selection.setAlphaF(0.32)
        self.code_px = QFontMetricsF(self.code_font).horizontalAdvance("0")
        self.chat_line = self.px(22)
        self.code_line = self.px(20)
        self.chat = text_format(self.chat_font, self.primary)
        self.code = text_format(self.code_font, self.primary)
        self.inline_code = text_format(self.code_font, self.primary)
        self.inline_code.setBackground(palette.color("bg.active"))
        self.link_color = palette.color("info.text")
        self.syntax = tuple(self._foreground(palette.color(path)) for path in SYNTAX)

    def px(self, length: float) -> int:
        """A length of the design at this text size, in px."""
        return round(length * self.scale)

    def heading(self, level: int) -> tuple[QTextCharFormat, int]:
        """Format and line height of a heading of level 1 to 6: 16/24, 15/22, then 14/22, all weight 600."""
        font = QFont(self.title_font)
        size, line = {1: (16, 24), 2: (15, 24)}.get(level, (14, 22))
        font.setPixelSize(self.px(size))
        font.setWeight(QFont.Weight.DemiBold)
        return text_format(font, self.primary if level < 5 else self.secondary), self.px(line)

    @staticmethod
    def _foreground(color: QColor) -> QTextCharFormat:
        made = QTextCharFormat()
        made.setForeground(color)
        return made
