"""What a server's refusal means: status, headers and body become one `ProviderError` with a sentence.

The table is that of Groq's error pages and of recorded replies; the sentences are those of the design's table of words. The
server's own text is untrusted and stays on the `VendorError` that is the cause, without anything that looks like a key.
"""

from __future__ import annotations

import email.utils
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from groqdesk.core import errors
from groqdesk.core.errors import ProviderError, VendorError
from groqdesk.core.redaction import redact
from groqdesk.providers.wire import UNREADABLE

_BODY_KEPT: Final = 4000
_LONG_WAIT_S: Final = 120.0  # a wait that nobody sits through counts as used up (outcome classes, QUOTA)
_WAIT_KNOWN_S: Final = 1e9

# Compiled by `re` at the first error. All are linear, or bounded, in text that a server may have made to stall us.
_DURATION: Final = r"(\d+(?:\.\d+)?)(ms|us|µs|μs|ns|h|m|s)"
_WAIT_TEXT: Final = r"(?i)try again in ((?:\d+(?:\.\d+)?(?:ms|us|µs|μs|ns|h|m|s))+)"
_LIMIT_TEXT: Final = (
    r"\bon (?P<what>[a-z ]{0,60}?) ?(?:\((?P<short>[A-Z]{2,5})\))? ?: Limit ~?(?P<limit>\d+)"
    r"(?:, Used ~?(?P<used>\d+))?, Requested ~?(?P<requested>\d+)"
)
_CONTEXT_TEXT: Final = r"(?s)maximum context length is (\d+) tokens.{0,500}?(?:resulted in|requested) (\d+) tokens"
_UNIT_S: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ns": 1e-9}


@dataclass(frozen=True, slots=True)
class Label:
    """How a provider is called inside a sentence and at its start, and the error class of its wire."""

    inline: str
    opening: str
    vendor_error: type[VendorError] = errors.CompatibleError


@dataclass(frozen=True, slots=True)
class ErrorReply:
    """An error as the body tells it. `status` is that of the body, for errors inside a stream that began with 200."""

    message: str = ""
    type: str | None = None
    code: str | None = None
    param: str | None = None
    failed_generation: str | None = None
    status: int | None = None
    html: bool = False
    body: str = ""


def error_in(body: bytes | Mapping[str, Any]) -> ErrorReply:
    """Reads an error body of any known make. Never raises.

    Seen: `{"error": {…}}`, `{"error": "text"}` (LM Studio), int codes (llama.cpp), flat `{"object": "error", "message": …}`
    (old vLLM), `{"detail": …}`, HTML from Cloudflare, plain text, nothing.
    """
    value: Any = body
    if isinstance(body, bytes):
        try:
            value = msgspec.json.decode(body)
        except UNREADABLE:
            text = body[:_BODY_KEPT].decode("utf-8", "replace")
            return ErrorReply(message="", html=looks_like_html(body), body=redact(text))
    try:
        kept = redact(msgspec.json.encode(value)[:_BODY_KEPT].decode("utf-8", "replace"))
    except (*UNREADABLE, TypeError):
        kept = ""
    if not isinstance(value, Mapping):
        return ErrorReply(message=redact(str(value))[:_BODY_KEPT], body=kept)
    inner = value.get("error", value)
    if isinstance(inner, str):
        return ErrorReply(message=redact(inner)[:_BODY_KEPT], code=_text(value.get("code")), body=kept)
    if not isinstance(inner, Mapping):
        return ErrorReply(body=kept)
    code = inner.get("code")
    status = _status(inner.get("status_code")) or _status(inner.get("status")) or _status(code)
    message = inner.get("message") or inner.get("detail") or ""
    return ErrorReply(
        message=redact(message if isinstance(message, str) else str(message))[:_BODY_KEPT],
        type=_text(inner.get("type")),
        code=_text(code),
        param=_text(inner.get("param")),
        failed_generation=_text(inner.get("failed_generation"), limit=_BODY_KEPT),
        status=status,
        body=kept,
    )


def _text(value: Any, limit: int = 200) -> str | None:
    if value is None or value == "" or isinstance(value, (Mapping, list)):
        return None
    return redact(str(value))[:limit]


