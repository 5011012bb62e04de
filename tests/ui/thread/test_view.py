"""The thread as a user meets it: streaming, scrolling, selecting, copying, links, widgets, and the work it does."""

from __future__ import annotations

import random
import re

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QGuiApplication, QHelpEvent, QImage, QKeySequence, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget
from pytestqt.qtbot import QtBot

from groqdesk.ui.theme import Theme
from groqdesk.ui.thread import ThreadView, Turn
from groqdesk.ui.thread.inline import InertDocument
from groqdesk.ui.thread.layout import MAX_DOCUMENTS

ANSWER = """# Title

Some **bold** text with `code` and [a link](https://example.com/page).

1. one
2. two
   - nested

| Name | Value |
|---|--:|
| a | 1.5 |
| b | 2.5 |

```python
def take(n: int = 1) -> str:
    return f"{n}"
```

> quoted

Last words.
"""


def settle(view: ThreadView) -> None:
    QApplication.processEvents()
    assert view.viewport() is not None


def conversation(count: int, answer: str = ANSWER) -> list[Turn]:
    return [
        Turn(f"m{i}", "user", f"Question {i}\nsecond line") if i % 2 == 0 else Turn(f"m{i}", "assistant", answer)
        for i in range(count)
    ]


def stream_all(view: ThreadView, text: str, sizes: list[int], turn_id: str = "live") -> None:
    view.begin_stream(Turn(turn_id, "assistant", ""))
    at = i = 0
    while at < len(text):
        view.feed(turn_id, text[at : at + sizes[i % len(sizes)]])
        at += sizes[i % len(sizes)]
        i += 1
        view.flush()
    view.end_stream(turn_id)


def whole_text(view: ThreadView, turn_id: str) -> str:
    view.select_message(turn_id)
    return view.selected_text()


def picture(view: ThreadView) -> QImage:
    settle(view)
    return view.viewport().grab().toImage()


def point_of(view: ThreadView, turn_id: str, word: str) -> QPoint:
    """The middle of a word of a visible turn, in viewport coordinates."""
    index = view._ids[turn_id]
    item = view._layout.items[index]
    for i, block in enumerate(item.blocks or []):
        if block.document is None:
            continue
        found = block.document.document.find(word)
        if found.isNull():
            continue
        text = found.block()
        line = text.layout().lineForTextPosition(found.selectionStart() - text.position())
        x = (
            line.cursorToX(found.selectionStart() - text.position())[0]
            + line.cursorToX(found.selectionEnd() - text.position())[0]
        ) / 2
        rect = block.document.document.documentLayout().blockBoundingRect(text)
        at = view._layout.painter.text_offset(block) + QPointF(x + rect.x(), rect.y() + line.y() + line.height() / 2)
        y = view._layout.tops[index] + item.tops[i] - view.verticalScrollBar().value()
        return QPoint(round(at.x() + view._layout.text_left(item)), round(at.y() + y))
    raise AssertionError(word)


# -- streaming ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(25))
def test_a_streamed_answer_reads_and_looks_like_the_whole_one(view: ThreadView, seed: int) -> None:
    rng = random.Random(seed)
    parts = ANSWER.split("\n\n")
    rng.shuffle(parts)
    text = "\n\n".join(parts) + "\n"
    stream_all(view, text, [rng.randint(1, rng.choice((4, 60, 200))) for _ in range(20)])
    while view.pending_lexes:
        QApplication.processEvents()
    streamed, seen = whole_text(view, "live"), None
    view.select_message("live")
    QTest.keyClick(view, Qt.Key.Key_Escape)
    seen = picture(view)
    view.set_turns([Turn("live", "assistant", text)])
    assert whole_text(view, "live") == streamed
    QTest.keyClick(view, Qt.Key.Key_Escape)
    assert picture(view) == seen


def test_a_flush_repaints_only_from_the_first_change_down(view: ThreadView) -> None:
    view.set_turns([Turn("q", "user", "Hi")])
    view.begin_stream(Turn("live", "assistant", ""))
    view.feed("live", "First paragraph.\n\nSecond paragraph.\n\nThird begins")
    view.flush()
    settle(view)
    before = view.counters.paints, view.counters.painted_px
    view.feed("live", " and goes on")
    view.flush()
    settle(view)
    assert view.counters.paints == before[0] + 1
    assert view.counters.painted_px - before[1] < view.viewport().height() - 100


