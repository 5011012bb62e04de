"""Everything that can go wrong, with the sentence and the action that a person reads.

    GroqdeskError
    ├── LocalProblem                 this machine: disk, keyring, database, device          kind "local"
    │   ├── DatabaseTooNew           made by a newer groqdesk
    │   ├── DatabaseDamaged          quick_check failed
    │   ├── DatabaseReadOnly         the folder or file cannot be written
    │   ├── DiskFull
    │   ├── DataInUse                another window or a command holds the data
    │   └── KeyringProblem           no backend, locked, refused
    └── ProviderError                a call to a provider
        ├── NoKey  InvalidKey  Permission  ModelNotFound  BadRequest  ContextTooLong  TooLarge
        ├── RateLimited  QuotaUsed  TermsRequired  ToolCallInvalid  ContentBlocked
        ├── Unavailable  CircuitOpen  TimedOut  ConnectionFailed  Offline  BadResponse  Truncated
        └── BudgetReached  UnsupportedFormat  FileTooLarge  Cancelled

A `ProviderError` is what the app handles, one class per kind of the command line's contract; what the server said is a
`VendorError` (`GroqError`, ...) and always its `__cause__`. Sentences are those of the design's table of words.
"""

from __future__ import annotations

import enum
from typing import ClassVar


class GroqdeskError(Exception):
    """Any error with a sentence for people. `kind` is the word the command line prints."""

    kind: ClassVar[str] = "local"
    action: str = ""

    def __init__(self, message: str, *, action: str = "") -> None:
        super().__init__(message)
        self.message = message
        if action:
            self.action = action


class LocalProblem(GroqdeskError):
    """Disk, keyring, database or device: nothing to do with a provider."""

    action = "Show details"


class DatabaseTooNew(LocalProblem):
    action = "Open backup folder"


class DatabaseDamaged(LocalProblem):
    action = "Open backup folder"


class DatabaseReadOnly(LocalProblem):
    action = "Choose another folder"


class DiskFull(LocalProblem):
    action = "Free some space"


class DataInUse(LocalProblem):
    action = "Close the other window"


class KeyringProblem(LocalProblem):
    action = "Unlock"


class GroqErrorType(enum.StrEnum):
    """What Groq's `error.code` or `error.type` can say (Groq's error pages and recorded replies)."""

    INVALID_REQUEST = "invalid_request_error"
    INVALID_API_KEY = "invalid_api_key"
    MODEL_NOT_FOUND = "model_not_found"
    MODEL_DECOMMISSIONED = "model_decommissioned"
    MODEL_TERMS_REQUIRED = "model_terms_required"
    CONTEXT_LENGTH_EXCEEDED = "context_length_exceeded"
    RATE_LIMIT_EXCEEDED = "rate_limit_exceeded"
    REQUEST_TOO_LARGE = "request_too_large"
    TOOL_USE_FAILED = "tool_use_failed"
    JSON_VALIDATE_FAILED = "json_validate_failed"
    UNSUPPORTED_AUDIO_FORMAT = "unsupported_audio_format"
    CAPACITY_EXCEEDED = "capacity_exceeded"
    INSUFFICIENT_QUOTA = "insufficient_quota"
    INTERNAL_SERVER_ERROR = "internal_server_error"
    UNKNOWN = "unknown"


