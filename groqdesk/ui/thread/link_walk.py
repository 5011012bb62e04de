"""Links of a thread by keyboard: Tab goes from one to the next of those in view, Enter opens."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QUrl
from PySide6.QtGui import QTextDocument

from groqdesk.ui.thread.blocks import Block
from groqdesk.ui.thread.layout import ThreadLayout
from groqdesk.ui.thread.links import safe_url


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A link: its block, its first and last position there, its words and its address."""

    block: Block
    range: tuple[int, int]
    words: str
    address: str


class LinkWalk:
    """The link that the keyboard is on, if any."""

    def __init__(self, layout: ThreadLayout) -> None:
        self._layout = layout
        self.link: Link | None = None

    def step(self, top: float, bottom: float, *, forward: bool) -> bool:
        """Goes to the next link (or the one before) between two heights of the thread; False past the last one."""
        links = self._between(top, bottom)
        present = -1 if forward else len(links)
        for number, link in enumerate(links):
            if self.link is not None and link.block is self.link.block and link.range == self.link.range:
                present = number
        goal = present + (1 if forward else -1)
        self.link = links[goal] if 0 <= goal < len(links) else None
        return self.link is not None

    def range_in(self, block: Block) -> tuple[int, int] | None:
        """What to mark in a block."""
        return self.link.range if self.link is not None and self.link.block is block else None

    def url(self) -> QUrl | None:
        """Where the present link leads, if that may be opened."""
        return safe_url(self.link.address) if self.link is not None else None

    def _between(self, top: float, bottom: float) -> list[Link]:
        found: list[Link] = []
        layout = self._layout
        for index in layout.visible(top, bottom):
            item = layout.items[index]
            for at, block in zip(item.tops, item.blocks or (), strict=False):
                y = layout.tops[index] + at
                if block.document is not None and y < bottom and y + block.height > top:
                    offset = y + layout.painter.text_offset(block).y()
                    found += _links(block, block.document.document, top - offset, bottom - offset)
        return found


def _links(block: Block, document: QTextDocument, top: float, bottom: float) -> list[Link]:
    found: list[Link] = []
    paragraph = document.begin()
    while paragraph.isValid():
        rect = document.documentLayout().blockBoundingRect(paragraph)
        iterator = paragraph.begin()
        while rect.bottom() > top and rect.top() < bottom and not iterator.atEnd():
            fragment = iterator.fragment()
            start, end = fragment.position(), fragment.position() + fragment.length()
            address = fragment.charFormat().anchorHref()
            if address and found and found[-1].address == address and found[-1].range[1] == start:
                found[-1] = Link(block, (found[-1].range[0], end), found[-1].words + fragment.text(), address)
            elif address:
                found.append(Link(block, (start, end), fragment.text(), address))
            iterator += 1
        paragraph = paragraph.next()
    return found
