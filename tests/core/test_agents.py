"""Agent names: one line of honest text, unique without regard to case."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.core.agents import clean_name, same_name


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("Ops analyst", "Ops analyst"),
        ("  Ops  ", "Ops"),
        ("u\u0308ber", "über"),
        ("客服", "客服"),
        ("مساعد", "مساعد"),
        ("Bot 🤖", "Bot 🤖"),
        ("a" * 80, "a" * 80),
    ],
)
def test_a_good_name(name: str, clean: str) -> None:
    assert clean_name(name) == clean


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "a" * 81,
        "a/b",
        "a\\b",
        "a:b",
        "a\nb",
        "a\x00b",
        "a\u202eb",
        "a\u2066b",
        "a\u200fb",
        "a\u2028b",
        "a\ud800",
    ],
)
def test_a_bad_name(name: str) -> None:
    with pytest.raises(ValueError, match="A name"):
        clean_name(name)


@given(st.text(max_size=100))
def test_cleaning_twice_changes_nothing(name: str) -> None:
    try:
        clean = clean_name(name)
    except ValueError:
        return
    assert clean_name(clean) == clean
    assert 1 <= len(clean) <= 80
    assert unicodedata.is_normalized("NFC", clean)
    assert not any(c in clean for c in "/\\:\n\r\t\u202e\u2066")


def test_names_are_the_same_without_regard_to_case_and_form() -> None:
    assert same_name("Größe", "GRÖSSE")
    assert same_name("u\u0308ber", "ÜBER")
    assert not same_name("Ops", "Ops 2")


@given(st.text(max_size=20))
def test_a_name_is_the_same_as_itself_in_any_form(name: str) -> None:
    assert same_name(name, unicodedata.normalize("NFD", name))
