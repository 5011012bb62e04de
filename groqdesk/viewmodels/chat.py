"""The Playground's state: conversations, the open one, its answer as it streams, and what the model may be told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from PySide6.QtCore import QObject, Signal

from groqdesk.core import parameters, tokens
from groqdesk.core.catalog import ModelInfo
from groqdesk.core.conversations import Conversation, StoredMessage
from groqdesk.core.errors import GroqdeskError
from groqdesk.core.ids import new_id
from groqdesk.core.messages import ChatEvent, ModelChoice, ReasoningDelta, TextDelta
from groqdesk.core.ports import Clock, ConversationStore, Engine
from groqdesk.core.tasks import TaskScope
from groqdesk.services.catalog import CatalogService
from groqdesk.services.llm import MESSAGE_MAX_CHARACTERS, LLMIntegrationService, history, title_of

log = logging.getLogger(__name__)

DRAFT_SAVE_S = 0.4
DEFAULT_CHOICE = ModelChoice("groq", "openai/gpt-oss-120b")


@dataclass(frozen=True, slots=True)
class Notice:
    """One sentence with one action, shown inline."""

    text: str
    action: str = ""
    kind: str = "error"


@dataclass(frozen=True, slots=True)
class LiveFacts:
    """What is known of an answer while it streams. Seconds by this machine's clock; tokens are an estimate."""

    waited_s: float = 0.0
    ttft_s: float | None = None
    thought_s: float | None = None
    tokens: int = 0
    tok_s: float | None = None


