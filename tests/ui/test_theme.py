"""The look: contrast computed from the tokens, fonts, style sheet, switching, and no colour outside tokens.json."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFontInfo, QFontMetricsF, QPalette
from PySide6.QtWidgets import QApplication, QLabel

from groqdesk.ui.theme import Theme, ThemeController, load_fonts, theme, themed, tokens

ROOT = Path(__file__).resolve().parents[2]
SURFACES = ("window", "sidebar", "base", "raised", "sunken", "input", "overlay", "hover", "active")
TEXTS = (
    "text.primary",
    "text.secondary",
    "text.tertiary",
    "accent.text",
    "success.text",
    "warning.text",
    "danger.text",
    "info.text",
)


@pytest.fixture
def controller(qapp: QApplication):
    made = ThemeController(qapp, mode="dark", reduced_motion=True)
    yield made
    made.set(mode="dark", scale=1.0)
    made.deleteLater()


def luminance(color: QColor) -> float:
    """WCAG 2.2 relative luminance."""
    parts = [
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in (color.redF(), color.greenF(), color.blueF())
    ]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(first: QColor, second: QColor) -> float:
    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def over(tint: QColor, ground: QColor) -> QColor:
    a = tint.alphaF()
    mix = [t * a + g * (1 - a) for t, g in zip(tint.getRgbF()[:3], ground.getRgbF()[:3], strict=True)]
    return QColor.fromRgbF(*mix)


@pytest.mark.parametrize("name", ["dark", "light"])
def test_every_text_is_readable_on_every_surface(name):
    look = Theme(name)
    pairs = itertools.product(TEXTS, SURFACES)
    ratios = {(text, ground): contrast(look.color(text), look.color(f"bg.{ground}")) for text, ground in pairs}
    assert len(ratios) == 72
    assert {pair: round(ratio, 2) for pair, ratio in ratios.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("name", ["dark", "light"])
def test_text_on_tints_and_fills_is_readable(name):
    look = Theme(name)
    for kind in ("accent", "success", "warning", "danger", "info"):
        for ground in ("base", "raised", "overlay"):
            tinted = over(look.color(f"{kind}.tint"), look.color(f"bg.{ground}"))
            assert contrast(look.color(f"{kind}.text"), tinted) >= 4.5
            assert contrast(look.color("text.secondary"), tinted) >= 4.5
    for fill in ("accent.fill", "accent.fillHover", "accent.fillPressed", "danger.fill"):
        assert contrast(look.color("text.onAccent"), look.color(fill)) >= 4.5
    for mark in ("accent.focusRing", "border.control", "success.graphic", "warning.graphic", "danger.graphic"):
        assert contrast(look.color(mark), look.color("bg.base")) >= 3.0


def test_colours_are_read_with_their_alpha():
    look = Theme("dark")
    assert look.color("accent.tint").getRgb() == (245, 80, 54, 31)
    assert look.color("scrim").alpha() == 158
    assert look.color("chart.other").isValid()
    with pytest.raises(KeyError):
        look.color("text.loud")


def test_a_colour_handed_out_can_be_changed_without_harm():
    look = Theme("dark")
    look.color("bg.base").setAlpha(0)
    assert look.color("bg.base").alpha() == 255


def test_high_contrast_draws_all_borders_as_controls():
    plain, strong = Theme("light"), Theme("light", high_contrast=True)
    for border in ("border.subtle", "border.default", "border.strong"):
        assert strong.color(border) == plain.color("border.control") != plain.color(border)


def test_no_colour_literal_outside_tokens():
    literal = re.compile(r"#[0-9A-Fa-f]{6}\b|(?<!\.)rgba\(")
    # Words that a pretended model says, never painted.
    allowed = {ROOT / "groqdesk" / "simulator" / "answers.py": 1}
    found = {}
    for path in sorted((ROOT / "groqdesk").rglob("*.py")):
        count = len(literal.findall(path.read_text(encoding="utf-8")))
        if count > allowed.get(path, 0):
            found[str(path.relative_to(ROOT))] = count
    assert found == {}
    assert not literal.search((ROOT / "resources/themes/theme.qss.tpl").read_text(encoding="utf-8"))


def test_bundled_fonts_load_with_the_three_weights(qapp):
    assert {"Inter", "JetBrains Mono"} <= set(load_fonts())
    look = Theme("dark")
    for role, weight in (("body", 400), ("bodyStrong", 500), ("heading", 600)):
        info = QFontInfo(look.font(role))
        assert (info.family(), info.weight(), info.pixelSize()) == ("Inter", weight, 13)
    assert QFontInfo(look.font("code")).family() == "JetBrains Mono"
    assert QFontInfo(look.font("code")).fixedPitch()


@pytest.mark.parametrize("role", [role for role, token in tokens()["type"].items() if token.get("family") != "mono"])
def test_digits_have_one_width(qapp, role):
    metrics = QFontMetricsF(Theme("dark").font(role))
    assert metrics.horizontalAdvance("1111") == metrics.horizontalAdvance("0000")


def test_digits_would_not_have_one_width_without_the_feature(qapp):
    font = Theme("dark").font("body")
    font.unsetFeature(font.Tag("tnum"))
    metrics = QFontMetricsF(font)
    assert metrics.horizontalAdvance("1111") < metrics.horizontalAdvance("0000")


def test_code_has_no_ligatures(qapp):
    from PySide6.QtGui import QTextLayout

    def glyphs(font, text):
        layout = QTextLayout(text, font)
        layout.beginLayout()
        layout.createLine().setLineWidth(1000)
        layout.endLayout()
        return [index for run in layout.glyphRuns() for index in run.glyphIndexes()]

    plain = Theme("dark").font("code")
    joined = Theme("dark").font("code")
    joined.setFeature(joined.Tag("calt"), 1)
    alone = [glyphs(plain, letter)[0] for letter in "->"]
    assert glyphs(plain, "->") == alone
    assert glyphs(joined, "->") != alone


@pytest.mark.parametrize(
    ("scale", "control", "font"), [(0.5, 29, 12), (0.9, 29, 12), (1.0, 32, 13), (1.5, 48, 20), (9, 48, 20)]
)
def test_text_size_scales_lengths_and_fonts_within_90_and_150_percent(qapp, scale, control, font):
    look = Theme("dark", scale=scale)
    assert look.size("control") == control
    assert look.font("body").pixelSize() == font
    assert look.px(1) >= 1


def test_reduced_motion_takes_all_time():
    assert (Theme("dark").motion("fast"), Theme("dark").motion("slow")) == (90, 150)
    assert {Theme("dark", reduced_motion=True).motion(name) for name in ("fast", "base", "slow")} == {0}


@pytest.mark.parametrize("name", ["dark", "light"])
def test_the_style_sheet_has_no_unfilled_place(name):
    sheet = Theme(name, scale=1.2).qss()
    assert "{{" not in sheet
    assert "36px" in sheet
    assert Theme(name).color("bg.overlay").name(QColor.NameFormat.HexArgb) in sheet


def test_a_switch_recolours_application_and_controls(controller, qapp):
    seen = []

    class Watcher(QLabel):
        def apply_theme(self, look: Theme) -> None:
            seen.append(look.name)

    watcher = Watcher()
    themed(watcher)
    announced = []
    controller.changed.connect(lambda look: announced.append(look.name))
    controller.set(mode="light")
    assert theme().name == "light"
    assert controller.current is theme()
    assert qapp.palette().color(QPalette.ColorRole.WindowText) == theme().color("text.primary")
    assert seen == ["dark", "light"]
    assert announced == ["light"]
    controller.toggle()
    assert controller.mode == "dark"
    assert announced == ["light", "dark"]


def test_setting_the_same_look_again_announces_nothing(controller):
    announced = []
    controller.changed.connect(announced.append)
    controller.set(mode="dark", scale=1.0)
    assert announced == []
    controller.set(mode="light", scale=1.1)
    assert len(announced) == 1


def test_a_destroyed_control_is_told_nothing(controller):
    told = []

    class Watcher(QLabel):
        def apply_theme(self, look: Theme) -> None:
            told.append(look.name)

    watcher = Watcher()
    themed(watcher)
    import shiboken6

    shiboken6.delete(watcher)
    controller.set(mode="light")
    assert told == ["dark"]


def test_system_mode_is_dark_unless_the_desktop_says_light(controller, qapp):
    controller.set(mode="system")
    expected = "light" if qapp.styleHints().colorScheme() == Qt.ColorScheme.Light else "dark"
    assert controller.current.name == expected


def test_committed_fonts_are_those_of_the_list():
    script = ROOT / "packaging" / "get_fonts.py"
    result = subprocess.run([sys.executable, str(script), "--check"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert sum(path.stat().st_size for path in (ROOT / "resources/fonts").iterdir()) < 4_000_000
