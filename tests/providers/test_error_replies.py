"""What servers say, as kind, sentence, action and time of the next try."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.core import errors
from groqdesk.providers.error_replies import (
    ErrorReply,
    Label,
    Situation,
    amount,
    duration_s,
    error_for,
    error_in,
    looks_like_html,
    named_limit,
    retry_after_s,
    status_inside,
    tool_call_sentence,
    wait_text,
)

NOW = 1_800_000_000_000
GROQ = Label("Groq", "Groq", errors.GroqError)
UPGRADE = " Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing"
RATE = (
    "Rate limit reached for model `openai/gpt-oss-120b` in organization `org_01abcdef234` service tier `on_demand` on "
)
LARGE = "Request too large for model `M` in organization `org_01abcdef234` service tier `on_demand` on "


def answer(
    status: int, message: str = "", headers: dict | None = None, model: str = "openai/gpt-oss-120b", label=GROQ, **error
):
    body = json.dumps({"error": {"message": message, **error}}).encode()
    case = Situation(
        label=label,
        provider="groq",
        model=model,
        status=status,
        reply=error_in(body),
        headers=headers or {},
        now_ms=NOW,
        request_id="req_1",
        replacement={"llama-3.3-70b-versatile": "openai/gpt-oss-120b"}.get,
        retired_on={"llama-3.3-70b-versatile": "16 Aug 2026"}.get,
    )
    return error_for(case)


CASES = [
    # status, code, message, headers, kind, sentence, action
    (401, "invalid_api_key", "Invalid API Key", {}, "invalid_key", "The key for Groq was refused.", "Replace key"),
    (403, None, "Access denied. Please check your network settings.", {}, "permission",
     "Groq blocks this network, often a VPN. The key is fine.", "Try again"),
    (403, None, "The model X is blocked at the project level. Please have a project admin enable this model", {}, "permission",
     "openai/gpt-oss-120b is blocked for this project at Groq. The key is fine.", "Choose a model"),
    (403, None, "You may not do this.", {}, "permission", "Groq does not allow this. The key is fine.", "Try again"),
    (404, "model_not_found", "The model `M` does not exist or you do not have access to it.", {}, "not_found",
     "Groq does not offer openai/gpt-oss-120b to this key.", "Choose a model"),
    (404, None, "Unknown request URL", {}, "not_found", "Groq has nothing at this address.", "Check the address"),
    (400, "context_length_exceeded", "Please reduce the length of the messages or completion.", {}, "context_too_long",
     "The chat is longer than this model can read.", "Drop oldest turns"),
    (400, "context_length_exceeded", "This model's maximum context length is 8192 tokens. However, your messages resulted in "
     "12192 tokens.", {}, "context_too_long", "The chat is 4K tokens longer than this model can read.", "Drop oldest turns"),
    (413, "rate_limit_exceeded", LARGE + "tokens per minute (TPM): Limit 8000, Requested 32979, please reduce your message size "
     "and try again." + UPGRADE, {"retry-after": "60"}, "too_large",
     "Too large for this plan: 33K tokens, 8K a minute allowed. Waiting will not help.", "Shorten"),
    (413, "request_too_large", "Request Entity Too Large", {}, "too_large", "The request is larger than Groq takes.", "Shorten"),
    (429, "rate_limit_exceeded", RATE + "tokens per minute (TPM): Limit 8000, Used 4100, Requested 5100. Please try again in "
     "8.999999999s." + UPGRADE, {"retry-after": "9"}, "rate_limited",
     "Fits in 9 s. Needs 5.1K tokens, 3.9K are left.", "Send in 9 s"),
    (429, "rate_limit_exceeded", RATE + "requests per minute (RPM): Limit 30, Used 30, Requested 1. Please try again in 2s. Visit "
     "https://console.groq.com/docs/rate-limits for more information.", {}, "rate_limited",
     "Fits in 2 s. All 30 requests of this minute are used.", "Send in 2 s"),
    (429, "rate_limit_exceeded", RATE + "requests per day (RPD): Limit 1000, Used 1000, Requested 1. Please try again in 1m26.4s.",
     {}, "quota", "Today's 1,000 requests are used. The next one is free in 1 min 26 s.", "Use another model"),
    (429, "rate_limit_exceeded", RATE + "tokens per day (TPD): Limit 100000, Used 97050, Requested 3619. Please try again in "
     "9m38.016s." + UPGRADE, {"retry-after": "578"}, "quota",
     "Today's 100K tokens are used. Enough are free in 9 min 38 s.", "Use another model"),
    (429, "rate_limit_exceeded", LARGE + "output tokens per minute (OTPM): Limit 1000, Requested 1080. The request's expected "
     "output tokens exceed the enforced limit; reduce max_tokens (or the request's expected output) and try again.", {},
     "too_large", "Too large for this plan: 1.1K output tokens, 1K a minute allowed. Waiting will not help.", "Shorten"),
    (429, "rate_limit_exceeded", RATE + "output tokens per minute (OTPM): Limit 1000, Used 997, Requested 192.", {},
     "rate_limited", "Fits in 12 s. Needs 192 tokens, 3 are left.", "Send in 12 s"),
    (429, "rate_limit_exceeded", RATE + ": Limit 500000, Used 493000, Requested ~12903. Please try again in 708ms.", {},
     "rate_limited", "Fits in 1 s. Needs 13K tokens, 7K are left.", "Send in 1 s"),
    (429, "rate_limit_exceeded", "Rate limit reached", {"retry-after": "90"}, "rate_limited", "Fits in 1 min 30 s.",
     "Send in 1 min 30 s"),
    (429, "rate_limit_exceeded", "Rate limit reached", {"retry-after": "578"}, "quota",
     "The limit at Groq is used up. More is free in 9 min 38 s.", "Use another model"),
    (429, None, "slow down", {}, "rate_limited", "Groq is limiting how fast requests come.", "Try again"),
    (429, None, "slow down", {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "7.5s",
     "x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "1h4m48s"}, "rate_limited", "Fits in 8 s.", "Send in 8 s"),
    (429, "insufficient_quota", "You exceeded your current quota", {}, "quota", "The credit at Groq is used up.",
     "Use another model"),
    (402, None, "Payment required", {}, "quota", "The credit at Groq is used up.", "Use another model"),
    (400, "model_terms_required", "The model `M` requires terms acceptance. Please have the org admin accept the terms at x", {},
     "terms_required", "An administrator must accept the model's terms at Groq first.", "Open Groq"),
    (400, "tool_use_failed", "Tool choice is required, but model did not call a tool", {}, "tool_call_invalid",
     "The model called no tool, though one was required.", "Try again"),
    (400, "json_validate_failed", "Failed to generate JSON. Please adjust your prompt.", {}, "bad_request",
     "The answer did not fit the JSON format that was asked for.", "Try again"),
    (400, None, "property 'store' is unsupported, did you mean 'stop'?", {}, "bad_request",
     "Groq does not take store in a request.", "Show details"),
    (400, None, "'messages' must contain the word 'json' in some form", {}, "bad_request",
     "Groq did not accept this request.", "Show details"),
    (422, None, "Unprocessable", {}, "bad_request", "Groq did not accept this request.", "Show details"),
    (424, None, "mcp", {}, "bad_request", "A tool server that Groq called did not answer.", "Try again"),
    (408, None, "", {}, "timeout", "Groq took too long to answer.", "Try again"),
    (409, None, "", {}, "unavailable", "Groq has no free capacity right now.", "Try again"),
    (498, "capacity_exceeded", "", {}, "unavailable", "Groq has no free capacity right now.", "Try again"),
    (500, None, "Internal Server Error", {}, "unavailable", "Groq has a problem on its side.", "Try again"),
    (503, None, "Loading model", {}, "unavailable", "The server is still loading the model.", "Try again"),
    (520, None, "", {}, "unavailable", "Groq has a problem on its side.", "Try again"),
    (400, "content_filter", "The response was filtered", {}, "content_blocked",
     "The content filter of Groq stopped this request.", "Edit the message"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "code", "message", "headers", "kind", "sentence", "action"), CASES)
def test_the_table_of_words(status, code, message, headers, kind, sentence, action):
    error = answer(status, message, headers, **({"code": code} if code else {}))
    assert (error.kind, error.message, error.action) == (kind, sentence, action)
    assert (error.provider, error.model, error.status, error.request_id) == (
        "groq",
        "openai/gpt-oss-120b",
        status,
        "req_1",
    )
    assert error.code == code
    assert isinstance(error.__cause__, errors.GroqError)
    assert "org_01" not in str(error.__cause__) + error.__cause__.body
    words = error.message.lower()
    assert not any(word in words for word in ("oops", "please", "!", "error", "http"))


def test_a_retired_model_names_its_day_and_successor():
    for status, code in ((404, "model_not_found"), (400, "model_decommissioned")):
        error = answer(status, "The model `M` has been decommissioned", code=code, model="llama-3.3-70b-versatile")
        assert error.kind == "not_found"
        assert error.message == "llama-3.3-70b-versatile was retired on 16 Aug 2026."
        assert (error.action, error.replacement) == ("Switch to gpt-oss-120b", "openai/gpt-oss-120b")


def test_voice_terms():
    error = answer(400, "requires terms acceptance", code="model_terms_required", model="canopylabs/orpheus-v1-english")
    assert error.message == "An administrator must accept the voice terms at Groq first."


def test_other_names_of_providers():
    practice = Label("the practice server", "The practice server", errors.GroqError)
    assert answer(401, label=practice).message == "The key for the practice server was refused."
    assert answer(500, label=practice).message == "The practice server has a problem on its side."


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("parameters for tool find_order did not match schema: errors: [missing properties: 'id']",
         "The model called find_order without an id."),
        ("parameters for tool f did not match schema: errors: [missing properties: 'a', 'city', additionalProperties 'x' not allowed]",
         "The model called f without a and city."),
        ("parameters for tool f did not match schema: errors: [`/n`: expected number]",
         "The model called f with arguments that do not fit."),
        ("attempted to call tool 'browser' which was not in request.tools",
         "The model called browser, which is not among its tools."),
        ("Failed to call a function. Please adjust your prompt.", "The model tried to call a tool, but its call cannot be read."),
    ],
)  # fmt: skip
def test_sentences_for_tool_calls(said, sentence):
    assert tool_call_sentence(said) == sentence


# Bodies of any make


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b"{\"error\":\"'response_format.type' must be 'text'\"}",
            ("'response_format.type' must be 'text'", None, None),
        ),
        (b'{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}', ("Loading model", "503", 503)),
        (
            b'{"object":"error","message":"too long","type":"BadRequestError","param":null,"code":400}',
            ("too long", "400", 400),
        ),
        (b'{"detail":"Not Found"}', ("Not Found", None, None)),
        (b'{"detail":[{"msg":"x"}]}', ("[{'msg': 'x'}]", None, None)),
        (b'{"error":{"message":null,"code":null}}', ("", None, None)),
        (b'{"error":{"message":"m","code":"c","status_code":"429"}}', ("m", "c", 429)),
        (b'{"error":null}', ("", None, None)),
        (b'{"error":[1]}', ("", None, None)),
        (b'"text"', ("text", None, None)),
        (b"[]", ("[]", None, None)),
        (b"", ("", None, None)),
        (b"upstream connect error", ("", None, None)),
        (b"\xff\xfe", ("", None, None)),
    ],
)
def test_error_bodies(body, expected):
    found = error_in(body)
    assert (found.message, found.code, found.status) == expected
    assert not found.html


@given(st.one_of(st.binary(max_size=300), st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.sampled_from(["error", "message", "code", "type", "status_code", "detail", "param", "object", "failed_generation"]),
        inner, max_size=5),
    max_leaves=12,
).map(lambda value: json.dumps(value).encode())), st.integers(400, 599))  # fmt: skip
def test_no_body_is_too_odd(body, status):
    case = Situation(GROQ, "groq", "m", status, error_in(body), {}, NOW)
    error = error_for(case)
    assert error.message[0].isupper()
    assert error.message.endswith(".")
    assert error.__cause__ is not None


def test_pages_are_recognised():
    assert looks_like_html(b"\xef\xbb\xbf\n <!DOCTYPE html>")
    assert error_in(b"<html><body>blocked</body></html>").html
    assert not looks_like_html(b'{"error": "<html>"}')


def test_keys_are_taken_out_of_what_a_server_says():
    error = answer(401, "Incorrect API key provided: gsk_abcdefghijklmnop. Bearer sk-proj-1234567890abcdef")
    shown = str(error.__cause__) + error.__cause__.body + repr(error.__cause__)
    assert "abcdefgh" not in shown
    assert "1234567890" not in shown


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (ErrorReply(code="tool_use_failed", status=400), 400),
        (ErrorReply(code="rate_limit_exceeded"), 429),
        (ErrorReply(type="invalid_request_error"), 400),
        (ErrorReply(message="Rate limit reached for model"), 429),
        (ErrorReply(message="something"), 500),
        (ErrorReply(status=503), 503),
    ],
)
def test_errors_inside_a_200(reply, status):
    assert status_inside(reply) == status


def test_hostile_text_takes_no_time():
    # Quadratic or worse would not come back within the suite's timeout.
    for text in (
        "on " + " " * 3990,
        "on a" * 1000,
        "try again in " + "1m" * 1900,
        "maximum context length is 1 tokens" * 110,
    ):
        answer(429, text)
        answer(400, text, code="tool_use_failed")


# Waits


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6s", 6), ("1.57s", 1.57), ("285ms", 0.285), ("1m26.4s", 86.4), ("1h4m48s", 3888), ("0s", 0), ("10.332999999s", 10.332999999),
     ("12µs", 12e-6), ("", None), ("abc", None), ("5", None), ("1m x", None)],
)  # fmt: skip
def test_durations(text, seconds):
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))


def date(seconds: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW / 1000, UTC) + timedelta(seconds=seconds), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2),
        ({"retry-after": "2.5"}, 2.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "1"}, 1),
        ({"retry-after": "2, 90"}, 90),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "NaN"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "1e300"}, None),
        ({"retry-after": "99999999999"}, None),
        ({"retry-after": "abc"}, None),
        ({"retry-after": ""}, None),
        ({}, None),
        ({"retry-after": date(30)}, 30),
        ({"retry-after": date(-30)}, 0),
        # The server's own clock counts: ours may be a day off.
        ({"retry-after": date(86400 + 30), "date": date(86400)}, 30),
        ({"retry-after": "Wed, 99 Nov 2026 99:00:00 GMT"}, None),
    ],
)
def test_retry_after(headers, seconds):
    assert retry_after_s(headers, NOW) == (None if seconds is None else pytest.approx(seconds, abs=1))


@given(st.dictionaries(
    st.sampled_from(["retry-after", "retry-after-ms", "date", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"]),
    st.one_of(st.text(max_size=30), st.floats().map(str), st.integers().map(str)), max_size=4),
    st.text(max_size=60))  # fmt: skip
def test_no_header_is_too_odd(headers, message):
    wait = retry_after_s(headers, NOW)
    assert wait is None or (math.isfinite(wait) and 0 <= wait <= 1e9)
    error = answer(429, message, headers)
    assert error.kind in {"rate_limited", "quota", "too_large"}
    assert error.retry_at_ms is None or error.retry_at_ms >= NOW


def test_the_longest_wait_counts_and_is_never_early():
    message = RATE + "tokens per minute (TPM): Limit 6000, Used 5034, Requested 1443. Please try again in 4.77s."
    assert answer(429, message, {"retry-after": "5"}).retry_at_ms == NOW + 5000
    assert answer(429, message, {"retry-after": "2"}).retry_at_ms == NOW + 4770
    assert answer(429, message, {"retry-after": "NaN"}).retry_at_ms == NOW + 4770
    assert answer(503, "", {"retry-after": "3"}).retry_at_ms == NOW + 3000
    assert answer(401, "", {"retry-after": "3"}).retry_at_ms is None


@pytest.mark.parametrize(
    ("used", "requested", "limit", "unit", "wait"),
    [(5034, 1443, 6000, "tokens per minute (TPM)", 4.77), (4437, 9854, 12000, "tokens per minute (TPM)", 11.455),
     (97050, 3619, 100000, "tokens per day (TPD)", 578.016), (1000, 1, 1000, "requests per day (RPD)", 86.4)],
)  # fmt: skip
def test_the_bucket_says_when_nothing_else_does(used, requested, limit, unit, wait):
    """Real waits of the public record, reproduced from the numbers alone."""
    error = answer(429, RATE + f"{unit}: Limit {limit}, Used {used}, Requested {requested}.")
    assert error.retry_at_ms == NOW + math.ceil(wait * 1000)


def test_a_limit_is_read():
    limit = named_limit(RATE + "tokens per day (TPD): Limit 100000, Used 97050, Requested 3619. Please")
    assert (limit.short, limit.limit, limit.used, limit.requested, limit.daily) == ("TPD", 100000, 97050, 3619, True)
    assert named_limit("nothing of the kind") is None


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0"), (940, "940"), (1000, "1K"), (1080, "1.1K"), (3900, "3.9K"), (5100, "5.1K"), (8000, "8K"), (9960, "10K"),
     (32979, "33K"), (131072, "131K"), (999_600, "1M"), (1_200_000, "1.2M"), (25_000_000, "25M")],
)  # fmt: skip
def test_amounts(number, shown):
    assert amount(number) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "1 s"), (0.2, "1 s"), (8.9999, "9 s"), (9.0, "9 s"), (59.4, "59 s"), (59.5, "1 min"), (86.4, "1 min 26 s"), (120, "2 min"), (3600, "1 h"),
     (3888, "1 h 5 min"), (86400, "24 h"), (200_000, "3 days")],
)  # fmt: skip
def test_waits(seconds, shown):
    assert wait_text(seconds) == shown
