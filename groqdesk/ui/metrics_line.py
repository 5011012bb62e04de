"""MetricsLine: the figures of an answer in one line that opens its waterfall."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QHelpEvent, QKeyEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QToolTip, QWidget

from groqdesk.ui import icons
from groqdesk.ui.answer_facts import Figure, sentence_of
from groqdesk.ui.controls import plain_tooltip
from groqdesk.ui.controls.painting import Hovered
from groqdesk.ui.theme import Theme, theme, themed


class MetricsLine(Hovered, QAbstractButton):
    """model · TTFT · tok/s · in out · cost · chevron, 28 px; click or Enter opens the waterfall.

    Each figure has its own tooltip. Where there is no room, figures are left out from the fourth last on.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._figures: tuple[Figure, ...] = ()
        self.can_open = True
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        themed(self)

    def set_figures(self, line: Sequence[Figure]) -> None:
        """The figures, in order; the first is the model."""
        self._figures = tuple(line)
        self.setAccessibleName(f"Figures of the answer: {sentence_of(line)}")
        self.updateGeometry()
        self.update()

    def figures(self) -> tuple[Figure, ...]:
        """What the line says."""
        return self._figures

    def apply_theme(self, theme: Theme) -> None:
        """Takes fonts and height."""
        self._plain = theme.font("small")
        self._strong = theme.font("small")
        self._strong.setWeight(QFont.Weight.Medium)
        self.setFixedHeight(theme.px(28))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """The whole line."""
        return QSize(self._width(self._figures) + self._tail(), self.minimumHeight())

    def minimumSizeHint(self) -> QSize:
        """The model alone."""
        return QSize(self._width(self._figures[:1]) + self._tail(), self.minimumHeight())

    def _tail(self) -> int:
        return theme().px(22) if self.can_open else 2

    def _pieces(self, figure: Figure, first: bool) -> list[tuple[str, bool, str]]:
        tone = "text.secondary"
        pieces = [(figure.before, False, "text.tertiary")] if figure.before else []
        pieces.append((figure.value, True, tone))
        if figure.after:
            pieces.append((figure.after, False, "text.tertiary"))
        return pieces

    def _between(self, before: Figure, after: Figure) -> str:
        return " " if before.after == "in" and after.after == "out" else "  ·  "

    def _measure(self, figure: Figure) -> float:
        space = QFontMetrics(self._plain).horizontalAdvance(" ")
        widths = [
            QFontMetrics(self._strong if strong else self._plain).horizontalAdvance(text)
            for text, strong, _ in self._pieces(figure, False)
        ]
        return sum(widths) + space * (len(widths) - 1)

    def _width(self, line: Sequence[Figure]) -> int:
        width = sum(self._measure(figure) for figure in line)
        gaps = QFontMetrics(self._plain)
        width += sum(gaps.horizontalAdvance(self._between(a, b)) for a, b in pairwise(line))
        return round(width) + 4

    def shown(self) -> tuple[Figure, ...]:
        """The figures that there is room for."""
        line = list(self._figures)
        while len(line) > 1 and self._width(line) + self._tail() > self.width():
            line.pop(-2 if len(line) > 2 else -1)
        return tuple(line)

    def _places(self) -> list[tuple[Figure, QRectF]]:
        gaps = QFontMetrics(self._plain)
        x, places, line = 0.0, [], self.shown()
        for index, figure in enumerate(line):
            width = self._measure(figure)
            places.append((figure, QRectF(x, 0, width, self.height())))
            x += width
            if index + 1 < len(line):
                x += gaps.horizontalAdvance(self._between(figure, line[index + 1]))
        return places

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter opens, like Space."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        """A tooltip for the figure under the pointer: its definition and where it comes from."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            for figure, rect in self._places():
                if rect.left() <= event.pos().x() <= rect.right():
                    QToolTip.showText(event.globalPos(), plain_tooltip(figure.tip), self)
                    return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The figures, dots between them, the chevron."""
        look = theme()
        painter = QPainter(self)
        flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft)
        space = QFontMetrics(self._plain).horizontalAdvance(" ")
        places = self._places()
        for index, (figure, rect) in enumerate(places):
            x = rect.x()
            if index:
                gap = self._between(places[index - 1][0], figure)
                painter.setFont(self._plain)
                painter.setPen(look.color("text.tertiary"))
                width = QFontMetrics(self._plain).horizontalAdvance(gap)
                painter.drawText(QRectF(x - width, 0, width + 2, self.height()), flags, gap)
            for text, strong, tone in self._pieces(figure, index == 0):
                painter.setFont(self._strong if strong else self._plain)
                painter.setPen(look.color("text.primary" if self._hovered and strong else tone))
                width = painter.fontMetrics().horizontalAdvance(text)
                painter.drawText(QRectF(x, 0, width + 2, self.height()), flags, text)
                x += width + space
        if self.can_open and places:
            size = look.px(14)
            tone = "text.primary" if self._hovered else "text.tertiary"
            area = QRectF(places[-1][1].right() + look.px(6), (self.height() - size) / 2, size, size)
            icons.draw(painter, "fold.open" if self.isChecked() else "fold", tone, area)
