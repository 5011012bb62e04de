"""The fixed texts of the practice server: what it says, in Markdown. `answers.py` chooses and fills them.

Numbers in them are facts about Groq as of November 2026; nothing here pretends to be a model's own work.
"""

NOTE = "*Practice server: a fixed text from your own computer, with no model behind it.*"

DEFAULT = """\
**This is the practice server.** No language model wrote this answer: it is a fixed text from your own computer. \
Nothing left this machine and nothing was billed.

You asked:

> {echo}

What arrived with the question:

| Part of the request | Value |
| --- | --- |
| Model | `{model}` |
| Turn of this conversation | {turn} |
| System prompt | {system} |
| Tools offered | {tools} |
| Size of the prompt | ≈ {prompt_tokens} tokens |

Everything around these words is real: the stream, the token counts, the rate limits and their headers. \
Some things to try next:

- “Show the rate limits as a **table**”
- “Write **Python code** for a leaky bucket”
- “Tell me **400 words** about latency”, for a long stream
- “**Think** about my agent”, for more reasoning
"""

GREETING = """\
Hello! I am the **practice server** of groqdesk. There is no language model behind me, so I cannot really talk; \
but everything around the talk works as it would with Groq: streaming, token counts, rate limits, tools and errors.

You said “{echo}”. Here is what I can show you:

1. **A table**: ask for the rate limits of the models.
2. **Code**: ask for a leaky bucket in Python.
3. **A long answer**: ask for 500 words, and try Stop in the middle.
4. **A tool call**: give your agent a tool and ask a question with its name in it.

When you are ready for real answers, add a Groq key in the settings and choose the provider for this agent.
"""

SHORT = "This is the practice server. I understood: “{echo}”. No model is behind me, but the whole way to this sentence is real."

TABLE_LIMITS = """\
Here are the rate limits of Groq's free plan, by model. Each number is a leaky bucket: it drains all the time instead \
of being emptied once a minute.

| Model | Requests / min | Requests / day | Tokens / min | Tokens / day | Speed |
| :--- | ---: | ---: | ---: | ---: | ---: |
{rows}

**How to read it**

- *Tokens per minute* counts the prompt **and** the `max_completion_tokens` you ask for, so a generous maximum can be \
refused before any work is done.
- A request that is larger than the whole bucket gets **413**; waiting never helps, only a smaller request does.
- A request that would fit later gets **429** with `retry-after`, the number of seconds until it fits.

Cached prompt tokens of the gpt-oss models are credited back afterwards.

{note}
"""

TABLE_LATENCY = """\
A Groq answer passes through four phases. The API reports three of them in `usage`; the network is what remains.

| Phase | Field in `usage` | Typical | What changes it |
| :--- | :--- | ---: | :--- |
| Queue | `queue_time` | 5–170 ms | load of the model, service tier |
| Prompt | `prompt_time` | 1–15 ms | length of the prompt, cached prefix |
| Completion | `completion_time` | 2 ms a token | model, length of the answer, reasoning effort |
| Network | not reported | 20–150 ms | distance, a new connection, the proxy |

`total_time` is prompt plus completion; **the queue is not in it**. The speed that people quote is \
`completion_tokens / completion_time`: about **500 tokens a second** for `gpt-oss-120b`, **1,000** for `gpt-oss-20b`.

What you feel while reading is the *time to first token*: network, queue, prompt, and any reasoning that comes \
before the first visible word.

{note}
"""

CODE = """\
Here is a leaky bucket in Python, the same arithmetic that Groq uses for its limits. It tells how long a request \
of a given size has to wait.

```python
import time
from dataclasses import dataclass, field


@dataclass
class LeakyBucket:
    limit: int  # tokens per minute
    used: float = 0.0
    at: float = field(default_factory=time.monotonic)

    def wait_s(self, requested: int) -> float:
        \"\"\"Seconds until the request fits; raises if it never will.\"\"\"
        if requested > self.limit:
            raise ValueError("Request too large: waiting never helps")
        rate = self.limit / 60
        now = time.monotonic()
        self.used = max(0.0, self.used - (now - self.at) * rate)
        self.at = now
        return max(0.0, (self.used + requested - self.limit) / rate)


bucket = LeakyBucket(limit=6000, used=5034)
print(f"{{bucket.wait_s(1443):.2f}} s")  # 4.77 s
```

The bucket drains at `limit / 60` a second, so there is no moment at which a whole minute's allowance comes back, \
and **a small request may pass earlier than a big one**.

{note}
"""

