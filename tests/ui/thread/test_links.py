"""Only plain web and mail addresses may be clicked."""

from __future__ import annotations

import pytest

from groqdesk.ui.thread.links import image_label, safe_url


@pytest.mark.parametrize(
    "address",
    ["https://example.com/a?b=c#d", "http://127.0.0.1:8765/", "mailto:someone@example.com", "HTTPS://EXAMPLE.com"],
)
def test_web_and_mail_are_allowed(address: str) -> None:
    assert safe_url(address) is not None


@pytest.mark.parametrize(
    "address",
    [
        "",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "file:///etc/passwd",
        "data:text/html,x",
        "groqdesk://run",
        "ftp://example.com/",
        "//example.com/x",
        "\\\\host\\share",
        "https:\\\\example.com",
        "https://user:secret@example.com/",
        "https://example.com@evil.example/",
        "https:///path",
        "https://exa mple.com",
        "https://example.com/\u202egpj.exe",
        "https://example.com/%E2%80%AEgpj.exe",
        "https://example.com/a%0d%0ab",
        "https://exam\u200bple.com/",
        "https://example.com/\x00",
        "mailto:nobody",
        "relative/path",
        "#anchor",
        "https://example.com/" + "a" * 5_000,
    ],
)
def test_everything_else_is_text(address: str) -> None:
    assert safe_url(address) is None


def test_an_image_becomes_words() -> None:
    assert image_label("a  cat", "https://img.example.org/x.png?u=secret") == "Image: a cat (img.example.org)"
    assert image_label("", "file:///etc/passwd") == "Image: no description"
