"""Takes keys out of text before it is logged, stored as a detail or printed."""

from __future__ import annotations

import re

from groqdesk.core.secrets import known_secrets

_PATTERNS = re.compile(r"(gsk_|sk-)[A-Za-z0-9_\-]{8,}|(Bearer\s+)[A-Za-z0-9._~+/=\-]{4,}", re.IGNORECASE)
_ORGANISATION = re.compile(r"\borg_[A-Za-z0-9]{6,}")


def redact(text: str) -> str:
    """`text` without any key that this process holds and without anything that looks like one."""
    for secret in known_secrets():
        text = secret.scrub(text)
    text = _PATTERNS.sub(lambda m: (m[1] or m[2]) + "…", text)
    return _ORGANISATION.sub("org_…", text)
