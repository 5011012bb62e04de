"""Every error has a kind of the command line's contract, an action, and an exit code."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from groqdesk.core import errors
from groqdesk.core.errors import (
    BudgetReached,
    Cancelled,
    GroqdeskError,
    GroqError,
    GroqErrorType,
    LocalProblem,
    NoKey,
    ProviderError,
    RateLimited,
)

CONTRACT_KINDS = set(
    "no_key invalid_key permission not_found bad_request context_too_long too_large rate_limited quota terms_required "  # noqa: SIM905
    "tool_call_invalid content_blocked unavailable circuit_open timeout connection offline bad_response truncated budget "
    "unsupported_format file_too_large local cancelled".split()
)


def tree(root: type[GroqdeskError]) -> Iterator[type[GroqdeskError]]:
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from tree(child)


def test_the_kinds_are_those_of_the_contract() -> None:
    assert {error.kind for error in tree(GroqdeskError)} == CONTRACT_KINDS


def test_each_provider_error_has_its_own_kind() -> None:
    kinds = [error.kind for error in tree(ProviderError)]
    assert len(kinds) == len(set(kinds))


@pytest.mark.parametrize("error", [e for e in tree(GroqdeskError) if e is not ProviderError])
def test_every_error_offers_an_action(error: type[GroqdeskError]) -> None:
    assert error("A sentence.").action
    assert error("A sentence.", action="Other").action == "Other"
    assert str(error("A sentence.")) == error("A sentence.").message == "A sentence."


def test_an_own_action_does_not_stay_with_the_class() -> None:
    RateLimited("x", action="Send in 9 s")
    assert RateLimited("x").action == "Try again"


def test_the_tree_in_the_docstring_names_every_class() -> None:
    for error in tree(GroqdeskError):
        assert error.__name__ in (errors.__doc__ or "")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoKey("x"), 5),
        (RateLimited("x"), 3),
        (Cancelled("x"), 130),
        (BudgetReached("x", sent=False), 2),
        (errors.BadRequest("x", sent=False), 2),
        (errors.BadRequest("x", status=400), 3),
        (errors.TooLarge("x", status=413), 3),
        (errors.CircuitOpen("x", sent=False), 3),
    ],
)
def test_exit_codes(error: ProviderError, code: int) -> None:
    assert error.exit == code


def test_local_problems_are_not_provider_errors() -> None:
    assert {error.kind for error in tree(LocalProblem)} == {"local"}
    assert not issubclass(LocalProblem, ProviderError)


@pytest.mark.parametrize(
    ("code", "error_type", "kind"),
    [
        ("model_not_found", "invalid_request_error", GroqErrorType.MODEL_NOT_FOUND),
        (None, "invalid_request_error", GroqErrorType.INVALID_REQUEST),
        ("rate_limit_exceeded", "tokens", GroqErrorType.RATE_LIMIT_EXCEEDED),
        ("brand_new", "internal_server_error", GroqErrorType.INTERNAL_SERVER_ERROR),
        ("brand_new", "also_new", GroqErrorType.UNKNOWN),
        (None, None, GroqErrorType.UNKNOWN),
    ],
)
def test_what_groq_said(code: str | None, error_type: str | None, kind: GroqErrorType) -> None:
    assert GroqError("x", code=code, error_type=error_type).type is kind
