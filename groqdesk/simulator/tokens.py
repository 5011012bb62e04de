"""Counts and cuts text into practice tokens.

A simple, fixed rule instead of a tokenizer: a token is one Chinese, Japanese or Korean character, up to eight letters
or digits of a word together with the space before them, one other sign with the space before it, or a run of white
space. English text comes out at about four characters a token. The pieces joined give the text back, so that a stream
sends exactly one token a chunk.
"""

import json
import re
from typing import Any

_IMAGE_TOKENS = 768
_MESSAGE_TOKENS = 4
_ANSWER_TOKENS = 3
_PIECE = re.compile(
    r" ?[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"
    r"| ?[^\W\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]{1,8}"
    r"| ?[^\w\s]"
    r"|\s+?(?= \S)|\s+"
)


def split(text: str) -> list[str]:
    """Cut text into tokens; joined they are the text again."""
    return _PIECE.findall(text)


def count(text: str) -> int:
    """The number of tokens of a text."""
    return sum(1 for _ in _PIECE.finditer(text))


def text_of(content: Any) -> str:
    """The text of a message's content: a string, or the text parts of a list, joined by new lines."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "\n".join(str(part.get("text", "")) for part in content if isinstance(part, dict) and "text" in part)
    return ""


def count_prompt(messages: list[dict[str, Any]], tools: list[dict[str, Any]]) -> int:
    """The tokens of a whole prompt: four a message, its text and tool calls, the tools as JSON, a flat rate an image."""
    total = _ANSWER_TOKENS
    for message in messages:
        content = message.get("content")
        total += _MESSAGE_TOKENS + count(text_of(content))
        if isinstance(content, list):
            total += _IMAGE_TOKENS * sum(1 for part in content if part.get("type") == "image_url")
        if message.get("tool_calls"):
            total += count(compact(message["tool_calls"]))
        if isinstance(message.get("reasoning"), str):
            total += count(message["reasoning"])
    if tools:
        total += count(compact(tools))
    return total


def compact(value: Any) -> str:
    """JSON on one line without spaces, as the wire has it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