def test_a_flush_costs_the_same_work_in_a_long_answer(view: ThreadView) -> None:
    view.begin_stream(Turn("live", "assistant", ""))
    work: list[int] = []
    for _ in range(300):
        before = view.counters.blocks_rebuilt
        view.feed("live", "A paragraph of the answer with a few words.\n\n- item\n- item\n\n")
        view.flush()
        work.append(view.counters.blocks_rebuilt - before)
    assert max(work[200:]) <= max(work[:50])
    assert max(work) <= 5


def test_a_growing_fence_builds_no_document_twice(view: ThreadView) -> None:
    view.resize(720, 2_500)
    view.begin_stream(Turn("live", "assistant", ""))
    view.feed("live", "```python\n")
    view.flush()
    before = view.counters.blocks_rebuilt
    for i in range(110):
        view.feed("live", f"x = {i}\n")
        view.flush()
    assert view.counters.blocks_rebuilt == before + 1


def test_the_flush_timer_shows_text_without_help_and_keeps_its_bounds(view: ThreadView, qtbot: QtBot) -> None:
    view.begin_stream(Turn("live", "assistant", ""))
    view.feed("live", "Hello")
    assert view._flush_timer.interval() == 33
    qtbot.waitUntil(lambda: "Hello" in whole_text(view, "live"))
    view._cost_ms = 20
    view.feed("live", " you")
    assert view._flush_timer.interval() == 80
    view.flush()
    view._cost_ms = 1_000
    view.feed("live", "!")
    assert view._flush_timer.interval() == 250


def test_text_and_state_come_back_as_values(view: ThreadView) -> None:
    view.append_turn(Turn("q", "user", "Hi"))
    view.begin_stream(Turn("live", "assistant", "", reasoning="so "))
    heard: list[str] = []
    view.reasoning_changed.connect(heard.append)
    view.feed_reasoning("live", "it is")
    view.feed("live", "It ")
    view.flush()
    view.feed("live", "is")
    assert view.turn("live") == Turn("live", "assistant", "It is", "so it is", "streaming")
    view.end_stream("live", "interrupted")
    assert view.turns()[1] == Turn("live", "assistant", "It is", "so it is", "interrupted")
    assert heard == ["live"]
    with pytest.raises(ValueError, match="not streaming"):
        view.feed("live", "x")
    with pytest.raises(KeyError):
        view.feed("nobody", "x")


def test_a_late_link_definition_makes_the_link(view: ThreadView) -> None:
    stream_all(view, "See [the page].\n\nMore.\n\nEven more.\n\n[the page]: https://example.com/late\n", [9])
    settle(view)
    spot = point_of(view, "live", "page")
    heard: list[QUrl] = []
    view.link_activated.connect(heard.append)
    QTest.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=spot)
    assert heard == [QUrl("https://example.com/late")]


def test_a_long_paragraph_streams_in_short_documents_and_ends_whole(view: ThreadView) -> None:
    text = "several words of one paragraph " * 400
    view.begin_stream(Turn("live", "assistant", ""))
    longest = 0
    for at in range(0, len(text), 132):
        view.feed("live", text[at : at + 132])
        view.flush()
        blocks = view._layout.items[-1].blocks or []
        if len(view.turn("live").text) > 4_000:
            longest = max(longest, *(b.document.document.characterCount() for b in blocks if b.document is not None))
    assert longest < 3_400
    assert whole_text(view, "live").split() == text.split()
    view.end_stream("live")
    assert [block.kind for block in view._layout.items[-1].blocks or []] == ["flow"]


def test_the_caret_follows_the_last_character_and_goes(view: ThreadView) -> None:
    view.begin_stream(Turn("live", "assistant", ""))
    view.feed("live", "Hello")
    view.flush()
    first = view._caret_rect()
    view.feed("live", " world")
    view.flush()
    assert view._caret_rect().x() > first.x()
    assert (first.width(), first.height()) == (2, 18)
    color = picture(view).pixelColor(view._caret_rect().center())
    assert color == Theme("dark").color("accent.base")
    view.end_stream("live")
    assert view._caret_rect().isNull()


