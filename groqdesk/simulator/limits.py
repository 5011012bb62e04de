"""Groq's rate limits as the leaky buckets they are: admission, headers, waits and the texts of 429 and 413.

A bucket of `limit` per minute or per day drains without steps at `limit / 60` or `limit / 86400` a second. A request
passes when what is in the bucket plus what it asks for fits under the limit. The arithmetic was checked against public
wait strings (tests/simulator/test_limits.py lists them):

    header reset  = (limit - remaining) / rate
    429 wait      = (used + requested - limit) / rate
    requested > limit: "Request too large"; waiting never helps (413, or 429 without retry-after for OTPM)

`time_scale` makes buckets drain that many times faster; the waits that are told are then the real, shorter ones.
Everything here is pure: the clock (seconds, monotonic) is passed in. Nothing is thread safe.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Clock = Callable[[], float]

_MINUTE_S = 60
_DAY_S = 86_400
_BILLING = "Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing"
_FIRST_OUTPUT_GUESS = 256
_EPSILON = 1e-4  # of a token: waits are told in whole nanoseconds


@dataclass(frozen=True, slots=True)
class ModelLimits:
    """The limits of one model for one organisation; None means that there is no such limit."""

    rpm: int | None = None
    rpd: int | None = None
    tpm: int | None = None
    tpd: int | None = None
    otpm: int | None = None


@dataclass(frozen=True, slots=True)
class _Kind:
    field: str
    words: str
    window_s: int
    counts: str
    """`requests`, `tokens` or `output`."""


_KINDS = (
    _Kind("rpm", "requests per minute (RPM)", _MINUTE_S, "requests"),
    _Kind("rpd", "requests per day (RPD)", _DAY_S, "requests"),
    _Kind("tpm", "tokens per minute (TPM)", _MINUTE_S, "tokens"),
    _Kind("tpd", "tokens per day (TPD)", _DAY_S, "tokens"),
    _Kind("otpm", "output tokens per minute (OTPM)", _MINUTE_S, "output"),
)


def go_duration(nanoseconds: int) -> str:
    """Format a duration as Go's `time.Duration.String` does: `0s`, `285ms`, `1.57s`, `6m0s`, `1h4m48s`."""
    if nanoseconds <= 0:
        return "0s"
    for unit, size in (("ns", 1), ("µs", 1_000), ("ms", 1_000_000)):
        if nanoseconds < (size * 1000 if unit != "ms" else 1_000_000_000):
            return f"{_decimal(nanoseconds, size)}{unit}"
    minutes, rest = divmod(nanoseconds, 60 * 1_000_000_000)
    hours, minutes = divmod(minutes, 60)
    text = f"{_decimal(rest, 1_000_000_000)}s"
    if hours:
        return f"{hours}h{minutes}m{text}"
    return f"{minutes}m{text}" if minutes else text


def _decimal(value: int, unit: int) -> str:
    whole, fraction = divmod(value, unit)
    if not fraction:
        return str(whole)
    digits = len(str(unit)) - 1
    return f"{whole}.{str(fraction).zfill(digits).rstrip('0')}"


@dataclass(slots=True)
class LeakyBucket:
    """One limit: `used` drains at `limit / window_s` a second, never below zero."""

    limit: int
    window_s: float
    used: float = 0.0
    at_s: float = 0.0

    def drain(self, now_s: float) -> None:
        """Let flow out what has flowed out by now."""
        if now_s > self.at_s:
            self.used = max(0.0, self.used - (now_s - self.at_s) * self.limit / self.window_s)
            self.at_s = now_s

    def fits(self, requested: float) -> bool:
        """Whether a request of this size passes now."""
        return self.used + requested <= self.limit + _EPSILON

    @property
    def remaining(self) -> int:
        """What a header shows: whole units left, never negative."""
        return max(0, math.floor(self.limit - self.used + _EPSILON))

    @property
    def shown_used(self) -> int:
        """What a 429 shows: whole units, rounded up so that the wait it tells is never too short."""
        return math.ceil(self.used - _EPSILON)

    def reset_ns(self) -> int:
        """Nanoseconds until the bucket is empty, in whole milliseconds as the headers have it."""
        return int(self.used * self.window_s * 1e3 / self.limit + 1e-6) * 1_000_000

    def wait_ns(self, requested: int) -> int:
        """Nanoseconds until a request of this size fits; 0 if it fits now."""
        return max(0, int((self.shown_used + requested - self.limit) * self.window_s * 1e9 / self.limit))


class Refusal(Exception):
    """A request that does not pass: what the server answers. `retry_after_s` is None when waiting never helps."""

    def __init__(self, status: int, error: dict[str, Any], retry_after_s: int | None) -> None:
        super().__init__(error["message"])
        self.status = status
        self.error = error
        self.retry_after_s = retry_after_s


@dataclass(slots=True)
class _Account:
    buckets: dict[str, LeakyBucket]
    largest_output: int = _FIRST_OUTPUT_GUESS


@dataclass(slots=True)
class Reservation:
    """What an admitted request holds until it is settled with what it really used."""

    account: _Account
    held: dict[str, float]
    settled: bool = False


