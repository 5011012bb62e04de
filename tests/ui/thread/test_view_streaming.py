"""Streaming into the thread: looks, flushes, the caret."""

from __future__ import annotations

import random

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from groqdesk.ui.theme import Theme
from groqdesk.ui.thread import ThreadView, Turn
from tests.ui.thread.steps import ANSWER, picture, point_of, settle, stream_all, whole_text


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
