"""Turns, palettes, widgets and speech of the thread."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from groqdesk.ui.theme import Theme
from groqdesk.ui.thread import ThreadView, Turn
from tests.ui.thread.steps import conversation, picture, settle, whole_text

# -- turns --------------------------------------------------------------------------------------------------------------


def test_turns_can_be_replaced_and_removed(view: ThreadView) -> None:
    view.set_turns(conversation(6))
    view.replace_turn(Turn("m3", "assistant", "Other words."))
    assert whole_text(view, "m3") == "Other words."
    view.remove_turns_after("m3")
    assert [turn.id for turn in view.turns()] == ["m0", "m1", "m2", "m3"]
    with pytest.raises(KeyError):
        view.turn("m4")
    view.append_turn(Turn("m4", "user", "again"))
    with pytest.raises(ValueError, match="already shown"):
        view.append_turn(Turn("m4", "user", "twice"))
    assert view.turn("m4").text == "again"


def test_removing_a_streaming_turn_ends_its_work(view: ThreadView) -> None:
    view.append_turn(Turn("q", "user", "Hi"))
    view.begin_stream(Turn("live", "assistant", ""))
    view.feed("live", "text")
    view.remove_turns_after("q")
    view.flush()
    settle(view)
    assert view._caret_rect().isNull()


def test_an_empty_conversation_paints_and_takes_keys(view: ThreadView) -> None:
    view.set_turns([])
    settle(view)
    QTest.keySequence(view, QKeySequence(QKeySequence.StandardKey.SelectAll))
    QTest.keySequence(view, QKeySequence(QKeySequence.StandardKey.Copy))
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    assert view.selected_text() == ""
    assert view.make_menu(QPoint(50, 50)) is None


def test_a_new_palette_recolours_at_once_and_keeps_the_place(view: ThreadView) -> None:
    view.set_turns(conversation(30))
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    anchor = view._anchor()
    dark = picture(view)
    view.set_palette(Theme("light", reduced_motion=True))
    light = picture(view)
    assert light.pixelColor(3, 3) == Theme("light").color("bg.base")
    assert dark.pixelColor(3, 3) == Theme("dark").color("bg.base")
    after = view._anchor()
    assert anchor is not None
    assert after is not None
    assert after.block is anchor.block


def test_a_larger_text_size_enlarges_lines(view: ThreadView) -> None:
    view.set_turns([Turn("a", "assistant", "One line.")])
    before = view._layout.items[0].height
    view.set_palette(Theme("dark", scale=1.5))
    assert view._layout.items[0].height == before * 1.5


# -- widgets ------------------------------------------------------------------------------------------------------------


def label(text: str, height: int) -> QLabel:
    made = QLabel(text)
    made.setFixedHeight(height)
    return made


def test_a_header_and_a_footer_take_their_room_and_place(view: ThreadView) -> None:
    view.set_turns([Turn("q", "user", "Hi"), Turn("a", "assistant", "One line.")])
    bare = view._layout.items[1].height
    header, footer = label("thought", 20), label("metrics", 28)
    view.set_header("a", header)
    view.set_footer("a", footer)
    assert view._layout.items[1].height == bare + 20 + 12 + 6 + 28
    top = round(view._layout.tops[1])
    assert header.geometry().getRect() == (view._layout.column_left, top, view._layout.column_width, 20)
    assert footer.geometry().top() == top + view._layout.items[1].height - 28
    assert header.isVisible()
    footer.setFixedHeight(90)
    settle(view)
    assert view._layout.items[1].height == bare + 20 + 12 + 6 + 90
    view.set_footer("a", None)
    assert view._layout.items[1].height == bare + 20 + 12
    assert view.widgets_alive == 1


def test_widgets_move_with_the_text_and_hide_out_of_view(view: ThreadView) -> None:
    view.set_turns(conversation(40))
    footer = label("metrics", 28)
    view.set_footer("m39", footer)
    assert footer.isVisible()
    y = footer.y()
    view.verticalScrollBar().setValue(view.verticalScrollBar().value() - 50)
    assert footer.y() == y + 50
    view.verticalScrollBar().setValue(0)
    assert footer.isHidden()
    view.scroll_to_end()
    assert footer.isVisible()


def test_500_footers_are_made_only_when_seen_and_deleted_again(view: ThreadView, qtbot: QtBot) -> None:
    made: list[str] = []

    def make(turn_id: str) -> QWidget | None:
        made.append(turn_id)
        return label(turn_id, 28) if int(turn_id[1:]) % 2 else None

    view.set_footer_factory(make, lambda turn_id: 28 if int(turn_id[1:]) % 2 else 0)
    view.set_turns(conversation(500))
    settle(view)
    assert len(made) <= 8
    bar = view.verticalScrollBar()
    bar.setValue(0)
    most = 0
    for _ in range(80):
        bar.setValue(bar.value() + 400)
        most = max(most, view.widgets_alive)
    assert most <= 30
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert len(view.viewport().findChildren(QLabel)) <= 30
    assert made.count("m1") == 1
    bar.setValue(0)
    assert made.count("m1") == 2


def test_a_changed_kind_of_footer_is_asked_for_again(view: ThreadView) -> None:
    heights = {"a": 28}
    view.set_footer_factory(lambda turn_id: label("f", heights[turn_id]), lambda turn_id: heights[turn_id])
    view.set_turns([Turn("a", "assistant", "One line.")])
    before = view._layout.items[0].height
    heights["a"] = 100
    view.refresh_widgets("a")
    assert view._layout.items[0].height == before + 72
    assert view.widgets_alive == 1


# -- accessibility ------------------------------------------------------------------------------------------------------


def test_what_is_in_view_can_be_read_aloud(view: ThreadView) -> None:
    view.set_turns([Turn("q", "user", "Hi there"), Turn("a", "assistant", "One **line**.")])
    settle(view)
    assert view.accessibleName() == "Conversation"
    assert view.accessible_text() == "You: Hi there\n\nAnswer: One line."


def test_streaming_is_announced_by_whole_sentences(view: ThreadView) -> None:
    heard: list[str] = []
    view.announcer.announced.connect(heard.append)
    view.begin_stream(Turn("live", "assistant", ""))
    for part in ("The first ", "sentence. The sec", "ond"):
        view.feed("live", part)
        view.flush()
    assert view.announcer._timer.interval() == 1_000
    assert heard == []
    view.announcer._timer.timeout.emit()
    assert heard == ["The first sentence."]
    view.end_stream("live")
    view.announcer._timer.timeout.emit()
    assert heard == ["The first sentence.", "The second"]
    assert view.accessibleDescription() == "The second"
