"""An agent: one definition that joins instructions and a purpose under a name."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

NAME_MAX = 80
_BIDI = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
_MARKS = {"\u200e", "\u200f", "\u061c"}


@dataclass(frozen=True, slots=True)
class Agent:
    """A stored agent. `id` is UUIDv7 text, times are UTC milliseconds."""

    id: str
    name: str
    purpose: str = ""
    instructions: str = ""
    created_ms: int = 0
    updated_ms: int = 0


def clean_name(name: str) -> str:
    """The name in NFC without outer spaces. ValueError with a sentence if it cannot be an agent's name."""
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= NAME_MAX:
        raise ValueError(f"A name has 1 to {NAME_MAX} characters.")
    for character in name:
        if character in "/\\:":
            raise ValueError(f"A name cannot contain {character}")
        if (
            unicodedata.category(character)[0] == "C"
            or unicodedata.category(character) in {"Zl", "Zp"}
            or unicodedata.bidirectional(character) in _BIDI
            or character in _MARKS
        ):
            raise ValueError("A name cannot contain control characters.")
    return name


def same_name(a: str, b: str) -> bool:
    """Whether two names are the same agent's: names are unique without regard to case."""
    return unicodedata.normalize("NFC", a).casefold() == unicodedata.normalize("NFC", b).casefold()