TABLE_AND_CODE = """\
Reserve a share for each endpoint, so that **one burst cannot starve the rest** of 30 requests a minute:

| Endpoint | Peak per min | Share | Budget per min |
| :--- | ---: | ---: | ---: |
| `orders` | 17.4 | 71 % | 20 |
| `invoices` | 5.2 | 21 % | 6 |
| `refunds` | 2.0 | 8 % | 4 |

One bucket for each keeps to its budget; it drains all the time, so nothing waits longer than it must:

```python
async def take(self, n: float = 1) -> None:
    while (wait := (self.used + n - self.limit) / self.rate) > 0:
        await asyncio.sleep(wait)  # exact: no polling
        self.drain()
    self.used += n
```

{note}
"""

LIST = """\
A short checklist for an agent that stays quick and within its limits:

1. **Keep the prompt stable**
   - put fixed instructions first, changing facts last
   - a repeated prefix is cached and costs half
2. **Ask for as little output as you need**
   - set `max_completion_tokens`; it counts against tokens per minute
   - choose a lower reasoning effort for simple questions
3. **Respect the limits**
   - read `x-ratelimit-remaining-tokens` after every answer
   - wait for `retry-after`; do not guess
   - a 413 is not a 429: shrink the request instead of repeating it
4. **Expect the stream to end early**
   - an error may come inside a stream that began with 200
   - keep the text that has arrived and offer to go on
5. **Measure**
   - time to first token, tokens per second, cost of each answer

{note}
"""

MARKDOWN = """\
# A page of Markdown

This answer shows **bold**, *italic*, ***both***, ~~struck~~ and `inline code`, so that you can see how each is drawn. \
A [link to Groq's rate limits](https://console.groq.com/docs/rate-limits) is shown with its address, not opened.

## Lists

- First level
  - Second level, with `code`
    - Third level
  - Second again
- Back on the first

1. Ordered
2. With a nested list
   - inside
   - another
3. Done

## A table

| Phase | Time | Share |
| :--- | ---: | :---: |
| Queue | 12 ms | 6 % |
| Prompt | 9 ms | 5 % |
| Completion | 172 ms | 89 % |

## Code

```python
def tokens_per_second(usage: dict) -> float:
    return usage["completion_tokens"] / usage["completion_time"]
```

```bash
curl -s http://127.0.0.1:8080/openai/v1/models
```

### A quotation

> A rate limit is not a wall but a bucket with a hole in it.
>
> > And the hole is always open.

---

{note}
"""

JSON = """\
Here is what Groq reports after an answer, as JSON:

```json
{{
  "usage": {{
    "queue_time": 0.0121,
    "prompt_tokens": {prompt_tokens},
    "prompt_time": 0.0094,
    "completion_tokens": 96,
    "completion_time": 0.1920,
    "total_tokens": {total_tokens},
    "total_time": 0.2014
  }},
  "model": "{model}"
}}
```

`total_time` leaves out the queue. For an answer that is *only* JSON, set `response_format` to `json_object` (and say \
“json” in the prompt), or give a schema with `json_schema`; I then send a small value that your schema accepts.

{note}
"""

THINK = """\
I took the longer way on this one; open the reasoning above to see it.

> {echo}

**Step by step**

1. The question came as turn {turn}, with about {prompt_tokens} tokens of prompt.
2. Reasoning tokens were produced first. They are billed as output and count against the limits, although you may \
never read them.
3. Only then came the first visible word. That is why a higher `reasoning_effort` makes the *time to first token* \
longer while the speed in tokens per second stays the same.

**Conclusion:** choose `low` for lookups and short talk, `medium` for everyday work, `high` for plans and hard code. \
If `max_completion_tokens` is too small, reasoning can use it up and the answer stays empty, with finish reason `length`.

{note}
"""

LIMITS = """\
**Rate limits on Groq are leaky buckets.** Every request pours its tokens in; the bucket drains at a steady \
`limit / 60` a second. A request passes if it fits *now*.

- **RPM and RPD** count requests, **TPM and TPD** count tokens. The headers show only two of them: requests per *day* \
and tokens per *minute*.
- What you ask for is the prompt plus `max_completion_tokens`. On a bucket of 8,000 tokens, a maximum of 32,000 is \
refused at once with **413**.
- **429** comes with `retry-after`. The wait is exact: `(used + requested − limit) / rate`.

For example, with 5,034 of 6,000 tokens used, a request of 1,443 has to wait **4.77 s**:

```text
(5034 + 1443 − 6000) / (6000 / 60) = 4.77
```

Limits belong to the organisation and the model; more keys do not help, another model does.

{note}
"""

