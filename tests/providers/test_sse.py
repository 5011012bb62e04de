from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.providers.sse import MAX_EVENT_BYTES, EventSplitter, EventTooLong, NamedEvent


def events(*pieces: bytes) -> list:
    splitter = EventSplitter()
    return [event for piece in pieces for event in splitter.feed(piece)]


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a\n\ndata: b\n\n", [b"a", b"b"]),
        (b"data:a\n\n", [b"a"]),
        (b"data:  a\n\n", [b" a"]),
        (b"data: a\ndata: b\n\n", [b"a\nb"]),
        (b"data\n\n", [b""]),
        (b": comment\n\ndata: a\n\n", [b"a"]),
        (b"data: a\n: comment\nid: 7\nretry: 10\ndata: b\n\n", [b"a\nb"]),
        (b"event: error\ndata: a\n\ndata: b\n\n", [NamedEvent("error", b"a"), b"b"]),
        (b"data: a\nevent: x\n\n", [NamedEvent("x", b"a")]),
        (b"event: message\ndata: a\n\n", [b"a"]),
        (b"event: x\n\ndata: a\n\n", [b"a"]),
        (b"data: a\n\n\n\n\ndata: b\n\n", [b"a", b"b"]),
        (b"\n\n\ndata: a\n\n", [b"a"]),
        (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
        (b"\xef\xbbdata: a\n\ndata: b\n\n", [b"b"]),
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\r\n", [b"a", b"b", b"c"]),
        (b"data: a\n\ndata: b\n", [b"a"]),
        (b"nonsense\n\ndata:\xc3\xa4\n\n", ["ä".encode()]),
        (b"data: x\nDATA: y\n data: z\n\n", [b"x"]),
        (b"data: \xff\xfe\n\n", [b"\xff\xfe"]),
    ],
)
def test_the_rules_of_the_standard(stream, expected):
    assert events(stream) == expected
    assert events(*(stream[i : i + 1] for i in range(len(stream)))) == expected


_LINE = st.sampled_from(
    [
        b"data: a",
        b"data:b",
        b'data: {"x":1}',
        b"event: error",
        b"event:",
        b": c",
        b"",
        b"",
        b"id: 1",
        b"data",
        b"\xef\xbb\xbf",
    ]
)
_END = st.sampled_from([b"\n", b"\r", b"\r\n"])


@given(st.lists(st.tuples(_LINE, _END), max_size=30), st.lists(st.integers(0, 400), max_size=12))
def test_any_split_gives_the_same_events(lines, cuts):
    stream = b"".join(line + end for line, end in lines)
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    assert events(*(stream[a:b] for a, b in pairwise(edges))) == events(stream) == reference(stream)


def reference(stream: bytes) -> list:
    """The standard's algorithm, word by word, over the whole stream at once."""
    stream = stream.removeprefix(b"\xef\xbb\xbf")
    lines = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")[:-1]
    found: list = []
    data, name = b"", b""
    for line in lines:
        if not line:
            if data:
                payload = data.removesuffix(b"\n")
                found.append(
                    payload if name in (b"", b"message") else NamedEvent(name.decode("utf-8", "replace"), payload)
                )
            data, name = b"", b""
        elif not line.startswith(b":"):
            field, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if field == b"data":
                data += value + b"\n"
            elif field == b"event":
                name = value
    return found


@given(st.binary(max_size=400), st.integers(1, 20))
def test_no_bytes_are_too_odd(stream, size):
    pieces = [stream[i : i + size] for i in range(0, len(stream), size)]
    assert events(*pieces) == reference(stream)


def fed(piece: bytes, times: int) -> None:
    splitter = EventSplitter()
    for _ in range(times):
        splitter.feed(piece)


@pytest.mark.parametrize(
    ("piece", "times"),
    [
        (b"x" * 65536, 2 * MAX_EVENT_BYTES // 65536),
        (b"data: " + b"x" * (MAX_EVENT_BYTES + 1) + b"\n\n", 1),
        (b"data: " + b"x" * 1000 + b"\n", MAX_EVENT_BYTES // 1000 + 2),
    ],
    ids=["endless line", "long line", "endless lines of one event"],
)
def test_what_never_ends_is_refused_within_bounds(piece, times):
    with pytest.raises(EventTooLong):
        fed(piece, times)


def test_a_long_event_below_the_limit_arrives():
    payload = b"x" * (MAX_EVENT_BYTES - 100)
    assert events(b"data: " + payload + b"\n\n", b"data: b\n\n") == [payload, b"b"]


def test_it_says_whether_something_is_unfinished():
    splitter = EventSplitter()
    splitter.feed(b"data: a\n\n")
    assert not splitter.unfinished
    splitter.feed(b"data: b")
    assert splitter.unfinished
    splitter.feed(b"\n")
    assert splitter.unfinished
    splitter.feed(b"\n")
    assert not splitter.unfinished
