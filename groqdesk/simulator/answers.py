"""Chooses what the practice server says. Honest (no model is behind it), useful, and the same for the same request.

The last message of the user decides, by key words: “400 words” or “300 tokens” or “long”, “markdown”, “table”, “code”
or “python”, “list”, “json”, “think” or “reason”, “what did I say”, a few topics (limits, latency, tools), a greeting;
otherwise the answer explains itself and shows what arrived. Phrases about errors are no faults: those come by script
only. With tools, a question that fits a tool's name or description calls it; after a result the answer uses the result.
"""

import itertools
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from groqdesk.simulator import prose, tokens
from groqdesk.simulator.models import SERVED
from groqdesk.simulator.schema_sample import Hints, as_text, sample
from groqdesk.simulator.validation import ChatRequest

_LENGTH = re.compile(r"\b(\d[\d,.]*)[\s-]*(words?|tokens?)\b", re.IGNORECASE)
_LONG = re.compile(r"(?<!how )\blong(er)?\b|\bessay\b", re.IGNORECASE)
_REMEMBER = re.compile(
    r"\bwhat (did|have) i (just |first )?(say|said|ask|asked|write|written|tell|told)\b", re.IGNORECASE
)
_GREETING = re.compile(r"\s*(hello|hi|hey|good (morning|day|evening)|hallo|moin)\b[\s\w,!.]{0,24}\Z", re.IGNORECASE)
_BRIEF = re.compile(r"\b(brief(ly)?|short|concise|one sentence|spoken|voice|aloud)\b", re.IGNORECASE)
_MATH = re.compile(r"[\d(][\d\s.,()+*/^%×÷-]*[+*/^%×÷-][\d\s.,()+*/^%×÷-]*[\d)]")
_QUOTED = re.compile(r"[\"“'‘]([^\"”“'’‘]{1,80})[\"”'’]")
_PLACE = re.compile(r"\b(?:in|at|for|to|from|of|near)\s+((?:[A-ZÀ-Þ][\w'-]+)(?:\s+[A-ZÀ-Þ][\w'-]+)*)")
_NAMED = re.compile(r"(?<=\s)([A-ZÀ-Þ][\w'-]+(?:\s+[A-ZÀ-Þ][\w'-]+)*)")
_WORD = re.compile(r"[A-Z]?[a-zà-ÿ]+|[A-Z]+|\d+")
_COMMON = frozenset(
    ["a", "an", "and", "the", "get", "set", "for", "of", "in", "to", "do", "run", "call", "tool", "function", "current"]
)
_COMMON_LONG = frozenset(
    [
        "this",
        "that",
        "with",
        "from",
        "your",
        "have",
        "what",
        "when",
        "which",
        "will",
        "return",
        "returns",
        "given",
        "about",
    ]
)
_ATTACK = re.compile(
    r"\b(ignore|disregard|forget)\b.{0,40}\b(instructions?|rules?|prompt)\b", re.IGNORECASE | re.DOTALL
)
_LONGEST_TOKENS = 65_536


@dataclass(frozen=True, slots=True)
class Draft:
    """What is said before limits, stop sequences and formats are applied; `calls` are (name, arguments)."""

    reasoning: str
    content: str
    calls: tuple[tuple[str, dict[str, Any]], ...] = ()


def compose(request: ChatRequest) -> Draft:
    """The practice answer to a request."""
    if request.model.classifier:
        return Draft("", "0.9987" if _ATTACK.search(_question(request)) else "0.0009")
    question = _question(request)
    if calls := _calls(request, question):
        names = " and ".join(f"`{name}`" for name, _ in calls)
        return Draft(_reasoning(request, question, f"The tool {names} fits this; call it."), "", calls)
    if request.response_format != "text":
        hints = _hints(question, answering=True)
        schema = request.schema if request.response_format == "json_schema" else _JSON_OBJECT
        return Draft(_reasoning(request, question, "The answer must be JSON only."), as_text(sample(schema, hints)))
    results = _results(request)
    content = _report(question, results) if results else _text(request, question)
    return Draft(_reasoning(request, question, ""), content)