def test_the_caret_blinks_unless_motion_is_reduced(view: ThreadView) -> None:
    view.begin_stream(Turn("live", "assistant", "x"))
    assert not view._blink_timer.isActive()
    view.set_palette(Theme("dark"))
    assert view._blink_timer.isActive()
    assert view._blink_timer.interval() == 530
    view.end_stream("live")
    assert not view._blink_timer.isActive()


# -- opening and memory -------------------------------------------------------------------------------------------------


def test_opening_500_messages_parses_only_those_in_view(view: ThreadView) -> None:
    view.set_turns(conversation(500))
    settle(view)
    assert view.counters.turns_parsed <= 6
    assert view.counters.chars_parsed <= 6 * len(ANSWER)
    assert view.at_end


def test_documents_are_bounded_while_all_is_read(view: ThreadView) -> None:
    view.set_turns(conversation(300))
    view.verticalScrollBar().setValue(0)
    while view.verticalScrollBar().value() < view.verticalScrollBar().maximum():
        view.verticalScrollBar().setValue(view.verticalScrollBar().value() + 500)
    alive = [b for item in view._layout.items for b in item.blocks or [] if b.document is not None]
    assert view.counters.documents_peak <= MAX_DOCUMENTS + 1
    assert len(alive) <= MAX_DOCUMENTS
    assert view.counters.blocks_rebuilt > MAX_DOCUMENTS


@pytest.mark.parametrize(
    "text",
    [
        "x" * 1_000_000,
        "several words " * 150_000,
        "# " + "x" * 1_000_000,
        "```\n" + "x" * 1_000_000 + "\n```",
        "- " + "word " * 200_000,
        "| a |\n|---|\n| " + "x" * 1_000_000 + " |",
        "[" * 50_000,
        ">" * 5_000,
        "".join("  " * i + "- x\n" for i in range(1_000)),
        "![a](file:///etc/passwd)\n\n" * 2_000,
        "<img src=file:///etc/passwd>\n\n" * 2_000,
    ],
    ids=[
        "word",
        "2 MB paragraph",
        "heading",
        "code line",
        "item",
        "cell",
        "brackets",
        "quotes",
        "nested",
        "images",
        "html",
    ],
)
def test_hostile_text_costs_what_is_visible(view: ThreadView, text: str) -> None:
    InertDocument.requests = 0
    view.set_turns([Turn("q", "user", "Hi"), Turn("a", "assistant", text)])
    settle(view)
    assert view.counters.blocks_rebuilt <= 60
    assert view.counters.chars_inline <= 70_000
    assert view.counters.chars_parsed <= 130_000 or len(text) == view.counters.chars_parsed
    sizes = [b.document.document.characterCount() for i in view._layout.items for b in i.blocks or [] if b.document]
    assert max(sizes) <= 64_000
    assert InertDocument.requests == 0


def test_hostile_user_text_is_bounded_too(view: ThreadView) -> None:
    view.set_turns([Turn("q", "user", "x" * 1_000_000)])
    settle(view)
    assert view.counters.blocks_rebuilt <= 4
    assert whole_text(view, "q") == "x" * 1_000_000


def test_user_text_is_shown_as_typed(view: ThreadView) -> None:
    view.set_turns([Turn("q", "user", "# not a head\n**not bold** [x](https://e.com)\n  kept")])
    assert whole_text(view, "q") == "# not a head\n**not bold** [x](https://e.com)\n  kept"
    block = (view._layout.items[0].blocks or [])[0]
    assert block.kind == "plain"


# -- scrolling ----------------------------------------------------------------------------------------------------------