@dataclass(slots=True)
class Limiter:
    """All buckets of the server, per organisation and model."""

    clock: Clock
    time_scale: float = 1.0
    _accounts: dict[tuple[str, str], _Account] = field(default_factory=dict)

    def _account(self, organization: str, model: str, limits: ModelLimits) -> _Account:
        account = self._accounts.get((organization, model))
        if account is None:
            now_s = self.clock()
            buckets = {
                kind.field: LeakyBucket(limit, kind.window_s / self.time_scale, at_s=now_s)
                for kind in _KINDS
                if (limit := getattr(limits, kind.field)) is not None
            }
            account = self._accounts[organization, model] = _Account(buckets)
        return account

    def _drained(self, account: _Account) -> _Account:
        now_s = self.clock()
        for bucket in account.buckets.values():
            bucket.drain(now_s)
        return account

    def admit(
        self,
        organization: str,
        model: str,
        limits: ModelLimits,
        *,
        prompt_tokens: int,
        max_tokens: int | None,
        tier: str = "on_demand",
    ) -> Reservation:
        """Reserve one request, or raise `Refusal`.

        Tokens asked for are the prompt plus the maximum that the client set; output tokens asked for (OTPM) are the
        largest recent output, capped by that maximum. A refused request takes nothing. When several buckets are full
        the one with the longest wait is named.
        """
        account = self._drained(self._account(organization, model, limits))
        asked = {
            "requests": 1,
            "tokens": prompt_tokens + (max_tokens or 0),
            "output": account.largest_output if max_tokens is None else min(account.largest_output, max_tokens),
        }
        head = f"model `{model}` in organization `{organization}` service tier `{tier}` on"
        longest: tuple[int, _Kind, LeakyBucket] | None = None
        for kind in _KINDS:
            bucket = account.buckets.get(kind.field)
            if bucket is None:
                continue
            requested = asked[kind.counts]
            if requested > bucket.limit:
                raise _too_large(kind, head, bucket.limit, requested)
            if not bucket.fits(requested):
                wait_ns = max(1, bucket.wait_ns(requested))
                if longest is None or wait_ns > longest[0]:
                    longest = (wait_ns, kind, bucket)
        if longest is not None:
            wait_ns, kind, bucket = longest
            raise _reached(kind, head, bucket, asked[kind.counts], wait_ns)
        held: dict[str, float] = {}
        for kind in _KINDS:
            if (bucket := account.buckets.get(kind.field)) is not None:
                held[kind.field] = asked[kind.counts]
                bucket.used += asked[kind.counts]
        return Reservation(account, held)

    def settle(self, reservation: Reservation, *, tokens: int, output_tokens: int) -> None:
        """Replace what was reserved by what was used (cached prompt tokens not counted). Only the first call counts."""
        if reservation.settled:
            return
        reservation.settled = True
        account = reservation.account
        account.largest_output = max(account.largest_output, output_tokens)
        used = {"tokens": tokens, "output": output_tokens}
        for kind in _KINDS:
            bucket = account.buckets.get(kind.field)
            if bucket is None or kind.counts == "requests":
                continue
            bucket.drain(self.clock())
            bucket.used = max(0.0, bucket.used + used[kind.counts] - reservation.held[kind.field])

    def refresh(self, organization: str, model: str, limits: ModelLimits) -> None:
        """Let the buckets of a model drain to the present moment."""
        self._drained(self._account(organization, model, limits))

    def headers(self, organization: str, model: str, limits: ModelLimits) -> dict[str, str]:
        """The `x-ratelimit-*` headers: requests are RPD, tokens are TPM. The other limits have no header.

        They show the moment of the last admission or refusal; call `refresh` first for the present one.
        """
        account = self._account(organization, model, limits)
        result: dict[str, str] = {}
        for name, kind in (("requests", "rpd"), ("tokens", "tpm")):
            if (bucket := account.buckets.get(kind)) is not None:
                result[f"x-ratelimit-limit-{name}"] = str(bucket.limit)
                result[f"x-ratelimit-remaining-{name}"] = str(bucket.remaining)
                result[f"x-ratelimit-reset-{name}"] = go_duration(bucket.reset_ns())
        return result


def _too_large(kind: _Kind, head: str, limit: int, requested: int) -> Refusal:
    text = f"Request too large for {head} {kind.words}: Limit {limit}, Requested {requested}"
    if kind.counts == "output":
        text += (
            ". The request's expected output tokens exceed the enforced limit; reduce max_tokens "
            "(or the request's expected output) and try again."
        )
        return Refusal(429, {"message": text, "type": "tokens", "code": "rate_limit_exceeded"}, None)
    text += f", please reduce your message size and try again. {_BILLING}"
    return Refusal(413, {"message": text, "type": "tokens", "code": "rate_limit_exceeded"}, None)


def _reached(kind: _Kind, head: str, bucket: LeakyBucket, requested: int, wait_ns: int) -> Refusal:
    text = (
        f"Rate limit reached for {head} {kind.words}: Limit {bucket.limit}, Used {bucket.shown_used}, "
        f"Requested {requested}. Please try again in {go_duration(wait_ns)}. {_BILLING}"
    )
    error_type = "requests" if kind.counts == "requests" else "tokens"
    error = {"message": text, "type": error_type, "code": "rate_limit_exceeded"}
    return Refusal(429, error, math.ceil(wait_ns / 1e9))
