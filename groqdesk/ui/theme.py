"""The look as values: colours, fonts, lengths and durations of resources/themes/tokens.json, and who applies them.

`theme()` is the theme in force. `ThemeController` makes it so: Fusion style, palette, style sheet, application font. A
control that paints itself calls `themed(self)` once at the end of its constructor and gets `apply_theme(theme)` then and
at every change. Lengths are logical pixels, multiplied by the text size (0.9 to 1.5) and rounded.
"""

from __future__ import annotations

import ctypes
import functools
import json
import math
import re
import shutil
import subprocess
import sys
from typing import Any, Literal, Protocol

from PySide6.QtCore import QEasingCurve, QObject, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QPalette
from PySide6.QtWidgets import QApplication, QStyleFactory

from groqdesk.core.settings import resource

ThemeName = Literal["dark", "light"]
ThemeMode = Literal["dark", "light", "system"]

MIN_SCALE = 0.9
MAX_SCALE = 1.5

_RGBA = re.compile(r"rgba\((\d+),\s*(\d+),\s*(\d+),\s*([\d.]+)\)")
_PLACEHOLDER = re.compile(r"\{\{\s*([\w.]+)\s*\}\}")


@functools.cache
def tokens() -> dict[str, Any]:
    """The parsed tokens.json. Shared: do not change it."""
    parsed: dict[str, Any] = json.loads(resource("themes", "tokens.json").read_text(encoding="utf-8"))
    return parsed


@functools.cache
def load_fonts() -> tuple[str, ...]:
    """Registers the bundled fonts with Qt, once per process; returns their family names. Needs a QGuiApplication."""
    families: dict[str, None] = {}
    for path in sorted(resource("fonts").glob("*.ttf")):
        number = QFontDatabase.addApplicationFont(str(path))
        families.update(dict.fromkeys(QFontDatabase.applicationFontFamilies(number) if number >= 0 else ()))
    return tuple(families)


@functools.cache
def _families(kind: str) -> tuple[str, ...]:
    # Naming an absent family makes Qt search the whole font list again, so only those that exist are named.
    load_fonts()
    wanted: list[str] = tokens()["font"][kind]
    return tuple(name for name in wanted if QFontDatabase.hasFamily(name)) or (wanted[0],)


