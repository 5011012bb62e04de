"""The state of a simulator between two resets: script, limits, prompt cache, faults and the log of requests."""

import hashlib
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import Any

from groqdesk.simulator import tokens, wire
from groqdesk.simulator.exchange import Exchange, RequestRecord
from groqdesk.simulator.limits import Limiter, ModelLimits
from groqdesk.simulator.models import RETIRED, SERVED, ServedModel
from groqdesk.simulator.script import Fault, ModelScript, Script

_CACHE_STEP_TOKENS = 128
_CACHE_LIFE_S = 7200.0
_CACHE_SIZE = 32
_LOG_SIZE = 5000


@dataclass(frozen=True, slots=True)
class Pace:
    """How quickly a model works: tokens a second as told in `usage`, and whether the server really waits."""

    tokens_per_s: float
    factor: float

    @property
    def waits(self) -> bool:
        """False when the script set the speed to 0: everything is sent at once."""
        return self.factor > 0

    def told_s(self, seconds: float) -> float:
        """A duration as it is told (and waited): divided by the script's speed, unless there is no waiting."""
        return seconds / self.factor if self.waits else seconds


class World:
    """One run of the simulator; a reset makes a new one, so nothing of the old can leak into it."""

    def __init__(self, script: Script, time_scale: float) -> None:
        self.script = script
        self.faults: list[Fault] = [replace(fault, seen=0, fired=0) for fault in script.faults]
        self.limiter = Limiter(time.monotonic, time_scale)
        self.requests: deque[RequestRecord] = deque(maxlen=_LOG_SIZE)
        self.active: set[Exchange] = set()
        self._organizations: dict[str, str] = {}
        self._prompts: deque[tuple[float, str, str, str]] = deque(maxlen=_CACHE_SIZE)
        self._cache_life_s = _CACHE_LIFE_S / time_scale

    def fault_for(self, path: str, body: Any) -> Fault | None:
        """The first fault that meets this request; every fault counts it."""
        model = body.get("model") if isinstance(body, dict) else None
        stream = bool(body.get("stream")) if isinstance(body, dict) else False
        met = [fault for fault in self.faults if fault.meets(path, model, stream)]
        return met[0] if met else None

    def accepts(self, authorization: str) -> bool:
        """Whether a key is good: the script's, or any `Bearer` key without "invalid", "wrong" or white space in it."""
        scheme, _, key = authorization.partition(" ")
        if scheme.lower() != "bearer" or not key:
            return False
        if self.script.key is not None:
            return key == self.script.key
        return not any(word in key.lower() for word in ("invalid", "wrong")) and not any(c.isspace() for c in key)

    def organization(self, authorization: str) -> str:
        """The organisation of a key: made up once a key, or one for all by script. The key itself is not kept."""
        name = "" if self.script.one_organization else hashlib.sha256(authorization.encode()).hexdigest()
        return self._organizations.setdefault(name, wire.new_organization_id())

    def _of(self, model: ServedModel) -> ModelScript:
        return self.script.models.get(model.id, ModelScript())

    def models(self) -> list[ServedModel]:
        """The models that are listed."""
        return [model for model in SERVED.values() if not self._of(model).retired]

    def model(self, name: str) -> ServedModel | None:
        """A served model, or None."""
        found = SERVED.get(name)
        return None if found is None or self._of(found).retired else found

    def missing(self, name: str) -> tuple[int, dict[str, Any]]:
        """Status and error for a model that is not served."""
        if self.script.retired == "model_decommissioned" and (name in RETIRED or name in SERVED):
            return 400, wire.model_decommissioned(name)
        return 404, wire.model_not_found(name)

    def limits(self, model: ServedModel) -> ModelLimits:
        """The limits of a model, with the script's changes."""
        return replace(model.limits, **self._of(model).limits)

    def pace(self, model: ServedModel) -> Pace:
        """How quickly a model works here."""
        return Pace(self._of(model).tokens_per_s or model.tokens_per_s, self.script.speed)

    def cached_tokens(self, organization: str, model: ServedModel, prompt: str) -> int:
        """How many tokens of a prompt an earlier one began with, in steps of 128; gpt-oss only. Remembers the prompt."""
        if not model.channel:
            return 0
        now_s = time.monotonic()
        longest = 0
        for at_s, owner, name, earlier in self._prompts:
            if (owner, name) == (organization, model.id) and now_s - at_s < self._cache_life_s:
                longest = max(longest, _common_length(earlier, prompt))
        self._prompts.append((now_s, organization, model.id, prompt))
        return tokens.count(prompt[:longest]) // _CACHE_STEP_TOKENS * _CACHE_STEP_TOKENS


def _common_length(left: str, right: str) -> int:
    low, high = 0, min(len(left), len(right))
    while low < high:
        middle = (low + high + 1) // 2
        if left[:middle] == right[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
