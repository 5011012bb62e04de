"""Icons: Lucide drawings by use, coloured from the theme and drawn sharp at the screen's resolution.

`icons.icon("send", "text.onAccent")` takes a use-name of USE or a Lucide file name. Pixmaps are cached by name, colour,
size and device pixel ratio, so asking again costs a dictionary look-up.
"""

from __future__ import annotations

import functools
import re

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QColor, QGuiApplication, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from groqdesk.core.settings import resource
from groqdesk.ui.theme import theme

USE: dict[str, str] = {
    "nav.chat": "message-square",
    "nav.agents": "bot",
    "nav.bench": "flask-conical",
    "nav.usage": "chart-column",
    "nav.providers": "plug-zap",
    "nav.settings": "settings",
    "mode.chat": "message-square",
    "mode.voice": "audio-lines",
    "mode.race": "columns-3",
    "new": "square-pen",
    "search": "search",
    "filter": "list-filter",
    "pin": "pin",
    "send": "arrow-up",
    "stop": "square",
    "attach": "paperclip",
    "mic": "mic",
    "mic.off": "mic-off",
    "talk": "hand",
    "end": "phone-off",
    "speaker": "volume-2",
    "headphones": "headphones",
    "copy": "copy",
    "regenerate": "refresh-cw",
    "reset": "rotate-ccw",
    "repeat": "repeat",
    "retest": "rotate-cw",
    "fork": "git-branch",
    "share": "share",
    "more": "ellipsis",
    "edit": "pencil",
    "delete": "trash-2",
    "fold": "chevron-right",
    "fold.open": "chevron-down",
    "back": "chevron-left",
    "stepper": "chevrons-up-down",
    "sidebar": "panel-left",
    "inspector": "panel-right",
    "external": "arrow-up-right",
    "tool": "wrench",
    "thinking": "brain",
    "code": "code",
    "ok": "check",
    "done": "circle-check",
    "fail": "circle-x",
    "close": "x",
    "error": "circle-alert",
    "warning": "triangle-alert",
    "wait": "hourglass",
    "wait.clock": "clock",
    "running": "loader",
    "info": "info",
    "hint": "lightbulb",
    "route": "route",
    "budget": "wallet",
    "first_token": "zap",
    "speed": "gauge",
    "finish": "flag",
    "cheapest": "coins",
    "winner": "trophy",
    "diff": "file-diff",
    "same": "equal",
    "worse": "trending-down",
    "interrupt": "corner-down-right",
    "history": "history",
    "export": "download",
    "date": "calendar",
    "local_data": "hard-drive",
    "database": "database",
    "key": "key-round",
    "lock": "lock",
    "trust": "shield-check",
    "reveal": "eye",
    "circuit": "circuit-board",
    "endpoint": "server",
    "endpoint.custom": "circle-dot",
    "offline": "wifi-off",
    "broken": "unplug",
    "settings_set": "sliders-horizontal",
    "add": "plus",
    "remove": "minus",
    "play": "play",
    "pause": "pause",
    "seed": "dices",
    "logo": "logo",
}
"""Use -> Lucide file name (spec.md, section 10)."""

_STROKE = re.compile(r'stroke-width="[\d.]+"')


@functools.cache
def _source(name: str) -> str:
    return resource("icons", f"{USE.get(name, name)}.svg").read_text(encoding="utf-8")


def svg(name: str, color: QColor, size: int) -> str:
    """The drawing with its colour and the stroke for `size` px. FileNotFoundError if there is no such icon."""
    stroke = "1.75" if size <= 18 else "1.6"
    text = _STROKE.sub(f'stroke-width="{stroke}"', _source(name))
    return text.replace("currentColor", color.name(QColor.NameFormat.HexRgb))


@functools.lru_cache(maxsize=2048)
def _render(name: str, argb: int, size: int, ratio: float) -> QPixmap:
    color = QColor.fromRgba(argb)
    pixmap = QPixmap(round(size * ratio), round(size * ratio))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setOpacity(color.alphaF())
    renderer = QSvgRenderer(QByteArray(svg(name, color, size).encode()))
    renderer.render(painter, QRectF(pixmap.rect()))
    painter.end()
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def pixmap(name: str, color: str | QColor, size: int = 16, ratio: float | None = None) -> QPixmap:
    """A square pixmap of `size` logical px; `color` is a token path or a QColor; `ratio` defaults to the application's."""
    if ratio is None:
        ratio = QGuiApplication.instance().devicePixelRatio()  # type: ignore[union-attr]
    value = theme().color(color) if isinstance(color, str) else color
    return _render(name, value.rgba(), size, ratio)


def icon(name: str, color: str | QColor = "text.secondary", size: int = 16, *, active: str = "text.primary") -> QIcon:
    """A QIcon with Normal, Active and Disabled pixmaps in the colours of the theme in force, at 1x, 2x and the screen's."""
    result = QIcon()
    ratios = {1.0, 2.0, QGuiApplication.instance().devicePixelRatio()}  # type: ignore[union-attr]
    for ratio in sorted(ratios):
        result.addPixmap(pixmap(name, color, size, ratio), QIcon.Mode.Normal)
        result.addPixmap(pixmap(name, active, size, ratio), QIcon.Mode.Active)
        result.addPixmap(pixmap(name, color, size, ratio), QIcon.Mode.Selected)
        result.addPixmap(pixmap(name, "text.disabled", size, ratio), QIcon.Mode.Disabled)
    return result


def draw(painter: QPainter, name: str, color: str | QColor, rect: QRectF) -> None:
    """Paints the icon into `rect` (square, logical px) at the painter's own resolution."""
    size = round(rect.width())
    image = pixmap(name, color, size, painter.device().devicePixelRatio())
    painter.drawPixmap(rect.toRect().topLeft(), image)
