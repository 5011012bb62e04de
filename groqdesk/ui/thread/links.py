"""Which addresses of an answer may be clicked. Everything else stays text."""

from __future__ import annotations

import unicodedata
from urllib.parse import unquote, urlsplit

from PySide6.QtCore import QUrl

_SCHEMES = frozenset({"http", "https", "mailto"})
_MAX_LENGTH = 4096


def safe_url(address: str) -> QUrl | None:
    """The address as a QUrl if it may be offered for opening, else None.

    Allowed are http, https (with a host, without user or password) and mailto. Control, format (bidi, zero-width) and
    backslash characters refuse the address: what is shown must be where it leads.
    """
    if not address or len(address) > _MAX_LENGTH or "\\" in address:
        return None
    if any(unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Co", "Cs") or char.isspace() for char in address):
        return None
    scheme, colon, rest = address.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in _SCHEMES:
        return None
    url = QUrl(address, QUrl.ParsingMode.StrictMode)
    if not url.isValid() or url.scheme().lower() != scheme:
        return None
    # The Markdown parser has percent-encoded what it found, so the decoded address is looked at too.
    if any(unicodedata.category(char) in ("Cc", "Cf") for char in unquote(address)):
        return None
    if scheme == "mailto":
        return url if "@" in rest else None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if not url.host() or "@" in parts.netloc or url.userInfo() or (parts.hostname or "").lower() == "":
        return None
    return url


def image_label(alt: str, address: str) -> str:
    """The words that stand for an image, which is never loaded: `Image: alt (host)`."""
    url = safe_url(address)
    host = url.host() if url is not None else ""
    name = " ".join(alt.split()) or "no description"
    return f"Image: {name} ({host})" if host else f"Image: {name}"
