"""Every control together: sizes of the design, names for screen readers, nothing clipped, colours that follow the theme."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QObject, QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QApplication, QLabel, QLineEdit, QPlainTextEdit, QWidget

from groqdesk.ui import controls as c
from groqdesk.ui.controls.painting import lamp
from groqdesk.ui.theme import ThemeController, theme

_SPEC = importlib.util.spec_from_file_location("controls_gallery", Path(__file__).with_name("gallery.py"))
gallery_module = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(gallery_module)


@pytest.fixture
def controller(qapp: QApplication):
    made = ThemeController(qapp, mode="dark", reduced_motion=True)
    yield made
    made.set(mode="dark", scale=1.0)
    made.deleteLater()


@pytest.fixture
def gallery(qtbot, controller):
    widget = gallery_module.Gallery()
    qtbot.addWidget(widget)
    widget.resize(1280, 832)
    with qtbot.waitActive(widget):
        widget.show()
        widget.activateWindow()
    QApplication.processEvents()
    return widget


HEIGHTS = [
    (lambda: c.Button("Send"), 32),
    (lambda: c.Button("Send", size="small"), 26),
    (lambda: c.Button("Send", size="large"), 40),
    (lambda: c.IconButton("copy", "Copy"), 28),
    (lambda: c.IconButton("copy", "Copy", dense=True), 24),
    (lambda: c.TextField(name="Name"), 32),
    (lambda: c.TextField(name="Name", compact=True), 28),
    (lambda: c.SpinField(0, 1, 0.1, name="N", decimals=1), 28),
    (lambda: c.SecretField(name="Key", large=True), 40),
    (lambda: c.Segments(["a", "b"], name="S"), 30),
    (lambda: c.Slider(0, 1, 0.1, name="S"), 20),
    (lambda: c.Chip("ok"), 20),
    (lambda: c.ChipInput(name="Stop"), 28),
    (lambda: c.Banner("info", "A sentence."), 34),
    (lambda: c.Bar(name="B"), 4),
    (lambda: c.WaterfallBar(name="W"), 12),
    (lambda: c.NavItem("nav.chat", "Chat"), 48),
    (lambda: c.Tabs(["a"], name="T"), 40),
    (lambda: c.TextArea(name="M"), 22),
]


@pytest.mark.parametrize(("make", "height"), HEIGHTS)
def test_heights_are_those_of_the_design(qtbot, controller, make, height):
    widget = make()
    qtbot.addWidget(widget)
    assert abs(widget.sizeHint().height() - height) <= 2
    widget.resize(300, widget.sizeHint().height())
    widget.show()
    QApplication.processEvents()
    assert abs(widget.height() - height) <= 2


def test_toast_toggle_segment_and_nav_sizes(qtbot, controller):
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(800, 600)
    window.show()
    toast = c.Toast(window, bottom=26)
    toast.show_message("Chat moved to trash", undo=lambda: None)
    assert toast.height() == 40
    assert abs(toast.geometry().center().x() - 400) <= 1
    assert toast.geometry().bottom() < 600 - 26
    toggle = c.Toggle(name="On")
    nav = c.NavItem("nav.chat", "Chat")
    segments = c.Segments(["a", "b"], name="S")
    for widget in (toggle, nav, segments):
        qtbot.addWidget(widget)
    assert toggle.sizeHint().width() == 30
    assert nav.item_rect().size() == QSize(52, 48)
    assert {button.height() for button in segments.buttons()} == {24}


@pytest.mark.parametrize("scale", [1.0, 1.5])
@pytest.mark.parametrize("name", ["dark", "light"])
def test_nothing_in_the_gallery_is_clipped(gallery, controller, name, scale):
    controller.set(mode=name, scale=scale)
    gallery.resize(round(1280 * scale), round(1100 * scale))
    for _ in range(3):
        QApplication.processEvents()
    clipped = []
    walked = 0
    for widget in gallery.findChildren(QWidget):
        if not widget.isVisible() or isinstance(widget, (QLineEdit, QPlainTextEdit, c.ElidedLabel, c.FocusRing)):
            continue
        if type(widget).__module__.startswith("groqdesk.ui.controls"):
            walked += 1
            wanted = widget.minimumSizeHint()
            if widget.height() < wanted.height() or widget.width() < wanted.width():
                clipped.append((type(widget).__name__, widget.accessibleName(), widget.size(), wanted))
            if isinstance(widget, (c.Button, c.Chip, c.Toggle, c.Checkbox, c.Radio)):
                assert widget.width() >= widget.fontMetrics().horizontalAdvance(widget.text())
            parent = widget.parentWidget()
            assert parent.rect().adjusted(0, 0, 1, 1).contains(widget.geometry()), (type(widget), widget.geometry())
    assert walked > 80
    assert clipped == []


def test_every_control_that_takes_focus_or_clicks_has_a_name(gallery):
    nameless = []
    for widget in gallery.findChildren(QWidget):
        interactive = isinstance(widget, (QAbstractButton, QAbstractSlider, QLineEdit, QPlainTextEdit))
        ours = type(widget).__module__.startswith("groqdesk.ui.controls")
        if ours and (interactive or widget.focusPolicy() != Qt.FocusPolicy.NoFocus) and not widget.accessibleName():
            nameless.append(type(widget).__name__)
    assert nameless == []


def test_every_icon_button_tells_what_it_does(gallery):
    buttons = gallery.findChildren(c.IconButton)
    assert len(buttons) >= 10
    assert all(button.toolTip() and button.accessibleName() for button in buttons)


@pytest.mark.parametrize(
    "make",
    [
        lambda: c.IconButton("copy", ""),
        lambda: c.TextField(name=""),
        lambda: c.Segments(["a"], name=""),
        lambda: c.Slider(0, 1, 1, name=""),
        lambda: c.Toggle(),
        lambda: c.TextArea(name=""),
        lambda: c.ChipInput(name=""),
    ],
)
def test_a_control_without_a_name_is_refused(qtbot, make):
    with pytest.raises(ValueError, match="name"):
        make()


def test_a_switch_recolours_what_is_shown(gallery, controller):
    dark = gallery.grab().toImage()
    controller.set(mode="light")
    QApplication.processEvents()
    light = gallery.grab().toImage()
    assert dark.pixelColor(2, 2) != light.pixelColor(2, 2)
    assert light.pixelColor(2, 2) == theme().color("bg.base")
    button = next(b for b in gallery.findChildren(c.Button) if b.text() == "Export" and b.isEnabled())
    centre = button.mapTo(gallery, QPoint(4, button.height() // 2))
    assert light.pixelColor(centre) == theme().color("bg.raised")


def test_outside_text_is_never_interpreted(qtbot, gallery):
    labels = gallery.findChildren(QLabel)
    assert len(labels) > 30
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}
    evil = c.ElidedLabel('<img src="file:///etc/passwd"> and <b>more</b>')
    qtbot.addWidget(evil)
    evil.resize(20, 20)
    evil.show()
    assert "&lt;img" in evil.toolTip()
    assert "<img" not in evil.toolTip()


def test_buttons_grow_with_their_words(qtbot, controller):
    short, long = c.Button("Keep", icon="play"), c.Button("Keep all of it for now", icon="play")
    for button in (short, long):
        qtbot.addWidget(button)
    assert long.sizeHint().width() > short.sizeHint().width()
    without = c.Button("Keep")
    qtbot.addWidget(without)
    assert short.sizeHint().width() - without.sizeHint().width() == 16 + 6


def test_a_button_answers_space_and_says_its_new_words(qtbot, controller):
    button = c.Button("Send")
    qtbot.addWidget(button)
    with qtbot.waitSignal(button.clicked, timeout=1000):
        qtbot.keyClick(button, Qt.Key.Key_Space)
    button.setText("Stop")
    assert button.accessibleName() == "Stop"


def test_toast_pauses_while_hovered_and_undoes_once(qtbot, controller):
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(600, 400)
    window.show()
    undone = []
    toast = c.Toast(window)
    toast.show_message("Deleted", undo=lambda: undone.append(1))
    assert not toast.paused
    toast.enterEvent(None)
    assert toast.paused
    toast.leaveEvent(None)
    assert not toast.paused
    toast.undo_button.click()
    assert undone == [1]
    assert toast.isHidden()
    toast.show_message("Saved")
    assert not toast.undo_button.isVisible()


def test_toast_goes_by_itself(qtbot, controller, monkeypatch):
    monkeypatch.setattr(c.Toast, "DURATION_MS", 20)
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    toast = c.Toast(window)
    with qtbot.waitSignal(toast.closed, timeout=5000):
        toast.show_message("Saved")
    assert toast.isHidden()


def test_a_disabled_ghost_button_has_no_border(qtbot, controller):
    for kind, seen in (("ghost", False), ("secondary", True)):
        button = c.Button("Reset", kind)
        qtbot.addWidget(button)
        button.setEnabled(False)
        assert (button.colors()[1].alpha() > 0) is seen


def test_toast_that_appears_under_the_pointer_stays(qtbot, controller):
    window = QWidget()
    qtbot.addWidget(window)
    window.resize(600, 400)
    window.show()
    toast = c.Toast(window)
    toast.enterEvent(None)  # counted before it has begun
    assert toast.isHidden()
    placed = []

    class Entered(QObject):
        def eventFilter(self, watched, event):
            if event.type() == QEvent.Type.Show:
                placed.append((watched.geometry(), toast.paused))
                toast.enterEvent(None)
            return False

    watch = Entered()
    toast.installEventFilter(watch)
    toast.show_message("Deleted")
    assert placed == [(toast.geometry(), False)]
    assert toast.paused
    assert not toast.isHidden()
    toast.enterEvent(None)
    toast.leaveEvent(None)
    assert toast._timer.remainingTime() > toast.DURATION_MS // 2
    toast.dismiss()


def test_skeleton_is_static_with_reduced_motion(qtbot, controller):
    block = c.Skeleton(100, 12)
    qtbot.addWidget(block)
    assert block.opacity(0.6) == 1.0
    controller.set(reduced_motion=False)
    assert block.opacity(0.0) == pytest.approx(1.0)
    assert block.opacity(0.6) == pytest.approx(0.6)
    assert block.opacity(1.2) == pytest.approx(1.0)


def test_states_are_told_in_words(qtbot, controller):
    lamp = c.Lamp("open", name="llama.cpp")
    ring = c.CountdownRing(name="Next try")
    bar = c.Bar(name="Context in use")
    for widget in (lamp, ring, bar):
        qtbot.addWidget(widget)
    assert lamp.accessibleName() == "llama.cpp: not reachable"
    ring.set_remaining(7.2, 30)
    assert ring.accessibleName() == "Next try: 8 s left"
    assert ring.share == pytest.approx(0.24)
    bar.set_share(float("nan"))
    assert bar.share() == 0.0
    bar.set_share(7)
    assert bar.share() == 1.0


def test_lamps_differ_by_shape(qapp):
    shapes = set()
    for state in ("healthy", "testing", "open", "off"):
        image = QImage(64, 64, QImage.Format.Format_ARGB32)
        image.fill(Qt.GlobalColor.transparent)
        painter = QPainter(image)
        lamp(painter, QRectF(0, 0, 64, 64), state, theme())
        painter.end()
        shapes.add(tuple(image.pixelColor(x, y).alpha() > 127 for x in range(64) for y in range(64)))
    assert len(shapes) == 4


def test_focus_ring_follows_the_keyboard_only(qtbot, gallery):
    first = next(b for b in gallery.findChildren(c.Button) if b.text() == "Export" and b.isEnabled())
    first.setFocus(Qt.FocusReason.MouseFocusReason)
    assert gallery.ring.target is None
    gallery.field.edit.setFocus(Qt.FocusReason.OtherFocusReason)
    first.setFocus(Qt.FocusReason.ShortcutFocusReason)
    assert gallery.ring.target is first
    outer = gallery.ring.geometry()
    inner = first.rect().translated(first.mapTo(gallery, QPoint(0, 0)))
    assert outer == inner.adjusted(-3, -3, 3, 3)
    gallery.field.edit.setFocus(Qt.FocusReason.ShortcutFocusReason)
    assert gallery.ring.target is None  # fields show focus themselves
    first.setFocus(Qt.FocusReason.ShortcutFocusReason)
    first.hide()
    assert gallery.ring.target is not first
