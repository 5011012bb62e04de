"""The table of every model parameter, as widely as any model takes it. `core.parameters` narrows it to one model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["float", "int", "choice", "bool", "strings", "json", "text"]


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a choice and the word that people read."""

    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Parameter:
    """What one parameter is. `minimum` and `maximum` bound numbers, and the characters of text; None is no bound.

    `default` is what the model does when nothing is sent; None means that only the server knows.
    """

    name: str
    label: str
    kind: Kind
    help: str
    minimum: float | None = None
    maximum: float | None = None
    step: float | None = None
    default: object = None
    unit: str = ""
    choices: tuple[Choice, ...] = ()
    max_items: int | None = None
    advanced: bool = False


def _choices(text: str) -> tuple[Choice, ...]:
    return tuple(Choice(*pair.split("=", 1)) for pair in text.split(" | "))


# In the order of the form. Ranges: groq-api §2.1; seeds up to 2^31 - 1, the largest that replies echo.
PARAMETERS: tuple[Parameter, ...] = (
    Parameter(
        "temperature", "Temperature", "float", "Low is steady, high is varied.", 0, 2, 0.01, 1.0
    ),
    Parameter(
        "top_p", "Top-p", "float", "Considers only the likeliest tokens that add up to this share.", 0, 1, 0.01, 1.0
    ),
    Parameter(
        "max_completion_tokens", "Max tokens", "int", "The answer stops here; thinking counts too.", 1, None, 1,
        unit="tokens",
    ),
    Parameter("seed", "Seed", "int", "The same seed gives a similar answer. Empty is random.", 0, 2_147_483_647, 1),
    Parameter("stop", "Stop sequences", "strings", "The answer ends before any of these texts.", default=(), max_items=4),
    Parameter(
        "reasoning_effort", "Reasoning effort", "choice", "How long the model thinks before it answers.",
        choices=_choices("none=None | default=Default | minimal=Minimal | low=Low | medium=Medium | high=High"),
    ),
    Parameter(
        "response_format", "Response format", "choice", "JSON gives one object, Schema one of a given form.",
        default="text", choices=_choices("text=Text | json_object=JSON | json_schema=Schema"),
    ),
    Parameter("response_schema", "Schema", "json", "The JSON Schema of the answer, used by format Schema."),
    Parameter(
        "strict_schema", "Strict schema", "bool", "The answer cannot leave the schema; all properties are required.",
        default=False, advanced=True,
    ),
    Parameter(
        "include_reasoning", "Send thinking", "bool", "Off: the model still thinks, its thoughts are not sent.",
        default=True, advanced=True,
    ),
    Parameter(
        "reasoning_format", "Thinking", "choice", "Hidden: the model still thinks, its thoughts are not sent.",
        default="parsed", choices=_choices("parsed=Separate | hidden=Hidden"), advanced=True,
    ),
    Parameter(
        "parallel_tool_calls", "Parallel tools", "bool", "The model may ask for several tools at once.",
        default=True, advanced=True,
    ),
    Parameter(
        "frequency_penalty", "Frequency penalty", "float", "Above 0, words that came often become less likely.",
        -2, 2, 0.01, 0.0, advanced=True,
    ),
    Parameter(
        "presence_penalty", "Presence penalty", "float", "Above 0, words that came at all become less likely.",
        -2, 2, 0.01, 0.0, advanced=True,
    ),
    Parameter(
        "service_tier", "Service tier", "choice", "Flex needs a paid plan, Performance an enterprise plan.",
        choices=_choices("auto=Auto | on_demand=On demand | flex=Flex | performance=Performance | default=Default"),
        advanced=True,
    ),
    Parameter(
        "user", "User", "text", "An id of the end user for the provider's abuse checks.", maximum=64, default="",
        advanced=True,
    ),
    Parameter(
        "extra_body", "Extra fields", "json", "Sent as they are to a custom server, beside the settings above.",
        advanced=True,
    ),
)  # fmt: skip
