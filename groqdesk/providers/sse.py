"""Server-sent events: bytes in, events out. Pure; no I/O.

Follows the event stream format of the HTML standard (section 9.2.6) where it matters to an API client: LF, CR and CRLF
line ends even when split over reads, a byte order mark at the start, comments, one optional space after the colon, `data`
over several lines, `event` names. `id` and `retry` are ignored: an answer is never resumed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MAX_EVENT_BYTES: Final = 1 << 20
"""An event or a line longer than this is no answer of a chat API."""

_BOM: Final = b"\xef\xbb\xbf"


class EventTooLong(ValueError):
    """A line or an event longer than `MAX_EVENT_BYTES`."""


class NamedEvent(NamedTuple):
    """An event that carries an `event:` name other than "message"."""

    name: str
    data: bytes


class EventSplitter:
    """Cuts a byte stream into events, whatever the pieces in which it arrives.

    `feed` gives the payloads that became complete: plain `bytes` for ordinary events, `NamedEvent` for those with a name.
    Memory is bounded by `MAX_EVENT_BYTES` plus one piece.
    """

    __slots__ = ("_after_cr", "_data", "_held_bytes", "_name", "_start", "_tail", "_tail_bytes")

    def __init__(self) -> None:
        self._start: bytes | None = b""  # the first bytes, until it is clear that they are no byte order mark
        self._after_cr = False
        self._tail: list[bytes] = []  # pieces of a line that has no end yet
        self._tail_bytes = 0
        self._data: list[bytes] = []  # data lines of an event that has no end yet
        self._held_bytes = 0
        self._name = b""

    @property
    def unfinished(self) -> bool:
        """Whether the stream stopped inside an event."""
        return bool(self._tail or self._data or self._name)

    def feed(self, data: bytes) -> list[bytes | NamedEvent]:
        """Takes one piece of any size. Raises `EventTooLong`."""
        if self._start is not None:
            data = self._without_bom(data)
        if self._after_cr or b"\r" in data:
            data = self._with_plain_line_ends(data)
        if b"\n" not in data:
            self._keep(data)
            return []
        if self._tail:
            self._tail.append(data)
            data = b"".join(self._tail)
            self._tail.clear()
            self._tail_bytes = 0
        events: list[bytes | NamedEvent] = []
        if self._data or self._name:
            data = self._by_lines(data, events, stop_at_event=True)
        *whole, last = data.split(b"\n\n")
        for part in whole:
            # The only shape Groq sends; everything else takes the road of the standard.
            if part.startswith(b"data: ") and b"\n" not in part and len(part) <= MAX_EVENT_BYTES:
                events.append(part[6:])
            else:
                self._by_lines(part + b"\n\n", events)
        if b"\n" in last:
            last = self._by_lines(last, events)
        self._keep(last)
        return events

    def _keep(self, data: bytes) -> None:
        if data:
            self._tail.append(data)
            self._tail_bytes += len(data)
            if self._tail_bytes + self._held_bytes > MAX_EVENT_BYTES:
                raise EventTooLong(f"an event is longer than {MAX_EVENT_BYTES} bytes")

    def _without_bom(self, data: bytes) -> bytes:
        start = (self._start or b"") + data
        if len(start) < len(_BOM) and _BOM.startswith(start):
            self._start = start
            return b""
        self._start = None
        return start.removeprefix(_BOM)

    def _with_plain_line_ends(self, data: bytes) -> bytes:
        if not data:
            return data
        if self._after_cr and data.startswith(b"\n"):
            data = data[1:]
            self._after_cr = False
            if not data:
                return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _by_lines(self, data: bytes, events: list[bytes | NamedEvent], *, stop_at_event: bool = False) -> bytes:
        """Takes whole lines; gives back what follows the last of them, or the first event with `stop_at_event`."""
        position = 0
        while (end := data.find(b"\n", position)) >= 0:
            line = data[position:end]
            position = end + 1
            if line:
                self._field(line)
                continue
            if self._data:
                payload = b"\n".join(self._data)
                plain = self._name in (b"", b"message")
                events.append(payload if plain else NamedEvent(self._name.decode("utf-8", "replace"), payload))
                self._data.clear()
                self._held_bytes = 0
            self._name = b""
            if stop_at_event:
                break
        return data[position:]

    def _field(self, line: bytes) -> None:
        if len(line) + self._held_bytes > MAX_EVENT_BYTES:
            raise EventTooLong(f"an event is longer than {MAX_EVENT_BYTES} bytes")
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value.removeprefix(b" "))
            self._held_bytes += len(value) + 1
        elif name == b"event":
            self._name = value.removeprefix(b" ")
