"""Secret: an API key that cannot be shown, logged, copied or stored by accident."""

from __future__ import annotations

import weakref
from typing import Any, NoReturn


class Secret:
    """Wraps a key. Only `reveal()` gives it out; a test allows that call in the transport and in the keyring store."""

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        _alive.add(self)

    def reveal(self) -> str:
        return self._value

    @property
    def tail(self) -> str:
        """The last four characters, for people; empty for keys too short to show any part of."""
        return self._value[-4:] if len(self._value) >= 12 else ""

    def scrub(self, text: str) -> str:
        """`text` with this key replaced, for logs and details."""
        return text.replace(self._value, "[key]") if len(self._value) >= 8 else text

    def same_as(self, other: Secret) -> bool:
        return self._value == other._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def _refuse(self, *_: Any) -> NoReturn:
        raise TypeError("a secret is not copied or stored")

    __copy__ = __deepcopy__ = __reduce__ = __getstate__ = _refuse

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret is not copied or stored")


_alive: weakref.WeakSet[Secret] = weakref.WeakSet()


def known_secrets() -> tuple[Secret, ...]:
    """Every secret that this process holds now."""
    return tuple(_alive)


def clean_key(text: str) -> Secret:
    """A pasted key without the spaces, line breaks and quotes that copying brings along.

    ValueError with a sentence if nothing that could be a key is left.
    """
    key = text.strip().strip("\"'").strip()
    if key.lower().startswith("bearer "):
        key = key[7:].strip()
    if not key:
        raise ValueError("The field holds no key.")
    if any(character.isspace() for character in key):
        raise ValueError("A key has no spaces or line breaks inside.")
    if not key.isascii() or not key.isprintable():
        raise ValueError("A key has plain letters, digits and signs only.")
    if len(key) > 1000:
        raise ValueError("That is too long for a key.")
    return Secret(key)
