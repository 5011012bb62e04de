"""Controls that are typed or moved: keyboard, mouse, paste, validation, secrets."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QGuiApplication, QInputMethodEvent, QTextOption, QWheelEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget

from groqdesk.ui import controls as c
from groqdesk.ui.controls.text_area import LARGE_CHARACTERS

SECRET = "gsk_" + "q" * 48 + "3f9A"


def shown(qtbot, widget):
    """The widget in a window of its own, exposed."""
    window = QWidget()
    layout = QVBoxLayout(window)
    layout.addWidget(widget)
    qtbot.addWidget(window)
    window.resize(420, 200)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    widget.window_for_test = window
    return widget


def wheel(widget, up=True):
    delta = QPoint(0, 120 if up else -120)
    event = QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(),
        delta,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(widget, event)


def test_segments_move_by_arrows_home_and_end(qtbot):
    segments = shown(qtbot, c.Segments(["Low", "Medium", "High"], name="Effort", value="Medium"))
    heard = []
    segments.changed.connect(heard.append)
    buttons = segments.buttons()
    buttons[1].setFocus()
    qtbot.keyClick(buttons[1], Qt.Key.Key_Right)
    assert segments.value() == "High"
    qtbot.keyClick(buttons[2], Qt.Key.Key_Home)
    assert segments.value() == "Low"
    qtbot.keyClick(buttons[0], Qt.Key.Key_End)
    assert segments.value() == "High"
    assert heard == ["High", "Low", "High"]
    segments.set_value("Medium")
    assert segments.value() == "Medium"
    segments.set_value("Extreme")
    assert segments.value() == "Medium"
    assert len(heard) == 3


def test_segments_are_chosen_by_click_and_replaced(qtbot):
    segments = shown(qtbot, c.Segments([c.Segment("t", "Text"), c.Segment("j", "JSON", "code")], name="Format"))
    qtbot.mouseClick(segments.buttons()[1], Qt.MouseButton.LeftButton)
    assert segments.value() == "j"
    segments.set_segments(["a", "b", "c"], "b")
    assert segments.value() == "b"
    assert len(segments.buttons()) == 3


def test_slider_keys(qtbot):
    slider = shown(qtbot, c.Slider(0, 2, 0.01, name="Temperature", value=0.6, default=1.0))
    heard = []
    slider.moved.connect(heard.append)
    for key, value in (
        (Qt.Key.Key_Right, 0.61),
        (Qt.Key.Key_Down, 0.60),
        (Qt.Key.Key_PageUp, 0.70),
        (Qt.Key.Key_PageDown, 0.60),
        (Qt.Key.Key_End, 2.0),
        (Qt.Key.Key_Home, 0.0),
    ):
        qtbot.keyClick(slider, key)
        assert slider.number() == value
    assert len(heard) == 6
    slider.set_number(1.5)
    assert len(heard) == 6
    qtbot.mouseDClick(slider, Qt.MouseButton.LeftButton)
    assert slider.number() == 1.0


def test_wheel_moves_only_what_has_focus(qtbot):
    slider = shown(qtbot, c.Slider(0, 10, 1, name="S", value=5))
    slider.clearFocus()
    wheel(slider)
    assert slider.number() == 5
    slider.setFocus()
    wheel(slider)
    assert slider.number() == 6
    spin = shown(qtbot, c.SpinField(0, 10, name="N", value=5))
    spin.edit.clearFocus()
    wheel(spin.edit)
    assert spin.value() == 5
    spin.edit.setFocus()
    wheel(spin.edit, up=False)
    assert spin.value() == 4


@given(value=st.floats(-10, 10, allow_nan=False))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_a_slider_stays_in_its_range_on_whole_steps(qapp, value):
    slider = c.Slider(0, 2, 0.01, name="S")
    slider.set_number(value)
    assert 0 <= slider.number() <= 2
    assert slider.number() == round(slider.number(), 2)
    if 0 <= value <= 2:
        assert abs(slider.number() - value) <= 0.00501
    slider.deleteLater()


def test_spin_field_steps_and_types(qtbot):
    spin = shown(qtbot, c.SpinField(0, 2, 0.01, name="Temperature", value=0.6, decimals=2))
    heard = []
    spin.changed.connect(heard.append)
    qtbot.keyClick(spin.edit, Qt.Key.Key_Up)
    qtbot.keyClick(spin.edit, Qt.Key.Key_PageDown)
    assert spin.value() == 0.51
    spin.edit.selectAll()
    qtbot.keyClicks(spin.edit, "1.25")
    assert spin.value() == 1.25
    assert heard[:2] == [0.61, 0.51]
    assert heard[-1] == 1.25


def test_spin_field_shows_what_is_out_of_range_and_fixes_it(qtbot):
    spin = shown(qtbot, c.SpinField(1, 65_536, name="Max tokens", value=4096))
    heard = []
    spin.changed.connect(heard.append)
    assert spin.text() == "4,096"
    spin.edit.selectAll()
    qtbot.keyClicks(spin.edit, "131,072")
    assert spin.error == "At most 65,536."
    assert spin.value() == 13_107  # the last valid number on the way
    assert spin.fix_button.isVisible()
    spin.fix_button.click()
    assert (spin.value(), spin.error, spin.text()) == (65_536, "", "65,536")
    assert heard[-1] == 65_536


def test_spin_field_can_be_empty_and_refuses_words(qtbot):
    spin = shown(qtbot, c.SpinField(0, 100, name="Seed", empty="Random"))
    assert spin.value() is None
    qtbot.keyClicks(spin.edit, "7")
    assert spin.value() == 7
    spin.edit.selectAll()
    qtbot.keyClick(spin.edit, Qt.Key.Key_Delete)
    assert spin.value() is None
    qtbot.keyClicks(spin.edit, "abc")
    qtbot.keyClick(spin.edit, Qt.Key.Key_Return)
    assert spin.error == "Enter a number."
    assert spin.value() is None


@given(value=st.integers(-(10**9), 10**9))
@settings(max_examples=60, deadline=None)
def test_spin_field_reads_what_it_shows(qapp, value):
    spin = c.SpinField(-(10**9), 10**9, name="N", unit="ms")
    assert spin.parse(spin.format(value)) == value
    spin.deleteLater()


def test_text_field_error_with_its_fix(qtbot):
    field = shown(qtbot, c.TextField("131,072", name="Max tokens"))
    plain = field.sizeHint().height()
    field.set_error("At most 65,536 tokens per reply.", "Use 65,536")
    assert field.sizeHint().height() > plain
    assert field.box.border() == "danger.text"
    with qtbot.waitSignal(field.fix_requested, timeout=1000):
        field.fix_button.click()
    field.set_error("")
    assert field.error == ""
    assert field.sizeHint().height() == plain
    field.edit.setFocus()
    assert field.box.border() == "accent.base"
    field.setEnabled(False)
    assert field.box.border() == "border.subtle"


def test_text_field_clears_and_submits(qtbot):
    field = shown(qtbot, c.TextField(name="Search", clearable=True))
    assert not field.clear_button.isVisible()
    qtbot.keyClicks(field.edit, "retry")
    with qtbot.waitSignal(field.submitted, timeout=1000) as said:
        qtbot.keyClick(field.edit, Qt.Key.Key_Return)
    assert said.args == ["retry"]
    field.clear_button.click()
    assert field.text() == ""


def test_a_secret_is_in_no_place_that_others_read(qtbot):
    field = shown(qtbot, c.SecretField(name="Groq API key"))
    QGuiApplication.clipboard().setText(f"  {SECRET}\n")
    field.edit.setFocus()
    field.edit.paste()
    assert field.secret() == SECRET
    assert field.text() == "\u2022" * 52 + "3f9A"
    field.set_revealed(True)
    field.edit.selectAll()
    field.edit.copy()
    assert QGuiApplication.clipboard().text() != SECRET
    for widget in (field, *field.findChildren(QWidget)):
        facts = [widget.toolTip(), widget.accessibleName(), widget.accessibleDescription(), repr(widget)]
        interface = QAccessible.queryAccessibleInterface(widget)
        if interface is not None:
            facts += [interface.text(kind) for kind in QAccessible.Text]
            text = interface.textInterface()
            if text is not None:
                facts.append(text.text(0, text.characterCount()))
        assert not any("qqqq" in fact or "3f9A" in fact for fact in facts), (type(widget), facts)
    field.clear()
    assert field.secret() == ""
    field.edit.undo()
    assert field.secret() == ""
    QGuiApplication.clipboard().clear()


def test_revealing_a_secret_draws_it_and_ends(qtbot, monkeypatch):
    field = shown(qtbot, c.SecretField(name="Key"))
    field.set_secret(SECRET)
    hidden = field.grab().toImage()
    field.set_revealed(True)
    assert field.reveal_button.on
    assert field.grab().toImage() != hidden
    field._hide_again.setInterval(1)
    field.set_revealed(True)
    qtbot.waitUntil(lambda: not field.reveal_button.on, timeout=5000)


def test_a_short_secret_shows_no_tail(qtbot):
    field = shown(qtbot, c.SecretField(name="Key"))
    field.set_secret("abcdef123")
    assert field.text() == "\u2022" * 9


def test_chip_input_adds_by_enter_and_comma(qtbot):
    chips = shown(qtbot, c.ChipInput(name="Stop sequences"))
    heard = []
    chips.changed.connect(heard.append)
    qtbot.keyClicks(chips.edit, "</answer>")
    qtbot.keyClick(chips.edit, Qt.Key.Key_Return)
    qtbot.keyClicks(chips.edit, "END,")
    assert chips.values() == ("</answer>", "END")
    qtbot.keyClicks(chips.edit, "END,")
    assert chips.values() == ("</answer>", "END")
    qtbot.keyClicks(chips.edit, "\\n")
    qtbot.keyClick(chips.edit, Qt.Key.Key_Return)
    assert chips.values()[-1] == "\n"
    qtbot.keyClick(chips.edit, Qt.Key.Key_Backspace)
    assert chips.values() == ("</answer>", "END")
    assert heard[-1] == ("</answer>", "END")


def test_chip_input_holds_four_and_removes_by_cross(qtbot):
    chips = shown(qtbot, c.ChipInput(["a", "b", "c", "d", "e"], name="Stop sequences"))
    assert chips.values() == ("a", "b", "c", "d")
    assert not chips.edit.isVisible()
    crosses = chips.findChildren(c.IconButton)
    assert [cross.accessibleName() for cross in crosses] == ["Remove a", "Remove b", "Remove c", "Remove d"]
    crosses[1].click()
    assert chips.values() == ("a", "c", "d")
    assert chips.edit.isVisible()


@given(durations=st.lists(st.floats(0, 1e6, allow_nan=False), max_size=12), width=st.integers(0, 2000))
@settings(deadline=None)
def test_waterfall_parts_fill_the_bar_and_none_vanishes(durations, width):
    widths = c.part_widths(durations, width)
    assert len(widths) == len(durations)
    if durations:
        assert sum(widths) == width
    if len(durations) * 2 <= width:
        assert all(part >= 2 for part in widths)
        longest = max(range(len(durations)), key=durations.__getitem__, default=0)
        assert not durations or widths[longest] >= max(widths) - 1


def test_legend_adds_up_parts_of_one_name(qtbot):
    legend = shown(
        qtbot,
        c.Legend([c.Part("Network", 38, "network"), c.Part("Queue", 124, "queue"), c.Part("Network", 28, "network")]),
    )
    assert {label.text() for label in legend.findChildren(c.Label)} == {"Network", "66 ms", "Queue", "124 ms"}


def paste(area, text):
    data = QMimeData()
    data.setText(text)
    data.setHtml("<b>never</b>")
    area.insertFromMimeData(data)


def test_enter_submits_and_shift_enter_does_not(qtbot):
    area = shown(qtbot, c.TextArea(name="Message"))
    sent = []
    area.submitted.connect(lambda: sent.append(area.text()))
    qtbot.keyClicks(area, "one")
    qtbot.keyClick(area, Qt.Key.Key_Return, Qt.KeyboardModifier.ShiftModifier)
    qtbot.keyClicks(area, "two")
    assert sent == []
    qtbot.keyClick(area, Qt.Key.Key_Return)
    qtbot.keyClick(area, Qt.Key.Key_Enter, Qt.KeyboardModifier.KeypadModifier)
    assert sent == ["one\ntwo", "one\ntwo"]
    qtbot.keyClick(area, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert len(sent) == 2


def test_enter_never_submits_while_composing(qtbot):
    area = shown(qtbot, c.TextArea(name="Message"))
    sent = []
    area.submitted.connect(lambda: sent.append(1))
    QApplication.sendEvent(area, QInputMethodEvent("にほ", []))
    assert area.composing
    qtbot.keyClick(area, Qt.Key.Key_Return)
    assert sent == []
    done = QInputMethodEvent("", [])
    done.setCommitString("日本")
    QApplication.sendEvent(area, done)
    assert not area.composing
    qtbot.keyClick(area, Qt.Key.Key_Return)
    assert sent == [1]


def test_text_area_grows_from_one_to_ten_lines(qtbot):
    area = shown(qtbot, c.TextArea(name="Message"))
    heights = []
    for count in (1, 2, 10, 30):
        area.setPlainText("\n".join(["line"] * count))
        QApplication.processEvents()
        heights.append(area.height())
    assert heights == [22, 44, 220, 220]
    area.clear()
    QApplication.processEvents()
    assert area.height() == 22


def test_only_plain_text_is_pasted(qtbot):
    area = shown(qtbot, c.TextArea(name="Message"))
    paste(area, "<b>as typed</b>")
    assert area.text() == "<b>as typed</b>"


@pytest.mark.parametrize("text", ["x" * 1_000_000, ("lorem ipsum dolor " * 6 + "\n") * 18_600], ids=["word", "lines"])
def test_a_huge_paste_is_kept_whole_and_breaks_anywhere(qtbot, text):
    area = shown(qtbot, c.TextArea(name="Message"))
    paste(area, text)
    QApplication.processEvents()
    assert area.text() == text
    assert area.large
    assert area.wordWrapMode() == QTextOption.WrapMode.WrapAnywhere
    assert area.height() == 220
    area.undo()
    assert area.text() == ""
    assert not area.large
    area.redo()
    assert area.text() == text
    assert area.large
    area.setPlainText("short")
    assert not area.large
    assert area.wordWrapMode() == QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere
    assert len(text) > LARGE_CHARACTERS


ITEMS = (
    c.PopoverItem("a", "gpt-oss-120b", "131K context", section="Groq"),
    c.PopoverItem("b", "retired", "gone", section="Groq", enabled=False),
    c.PopoverItem("d", "gpt-oss-20b", "131K context", section="Groq"),
    c.PopoverItem("e", "smollm2", "this computer", section="Offline", keywords="local"),
)


def test_popover_menu_searches_and_chooses_by_keyboard(qtbot):
    menu = c.PopoverMenu(name="Models")
    qtbot.addWidget(menu)
    menu.set_items(ITEMS, "a")
    assert menu.shown_ids() == ("a", "b", "d", "e")
    assert menu.highlighted_id() == "a"
    edit = menu.search.edit
    qtbot.keyClick(edit, Qt.Key.Key_Down)
    assert menu.highlighted_id() == "d"  # over the one that cannot be chosen
    qtbot.keyClick(edit, Qt.Key.Key_PageDown)
    assert menu.highlighted_id() == "e"
    qtbot.keyClicks(edit, "131k OSS")
    assert menu.shown_ids() == ("a", "d")
    edit.clear()
    qtbot.keyClicks(edit, "local")
    assert menu.shown_ids() == ("e",)
    with qtbot.waitSignal(menu.chosen, timeout=1000) as said:
        qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert said.args == ["e"]
    edit.clear()
    qtbot.keyClicks(edit, "zzz")
    assert menu.shown_ids() == ()
    assert not menu.empty.isHidden()


# The offscreen platform says so for every popup.
@pytest.mark.qt_log_ignore("This plugin does not support grabbing the keyboard")
def test_popover_opens_by_its_anchor_and_closes_by_escape(qtbot):
    anchor = shown(qtbot, c.Button("Model"))
    menu = c.PopoverMenu(name="Models", parent=anchor)
    menu.set_items(ITEMS, "d")
    menu.open_at(anchor)
    assert menu.isVisible()
    assert menu.highlighted_id() == "d"
    with qtbot.waitSignal(menu.closed, timeout=1000):
        qtbot.keyClick(menu, Qt.Key.Key_Escape)
    assert not menu.isVisible()


def test_tabs_show_counts_and_errors(qtbot):
    tabs = shown(qtbot, c.Tabs(["Model", "Tools", "Request"], name="Inspector"))
    width = tabs.tabRect(1).width()
    tabs.set_count(1, 4)
    assert tabs.tabRect(1).width() > width
    tabs.set_error(2, True)
    assert tabs.tabToolTip(2) == "Holds an error"
    tabs.setFocus()
    qtbot.keyClick(tabs, Qt.Key.Key_Right)
    assert tabs.currentIndex() == 1


def test_nav_item_pip_says_why(qtbot):
    item = shown(qtbot, c.NavItem("nav.providers", "Providers", shortcut_text="Ctrl+5"))
    assert item.toolTip() == "Providers  Ctrl+5"
    item.set_pip("OpenAI is tested again")
    assert item.accessibleName() == "Providers, OpenAI is tested again"
    qtbot.keyClick(item, Qt.Key.Key_Space)
    assert item.isChecked()


def test_field_label_resets_and_focuses(qtbot):
    field = c.TextField(name="Top-p")
    label = c.FieldLabel("Top-p", field)
    label.set_changed("1.00")
    shown(qtbot, label)
    assert label.dot.toolTip() == "Changed from 1.00. Click to reset."
    with qtbot.waitSignal(label.reset_requested, timeout=1000):
        label.dot.click()
    label.set_changed(None)
    assert label.dot.isHidden()
    field.deleteLater()


def test_toggle_and_checkbox_answer_space(qtbot):
    for control in (c.Toggle("Tools"), c.Checkbox("Tools"), c.Radio("Tools")):
        shown(qtbot, control)
        qtbot.keyClick(control, Qt.Key.Key_Space)
        assert control.isChecked()


def test_stepper_steps_by_halves(qtbot):
    spin = shown(qtbot, c.SpinField(0, 10, name="N", value=5))
    qtbot.mouseClick(spin.stepper, Qt.MouseButton.LeftButton, pos=QPoint(12, 3))
    assert spin.value() == 6
    qtbot.mouseClick(spin.stepper, Qt.MouseButton.LeftButton, pos=QPoint(12, 20))
    assert spin.value() == 5
    QApplication.sendEvent(spin.stepper, QEvent(QEvent.Type.Leave))