_JSON_OBJECT: dict[str, Any] = {
    "type": "object",
    "required": ["answer", "question", "practice_server"],
    "properties": {
        "answer": {"type": "string"},
        "question": {"type": "string"},
        "practice_server": {"const": True},
    },
}


def _users(request: ChatRequest) -> list[str]:
    return [tokens.text_of(message.get("content")) for message in request.messages if message["role"] == "user"]


def _question(request: ChatRequest) -> str:
    users = _users(request)
    return users[-1] if users else tokens.text_of(request.messages[-1].get("content"))


def _echo(text: str, limit: int = 120) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def _has(question: str, *words: str) -> bool:
    return re.search(rf"\b({'|'.join(words)})\b", question, re.IGNORECASE) is not None


def _text(request: ChatRequest, question: str) -> str:
    facts = _facts(request, question)
    if _REMEMBER.search(question):
        return _remembered(request, first="first" in question.lower())
    if asked := _LENGTH.search(question):
        return _long(int(re.sub(r"\D", "", asked[1]) or 0), in_tokens=asked[2].lower().startswith("token"))
    system = " ".join(
        tokens.text_of(m.get("content")) for m in request.messages if m["role"] in ("system", "developer")
    )
    latency = _has(question, "latency", "fast(er)?", "speed", "quick(er)?", "slow", "time to first token", "phases?")
    template = prose.DEFAULT
    if _LONG.search(question):
        return _long(600, in_tokens=False)
    if _has(question, "markdown"):
        template = prose.MARKDOWN
    elif _has(question, "table") and _has(question, "code", "python", "program"):
        template = prose.TABLE_AND_CODE
    elif _has(question, "table"):
        template = prose.TABLE_LATENCY if latency else prose.TABLE_LIMITS
    elif _has(question, "code", "python", "program"):
        template = prose.CODE
    elif _has(question, "list", "checklist", "steps"):
        template = prose.LIST
    elif _has(question, "json"):
        template = prose.JSON
    elif _has(question, "think", "reason", "reasoning"):
        template = prose.THINK
    elif _BRIEF.search(question) or _BRIEF.search(system):
        template = prose.SHORT
    elif _has(question, "limits?", "429", "413", "bucket", "quota"):
        template = prose.LIMITS
    elif latency:
        template = prose.LATENCY
    elif _has(question, "tools?", "function calls?", "function calling"):
        template = prose.TOOLS
    elif _GREETING.match(question):
        template = prose.GREETING
    return template.format_map(facts).strip()


def _facts(request: ChatRequest, question: str) -> dict[str, Any]:
    systems = [tokens.text_of(m.get("content")) for m in request.messages if m["role"] in ("system", "developer")]
    words = sum(len(text.split()) for text in systems)
    names = [f"`{tool['function']['name']}`" for tool in request.tools if tool["type"] == "function"]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return {
        "echo": _echo(question).replace("|", "\\|"),
        "model": request.model.id,
        "turn": len(_users(request)),
        "system": f"{words} word{'' if words == 1 else 's'}" if words else "none",
        "tools": shown or "none",
        "prompt_tokens": request.prompt_tokens,
        "total_tokens": request.prompt_tokens + 96,
        "rows": _LIMIT_ROWS,
        "note": prose.NOTE,
    }


def _limit_row(name: str) -> str:
    model = SERVED[name]
    numbers = (getattr(model.limits, kind) for kind in ("rpm", "rpd", "tpm", "tpd"))
    pace = "–" if model.classifier else f"{model.tokens_per_s:,.0f} t/s"
    return f"| `{name}` | {' | '.join(f'{n:,}' for n in numbers)} | {pace} |"


_LIMIT_ROWS = "\n".join(
    _limit_row(name)
    for name in ("openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3.8-27b", "meta-llama/llama-prompt-guard-2-86m")
)


