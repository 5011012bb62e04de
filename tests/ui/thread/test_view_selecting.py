"""Selecting, copying and links in the thread."""

from __future__ import annotations

import re

from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QHelpEvent, QKeySequence, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from groqdesk.ui.thread import ThreadView, Turn
from tests.ui.thread.steps import ANSWER, picture, point_of, settle, whole_text


def test_select_all_copies_the_message_as_plain_text(view: ThreadView) -> None:
    view.set_turns([Turn("q", "user", "Hi"), Turn("a", "assistant", ANSWER)])
    view.setFocus()
    QTest.keySequence(view, QKeySequence(QKeySequence.StandardKey.SelectAll))
    QTest.keySequence(view, QKeySequence(QKeySequence.StandardKey.Copy))
    assert QGuiApplication.clipboard().text() == (
        "Title\n\nSome bold text with code and a link.\n\n1. one\n2. two\n  ◦ nested\n\nName\tValue\na\t1.5\nb\t2.5\n\n"
        'def take(n: int = 1) -> str:\n    return f"{n}"\n\nquoted\n\nLast words.'
    )


def test_copy_message_gives_the_markdown_as_it_came(view: ThreadView) -> None:
    view.set_turns([Turn("a", "assistant", ANSWER)])
    view.copy_message("a")
    assert QGuiApplication.clipboard().text() == ANSWER


def test_a_drag_selects_across_blocks_of_one_message(view: ThreadView) -> None:
    view.set_turns([Turn("a", "assistant", "First block here.\n\nSecond block there.\n\nThird.")])
    settle(view)
    start, end = point_of(view, "a", "block"), point_of(view, "a", "there")
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=start)
    QTest.mouseMove(view.viewport(), end)
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=end)
    chosen = view.selected_text()
    assert re.fullmatch(r"(lock|ock|ck) here\.\n\nSecond block (t|th|the)", chosen)


def test_the_selection_is_drawn(view: ThreadView) -> None:
    view.set_turns([Turn("a", "assistant", ANSWER)])
    before = picture(view)
    view.select_message("a")
    assert picture(view) != before
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert picture(view) == before


def test_double_click_selects_a_word_and_a_third_the_block(view: ThreadView) -> None:
    view.set_turns([Turn("a", "assistant", "First block here.\n\nSecond.")])
    settle(view)
    spot = point_of(view, "a", "block")
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    QTest.mouseDClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert view.selected_text() == "block"
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert view.selected_text() == "First block here."


def test_a_part_of_code_is_copied_without_anything_added(view: ThreadView) -> None:
    code = "\n".join(f"line {i}" for i in range(150))
    view.set_turns([Turn("a", "assistant", f"```text\n{code}\n```\n")])
    settle(view)
    assert whole_text(view, "a") == code
    chosen = view._pointer.selection
    assert chosen is not None
    chosen.anchor, chosen.cursor = (0, len("line 0\nli")), (2, len("line 120\nline"))
    assert view.selected_text() == code[len("line 0\nli") : code.index("line 121") + 4]


def test_the_copy_button_copies_the_code_and_says_so(view: ThreadView, qtbot: QtBot) -> None:
    view.set_turns([Turn("a", "assistant", "```python\nx = 1\n\ny = 2\n```\n")])
    settle(view)
    block = (view._layout.items[0].blocks or [])[0]
    button = view._layout.painter.copy_rect(block, view._layout.column_width)
    assert button is not None
    assert min(button.width(), button.height()) >= 24
    spot = button.center().toPoint() + QPoint(view._layout.column_left, round(view._layout.tops[0]))
    before = picture(view)
    with qtbot.waitSignal(view.copied):
        QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert QGuiApplication.clipboard().text() == "x = 1\n\ny = 2"
    assert view._copied_timer.interval() == 2_000
    assert picture(view) != before
    view._copied_timer.timeout.emit()
    QTest.mouseMove(view.viewport(), QPoint(5, 5))
    assert view._copied is None


def test_a_click_on_a_link_asks_and_a_drag_does_not(view: ThreadView) -> None:
    view.set_turns([Turn("a", "assistant", ANSWER)])
    view.verticalScrollBar().setValue(0)
    settle(view)
    heard: list[QUrl] = []
    view.link_activated.connect(heard.append)
    spot = point_of(view, "a", "a link")
    QTest.mouseMove(view.viewport(), spot)
    assert view.viewport().cursor().shape() == Qt.CursorShape.PointingHandCursor
    assert view._pointer.tooltip() == "<span>https://example.com/page</span>"
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert heard == [QUrl("https://example.com/page")]
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    QTest.mouseMove(view.viewport(), spot + QPoint(0, 60))
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=spot + QPoint(0, 60))
    assert len(heard) == 1