@dataclass(frozen=True, slots=True)
class ChatState:
    """Everything the Playground shows except the text that is streaming right now.

    `turns` are the stored messages of the open conversation, in order. `streaming_id` names the answer that is being
    written; its text arrives by `text_arrived`. `estimate_tokens` and `worst_cost_nano_usd` belong to the composer.
    """

    conversations: tuple[Conversation, ...] = ()
    search: str = ""
    current: Conversation | None = None
    turns: tuple[StoredMessage, ...] = ()
    loading: bool = False
    streaming_id: str | None = None
    queued: str = ""
    draft: str = ""
    system: str = ""
    choice: ModelChoice = DEFAULT_CHOICE
    model: ModelInfo | None = None
    models: tuple[ModelInfo, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    estimate_tokens: int = 0
    context_tokens: int = 0
    worst_cost_nano_usd: int | None = None
    undo_delete: Conversation | None = None
    notice: Notice | None = None

    @property
    def busy(self) -> bool:
        return self.streaming_id is not None


class ChatViewModel(QObject):
    """Commands of the Playground; state changes come by `changed`, streamed text by the three arrival signals."""

    changed = Signal()
    text_arrived = Signal(str, str)
    reasoning_arrived = Signal(str, str)
    turn_ended = Signal(str)
    conversation_opened = Signal()

    def __init__(
        self,
        engine: Engine,
        llm: LLMIntegrationService,
        conversations: ConversationStore,
        catalog: CatalogService,
        clock: Clock,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._engine = engine
        self._llm = llm
        self._store = conversations
        self._catalog = catalog
        self._clock = clock
        self.state = ChatState()
        self.scope = TaskScope(self._report)
        self._asking: asyncio.Task[Any] | None = None
        self._live_text: list[str] = []
        self._live_reasoning: list[str] = []
        self._unbegun: str | None = None
        self._draft_saving = False
        self._unstored = False
        self._measured: tuple[tuple[StoredMessage, ...], str, int] = ((), "", 0)
        self._unsent = ""
        self._asked_s = 0.0
        self._first_s: float | None = None
        self._answered_s: float | None = None
        self._thought = False
        self._live_tokens = 0

    # --- opening -----------------------------------------------------------------------------------------------------

    def start(self, choice: ModelChoice) -> None:
        """Loads the list of conversations and opens the newest."""
        self._choose(choice, {})
        self.scope.start(self._start(), "load conversations")

    async def _start(self) -> None:
        await self._reload_list()
        if self.state.conversations and self.state.current is None and not self.state.draft and self._asking is None:
            newest = max(self.state.conversations, key=lambda c: c.updated_ms)
            await self._open(newest.id)

    def open(self, conversation_id: str) -> None:
        if self.state.current is None or self.state.current.id != conversation_id:
            self.scope.start(self._open(conversation_id), "open conversation")

    async def _open(self, conversation_id: str) -> None:
        left = self.state.draft
        await self._leave()
        conversation = await self._store.get(conversation_id)
        if conversation is None:
            await self._reload_list()
            return
        # What is typed while the conversation is read belongs to it: the window takes keys before it has all its data.
        typed = self.state.draft.removeprefix(left) if self.state.draft.startswith(left) else ""
        self._set(current=conversation, turns=(), loading=True, notice=None, draft=typed)
        turns = await self._store.messages(conversation_id)
        draft = conversation.draft + self.state.draft
        self._set(turns=_shown(turns), loading=False, draft=draft, system=conversation.system)
        self._choose(conversation.choice, conversation.parameters)
        self.conversation_opened.emit()

    def new_chat(self) -> None:
        """An empty page with the model and parameters of the last one; nothing is stored before the first message.

        What was typed there and not sent is still there.
        """
        self.scope.start(self._new_chat(), "new chat")

    async def _new_chat(self) -> None:
        await self._leave()
        self._set(current=None, turns=(), draft=self._unsent, system="", notice=None, loading=False)
        self._estimate()
        self.conversation_opened.emit()

    async def _leave(self) -> None:
        await self._stop()
        if self.state.current is None:
            self._unsent = self.state.draft
        await self._save_draft()
        await self._store_settings()

    def search(self, text: str) -> None:
        self._set(search=text)
        self.scope.start(self._reload_list(), "search conversations")

    async def _reload_list(self) -> None:
        search = self.state.search
        found = await self._store.recent(search)
        if search == self.state.search:
            current = next(
                (c for c in found if self.state.current and c.id == self.state.current.id), self.state.current
            )
            self._set(conversations=found, current=current)

    def refresh(self) -> None:
        """Another process wrote to the database: reads the list again, and the open conversation if it is at rest."""
        self.scope.start(self._refresh(), "refresh")

    async def _refresh(self) -> None:
        await self._reload_list()
        current = self.state.current
        if current is not None and not self.state.busy:
            turns = _shown(await self._store.messages(current.id))
            if turns != self.state.turns and not self.state.busy:
                self._set(turns=turns)
                self.conversation_opened.emit()

    # --- talking -----------------------------------------------------------------------------------------------------

    def set_draft(self, text: str) -> None:
        if text == self.state.draft:
            return
        self.state = replace(self.state, draft=text)
        self._estimate()
        if not self._draft_saving:
            self._draft_saving = True
            self.scope.start(self._save_draft_soon(), "save draft")

    async def _save_draft_soon(self) -> None:
        try:
            await asyncio.sleep(DRAFT_SAVE_S)
        finally:
            self._draft_saving = False
        await self._save_draft()

    async def _save_draft(self) -> None:
        if self.state.current is not None:
            await self._store.save_draft(self.state.current.id, self.state.draft)

    def send(self, text: str) -> None:
        """Asks. While an answer streams, the text waits in the queue and is sent when it has ended."""
        if not text.strip():
            return
        if len(text) > MESSAGE_MAX_CHARACTERS:
            self._set(notice=Notice("This message is longer than 4 million characters.", "Shorten"))
            return
        if problem := self.first_problem():
            self._set(notice=Notice(problem.sentence, problem.fix_label, "parameter"))
            return
        if self.state.busy or self._is_asking:
            queued = f"{self.state.queued}\n\n{text}" if self.state.queued else text
            self._set(queued=queued, draft="")
            return
        self._set(draft="", notice=None)
        self._start_asking(self._ask(text), text)

    @property
    def _is_asking(self) -> bool:
        return self._asking is not None and not self._asking.done()

    def _start_asking(self, work: Coroutine[Any, Any, None], question: str | None) -> None:
        """One question at a time; one that is stopped before its first step returns to the composer too."""
        self._unbegun = question
        self._asking = self.scope.start(work, "ask")
        if self._asking is not None:
            self._asking.add_done_callback(self._on_asked)

    def _on_asked(self, _task: asyncio.Task[Any]) -> None:
        if self._unbegun is not None:
            question, self._unbegun = self._unbegun, None
            self._back_to_composer(question)

    def stop(self) -> None:
        """Ends the running answer; what has arrived stays."""
        if self._asking is not None:
            self._asking.cancel()

    async def _stop(self) -> None:
        asking = self._asking
        if asking is not None and not asking.done():
            asking.cancel()
            await asyncio.wait({asking})

    def regenerate(self, message_id: str | None = None) -> None:
        """Answers the question before `message_id` (the last answer by default) anew; the old answer is kept, not shown."""
        turns = self.state.turns
        answers = [t for t in turns if t.role == "assistant" and (message_id is None or t.id == message_id)]
        if answers and not self.state.busy and not self._is_asking and self.state.current is not None:
            self._start_asking(self._regenerate(answers[-1]), None)

    async def _regenerate(self, answer: StoredMessage) -> None:
        await self._store.replace_from(answer.conversation_id, answer.position)
        self._set(turns=tuple(t for t in self.state.turns if t.position < answer.position))
        await self._ask(None)

    def go_on(self) -> None:
        """Asks the model to go on where a broken answer ended."""
        self.send("Continue exactly where you stopped.")

    def cancel_queued(self) -> None:
        self._set(draft=self.state.queued, queued="")

    async def _ask(self, question: str | None) -> None:
        self._unbegun = None
        try:
            conversation = await self._conversation_for(question or "")
        except (Exception, asyncio.CancelledError):
            self._back_to_composer(question)
            raise
        self._live_text, self._live_reasoning = [], []
        self._asked_s = self._clock.monotonic_s()
        self._first_s, self._answered_s, self._thought, self._live_tokens = None, None, False, 0
        before = {t.id for t in self.state.turns}
        self._set(streaming_id="")
        try:
            async with aclosing(self._engine.stream(self._llm.converse, conversation, question)) as batches:
                async for batch in batches:
                    await self._take(batch, before)
        except (Exception, asyncio.CancelledError):
            stored = await self._stored_turns(conversation.id)
            on_disk = any(t.content == question for t in stored if t.id not in before)
            self._back_to_composer(None if on_disk else question)
            raise
        finally:
            await self._ended(conversation)
        if queued := self.state.queued:
            self._set(queued="")
            await self._ask(queued)

    def _back_to_composer(self, question: str | None) -> None:
        """What was not sent returns to the composer: the question if it never reached the disk, and the queue."""
        texts = [text for text in (question, self.state.queued, self.state.draft) if text]
        self._set(draft="\n\n".join(texts), queued="")

    async def _conversation_for(self, question: str) -> Conversation:
        values = dict(self.state.values)  # all of them: what this model does not take waits for one that does
        now = self._clock.now_ms()
        current = self.state.current
        if current is None:
            system = self.state.system
            current = Conversation(new_id(), title_of(question), self.state.choice, now, now, values, system)
            await self._store.create(current)
            self._unsent = ""
        else:
            current = replace(current, choice=self.state.choice, parameters=values, updated_ms=now, draft="")
            await self._store.update(current)
        self._set(current=current)
        return current

    async def _take(self, batch: list[ChatEvent], before: set[str]) -> None:
        text = [event.text for event in batch if isinstance(event, TextDelta)]
        reasoning = [event.text for event in batch if isinstance(event, ReasoningDelta)]
        self._note_pace(reasoning, text)
        if not self.state.streaming_id:
            await self._show_running_turn(before)
        if reasoning:
            self._live_reasoning.extend(reasoning)
            self.reasoning_arrived.emit(self.state.streaming_id, "".join(reasoning))
        if text:
            self._live_text.extend(text)
            self.text_arrived.emit(self.state.streaming_id, "".join(text))

    def _note_pace(self, reasoning: list[str], text: list[str]) -> None:
        now_s = self._clock.monotonic_s()
        if (reasoning or text) and self._first_s is None:
            self._first_s = now_s
        self._thought = self._thought or bool(reasoning)
        if text and self._answered_s is None:
            self._answered_s = now_s
        self._live_tokens += tokens.estimate("".join(reasoning)) + tokens.estimate("".join(text))

    async def _show_running_turn(self, before: set[str]) -> None:
        if self.state.current is None:
            return
        turns = await self._stored_turns(self.state.current.id)
        new = [t for t in turns if t.id not in before and t.role == "assistant"]
        if new:
            running = replace(new[-1], content="", reasoning="")
            self._set(turns=(*[t for t in turns if t.id != running.id], running), streaming_id=running.id)
            self.scope.start(self._reload_list(), "reload list")

    async def _stored_turns(self, conversation_id: str) -> tuple[StoredMessage, ...]:
        return _shown(await self._store.messages(conversation_id))

    async def _ended(self, conversation: Conversation) -> None:
        ended = self.state.streaming_id or ""
        turns = await self._stored_turns(conversation.id)
        if self.state.current is not None and self.state.current.id == conversation.id:
            self._set(turns=turns, streaming_id=None)
            self.turn_ended.emit(ended)
        else:
            self._set(streaming_id=None)
        await self._reload_list()
        self._estimate()

    def live_text(self) -> tuple[str, str]:
        """Text and reasoning of the running answer so far, for a view that opens in the middle of it."""
        return "".join(self._live_text), "".join(self._live_reasoning)

    def live_facts(self) -> LiveFacts:
        """The running answer's figures at this moment. The rate is left out under 40 tokens or 200 ms."""
        now_s = self._clock.monotonic_s()
        if self._first_s is None:
            return LiveFacts(now_s - self._asked_s)
        writing_s = now_s - self._first_s
        shown = self._live_tokens >= 40 and writing_s >= 0.2
        return LiveFacts(
            now_s - self._asked_s,
            self._first_s - self._asked_s,
            (now_s if self._answered_s is None else self._answered_s) - self._first_s if self._thought else None,
            self._live_tokens,
            self._live_tokens / writing_s if shown else None,
        )

    # --- list --------------------------------------------------------------------------------------------------------

    def rename(self, conversation_id: str, title: str) -> None:
        title = " ".join(title.split())[:200]
        if title:
            self.scope.start(self._change(conversation_id, lambda c: replace(c, title=title)), "rename")

    def pin(self, conversation_id: str, pinned: bool) -> None:
        self.scope.start(self._change(conversation_id, lambda c: replace(c, pinned=pinned)), "pin")

    async def _change(self, conversation_id: str, change: Callable[[Conversation], Conversation]) -> None:
        conversation = await self._store.get(conversation_id)
        if conversation is not None:
            changed = change(conversation)
            await self._store.update(changed)
            if self.state.current is not None and self.state.current.id == conversation_id:
                self._set(current=changed)
            await self._reload_list()

    def delete(self, conversation_id: str) -> None:
        """Takes a conversation out of the list; `undo_delete` brings it back."""
        self.scope.start(self._delete(conversation_id), "delete")

    async def _delete(self, conversation_id: str) -> None:
        conversation = await self._store.get(conversation_id)
        if self.state.current is not None and self.state.current.id == conversation_id:
            await self._new_chat()
        await self._store.delete(conversation_id)
        self._set(undo_delete=conversation)
        await self._reload_list()

    def undo_delete(self) -> None:
        if self.state.undo_delete is not None:
            self.scope.start(self._undo_delete(self.state.undo_delete.id), "undo delete")

    async def _undo_delete(self, conversation_id: str) -> None:
        await self._store.undelete(conversation_id)
        self._set(undo_delete=None)
        await self._reload_list()

    # --- model and parameters ----------------------------------------------------------------------------------------

    def choose_model(self, choice: ModelChoice) -> None:
        """Another model for the next message; parameters that it does not take stay stored and are not sent."""
        self._choose(choice, self.state.values)
        if self.state.current is not None:
            self.scope.start(self._change(self.state.current.id, lambda c: replace(c, choice=choice)), "choose model")

    def offered(self, provider: str) -> tuple[ModelInfo, ...]:
        """The language models of a provider, as a picker lists them."""
        return self._catalog.choosable(provider)

    def other_model(self) -> ModelInfo | None:
        """The model to offer beside the present one: its successor, else the first other that can be chosen."""
        choice = self.state.choice
        successor = self._catalog.replacement(choice.provider, choice.model)
        if successor is not None:
            return self._catalog.find(choice.provider, successor)
        present = self.state.model.id if self.state.model else choice.model
        return next((m for m in self.state.models if m.selectable and m.id != present), None)

    def models_changed(self) -> None:
        """The catalog learned what the account is served."""
        self._choose(self.state.choice, self.state.values)

    def _choose(self, choice: ModelChoice, values: Mapping[str, Any]) -> None:
        model = self._catalog.find(choice.provider, choice.model)
        _, dropped = parameters.split(model, values)
        self._set(
            choice=choice,
            model=model,
            values=dict(values),
            dropped=dropped,
            models=self._catalog.choosable(choice.provider),
        )
        self._estimate()

    def set_parameter(self, name: str, value: Any) -> None:
        """Sets one parameter; None goes back to the model's default."""
        values = {k: v for k, v in self.state.values.items() if k != name}
        if value is not None and value != parameters.default(self.state.model, name):
            values[name] = value
        self._set(values=values)
        self._estimate()
        self._store_soon()

    def set_system(self, text: str) -> None:
        """The instructions that every message of this conversation is sent with."""
        if text == self.state.system:
            return
        self._set(system=text)
        self._estimate()
        self._store_soon()

    def _store_soon(self) -> None:
        """Parameters and instructions change with every step of a slider and every key: they are stored together."""
        if self.state.current is not None and not self._unstored:
            self._unstored = True
            self.scope.start(self._store_later(), "store conversation")

    async def _store_later(self) -> None:
        await asyncio.sleep(DRAFT_SAVE_S)
        await self._store_settings()

    async def _store_settings(self) -> None:
        current = self.state.current
        if self._unstored and current is not None:
            self._unstored = False
            values, system = self.state.values, self.state.system
            await self._change(current.id, lambda c: replace(c, parameters=values, system=system))

    def reset_parameters(self) -> None:
        for name in tuple(self.state.values):
            self.set_parameter(name, None)

    def first_problem(self) -> parameters.Problem | None:
        return next(iter(parameters.validate(self.state.model, self.state.values)), None)

    def dismiss_notice(self) -> None:
        self._set(notice=None)

    # --- inside ------------------------------------------------------------------------------------------------------

    def _estimate(self) -> None:
        state = self.state
        if self._measured[0] is not state.turns or self._measured[1] != state.system:
            asked = replace(state.current or Conversation("", "", state.choice, 0, 0), system=state.system)
            counted = tokens.estimate_messages(history(asked, state.turns))
            self._measured = (state.turns, state.system, counted)  # once for each answer, not for each key
        context = self._measured[2]
        prompt = context + (tokens.estimate(state.draft) + 4 if state.draft else 0)
        worst = self._catalog.worst_cost_nano_usd(state.choice, state.model, prompt, state.values)
        self._set(estimate_tokens=prompt, context_tokens=context, worst_cost_nano_usd=worst)

    def _report(self, error: Exception) -> None:
        if isinstance(error, GroqdeskError):
            self._set(notice=Notice(error.message, error.action))
        else:
            log.error("the Playground failed", exc_info=error)
            self._set(notice=Notice("Something went wrong here. Nothing was lost.", "Show log"))

    def _set(self, **changes: Any) -> None:
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.changed.emit()

    async def close(self) -> None:
        """Stops the running answer, stores the draft, ends every task."""
        await self._leave()
        await self.scope.close()


def _shown(turns: tuple[StoredMessage, ...]) -> tuple[StoredMessage, ...]:
    return tuple(t for t in turns if t.state != "replaced" and t.role in ("user", "assistant"))


def trouble_sentence(words: int) -> str:
    """The second sentence of the card: how much is kept."""
    return f"All {words:,} words are saved." if words > 1 else "The one word is saved." if words else ""