def _remembered(request: ChatRequest, *, first: bool) -> str:
    earlier = _users(request)[:-1]
    if not earlier:
        return prose.REMEMBER_NOTHING.format(note=prose.NOTE).strip()
    turn = 1 if first else len(earlier)
    return prose.REMEMBER.format(turn=turn, earlier=_echo(earlier[turn - 1], 600)).strip()


def _long(amount: int, *, in_tokens: bool) -> str:
    """Exactly so many words (or tokens) of prose, in paragraphs with headings; at most what a model could write."""
    amount = max(1, min(amount, _LONGEST_TOKENS))
    paragraphs: list[str] = []
    words = pieces = 0
    sentences = itertools.cycle(prose.SENTENCES)
    for heading in itertools.cycle(prose.HEADINGS):
        paragraph = " ".join(itertools.islice(sentences, 5))
        paragraphs.append(f"**{heading}.** {paragraph}")
        words += len(paragraphs[-1].split())
        pieces += tokens.count(paragraphs[-1]) + 1
        if (pieces if in_tokens else words) > amount:
            break
    text = "\n\n".join(paragraphs)
    if in_tokens:
        return "".join(tokens.split(text)[:amount])
    cut = [match.end() for match in re.finditer(r"\S+", text)][amount - 1]
    return text[:cut].rstrip(",;:.") + "."


def _reasoning(request: ChatRequest, question: str, more: str) -> str:
    if not request.model.efforts or request.effort == "none":
        return ""
    amount = {"low": 0, "high": 8}.get(request.effort or "medium", 2)
    if _has(question, "think", "reason", "reasoning"):
        amount = max(amount, 4) + 4
    thoughts = [f"The user asks: “{_echo(question, 80)}”. This is the practice server, so no model can think about it."]
    thoughts += [more] if more else []
    return " ".join([*thoughts, *prose.THOUGHTS[:amount]])


# Tools


