"""Commands that print what is known, and the ones that need nothing."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from groqdesk import __version__
from tests.cli.conftest import Command

pytestmark = pytest.mark.system
SEED_MODELS = {
    "llama-3.1-8b-instant",
    "llama-3.3-70b-versatile",
    "gpt-oss-120b",
    "gpt-oss-20b",
    "whisper-large-v3",
    "whisper-large-v3-turbo",
    "playai-tts",
    "playai-tts-arabic",
}


def test_version(groqdesk: Command) -> None:
    assert groqdesk("--version").out == f"groqdesk {__version__}\n"


@pytest.mark.parametrize("capability", ["llm", "stt", "tts"])
def test_models(groqdesk: Command, capability: str) -> None:
    found = json.loads(groqdesk("models", capability, "--provider", "groq", "--json").out)["models"]
    assert found
    assert {model["capability"] for model in found} == {capability}
    human = groqdesk("models", capability)
    assert human.code == 0
    assert found[0]["id"] in human.out


def test_the_models_of_the_plan_are_all_known_and_the_retired_ones_name_a_successor(groqdesk: Command) -> None:
    known: dict[str, Any] = {}
    for capability in ("llm", "stt", "tts"):
        for model in json.loads(groqdesk("models", capability, "--provider", "groq", "--json").out)["models"]:
            known |= dict.fromkeys((model["id"], *model["aliases"]), model)
    assert known.keys() >= SEED_MODELS
    retired = {name for name in SEED_MODELS if known[name]["state"] == "retired"}
    assert retired == {"llama-3.1-8b-instant", "llama-3.3-70b-versatile", "playai-tts", "playai-tts-arabic"}
    assert all(known[name]["replacement"] and known[name]["retired_on"] for name in retired)


def test_models_refresh_without_a_key_says_so(groqdesk: Command) -> None:
    outcome = groqdesk("models", "llm", "--provider", "groq", "--refresh", "--json")
    assert json.loads(outcome.out)["error"]["kind"] == "no_key"
    assert outcome.code == 5


def test_models_of_the_practice_server_are_asked_for(groqdesk: Command) -> None:
    found = json.loads(groqdesk("models", "llm", "--provider", "demo", "--refresh", "--json").out)["models"]
    assert any(model["live"] for model in found)


def test_keys_without_a_keyring_are_not_kept_and_the_command_says_so(groqdesk: Command) -> None:
    canary = "gsk_canary0123456789abcdef"
    outcome = groqdesk("keys", "set", "groq", stdin=canary + "\n")
    assert outcome.code == 5
    assert "not kept" in outcome.err
    assert canary not in outcome.out + outcome.err
    assert "no key" in groqdesk("keys", "list").out
    assert groqdesk("keys", "set", "nobody", stdin="x\n").code == 2
    assert groqdesk("keys", "set", "groq", stdin="two words\n").code == 2


def test_a_key_from_the_environment_is_named_as_such(groqdesk: Command) -> None:
    groqdesk.environment["GROQ_API_KEY"] = "gsk_0123456789abcdef3f9A"
    line = next(line for line in groqdesk("keys", "list").out.splitlines() if line.startswith("groq"))
    assert "…3f9A" in line
    assert "environment" in line


def test_the_doctor_names_what_works_and_leaves_no_trace(groqdesk: Command) -> None:
    outcome = groqdesk("doctor", "--json")
    checks = {check["name"]: check for check in json.loads(outcome.out)["checks"]}
    assert {"python", "window", "sound", "keyring", "groq", "openai", "database"} <= checks.keys()
    assert checks["keyring"]["state"] == "note"
    assert not (groqdesk.home / "groqdesk.db").exists()
    assert groqdesk("doctor").code == outcome.code == 0


def test_a_newer_database_is_refused_with_a_sentence_and_left_alone(groqdesk: Command) -> None:
    import sqlite3

    assert groqdesk("usage").code == 0
    path = groqdesk.home / "groqdesk.db"
    with sqlite3.connect(path) as database:
        database.execute("pragma user_version = 9999")
    database.close()
    before = path.read_bytes()
    outcome = groqdesk("usage", "--json")
    error = json.loads(outcome.out)["error"]
    assert (error["kind"], outcome.code) == ("local", 5)
    assert error["message"] == "The database was made by a newer groqdesk. Nothing was changed."
    assert path.read_bytes() == before
    assert "Traceback" not in outcome.err


def test_the_simulator_says_its_address_first_and_ends_quietly() -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "groqdesk", "simulator"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    assert url.startswith("http://127.0.0.1:")
    assert httpx.get(f"{url}/models", headers={"Authorization": "Bearer x"}).status_code == 200
    process.terminate()
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


def test_a_taken_port_and_a_wrong_script_are_sentences(groqdesk: Command, tmp_path: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        outcome = groqdesk("simulator", "--port", str(taken.getsockname()[1]))
    assert outcome.code == 5
    assert outcome.err.startswith("The simulator cannot start")
    script = tmp_path / "script.json"
    script.write_text('{"sped": 1}')
    outcome = groqdesk("simulator", "--script", str(script))
    assert outcome.code == 2
    assert "sped" in outcome.err
    assert "Traceback" not in outcome.err


def test_an_unknown_provider_is_an_error_object_too(groqdesk: Command) -> None:
    outcome = groqdesk("models", "llm", "--provider", "nope", "--json")
    assert (json.loads(outcome.out)["error"]["kind"], outcome.code) == ("bad_request", 2)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_output_is_a_sentence(groqdesk: Command) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "groqdesk", "models", "llm"],
            env=groqdesk.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (5, "The output cannot be written: no space left.\n")


def test_the_demo_knows_no_key_and_no_other_server(groqdesk: Command) -> None:
    groqdesk.environment |= {"GROQ_API_KEY": "gsk_0123456789abcdef3f9A", "HTTPS_PROXY": "http://127.0.0.1:9"}
    live = groqdesk("--demo", "models", "llm", "--provider", "demo", "--refresh", "--json")
    assert live.code == 0
    assert any(model["live"] for model in json.loads(live.out)["models"])
    asked = groqdesk("--demo", "chat", "--json", "--provider", "groq", "hi")
    assert (asked.code, json.loads(asked.out)["kind"]) == (2, "bad_request")
    assert groqdesk("--demo", "keys", "list").code == 2
    answered = groqdesk("--demo", "chat", "--json", "hi")
    assert (answered.code, answered.events[0]["provider"]) == (0, "demo")
    assert not (groqdesk.home / "groqdesk.db").exists()