def test_the_view_follows_the_end_only_from_near_it(view: ThreadView) -> None:
    view.set_turns(conversation(20))
    bar = view.verticalScrollBar()
    heard: list[bool] = []
    view.at_end_changed.connect(heard.append)
    view.begin_stream(Turn("live", "assistant", ""))
    view.feed("live", "line\n\n" * 30)
    view.flush()
    assert bar.value() == bar.maximum()
    assert heard == []
    bar.setValue(bar.value() - 400)
    assert heard == [False]
    stay = bar.value()
    view.feed("live", "line\n\n" * 30)
    view.flush()
    assert bar.value() == stay
    view.scroll_to_end()
    assert bar.value() == bar.maximum()
    assert heard == [False, True]


def test_a_small_step_up_is_not_pulled_back(view: ThreadView) -> None:
    view.set_turns(conversation(20))
    bar = view.verticalScrollBar()
    view.begin_stream(Turn("live", "assistant", ""))
    bar.setValue(bar.value() - 10)
    stay = bar.value()
    view.feed("live", "line\n\n" * 5)
    view.flush()
    assert bar.value() == stay


def test_scrolling_up_into_unknown_turns_moves_what_was_read_by_exactly_one_step(view: ThreadView) -> None:
    view.set_turns(conversation(100, ANSWER * 3))
    bar = view.verticalScrollBar()
    for _ in range(60):
        anchor = view._anchor()
        assert anchor is not None
        assert anchor.block is not None
        view.verticalScrollBar().setValue(bar.value() - 150)
        index = view._ids[anchor.item.id]
        blocks = anchor.item.blocks or []
        y = view._layout.tops[index] + anchor.item.tops[blocks.index(anchor.block)] - bar.value()
        assert y == pytest.approx(anchor.offset + 150, abs=1.5)


def test_a_resize_keeps_the_reading_position(view: ThreadView) -> None:
    view.set_turns(conversation(60))
    view.verticalScrollBar().setValue(view.verticalScrollBar().maximum() // 2)
    anchor = view._anchor()
    assert anchor is not None
    assert anchor.block is not None
    view.resize(500, 600)
    settle(view)
    after = view._anchor()
    assert after is not None
    assert (after.item, after.block) == (anchor.item, anchor.block)
    assert after.offset == pytest.approx(anchor.offset, abs=25)


def test_a_resize_at_the_end_stays_at_the_end(view: ThreadView) -> None:
    view.set_turns(conversation(60))
    view.resize(500, 400)
    settle(view)
    assert view.at_end
    assert view.verticalScrollBar().value() == view.verticalScrollBar().maximum()


def test_the_column_is_720_wide_at_most_and_centred(view: ThreadView) -> None:
    view.set_turns(conversation(2))
    view.resize(1_200, 600)
    settle(view)
    assert (view._layout.column_width, view._layout.column_left) == (720, 240)
    view.resize(672, 600)
    settle(view)
    assert (view._layout.column_width, view._layout.column_left) == (624, 24)


def test_a_users_card_is_88_percent_wide_at_most_and_right_aligned(view: ThreadView) -> None:
    view.set_turns([Turn("a", "user", "short"), Turn("b", "user", "many words " * 40)])
    short, wide = view._layout.items
    assert short.card_width < 100
    assert wide.card_width <= view._layout.column_width * 0.88 + 1
    right = view._layout.column_left + view._layout.column_width
    assert view._layout.text_left(short) + short.card_width - 15 == right


def test_keys_scroll(view: ThreadView) -> None:
    view.set_turns(conversation(40))
    bar = view.verticalScrollBar()
    QTest.keyClick(view, Qt.Key.Key_Home)
    assert bar.value() == 0
    QTest.keyClick(view, Qt.Key.Key_PageDown)
    page = bar.value()
    assert page == view.viewport().height() - 44
    QTest.keyClick(view, Qt.Key.Key_Up)
    assert bar.value() == page - bar.singleStep()
    QTest.keyClick(view, Qt.Key.Key_End)
    assert bar.value() == bar.maximum()


def test_scrolling_to_a_turn_brings_its_top_into_view(view: ThreadView) -> None:
    view.set_turns(conversation(100))
    view.scroll_to_turn("m40")
    top = view._layout.tops[40] - view.verticalScrollBar().value()
    assert top == pytest.approx(12, abs=1)


# -- selecting, copying, links ------------------------------------------------------------------------------------------


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