def test_the_tooltip_never_holds_markup_from_the_answer(view: ThreadView) -> None:
    view.set_turns([Turn("a", "assistant", "[word](https://e.com/?a=1&b=<b>)")])
    settle(view)
    spot = point_of(view, "a", "word")
    QTest.mouseMove(view.viewport(), spot)
    assert "<b>" not in view._pointer.tooltip()
    assert "&amp;" in view._pointer.tooltip()
    event = QHelpEvent(QEvent.Type.ToolTip, spot, view.viewport().mapToGlobal(spot))
    assert QApplication.sendEvent(view.viewport(), event)


def test_a_link_is_underlined_while_hovered(view: ThreadView) -> None:
    view.set_turns([Turn("a", "assistant", "[word](https://e.com/)")])
    QTest.mouseMove(view.viewport(), QPoint(5, 500))
    before = picture(view)
    QTest.mouseMove(view.viewport(), point_of(view, "a", "word"))
    assert picture(view) != before
    QTest.mouseMove(view.viewport(), QPoint(5, 500))
    assert picture(view) == before


def test_the_menu_offers_what_is_there(view: ThreadView) -> None:
    view.set_turns([Turn("a", "assistant", "| a | b |\n|---|--:|\n| =x | 1 |\n\nText.")])
    settle(view)
    menu = view.make_menu(point_of(view, "a", "=x"))
    assert menu is not None
    names = {action.text(): action for action in menu.actions()}
    assert {"Copy", "Copy message", "Copy table as Markdown", "Copy table as CSV"} <= names.keys()
    assert not names["Copy"].isEnabled()
    names["Copy table as CSV"].trigger()
    assert QGuiApplication.clipboard().text() == "a,b\n'=x,1\n"
    names["Copy table as Markdown"].trigger()
    assert QGuiApplication.clipboard().text() == "| a | b |\n| --- | --: |\n| =x | 1 |\n"
    menu.close()


def test_wide_code_scrolls_sideways_by_wheel_and_thumb(view: ThreadView) -> None:
    view.set_turns([Turn("a", "assistant", "```\n" + "x" * 300 + "\n```\n")])
    settle(view)
    block = (view._layout.items[0].blocks or [])[0]
    assert block.code is not None
    spot = QPointF(200, view._layout.tops[0] + 50)
    wheel = QWheelEvent(
        spot,
        view.viewport().mapToGlobal(spot),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.ShiftModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(view.viewport(), wheel)
    assert block.code.scroll_px == 60
    lane = view._layout.painter.bar_rect(block, view._layout.column_width)
    thumb = view._layout.painter.thumb_rect(block, view._layout.column_width)
    assert lane is not None
    assert thumb is not None
    hold = thumb.center().toPoint() + QPoint(view._layout.column_left, round(view._layout.tops[0]))
    QTest.mousePress(view.viewport(), Qt.MouseButton.LeftButton, pos=hold)
    QTest.mouseMove(view.viewport(), hold + QPoint(5_000, 0))
    QTest.mouseRelease(view.viewport(), Qt.MouseButton.LeftButton, pos=hold)
    assert block.code.scroll_px == view._layout.painter.max_scroll(block, view._layout.column_width)
    assert view.selected_text() == ""


LINKS = (
    "See [one](https://e.com/1), [**two** words](https://e.com/2) and [no](javascript:x).\n\n- [three](https://e.com/3)"
)


def test_tab_goes_through_the_links_in_view_and_enter_opens_them(view: ThreadView) -> None:
    view.set_turns([Turn("q", "user", "Hi"), Turn("a", "assistant", LINKS)])
    settle(view)
    heard: list[str] = []
    view.link_activated.connect(lambda url: heard.append(url.toString()))
    view.setFocus()
    QTest.keyClick(view, Qt.Key.Key_Return)
    before = picture(view)
    for _ in range(3):
        QTest.keyClick(view, Qt.Key.Key_Tab)
        QTest.keyClick(view, Qt.Key.Key_Return)
    assert heard == ["https://e.com/1", "https://e.com/2", "https://e.com/3"]
    assert view.accessibleDescription() == "Link three, https://e.com/3"
    assert picture(view) != before
    QTest.keyClick(view, Qt.Key.Key_Backtab)
    assert view.accessibleDescription() == "Link two words, https://e.com/2"
    QTest.keyClick(view, Qt.Key.Key_Tab)
    assert not view.focusNextPrevChild(True)  # past the last one the focus goes on
    assert picture(view) == before


def test_tab_passes_links_that_are_out_of_view(view: ThreadView) -> None:
    view.set_turns(
        [Turn("a", "assistant", "[far](https://e.com/far)\n\n" + "line\n\n" * 80 + "[near](https://e.com/near)")]
    )
    view.setFocus()
    settle(view)
    QTest.keyClick(view, Qt.Key.Key_Tab)
    assert view.accessibleDescription() == "Link near, https://e.com/near"
    view.verticalScrollBar().setValue(0)
    settle(view)
    QTest.keyClick(view, Qt.Key.Key_Tab)
    assert view.accessibleDescription() == "Link far, https://e.com/far"
