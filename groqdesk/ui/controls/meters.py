"""Bar, Lamp and CountdownRing: a share, a state and a wait, each readable without its colour."""

from __future__ import annotations

import math
from typing import Literal

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QProgressBar, QSizePolicy, QWidget

from groqdesk.ui.controls.painting import LampState, box, lamp
from groqdesk.ui.theme import Theme, theme, themed

BarTone = Literal["neutral", "accent", "warning", "danger", "success"]

_BAR_TONES: dict[str, str] = {
    "neutral": "text.secondary",
    "accent": "accent.base",
    "warning": "warning.graphic",
    "danger": "danger.graphic",
    "success": "success.graphic",
}
LAMP_WORDS: dict[LampState, str] = {
    "healthy": "healthy",
    "testing": "testing again",
    "open": "not reachable",
    "off": "no key or off",
}


class Bar(QProgressBar):
    """A share of a whole on a 4 px track: context in use, headroom, budget. Neutral unless told otherwise."""

    _STEPS = 10_000

    def __init__(self, *, name: str, width: int = 0, height: int = 4, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setTextVisible(False)
        self.setRange(0, self._STEPS)
        self._tone: BarTone = "neutral"
        self._width = width
        self._height = height
        policy = QSizePolicy.Policy.Fixed if width else QSizePolicy.Policy.Expanding
        self.setSizePolicy(policy, QSizePolicy.Policy.Fixed)
        themed(self)

    def set_share(self, share: float, tone: BarTone = "neutral") -> None:
        """0 to 1, kept inside; what is above 0 shows at least as a dot."""
        self._tone = tone
        share = min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0
        self.setValue(round(share * self._STEPS))
        self.update()

    def share(self) -> float:
        """The share shown."""
        return self.value() / self._STEPS

    def apply_theme(self, theme: Theme) -> None:
        """Takes its size."""
        self.setFixedHeight(theme.px(self._height))
        if self._width:
            self.setFixedWidth(theme.px(self._width))
        self.update()

    def sizeHint(self) -> QSize:
        """The track."""
        return QSize(theme().px(self._width or 80), theme().px(self._height))

    def minimumSizeHint(self) -> QSize:
        """A short track."""
        return QSize(theme().px(self._width or 24), theme().px(self._height))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Track and fill."""
        look = theme()
        painter = QPainter(self)
        rect = QRectF(self.rect())
        radius = rect.height() / 2
        box(painter, rect, radius, look.color("bg.active"), None)
        if self.value() > 0:
            width = max(rect.height(), rect.width() * self.share())
            x = 0 if self.layoutDirection() == Qt.LayoutDirection.LeftToRight else rect.width() - width
            box(painter, QRectF(x, 0, width, rect.height()), radius, look.color(_BAR_TONES[self._tone]), None)


class Lamp(QWidget):
    """A provider's state, 8 px: filled disc healthy, half disc testing, cross open, ring no key or off."""

    def __init__(self, state: LampState = "off", *, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._state: LampState = state
        self.set_state(state)
        themed(self)

    @property
    def state(self) -> LampState:
        """healthy, testing, open or off."""
        return self._state

    def set_state(self, state: LampState) -> None:
        """Shape, accessible name and tooltip."""
        self._state = state
        self.setAccessibleName(f"{self._name}: {LAMP_WORDS[state]}")
        self.setToolTip(self.accessibleName())
        self.update()

    def apply_theme(self, theme: Theme) -> None:
        """Takes its size."""
        self.setFixedSize(theme.px(8), theme.px(8))
        self.update()

    def sizeHint(self) -> QSize:
        """8 px square."""
        return self.minimumSize()

    def paintEvent(self, event: QPaintEvent) -> None:
        """The shape."""
        lamp(QPainter(self), QRectF(self.rect()), self._state, theme())


class CountdownRing(QWidget):
    """What is left of a wait as a shrinking arc, 16 px. The owner counts; words with seconds stand beside it."""

    def __init__(
        self, *, name: str, side: int = 16, tone: str = "warning.graphic", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._name = name
        self._side = side
        self._tone = tone
        self._share = 0.0
        self.set_remaining(0, 1)
        themed(self)

    def set_remaining(self, remaining_s: float, total_s: float) -> None:
        """Remaining and whole seconds; whole seconds are in the accessible name."""
        self._share = min(1.0, max(0.0, remaining_s / total_s)) if total_s > 0 else 0.0
        self.setAccessibleName(f"{self._name}: {max(0, math.ceil(remaining_s))} s left")
        self.update()

    @property
    def share(self) -> float:
        """Remaining divided by the whole, 0 to 1."""
        return self._share

    def apply_theme(self, theme: Theme) -> None:
        """Takes its size."""
        self.setFixedSize(theme.px(self._side), theme.px(self._side))
        self.update()

    def sizeHint(self) -> QSize:
        """Its square."""
        return self.minimumSize()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Track, and the arc from the top clockwise."""
        look = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = look.px(2)
        rect = QRectF(self.rect()).adjusted(line / 2, line / 2, -line / 2, -line / 2)
        painter.setPen(QPen(look.color("border.strong"), line))
        painter.drawEllipse(rect)
        pen = QPen(look.color(self._tone), line)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        painter.setPen(pen)
        painter.drawArc(rect, 90 * 16, -round(360 * 16 * self._share))
