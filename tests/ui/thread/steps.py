"""What tests of the thread have in common: an answer with everything in it, streaming it, finding words, pictures."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QPointF
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from groqdesk.ui.thread import ThreadView, Turn

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
