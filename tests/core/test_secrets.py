"""A key cannot be shown, logged, copied or stored by accident."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.core.secrets import Secret, clean_key

KEY = "gsk_abcdefghijklmnopqrstuvwxyz0123456789"


@dataclasses.dataclass
class Holder:
    key: Secret


@pytest.mark.parametrize(
    "shown",
    [
        lambda s: repr(s),
        lambda s: str(s),
        lambda s: f"{s}",
        lambda s: f"{s!r:>40}",
        lambda s: "%s" % s,  # noqa: UP031
        lambda s: repr({"key": s}),
        lambda s: repr(Holder(s)),
        lambda s: logging.LogRecord("x", 20, "f", 1, "key %s", (s,), None).getMessage(),
        lambda s: "".join(traceback.format_exception(ValueError(s))),
    ],
)
def test_no_way_of_printing_shows_the_key(shown: object) -> None:
    text = shown(Secret(KEY))  # type: ignore[operator]
    assert KEY not in text
    assert "Secret(…)" in text


@pytest.mark.parametrize("store", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps, dataclasses.asdict, vars])
def test_no_way_of_copying_or_storing_works(store: object) -> None:
    secret = Secret(KEY)
    with pytest.raises(TypeError) as caught:
        store(Holder(secret) if store is dataclasses.asdict else secret)  # type: ignore[operator]
    assert KEY not in str(caught.value)


def test_keys_compare_by_value_only_when_asked() -> None:
    assert Secret(KEY) != Secret(KEY)
    assert Secret(KEY).same_as(Secret(KEY))
    assert not Secret(KEY).same_as(Secret(KEY + "x"))
    assert {Secret(KEY): 1}.get(Secret(KEY)) is None
    assert bool(Secret(KEY))
    assert not bool(Secret(""))


def test_the_tail_is_four_characters_of_a_long_key_only() -> None:
    assert Secret(KEY).tail == "6789"
    assert Secret("short-key-1").tail == ""


@pytest.mark.parametrize(
    "pasted", [KEY, f"  {KEY}\n", f'"{KEY}"', f"'{KEY}'", f"Bearer {KEY}", f' "bearer  {KEY}" ', f"\t{KEY}\r\n"]
)
def test_a_pasted_key_is_cleaned(pasted: str) -> None:
    assert clean_key(pasted).reveal() == KEY


@pytest.mark.parametrize(
    ("pasted", "sentence"),
    [
        ("", "holds no key"),
        ("  \n", "holds no key"),
        ('""', "holds no key"),
        ("gsk_a b", "no spaces"),
        ("gsk_a\nb", "no spaces"),
        ("gsk_ключ", "plain letters"),
        ("gsk_\x00a", "plain letters"),
        ("k" * 1001, "too long"),
    ],
)
def test_what_cannot_be_a_key_is_refused(pasted: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        clean_key(pasted)
    assert len(pasted.strip()) < 3 or pasted.strip() not in str(caught.value)


@given(st.text(max_size=60))
def test_a_clean_key_fits_into_a_header(pasted: str) -> None:
    try:
        key = clean_key(pasted).reveal()
    except ValueError:
        return
    assert key.isascii()
    assert key.isprintable()
    assert key == key.strip()
    assert key