LATENCY = """\
**Where the time of an answer goes.** Four phases follow each other, and three of them are reported with every answer:

1. **Queue**: waiting for a free place, usually a few milliseconds; it grows when a model is busy.
2. **Prompt**: reading your input. Fast, because it happens in parallel, and faster still for a cached prefix.
3. **Completion**: one token after the other, about 1 ms each on `gpt-oss-20b`, 2 ms on `gpt-oss-120b`.
4. **Network**: there and back. An open connection saves a handshake of two or three round trips.

The *time to first token* is what a reader feels; the *tokens per second* decide how long a long answer takes. To make \
an agent quicker, shorten its answers first, lower the reasoning effort second, and only then change the model.

{note}
"""

TOOLS = """\
**How a tool call travels.** The model never runs anything itself; it asks, and your side answers:

1. You send the question together with the *schemas* of the tools.
2. The model answers with `tool_calls`: a name and arguments as JSON text. On Groq a whole call arrives in one piece.
3. The tool runs here, and its result goes back as a message with the role `tool`.
4. The model writes the answer, or asks for the next call.

| `tool_choice` | Meaning |
| :--- | :--- |
| `auto` | the model decides |
| `required` | it must call some tool |
| a name | it must call this one |
| `none` | text only |

If the arguments do not fit the schema, Groq refuses its own answer with `tool_use_failed`; asking once more usually helps.

{note}
"""

REMEMBER = "Earlier in this conversation (turn {turn}) you said:\n\n> {earlier}\n\nI find it in the messages of the request; the practice server keeps nothing itself.\n"
REMEMBER_NOTHING = "This is the first message of our conversation, so there is nothing earlier to repeat.\n\n{note}\n"

SENTENCES = (
    "A rate limit on Groq is a bucket that drains all the time, not a counter that is reset once a minute.",
    "The time to first token is what a reader feels, while the tokens per second decide how long the whole answer takes.",
    "Queue time grows when a model is busy and is reported apart from the total.",
    "Reading the prompt is quick, because all of its tokens are worked on together.",
    "Writing the answer is slower, because each token waits for the one before it.",
    "A prompt that begins with the same words as an earlier one is partly cached, and the cached part costs half.",
    "Put what never changes first and what changes last, and the cache will do the rest.",
    "Reasoning tokens are billed as output although most readers never look at them.",
    "A maximum that is set too high counts against the limit even if the answer is short.",
    "A maximum that is set too low cuts the answer in the middle of a sentence.",
    "When the server says how long to wait, wait exactly that long and not a guess.",
    "A request that is larger than the bucket will never fit, however long one waits.",
    "Streaming does not make the answer faster, but it lets people begin to read at once.",
    "A stream can break off, and a good client keeps what has arrived and says so plainly.",
    "Temperature changes how bold the choice of words is, not how true it is.",
    "An agent is a set of choices: a model, its instructions, its tools and its limits.",
    "Small models are quick and cheap, and for many questions they are also good enough.",
    "A fallback is worth having before the day on which it is needed.",
    "Measure the median and the slowest twentieth, because averages hide both.",
    "Every connection that is kept open saves a handshake on the next question.",
    "Tools turn a model that talks into an agent that looks things up.",
    "The best error message names the cause and the next thing to do.",
    "Prices are given for a million tokens, so a single answer usually costs a fraction of a cent.",
    "What is not measured is guessed, and guesses about speed are usually wrong.",
)

HEADINGS = ("Limits", "Latency", "Prompts and caching", "Streams", "Choosing a model", "Measuring")

THOUGHTS = (
    "The answer should be honest about that and still useful.",
    "Which form fits best: a table, a list, code, or plain text?",
    "Look for key words in the last message of the user.",
    "The system prompt sets the tone; keep to it where it asks for brevity.",
    "Check whether a tool was offered whose name or description fits the question.",
    "Numbers must be right: eight thousand tokens a minute drain at 133 a second.",
    "A bucket that is nearly full lets a small request through before a big one.",
    "The queue is not part of the total time, so say so.",
    "Keep it between eighty and two hundred words, with one clear structure.",
    "Avoid promises: nothing here was thought up by a model.",
    "If the user wants more, a longer answer is one request away.",
    "Finish with one line that names the practice server.",
)
