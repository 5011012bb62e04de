"""Waterfall: where the time of one request went, as parts of one bar, with a legend in words and milliseconds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QRectF, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QToolTip, QWidget

from groqdesk.ui.controls.flow import FlowLayout
from groqdesk.ui.controls.labels import Label
from groqdesk.ui.controls.painting import box
from groqdesk.ui.theme import Theme, theme, themed


@dataclass(frozen=True)
class Part:
    """A stretch of time: its words, its length in ms, and a token of `phase.*` (network, queue, prompt ...)."""

    name: str
    duration_ms: float
    phase: str


def part_widths(durations: Sequence[float], width: int, minimum: int = 2) -> list[int]:
    """Shares `width` px among durations: proportional, none under `minimum`, the sum exactly `width`.

    Durations below 0 count as 0. Where there is no room for all minimums, parts get equal shares.
    """
    count = len(durations)
    if count == 0 or width <= 0:
        return [0] * count
    if count * minimum >= width:
        return [(index + 1) * width // count - index * width // count for index in range(count)]
    lengths = [max(0.0, value) for value in durations]
    small: set[int] = set()
    while True:
        room = width - minimum * len(small)
        rest = [index for index in range(count) if index not in small]
        total = sum(lengths[index] for index in rest)
        if total <= 0:
            exact = dict.fromkeys(rest, room / max(1, len(rest)))
        else:
            exact = {index: lengths[index] / total * room for index in rest}
        below = {index for index in rest if exact[index] < minimum}
        if not below:
            break
        small |= below
    result = [minimum] * count
    # Rounding the running edge instead of each part keeps the sum exact.
    edge, before = 0.0, 0
    for index in rest:
        edge += exact[index]
        result[index] = round(edge) - before
        before = round(edge)
    return result


def milliseconds(value: float) -> str:
    """1,017 ms; below 10 with one decimal."""
    return f"{value:.1f} ms" if 0 < value < 9.95 else f"{value:,.0f} ms"


class WaterfallBar(QWidget):
    """12 px high, radius 3, 1 px between parts, none under 2 px. Hovering a part names it."""

    def __init__(self, parts: Sequence[Part] = (), *, name: str = "Latency", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._parts: tuple[Part, ...] = ()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_parts(parts)
        themed(self)

    def set_parts(self, parts: Sequence[Part]) -> None:
        """In order of time."""
        self._parts = tuple(parts)
        words = ", ".join(f"{part.name} {milliseconds(part.duration_ms)}" for part in self._parts)
        self.setAccessibleName(f"{self._name}: {words}" if words else self._name)
        self.update()

    def apply_theme(self, theme: Theme) -> None:
        """Takes the height."""
        self.setFixedHeight(theme.px(12))
        self.update()

    def sizeHint(self) -> QSize:
        """As wide as there is room."""
        return QSize(theme().px(240), theme().px(12))

    def rects(self) -> list[QRectF]:
        """Where each part is drawn."""
        x = 0
        result = []
        for width in part_widths([part.duration_ms for part in self._parts], self.width(), 3):
            # The last px of each part is the gap, so 3 px keep 2 px of colour.
            result.append(QRectF(x, 0, width - 1 if x + width < self.width() else width, self.height()))
            x += width
        return result

    def event(self, event: QEvent) -> bool:
        """A tooltip for the part under the pointer."""
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            for part, rect in zip(self._parts, self.rects(), strict=True):
                if rect.left() <= event.pos().x() <= rect.right() + 1:
                    QToolTip.showText(event.globalPos(), f"{part.name}  {milliseconds(part.duration_ms)}", self)
                    return True
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """The parts, clipped to rounded ends."""
        look = theme()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        shape = QPainterPath()
        shape.addRoundedRect(QRectF(self.rect()), look.px(3), look.px(3))
        painter.setClipPath(shape)
        painter.fillRect(self.rect(), look.color("bg.sunken"))
        for part, rect in zip(self._parts, self.rects(), strict=True):
            painter.fillRect(rect, look.color(f"phase.{part.phase}"))


class _Swatch(QWidget):
    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        self.setFixedSize(theme.px(8), theme.px(8))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        look = theme()
        box(QPainter(self), QRectF(self.rect()), look.px(2), look.color(self._token), None)


class _LegendEntry(QWidget):
    def __init__(self, name: str, value: str, token: str) -> None:
        super().__init__()
        row = self._row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(_Swatch(token), 0, Qt.AlignmentFlag.AlignVCenter)
        row.addWidget(Label(name, role="small", tone="tertiary"))
        value_label = Label(value, role="small", tone="secondary", strong=False)
        row.addWidget(value_label)
        self.setAccessibleName(f"{name} {value}")
        themed(self)

    def apply_theme(self, theme: Theme) -> None:
        self._row.setSpacing(theme.px(6))


class Legend(QWidget):
    """One entry per name: swatch, words and the sum of its milliseconds; wraps."""

    def __init__(self, parts: Sequence[Part] = (), *, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._flow = FlowLayout(self)
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.set_parts(parts)
        themed(self)

    def set_parts(self, parts: Sequence[Part]) -> None:
        """Parts with the same name are added up."""
        while (item := self._flow.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        sums: dict[tuple[str, str], float] = {}
        for part in parts:
            key = (part.name, part.phase)
            sums[key] = sums.get(key, 0.0) + part.duration_ms
        for (name, phase), total in sums.items():
            self._flow.addWidget(_LegendEntry(name, milliseconds(total), f"phase.{phase}"))
        self.updateGeometry()

    def apply_theme(self, theme: Theme) -> None:
        """Takes the gaps."""
        self._flow.setContentsMargins(0, 0, 0, 0)
        self._flow.set_gaps(theme.px(14), theme.px(4))