def _calls(request: ChatRequest, question: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    functions = [tool["function"] for tool in request.tools if tool["type"] == "function"]
    if request.tool_choice == "none" or not functions:
        return ()
    if request.tool_choice.startswith("="):
        chosen = [f for f in functions if f["name"] == request.tool_choice[1:]][:1]
    else:
        scored = [(fits(function, question), function) for function in functions]
        done = _called(request)
        # After a result only a tool that is named in the question is called too; otherwise one call would breed others.
        least = 3 if done else 2
        matching = [
            f for score, f in sorted(scored, key=lambda pair: -pair[0]) if score >= least and f["name"] not in done
        ]
        chosen = matching if request.parallel else matching[:1]
        if not chosen and request.tool_choice == "required":
            chosen = [max(scored, key=lambda pair: pair[0])[1]]
    return tuple((f["name"], arguments(f.get("parameters") or {}, question)) for f in chosen)


def _since_question(request: ChatRequest) -> list[dict[str, Any]]:
    last = max((i for i, m in enumerate(request.messages) if m["role"] == "user"), default=-1)
    return request.messages[last + 1 :]


def _called(request: ChatRequest) -> set[str]:
    return {call["function"]["name"] for m in _since_question(request) for call in m.get("tool_calls") or []}


def _results(request: ChatRequest) -> list[tuple[str, str]]:
    """(tool name, result) of every tool message since the last question."""
    names = {call["id"]: call["function"]["name"] for m in request.messages for call in m.get("tool_calls") or []}
    return [
        (names.get(message["tool_call_id"], "tool"), tokens.text_of(message["content"]))
        for message in _since_question(request)
        if message["role"] == "tool"
    ]


def fits(function: dict[str, Any], question: str) -> int:
    """How well a function fits a question: 3 for its whole name or a word of it, 1 for a word of its description."""
    asked = {word.lower() for word in _WORD.findall(question)}
    name_words = {word.lower() for word in _WORD.findall(function["name"])} - _COMMON
    described = {word.lower() for word in _WORD.findall(str(function.get("description") or ""))}
    described = {word for word in described if len(word) > 3} - _COMMON_LONG - name_words
    score = 3 if function["name"].lower() in question.lower() else 0
    score += 3 * sum(any(_same(word, other) for other in asked) for word in name_words)
    return score + sum(any(_same(word, other) for other in asked) for word in described)


def _same(left: str, right: str) -> bool:
    if left.rstrip("s") == right.rstrip("s"):
        return True
    shorter = min(len(left), len(right))
    return shorter >= 6 and left[:6] == right[:6]


def arguments(schema: dict[str, Any], question: str) -> dict[str, Any]:
    """Arguments for a call: the required ones from schema and question, and any option that the question names."""
    hints = _hints(question, answering=False)
    value = sample(schema, hints)
    result: dict[str, Any] = value if isinstance(value, dict) else {}
    for name, part in (schema.get("properties") or {}).items():
        choices = part.get("enum") if isinstance(part, dict) else None
        if name not in result and isinstance(choices, list):
            named = [choice for choice in choices if isinstance(choice, str) and _has(question, re.escape(choice))]
            if named:
                result[name] = named[0]
    return result


def _report(question: str, results: Iterable[tuple[str, str]]) -> str:
    parts = []
    for name, text in results:
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        if isinstance(value, dict) and value.get("error"):
            parts.append(f"The tool `{name}` could not do it: {_echo(str(value['error']), 300)}")
        elif isinstance(value, dict) and value:
            lines = "\n".join(f"- **{key}**: {_shown(item)}" for key, item in value.items())
            parts.append(f"The tool `{name}` answered:\n\n{lines}")
        else:
            parts.append(f"The tool `{name}` answered: **{_shown(value) or 'nothing'}**")
    body = "\n\n".join(parts)
    return f"{body}\n\nThat is the answer to “{_echo(question, 80)}”.\n\n{prose.NOTE}"


def _shown(value: Any) -> str:
    return _echo(value if isinstance(value, str) else tokens.compact(value), 400)


def _hints(question: str, *, answering: bool) -> Hints:
    quoted = _QUOTED.findall(question)
    numbers = [float(n) for n in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)", question)]
    place = _PLACE.search(question) or _NAMED.search(question)
    proper = str(place[1]) if place else ""
    line = _echo(question, 200)

    def text(name: str, schema: dict[str, Any]) -> str:
        key = name.lower()
        for given in (schema.get("default"), *(schema.get("examples") or [])):
            if isinstance(given, str):
                return given
        if any(
            part in key for part in ("city", "location", "place", "town", "country", "destination", "address", "region")
        ):
            return proper or "Paris"
        if any(part in key for part in ("expression", "formula", "equation", "calculation")):
            formula = _MATH.search(question)
            return str(formula[0]).strip() if formula else line
        if key == "question":
            return line
        if answering and any(part in key for part in _ANSWER_KEYS):
            return f"Practice answer, no model behind it, to: {_echo(question, 80)}"
        if quoted:
            return str(quoted.pop(0))
        if any(part in key for part in ("query", "text", "input", "prompt", "message", "content", "topic", "search")):
            return line.rstrip("?! .")
        for part, value in _USUAL:
            if part in key:
                return value
        return proper if proper and "name" in key else "practice"

    return Hints(text, numbers, question)


_ANSWER_KEYS = ("answer", "summary", "description", "text", "reason", "explanation", "content", "message", "result")
_USUAL = (
    ("timezone", "Europe/Berlin"),
    ("date", "2026-01-15"),
    ("day", "2026-01-15"),
    ("time", "09:30"),
    ("unit", "celsius"),
    ("currency", "USD"),
    ("language", "en"),
    ("email", "practice@example.com"),
    ("url", "https://example.com/"),
    ("color", "#4f8cff"),
    ("id", "practice-1"),
)