def _status(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 400 <= value <= 599 else None


_STATUS_OF_CODE: Final = {
    "tool_use_failed": 400,
    "json_validate_failed": 400,
    "context_length_exceeded": 400,
    "model_decommissioned": 400,
    "model_terms_required": 400,
    "invalid_request_error": 400,
    "invalid_api_key": 401,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "capacity_exceeded": 498,
}


def status_inside(reply: ErrorReply) -> int:
    """The status of an error that came inside a 200: its own, else that of its code, else 500."""
    if reply.status is not None:
        return reply.status
    by_code = _STATUS_OF_CODE.get(reply.code or "") or _STATUS_OF_CODE.get(reply.type or "")
    if by_code is not None:
        return by_code
    return 429 if "rate limit reached" in reply.message.lower() else 500


def looks_like_html(body: bytes) -> bool:
    start = body[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return start.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<!--", b"<?xml", b"<script"))


def duration_s(text: str) -> float | None:
    """Seconds of a Go duration: `1.57s`, `285ms`, `1m26.4s`, `1h4m48s`. None if it is none."""
    parts = re.findall(_DURATION, text)
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


def retry_after_s(headers: Mapping[str, str], now_ms: int) -> float | None:
    """The wait that the headers ask for: `retry-after-ms`, seconds, or an HTTP date against the reply's own `Date`.

    What is not a number, negative, infinite or beyond reason is None. Of several values the longest counts.
    """
    waits = [_number(part, 1e-3) for part in headers.get("retry-after-ms", "").split(",")]
    text = headers.get("retry-after", "")
    date = _http_date_ms(text)
    if date is not None:
        sent = _http_date_ms(headers.get("date", ""))
        waits.append(max(0.0, (date - (now_ms if sent is None else sent)) / 1000))
    else:
        waits += [_number(part, 1.0) for part in text.split(",")]
    good = [wait for wait in waits if wait is not None and wait <= _WAIT_KNOWN_S]
    return max(good, default=None)


def _number(text: str, unit: float) -> float | None:
    try:
        value = float(text) * unit
    except ValueError:
        return None
    return value if math.isfinite(value) and value >= 0 else None


def _http_date_ms(text: str) -> float | None:
    if not any(character.isalpha() for character in text):
        return None
    try:
        return email.utils.parsedate_to_datetime(text).timestamp() * 1000
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit that a rate limit message names. `short` is TPM, RPD, …; empty in the 2024 form without a name."""

    short: str
    limit: int
    used: int | None
    requested: int

    @property
    def daily(self) -> bool:
        return self.short.endswith("D")

    @property
    def of_requests(self) -> bool:
        return self.short.startswith("RP")

    @property
    def rate_per_s(self) -> float:
        return self.limit / (86400 if self.daily else 60)


def named_limit(message: str) -> Limit | None:
    found = re.search(_LIMIT_TEXT, message)
    if found is None:
        return None
    used = found["used"]
    short = found["short"] or ("TPM" if "per minute" in found["what"] else "TPD" if "per day" in found["what"] else "")
    return Limit(
        short, int(found["limit"][:18]), None if used is None else int(used[:18]), int(found["requested"][:18])
    )


def amount(number: int) -> str:
    """A count for people: 940, 5.1K, 33K, 1.2M."""
    if number < 1000:
        return str(max(number, 0))
    for divisor, unit in ((1_000_000, "M"), (1000, "K")):
        if number >= divisor * (1 if unit == "K" else 0.9995):
            value = number / divisor
            return f"{value:.1f}".removesuffix(".0") + unit if value < 9.95 else f"{value:.0f}{unit}"
    return str(number)


def wait_text(seconds: float) -> str:
    """A wait for people: 9 s (rounded up), 1 min 26 s, 2 h 5 min."""
    whole = max(1, math.ceil(seconds - 1e-3) if seconds <= 59 else round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(-(-whole // 60), 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{-(-whole // 86400)} days"


@dataclass(frozen=True, slots=True)
class Situation:
    """All that is known about a refused call."""

    label: Label
    provider: str
    model: str
    status: int
    reply: ErrorReply
    headers: Mapping[str, str]
    now_ms: int
    request_id: str | None = None
    replacement: Callable[[str], str | None] = lambda _model: None
    retired_on: Callable[[str], str | None] = lambda _model: None

    @property
    def wait_s(self) -> float | None:
        """The longest of retry-after, the message's wait and, without both, the reset of an empty bucket."""
        waits = [retry_after_s(self.headers, self.now_ms)]
        if found := re.search(_WAIT_TEXT, self.reply.message):
            waits.append(duration_s(found[1]))
        known = [wait for wait in waits if wait is not None and wait <= _WAIT_KNOWN_S]
        if known:
            return max(known)
        limit = named_limit(self.reply.message)
        if limit is not None and limit.used is not None and limit.limit > 0:
            wait = max(0.0, (limit.used + limit.requested - limit.limit) / limit.rate_per_s)
            return wait if limit.daily else min(wait, 60.0)
        for bucket in ("tokens", "requests"):
            if self.headers.get(f"x-ratelimit-remaining-{bucket}", "").strip() == "0":
                return duration_s(self.headers.get(f"x-ratelimit-reset-{bucket}", ""))
        return None


def error_for(case: Situation) -> ProviderError:
    """The error that the app handles, with what the server said as its `__cause__`."""
    error = _mapped(case)
    reply = case.reply
    cause = case.label.vendor_error(
        reply.message or f"HTTP {case.status}",
        status=case.status,
        code=reply.code,
        error_type=reply.type,
        param=reply.param,
        failed_generation=reply.failed_generation,
        body=reply.body,
    )
    error.provider, error.model = case.provider, case.model
    error.status, error.code, error.request_id = case.status, reply.code or reply.type, case.request_id
    wait = case.wait_s
    if wait is not None and error.retry_at_ms is None and (case.status == 429 or case.status >= 498):
        error.retry_at_ms = case.now_ms + math.ceil(wait * 1000)
    error.__cause__ = cause
    return error


def _mapped(case: Situation) -> ProviderError:
    reply, label = case.reply, case.label
    code, said = reply.code or "", reply.message
    lower = said.lower()
    if code in {"content_filter", "content_policy_violation"} or "content management policy" in lower:
        return errors.ContentBlocked(f"The content filter of {label.inline} stopped this request.")
    if code == "insufficient_quota" or case.status == 402:
        return errors.QuotaUsed(f"The credit at {label.inline} is used up.")
    if code == "model_terms_required" or "requires terms acceptance" in lower:
        what = "voice" if any(word in case.model for word in ("tts", "orpheus", "playai")) else "model's"
        return errors.TermsRequired(f"An administrator must accept the {what} terms at {label.inline} first.")
    if code in {"model_not_found", "model_decommissioned"} or "has been decommissioned" in lower:
        return _model_gone(case)
    if (
        code == "context_length_exceeded"
        or "maximum context length" in lower
        or "reduce the length of the messages" in lower
    ):
        return _too_long(said)
    if code == "tool_use_failed":
        return errors.ToolCallInvalid(tool_call_sentence(said))
    if code == "json_validate_failed":
        return errors.BadRequest("The answer did not fit the JSON format that was asked for.", action="Try again")
    match case.status:
        case 401:
            return errors.InvalidKey(f"The key for {label.inline} was refused.")
        case 403:
            return _forbidden(case)
        case 404:
            return _model_gone(case) if _names_model(case) else _nothing_there(label)
        case 413:
            return _too_large(case)
        case 429:
            return _limited(case)
        case 408:
            return errors.TimedOut(f"{label.opening} took too long to answer.")
        case 409 | 498:
            return errors.Unavailable(f"{label.opening} has no free capacity right now.")
        case 424:
            return errors.BadRequest(f"A tool server that {label.inline} called did not answer.", action="Try again")
        case status if 400 <= status < 500:
            return errors.BadRequest(_refused_sentence(case))
    if case.status == 503 and "loading" in lower:
        return errors.Unavailable("The server is still loading the model.")
    return errors.Unavailable(f"{label.opening} has a problem on its side.")


def _forbidden(case: Situation) -> ProviderError:
    lower = case.reply.message.lower()
    if "project" in lower or ("organization" in lower and "block" in lower):
        return errors.Permission(
            f"{_short(case.model)} is blocked for this project at {case.label.inline}. The key is fine.",
            action="Choose a model",
        )
    if case.reply.html or not lower or "network" in lower or "access denied" in lower:
        return errors.Permission(f"{case.label.opening} blocks this network, often a VPN. The key is fine.")
    return errors.Permission(f"{case.label.opening} does not allow this. The key is fine.")


def _names_model(case: Situation) -> bool:
    lower = case.reply.message.lower()
    return "model" in lower or bool(case.model and case.model.lower() in lower)


def _nothing_there(label: Label) -> ProviderError:
    return errors.ModelNotFound(f"{label.opening} has nothing at this address.", action="Check the address")


def _model_gone(case: Situation) -> ProviderError:
    successor = case.replacement(case.model)
    day = case.retired_on(case.model)
    retired = bool(day or successor) or case.reply.code == "model_decommissioned"
    if day:
        sentence = f"{_short(case.model)} was retired on {day}."
    elif retired:
        sentence = f"{_short(case.model)} was retired."
    else:
        sentence = f"{case.label.opening} does not offer {_short(case.model)} to this key."
    action = f"Switch to {successor.rpartition('/')[2]}" if successor else "Choose a model"
    return errors.ModelNotFound(sentence, action=action, replacement=successor)


def _too_long(said: str) -> ProviderError:
    if found := re.search(_CONTEXT_TEXT, said):
        over = int(found[2][:18]) - int(found[1][:18])
        if over > 0:
            return errors.ContextTooLong(f"The chat is {amount(over)} tokens longer than this model can read.")
    return errors.ContextTooLong("The chat is longer than this model can read.")


def _too_large(case: Situation) -> ProviderError:
    limit = named_limit(case.reply.message)
    if limit is None:
        return errors.TooLarge(f"The request is larger than {case.label.inline} takes.")
    what = "requests" if limit.of_requests else "output tokens" if limit.short.startswith("O") else "tokens"
    period = "day" if limit.daily else "minute"
    return errors.TooLarge(
        f"Too large for this plan: {amount(limit.requested)} {what}, {amount(limit.limit)} a {period} allowed. "
        "Waiting will not help."
    )


def _limited(case: Situation) -> ProviderError:
    said = case.reply.message
    limit, wait = named_limit(said), case.wait_s
    if (limit is not None and limit.requested > limit.limit) or "request too large" in said.lower():
        return _too_large(case)
    if limit is not None and limit.daily:
        unit = "requests" if limit.of_requests else "tokens"
        count = f"{limit.limit:,}" if limit.of_requests else amount(limit.limit)
        sentence = f"Today's {count} {unit} are used."
        if wait is not None:
            free = "The next one is" if limit.of_requests else "Enough are"
            sentence += f" {free} free in {wait_text(wait)}."
        return errors.QuotaUsed(sentence)
    if wait is not None and wait > _LONG_WAIT_S:
        return errors.QuotaUsed(f"The limit at {case.label.inline} is used up. More is free in {wait_text(wait)}.")
    if wait is None:
        return errors.RateLimited(f"{case.label.opening} is limiting how fast requests come.")
    parts = [f"Fits in {wait_text(wait)}."]
    if limit is not None and limit.used is not None:
        if limit.of_requests:
            parts.append(f"All {limit.limit:,} requests of this minute are used.")
        else:
            left = max(0, limit.limit - limit.used)
            parts.append(f"Needs {amount(limit.requested)} tokens, {amount(left)} are left.")
    return errors.RateLimited(" ".join(parts), action=f"Send in {wait_text(wait)}")


def tool_call_sentence(said: str) -> str:
    """A sentence for `tool_use_failed` (recorded wordings)."""
    if "did not call a tool" in said:
        return "The model called no tool, though one was required."
    if found := re.search(r"attempted to call tool ['\"]([^'\"]{1,64})['\"]", said):
        return f"The model called {_short(found[1])}, which is not among its tools."
    named = re.search(r"parameters for tool (\S{1,64}) did not match", said)
    if named is None:
        return "The model tried to call a tool, but its call cannot be read."
    tool = _short(named[1])
    if missing := re.search(r"missing properties: ((?:'[^']{1,64}'(?:, )?)+)", said):
        names = [_short(name) for name in re.findall(r"'([^']+)'", missing[1])]
        article = "an" if names[0][:1].lower() in set("aeiou") else "a"
        what = f"{article} {names[0]}" if len(names) == 1 else ", ".join(names[:-1]) + f" and {names[-1]}"
        return f"The model called {tool} without {what}."
    return f"The model called {tool} with arguments that do not fit."


def _refused_sentence(case: Situation) -> str:
    if found := re.search(r"property '([A-Za-z0-9_.]{1,64})' is unsupported", case.reply.message):
        return f"{case.label.opening} does not take {found[1]} in a request."
    if case.reply.param and re.fullmatch(r"[A-Za-z0-9_.\[\]]{1,64}", case.reply.param):
        return f"{case.label.opening} does not take this value of {case.reply.param}."
    return f"{case.label.opening} did not accept this request."


def _short(name: str) -> str:
    """A name from outside, fit for a sentence: printable, at most 64 characters."""
    shown = "".join(character for character in name if character.isprintable())
    return (shown[:63] + "…" if len(shown) > 64 else shown) or "The model"