class VendorError(Exception):
    """What a server said, as it said it. Never shown as it stands: its text is untrusted."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        error_type: str | None = None,
        param: str | None = None,
        failed_generation: str | None = None,
        body: str = "",
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code
        self.error_type = error_type
        self.param = param
        self.failed_generation = failed_generation
        self.body = body


class GroqError(VendorError):
    """An error reply of Groq."""

    @property
    def type(self) -> GroqErrorType:
        for word in (self.code, self.error_type):
            if word in set(GroqErrorType):
                return GroqErrorType(str(word))
        return GroqErrorType.UNKNOWN


class OpenAIError(VendorError):
    """An error reply of OpenAI."""


class CompatibleError(VendorError):
    """An error reply of any other OpenAI-compatible server."""


class ProviderError(GroqdeskError):
    """A call that did not do what was asked.

    `retry_at_ms` is UTC milliseconds, `sent` says whether a request left this machine (so that it may be billed),
    `local` that it was refused before anything was sent.
    """

    kind: ClassVar[str] = "bad_response"
    exit_code: ClassVar[int] = 3

    def __init__(
        self,
        message: str,
        *,
        action: str = "",
        provider: str = "",
        model: str = "",
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retry_at_ms: int | None = None,
        replacement: str | None = None,
        sent: bool = True,
    ) -> None:
        super().__init__(message, action=action)
        self.provider = provider
        self.model = model
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retry_at_ms = retry_at_ms
        self.replacement = replacement
        self.sent = sent

    @property
    def exit(self) -> int:
        """Exit code of the command line: 2 for what was refused before anything was sent."""
        if not self.sent and self.kind in _REFUSED_LOCALLY:
            return 2
        return self.exit_code


class NoKey(ProviderError):
    """No key is stored for this provider."""

    kind = "no_key"
    exit_code = 5
    action = "Add a key"


class InvalidKey(ProviderError):
    """401: the key was refused."""

    kind = "invalid_key"
    action = "Replace key"


class Permission(ProviderError):
    """403: this network, project or account is not allowed; the key is fine."""

    kind = "permission"
    action = "Try again"


class ModelNotFound(ProviderError):
    """404 or `model_decommissioned`; `replacement` names the successor of a retired model."""

    kind = "not_found"
    action = "Choose a model"


class BadRequest(ProviderError):
    """400 or 422: the server does not take this request as it is."""

    kind = "bad_request"
    action = "Show details"


class ContextTooLong(ProviderError):
    """The conversation is longer than the model can read."""

    kind = "context_too_long"
    action = "Drop oldest turns"


class TooLarge(ProviderError):
    """Larger than the plan's limit: waiting never helps."""

    kind = "too_large"
    action = "Shorten"


class RateLimited(ProviderError):
    """429 that waiting cures; `retry_at_ms` says when."""

    kind = "rate_limited"
    action = "Try again"


class QuotaUsed(ProviderError):
    """A daily limit or the account's credit is used up."""

    kind = "quota"
    action = "Use another model"


class TermsRequired(ProviderError):
    """An administrator must accept the model's terms first."""

    kind = "terms_required"
    action = "Open Groq"


class ToolCallInvalid(ProviderError):
    """The model called a tool in a way that does not fit its schema."""

    kind = "tool_call_invalid"
    action = "Try again"


class ContentBlocked(ProviderError):
    """A content filter stopped the request or the answer."""

    kind = "content_blocked"
    action = "Edit the message"


class Unavailable(ProviderError):
    """5xx or 498: the provider has a problem or no capacity."""

    kind = "unavailable"
    action = "Try again"


class CircuitOpen(ProviderError):
    """Not sent: this provider failed repeatedly and rests until `retry_at_ms`."""

    kind = "circuit_open"
    action = "Try now"


class TimedOut(ProviderError):
    """The server did not answer in time."""

    kind = "timeout"
    action = "Try again"


class ConnectionFailed(ProviderError):
    """Refused, reset, certificate or name problem on the way to the server."""

    kind = "connection"
    action = "Try again"


class Offline(ProviderError):
    """This machine has no way to any network."""

    kind = "offline"
    action = "Try again"


class BadResponse(ProviderError):
    """The reply is not what this API sends: HTML from a captive portal, broken JSON, an oversized line."""

    kind = "bad_response"
    action = "Try again"


class Truncated(ProviderError):
    """The stream ended without a finish reason."""

    kind = "truncated"
    action = "Continue"


class BudgetReached(ProviderError):
    """The budget does not cover the worst case of this call."""

    kind = "budget"
    action = "Raise for today"


class UnsupportedFormat(ProviderError):
    """The file is of a kind that the provider does not take."""

    kind = "unsupported_format"
    action = "Choose another file"


class FileTooLarge(ProviderError):
    """The file is larger than the provider takes."""

    kind = "file_too_large"
    action = "Choose another file"


class Cancelled(ProviderError):
    """Stopped by the user. Not an error: it only ends an interrupted run."""

    kind = "cancelled"
    exit_code = 130
    action = "Continue"


_REFUSED_LOCALLY = {"bad_request", "context_too_long", "too_large", "unsupported_format", "file_too_large", "budget"}
