"""Icons: every use has its drawing, takes its colour, is sharp at 2x, and is drawn once."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QIcon

from groqdesk.core.settings import resource
from groqdesk.ui import icons
from groqdesk.ui.theme import Theme, theme


@pytest.mark.parametrize("use", sorted(icons.USE))
def test_every_use_has_a_drawing(qapp, use):
    image = icons.pixmap(use, "text.primary", 16, 1.0).toImage()
    painted = sum(image.pixelColor(x, y).alpha() > 0 for x in range(16) for y in range(16))
    assert painted > 8


def test_no_shipped_icon_is_unused():
    shipped = {path.stem for path in resource("icons").glob("*.svg")}
    assert shipped - set(icons.USE.values()) == set()


def test_colour_is_that_of_the_theme(qapp):
    image = icons.pixmap("stop", "accent.base", 16, 2.0).toImage()
    wanted = theme().color("accent.base")
    solid = {
        image.pixelColor(x, y).rgb() for x in range(32) for y in range(32) if image.pixelColor(x, y).alpha() == 255
    }
    assert solid == {wanted.rgb()}


def test_stroke_is_thinner_at_nav_size():
    color = Theme("dark").color("text.primary")
    assert 'stroke-width="1.75"' in icons.svg("search", color, 18)
    assert 'stroke-width="1.6"' in icons.svg("search", color, 20)
    assert "currentColor" not in icons.svg("search", color, 16)


def test_pixmaps_are_sharp_and_cached(qapp):
    first = icons.pixmap("copy", "text.tertiary", 16, 2.0)
    assert first.size() == QSize(32, 32)
    assert first.devicePixelRatio() == 2.0
    assert icons.pixmap("copy", "text.tertiary", 16, 2.0).cacheKey() == first.cacheKey()
    assert icons.pixmap("copy", "text.tertiary", 16, 1.0).cacheKey() != first.cacheKey()


def test_an_icon_has_normal_active_and_disabled(qapp):
    made = icons.icon("copy", "text.secondary", 16)
    modes = (QIcon.Mode.Normal, QIcon.Mode.Active, QIcon.Mode.Disabled)
    images = [made.pixmap(QSize(16, 16), 2.0, mode).toImage() for mode in modes]
    assert images[0] != images[1]
    assert images[0] != images[2]
    assert images[1] != images[2]


def test_an_unknown_icon_is_an_error():
    with pytest.raises(FileNotFoundError):
        icons.svg("unicorn", Theme("dark").color("text.primary"), 16)