class Theme:
    """One look: colours of `name`, all lengths times `scale`. Values never change; a switch makes a new Theme.

    `high_contrast` draws every border in the colour of control borders; `reduced_motion` makes every duration 0.
    """

    def __init__(
        self, name: ThemeName, *, scale: float = 1.0, reduced_motion: bool = False, high_contrast: bool = False
    ) -> None:
        self.name: ThemeName = name
        self.scale = min(MAX_SCALE, max(MIN_SCALE, scale))
        self.reduced_motion = reduced_motion
        self.high_contrast = high_contrast
        self._colors: dict[str, QColor] = {}
        self._fonts: dict[str, QFont] = {}

    @property
    def is_dark(self) -> bool:
        """Whether light text stands on a dark ground."""
        return self.name == "dark"

    def color(self, path: str) -> QColor:
        """The colour at a path such as `text.primary`, `chart.1` or `scrim`. KeyError if there is none."""
        found = self._colors.get(path)
        if found is None:
            found = self._colors[path] = self._read_color(path)
        return QColor(found)

    def _read_color(self, path: str) -> QColor:
        real = path
        if self.high_contrast and path in ("border.subtle", "border.default", "border.strong"):
            real = "border.control"
        value: Any = tokens()["color"][self.name]
        for part in real.split("."):
            value = value[part]
        if match := _RGBA.fullmatch(value):
            red, green, blue = (int(match[i]) for i in (1, 2, 3))
            return QColor(red, green, blue, round(float(match[4]) * 255))
        return QColor(value)

    def font(self, role: str, *, strong: bool = False) -> QFont:
        """The font of a role of tokens.json `type` (`body`, `caption`, `code` ...); `strong` raises 400 to 600."""
        key = f"{role}+" if strong else role
        found = self._fonts.get(key)
        if found is None:
            found = self._fonts[key] = self._make_font(role, strong)
        return QFont(found)

    def medium(self, role: str) -> QFont:
        """The font of a role in the weight of `bodyStrong` (500): words that act."""
        font = self.font(role)
        font.setWeight(self.font("bodyStrong").weight())
        return font

    def _make_font(self, role: str, strong: bool) -> QFont:
        token = tokens()["type"][role]
        mono = token.get("family") == "mono"
        font = QFont(list(_families("mono" if mono else "ui")))
        font.setStyleHint(QFont.StyleHint.Monospace if mono else QFont.StyleHint.SansSerif)
        # Qt 6.11 draws whole pixel sizes only (a fractional point size is rounded when the font is loaded): halves go up.
        font.setPixelSize(max(1, math.floor(token["size"] * self.scale + 0.5)))
        font.setWeight(QFont.Weight(600 if strong else token["weight"]))
        if spacing := token.get("spacing"):
            font.setLetterSpacing(QFont.SpacingType.AbsoluteSpacing, spacing * self.scale)
        # Digits of one width, or figures jump while they count; no ligatures in code, so that := and -> stay as typed.
        font.setFeature(QFont.Tag("calt" if mono else "tnum"), 0 if mono else 1)
        font.setHintingPreference(QFont.HintingPreference.PreferNoHinting)
        return font

    def line_height(self, role: str) -> int:
        """The line height of a text role, in px."""
        return self.px(tokens()["type"][role]["line"])

    def px(self, length: float) -> int:
        """A length of the design in logical px at this text size; a length above 0 never becomes 0."""
        return max(1, round(length * self.scale)) if length > 0 else round(length * self.scale)

    def space(self, step: int) -> int:
        """Step of the spacing scale (1 = 4 px, 4 = 16 px) in px."""
        return self.px(tokens()["space"][str(step)])

    def radius(self, name: str) -> int:
        """Corner radius in px: xs, sm, md, lg, chip, segment, pill."""
        return self.px(tokens()["radius"][name])

    def size(self, name: str) -> int:
        """A named size in px: rail, header, control, controlSmall, icon ..."""
        return self.px(tokens()["size"][name])

    def motion(self, name: str) -> int:
        """A duration in ms (fast, base, slow); 0 with reduced motion."""
        values = tokens()["motion"]
        return int(values["reduced"] if self.reduced_motion else values[name])

    @property
    def easing(self) -> QEasingCurve:
        """The one easing curve of the design."""
        return QEasingCurve(QEasingCurve.Type[tokens()["motion"]["easing"]])

    def qss(self) -> str:
        """The application's style sheet: theme.qss.tpl with `{{path}}` colours and `{{7px}}` scaled lengths."""

        def fill(match: re.Match[str]) -> str:
            name = match[1]
            if length := re.fullmatch(r"(\d+)px", name):
                return f"{self.px(int(length[1]))}px"
            return self.color(name).name(QColor.NameFormat.HexArgb)

        return _PLACEHOLDER.sub(fill, resource("themes", "theme.qss.tpl").read_text(encoding="utf-8"))

    def palette(self) -> QPalette:
        """Colours for everything that Qt draws by itself (Fusion)."""
        palette = QPalette()
        role = QPalette.ColorRole
        for name, path in (
            (role.Window, "bg.base"),
            (role.WindowText, "text.primary"),
            (role.Base, "bg.input"),
            (role.AlternateBase, "bg.raised"),
            (role.Text, "text.primary"),
            (role.PlaceholderText, "text.tertiary"),
            (role.Button, "bg.raised"),
            (role.ButtonText, "text.primary"),
            (role.BrightText, "text.onAccent"),
            (role.ToolTipBase, "bg.overlay"),
            (role.ToolTipText, "text.primary"),
            (role.Link, "accent.text"),
            (role.LinkVisited, "accent.text"),
            (role.Highlight, "accent.tintStrong"),
            (role.HighlightedText, "text.primary"),
            (role.Accent, "accent.base"),
            (role.Light, "border.default"),
            (role.Midlight, "border.default"),
            (role.Mid, "border.default"),
            (role.Dark, "border.strong"),
            (role.Shadow, "border.strong"),
        ):
            palette.setColor(name, self.color(path))
        for name in (role.WindowText, role.Text, role.ButtonText, role.PlaceholderText, role.HighlightedText):
            palette.setColor(QPalette.ColorGroup.Disabled, name, self.color("text.disabled"))
        return palette


class ThemedWidget(Protocol):
    """What `themed` needs: a QObject with this method."""

    def apply_theme(self, theme: Theme) -> None:
        """Takes colours, fonts and sizes of the theme and repaints."""


class _Announcer(QObject):
    changed = Signal(object)


_current: Theme | None = None


@functools.cache
def _announcer() -> _Announcer:
    return _Announcer()


