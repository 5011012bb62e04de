"""Leaky buckets against public wait and reset strings, in virtual time."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groqdesk.simulator.limits import LeakyBucket, Limiter, ModelLimits, Refusal, go_duration

MINUTE, DAY = 60, 86_400


class Clock:
    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def seconds(text: str) -> float:
    factors = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
    return sum(float(n) * factors[unit] for n, unit in re.findall(r"([\d.]+)(ms|µs|ns|h|m|s)", text))


@pytest.mark.parametrize(
    ("limit", "remaining", "window_s", "shown"),
    [
        (14400, 14399, DAY, "6s"),
        (6000, 5843, MINUTE, "1.57s"),
        (8000, 5195, MINUTE, "21.037s"),
        (1000, 955, DAY, "1h4m48s"),
        (30000, 29987, MINUTE, "26ms"),
        (8000, 8000, MINUTE, "0s"),
    ],
)
def test_header_resets_of_real_answers(limit: int, remaining: int, window_s: int, shown: str) -> None:
    bucket = LeakyBucket(limit, window_s, used=limit - remaining)
    assert bucket.remaining == remaining
    assert go_duration(bucket.reset_ns()) == shown


@pytest.mark.parametrize(
    ("limit", "used", "requested", "window_s", "shown"),
    [
        (6000, 5034, 1443, MINUTE, "4.77s"),
        (12000, 4437, 9854, MINUTE, "11.455s"),
        (100000, 97050, 3619, DAY, "9m38.016s"),
        (200000, 199789, 2495, DAY, "16m26.688s"),
        (1000, 1000, 1, DAY, "1m26.4s"),
        (1000, 997, 192, MINUTE, "11.34s"),
    ],
)
def test_waits_of_real_refusals(limit: int, used: int, requested: int, window_s: int, shown: str) -> None:
    assert go_duration(LeakyBucket(limit, window_s, used=used).wait_ns(requested)) == shown


def test_wait_with_float_dust_is_right_to_the_nanosecond() -> None:
    # Seen: 1.984999999s; the last digit is Groq's own rounding.
    assert abs(LeakyBucket(12000, MINUTE, used=2542).wait_ns(9855) - 1_984_999_999) <= 1


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1.5µs"),
        (285_000_000, "285ms"),
        (999_999_999, "999.999999ms"),
        (1_570_000_000, "1.57s"),
        (10_332_999_999, "10.332999999s"),
        (60_000_000_000, "1m0s"),
        (86_400_000_000, "1m26.4s"),
        (179_560_000_000, "2m59.56s"),
        (360_000_000_000, "6m0s"),
        (3_888_000_000_000, "1h4m48s"),
        (3_600_000_000_000, "1h0m0s"),
    ],
)
def test_durations_are_written_as_go_writes_them(ns: int, text: str) -> None:
    assert go_duration(ns) == text


@given(st.integers(min_value=0, max_value=10**15))
def test_every_duration_reads_back(ns: int) -> None:
    assert seconds(go_duration(ns)) * 1e9 == pytest.approx(ns, rel=1e-12, abs=1)


def admit(limiter: Limiter, limits: ModelLimits, prompt: int, most: int | None = None) -> None:
    limiter.admit("org_1", "m", limits, prompt_tokens=prompt, max_tokens=most)


def test_refused_request_passes_after_exactly_the_told_wait() -> None:
    clock = Clock()
    limiter = Limiter(clock)
    limits = ModelLimits(tpm=6000)
    admit(limiter, limits, 5034)
    with pytest.raises(Refusal) as refused:
        admit(limiter, limits, 1443)
    assert refused.value.status == 429
    assert refused.value.retry_after_s == 5
    assert refused.value.error == {
        "message": "Rate limit reached for model `m` in organization `org_1` service tier `on_demand` on tokens per "
        "minute (TPM): Limit 6000, Used 5034, Requested 1443. Please try again in 4.77s. Need more tokens? Upgrade to "
        "Dev Tier today at https://console.groq.com/settings/billing",
        "type": "tokens",
        "code": "rate_limit_exceeded",
    }
    clock.now_s += 4.769
    with pytest.raises(Refusal):
        admit(limiter, limits, 1443)
    clock.now_s += 0.001
    admit(limiter, limits, 1443)


def test_time_scale_drains_faster_and_tells_the_shorter_wait() -> None:
    clock = Clock()
    limiter = Limiter(clock, time_scale=10)
    limits = ModelLimits(tpm=6000)
    admit(limiter, limits, 5034)
    with pytest.raises(Refusal, match=r"try again in 477ms"):
        admit(limiter, limits, 1443)
    clock.now_s += 0.477
    admit(limiter, limits, 1443)


def test_small_request_passes_while_a_big_one_waits() -> None:
    limiter = Limiter(Clock())
    limits = ModelLimits(tpm=6000)
    admit(limiter, limits, 5034)
    with pytest.raises(Refusal):
        admit(limiter, limits, 1443)
    admit(limiter, limits, 900)


def test_larger_than_the_bucket_is_413_without_retry_after() -> None:
    with pytest.raises(Refusal) as refused:
        admit(Limiter(Clock()), ModelLimits(tpm=8000), 211, 32768)
    assert (refused.value.status, refused.value.retry_after_s) == (413, None)
    assert "Limit 8000, Requested 32979, please reduce your message size and try again." in str(refused.value)


def test_output_limit_is_429_without_retry_after_once_answers_were_long() -> None:
    limiter = Limiter(Clock())
    limits = ModelLimits(otpm=1000)
    first = limiter.admit("org_1", "m", limits, prompt_tokens=5, max_tokens=None)
    limiter.settle(first, tokens=1085, output_tokens=1080)
    with pytest.raises(Refusal) as refused:
        admit(limiter, limits, 5)
    assert (refused.value.status, refused.value.retry_after_s) == (429, None)
    assert "on output tokens per minute (OTPM): Limit 1000, Requested 1080." in str(refused.value)
    with pytest.raises(Refusal, match="Please try again in"):
        admit(limiter, limits, 5, 100)


def test_longest_wait_is_named() -> None:
    limiter = Limiter(Clock())
    limits = ModelLimits(rpm=1, rpd=1, tpm=1000)
    admit(limiter, limits, 900)
    with pytest.raises(Refusal) as refused:
        admit(limiter, limits, 900)
    assert "requests per day (RPD): Limit 1, Used 1, Requested 1. Please try again in 24h0m0s." in str(refused.value)
    assert refused.value.error["type"] == "requests"
    assert refused.value.retry_after_s == DAY


def test_settling_gives_back_what_was_reserved_too_much() -> None:
    limiter = Limiter(Clock())
    limits = ModelLimits(rpd=1000, tpm=8000)
    held = limiter.admit("o", "m", limits, prompt_tokens=100, max_tokens=4000)
    assert limiter.headers("o", "m", limits)["x-ratelimit-remaining-tokens"] == "3900"
    limiter.settle(held, tokens=150, output_tokens=50)
    limiter.settle(held, tokens=8000, output_tokens=50)
    assert limiter.headers("o", "m", limits) == {
        "x-ratelimit-limit-requests": "1000",
        "x-ratelimit-remaining-requests": "999",
        "x-ratelimit-reset-requests": "1m26.4s",
        "x-ratelimit-limit-tokens": "8000",
        "x-ratelimit-remaining-tokens": "7850",
        "x-ratelimit-reset-tokens": "1.125s",
    }


def test_organizations_and_models_have_buckets_of_their_own() -> None:
    limiter = Limiter(Clock())
    limits = ModelLimits(rpm=1)
    for organization, model in (("a", "m"), ("b", "m"), ("a", "n")):
        limiter.admit(organization, model, limits, prompt_tokens=1, max_tokens=None)
    with pytest.raises(Refusal, match=re.escape("requests per minute (RPM)")):
        limiter.admit("a", "m", limits, prompt_tokens=1, max_tokens=None)


@given(
    st.lists(st.tuples(st.integers(1, 6000), st.floats(0, 30)), max_size=30),
    st.sampled_from([1.0, 7.0, 60.0]),
)
def test_bucket_never_overflows_and_every_told_wait_suffices(steps: list[tuple[int, float]], scale: float) -> None:
    clock = Clock()
    limiter = Limiter(clock, scale)
    limits = ModelLimits(tpm=6000)
    for tokens, gap_s in steps:
        try:
            admit(limiter, limits, tokens)
        except Refusal as refused:
            found = re.search(r"try again in (\S+)\. ", str(refused))
            assert found is not None
            clock.now_s += seconds(found[1])
            admit(limiter, limits, tokens)
        assert int(limiter.headers("org_1", "m", limits)["x-ratelimit-remaining-tokens"]) >= 0
        clock.now_s += gap_s