def theme() -> Theme:
    """The theme in force; dark at 100 % until a ThemeController says otherwise."""
    global _current
    if _current is None:
        _current = Theme("dark")
    return _current


def themed(widget: ThemedWidget) -> None:
    """Calls `widget.apply_theme` now and at every later change, as long as the widget lives (the bond is not owning)."""
    widget.apply_theme(theme())
    _announcer().changed.connect(widget.apply_theme)


def prefers_reduced_motion() -> bool:
    """Whether the system asks for no animation. Starts a small program on Linux and macOS (about 10 ms, 1 s at most).

    Linux: gsettings `enable-animations`. Windows: SPI_GETCLIENTAREAANIMATION. macOS: `reduceMotion`; the last two follow
    the systems' documentation. False when the system does not say.
    """
    if sys.platform == "win32":
        enabled = ctypes.c_int(1)
        ctypes.windll.user32.SystemParametersInfoW(0x1042, 0, ctypes.byref(enabled), 0)
        return enabled.value == 0
    if sys.platform == "darwin":
        command = ["defaults", "read", "com.apple.universalaccess", "reduceMotion"]
        wanted = "1"
    else:
        command = ["gsettings", "get", "org.gnome.desktop.interface", "enable-animations"]
        wanted = "false"
    program = shutil.which(command[0])
    if program is None:
        return False
    try:
        answer = subprocess.run(  # noqa: S603 - fixed arguments, absolute program
            [program, *command[1:]], capture_output=True, text=True, timeout=1.0, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0 and answer.stdout.strip() == wanted


class ThemeController(QObject):
    """Applies one look to the QApplication and says when it changed.

    `mode` "system" follows the desktop's colour scheme (dark where it does not say). `scale` is the text size, 0.9 to
    1.5. Setting several values at once with `set` applies them in one step.
    """

    changed = Signal(object)
    """The new Theme, after every control took it."""

    def __init__(
        self,
        app: QApplication,
        *,
        mode: ThemeMode = "system",
        scale: float = 1.0,
        reduced_motion: bool = False,
    ) -> None:
        super().__init__(app)
        self._app = app
        self._mode: ThemeMode = mode
        self._scale = scale
        self._reduced_motion = reduced_motion
        load_fonts()
        # The style must be in place before the style sheet: setStyle would drop what the sheet polished.
        app.setStyle(QStyleFactory.create("Fusion"))
        hints = app.styleHints()
        hints.colorSchemeChanged.connect(self._on_system_changed)
        hints.accessibility().contrastPreferenceChanged.connect(self._on_system_changed)
        self._applied: Theme | None = None
        self._apply()

    @property
    def current(self) -> Theme:
        """The theme in force."""
        return theme()

    @property
    def mode(self) -> ThemeMode:
        """What was chosen: dark, light or system."""
        return self._mode

    def set(
        self, *, mode: ThemeMode | None = None, scale: float | None = None, reduced_motion: bool | None = None
    ) -> None:
        """Changes what is given; nothing happens (and no signal) if the look stays the same."""
        self._mode = self._mode if mode is None else mode
        self._scale = self._scale if scale is None else min(MAX_SCALE, max(MIN_SCALE, scale))
        self._reduced_motion = self._reduced_motion if reduced_motion is None else reduced_motion
        self._apply()

    def toggle(self) -> None:
        """Dark becomes light and the other way round; "system" ends."""
        self.set(mode="light" if self.current.is_dark else "dark")

    def _on_system_changed(self, _value: object) -> None:
        self._apply()

    def _apply(self) -> None:
        global _current
        hints = self._app.styleHints()
        name: ThemeName
        if self._mode == "system":
            name = "light" if hints.colorScheme() == Qt.ColorScheme.Light else "dark"
        else:
            name = self._mode
        new = Theme(
            name,
            scale=self._scale,
            reduced_motion=self._reduced_motion,
            high_contrast=hints.accessibility().contrastPreference() == Qt.ContrastPreference.HighContrast,
        )
        old = self._applied
        if old is not None and old is theme() and _facts(old) == _facts(new):
            return
        self._applied = _current = new
        self._app.setFont(new.font("body"))
        self._app.setPalette(new.palette())
        self._app.setStyleSheet(new.qss())
        _announcer().changed.emit(new)
        self.changed.emit(new)


def _facts(value: Theme) -> tuple[str, float, bool, bool]:
    return value.name, value.scale, value.reduced_motion, value.high_contrast
