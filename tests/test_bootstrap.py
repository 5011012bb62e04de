"""bootstrap.py: what it reuses, what it insists on, and what it hands on. Nothing is installed here."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINUX_ONLY = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="system libraries are checked on Linux")
POSIX_ONLY = pytest.mark.skipif(os.name == "nt", reason="uses shell scripts as stand-ins")


class Calls:
    """Stands in for `subprocess.call`: notes each command and answers with the scripted exit codes, then 0."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **_options: Any) -> int:
        self.commands.append(command)
        return self.codes.pop(0) if self.codes else 0

    @property
    def lines(self) -> list[str]:
        return [" ".join(command) for command in self.commands]


def load(folder: Path) -> ModuleType:
    """bootstrap.py as it would run from the clone in `folder`."""
    shutil.copy(ROOT / "bootstrap.py", folder / "bootstrap.py")
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", folder / "bootstrap.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_clone(folder: Path) -> Path:
    (folder / "packaging").mkdir(parents=True)
    for name in ("requirements.txt", "requirements-build.txt", "requirements-test.txt"):
        (folder / "packaging" / name).write_text(f"# {name}\n", "utf-8")
    (folder / "pyproject.toml").write_text("[project]\n", "utf-8")
    return folder


def script(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    return make_clone(tmp_path / "clone")


@pytest.fixture
def bootstrap(clone: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    for name in ("CI", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    # Set first, so that what the code under test puts there is undone too.
    monkeypatch.setenv("QT_QPA_PLATFORM", "")
    return load(clone)


def lacks_libraries(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, root: bool, tools: tuple[str, ...]
) -> Calls:
    """A Linux without libEGL, with only `tools` on its PATH."""
    for tool in tools:
        script(tmp_path / "tools" / tool, "exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "tools"))
    monkeypatch.setattr(bootstrap, "missing_libraries", lambda: {"libEGL.so.1": "libegl1"})
    monkeypatch.setattr(bootstrap, "is_root", lambda: root)
    monkeypatch.setattr(bootstrap, "newer_names", lambda: False)
    calls = Calls()
    monkeypatch.setattr(bootstrap.subprocess, "call", calls)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return calls


def set_up_recorder(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> list[list[str]]:
    """main() with these arguments, the environment taken as made; returns what it would become."""
    became: list[list[str]] = []

    def become(command: list[str]) -> int:
        became.append(command)
        return 0

    monkeypatch.setattr(bootstrap, "check_platform", lambda: None)
    monkeypatch.setattr(bootstrap, "make_environment", lambda _yes: None)
    monkeypatch.setattr(bootstrap, "install", lambda _test: None)
    monkeypatch.setattr(bootstrap, "become", become)
    monkeypatch.setattr(sys, "argv", ["bootstrap.py", *arguments])
    monkeypatch.chdir(Path.cwd())
    assert bootstrap.main() == 0
    return became


# --- the environment ---------------------------------------------------------------------------------------------


@POSIX_ONLY
def test_an_environment_without_pip_is_made_again(
    bootstrap: ModuleType, clone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = Path(bootstrap.PYTHON)
    script(python, 'case "$*" in *pip*) exit 1;; *) echo 3 11;; esac')
    leftover = clone / ".venv" / "leftover"
    leftover.write_text("", "utf-8")
    maker = clone / "maker"
    script(maker, f'[ "$1 $2" = "-m venv" ] && mkdir -p "$3/bin" && cp "{clone}/good" "$3/bin/python"')
    script(clone / "good", "echo 3 11")
    monkeypatch.setattr(bootstrap, "find_interpreter", lambda: str(maker))
    bootstrap.make_environment(False)
    assert not leftover.exists()
    assert bootstrap.is_usable()


@POSIX_ONLY
def test_a_valid_stamp_saves_asking_pip(bootstrap: ModuleType, clone: Path) -> None:
    asked = clone / "asked"
    script(Path(bootstrap.PYTHON), f'case "$*" in *pip*) echo x >> "{asked}";; *) echo 3 11;; esac')
    bootstrap.make_environment(False)
    assert asked.read_text("utf-8") == "x\n"
    Path(bootstrap.stamp_of("run")).write_text(bootstrap.fingerprint("run"), "utf-8")
    bootstrap.make_environment(False)
    assert asked.read_text("utf-8") == "x\n"


@POSIX_ONLY
@pytest.mark.parametrize(("root", "line"), [(True, "\n  apt-get install"), (False, "\n  sudo apt-get install")])
def test_a_missing_venv_module_is_named_without_sudo_for_root(
    bootstrap: ModuleType,
    clone: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    root: bool,
    line: str,
) -> None:
    script(
        clone / "maker",
        'if [ "$1" = -m ]; then echo "install the python3-venv package: ensurepip"; exit 1; fi; echo 3.12',
    )
    monkeypatch.setattr(bootstrap, "find_interpreter", lambda: str(clone / "maker"))
    monkeypatch.setattr(bootstrap, "is_root", lambda: root)
    with pytest.raises(SystemExit) as stopped:
        bootstrap.make_environment(False)
    assert stopped.value.code == 1
    assert line + " -y python3.12-venv\n" in capsys.readouterr().err
    assert not (clone / ".venv").exists()


@POSIX_ONLY
def test_the_venv_package_is_tried_once_only(
    bootstrap: ModuleType, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(clone / "maker", 'if [ "$1" = -m ]; then echo ensurepip failed; exit 1; fi; echo 3.12')
    monkeypatch.setattr(bootstrap, "find_interpreter", lambda: str(clone / "maker"))
    calls = lacks_libraries(bootstrap, monkeypatch, tmp_path, root=True, tools=("apt-get",))
    monkeypatch.setenv("PATH", f"{tmp_path / 'tools'}{os.pathsep}/usr/bin{os.pathsep}/bin")
    with pytest.raises(SystemExit):
        bootstrap.make_environment(True)
    assert calls.lines == ["apt-get update -qq", "apt-get install -y python3.12-venv"]


# --- stamps ------------------------------------------------------------------------------------------------------


def test_a_second_set_up_installs_nothing(bootstrap: ModuleType, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clone / ".venv").mkdir()
    calls = Calls()
    monkeypatch.setattr(bootstrap.subprocess, "call", calls)
    bootstrap.install(True)
    assert len(calls.commands) == 4
    bootstrap.install(True)
    bootstrap.install(False)
    assert len(calls.commands) == 4
    (clone / "packaging" / "requirements-test.txt").write_text("# another\n", "utf-8")
    bootstrap.install(False)
    assert len(calls.commands) == 4
    bootstrap.install(True)
    assert len(calls.commands) == 8


def test_a_moved_clone_installs_again(
    bootstrap: ModuleType, clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (clone / ".venv").mkdir()
    monkeypatch.setattr(bootstrap.subprocess, "call", Calls())
    bootstrap.install(False)
    assert bootstrap.is_current("run")
    moved = load(shutil.copytree(clone, tmp_path / "moved"))
    assert not moved.is_current("run")
    calls = Calls()
    monkeypatch.setattr(moved.subprocess, "call", calls)
    moved.install(False)
    assert calls.commands[-1][-2:] == ["-e", str(tmp_path / "moved")]
    assert moved.is_current("run")


def test_a_failed_install_leaves_no_stamp(bootstrap: ModuleType, clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clone / ".venv").mkdir()
    monkeypatch.setattr(bootstrap.subprocess, "call", Calls(0, 1))
    with pytest.raises(SystemExit):
        bootstrap.install(False)
    assert not bootstrap.is_current("run")


def test_ctrl_c_during_pip_says_one_line(
    bootstrap: ModuleType, clone: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_command: list[str], **_options: Any) -> int:
        raise KeyboardInterrupt

    (clone / ".venv").mkdir()
    monkeypatch.setattr(bootstrap.subprocess, "call", interrupted)
    monkeypatch.setattr(bootstrap, "main", lambda: bootstrap.install(False))
    before = signal.getsignal(signal.SIGINT)
    try:
        assert bootstrap.start() == 130
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    assert capsys.readouterr().err.splitlines()[1:] == ["Stopped. Run this again to go on."]


# --- system libraries --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [("test", "-k", "x"), ("setup",), ("run", "--version"), ("run", "chat", "hi"), ("run", "demo", "-h")]
)
@pytest.mark.parametrize("tools", [(), ("apt-get",), ("apt-get", "sudo")])
def test_what_opens_no_window_goes_on_without_libraries(
    bootstrap: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    tools: tuple[str, ...],
) -> None:
    calls = lacks_libraries(bootstrap, monkeypatch, tmp_path, root=False, tools=tools)
    became = set_up_recorder(bootstrap, monkeypatch, *arguments)
    assert [command[3:] for command in became] == ([] if arguments == ("setup",) else [list(arguments[1:])])
    assert calls.commands == []
    told = capsys.readouterr().err
    assert "libEGL.so.1" in told
    assert ("sudo apt-get install -y --no-install-recommends libegl1" in told) == ("apt-get" in tools)


@pytest.mark.parametrize("arguments", [("run",), ("run", "demo"), ("run", "--demo"), ("run", "--data-dir", "chat")])
@pytest.mark.parametrize("tools", [(), ("apt-get",), ("apt-get", "sudo")])
def test_the_window_stops_without_libraries(
    bootstrap: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    tools: tuple[str, ...],
) -> None:
    calls = lacks_libraries(bootstrap, monkeypatch, tmp_path, root=False, tools=tools)
    with pytest.raises(SystemExit) as stopped:
        set_up_recorder(bootstrap, monkeypatch, *arguments)
    assert stopped.value.code == 1
    assert calls.commands == []


INSTALL = "env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends libegl1"


@pytest.mark.parametrize(
    ("root", "ci", "arguments", "prefix"),
    [
        (True, False, ("test", "--yes"), ""),
        (True, True, ("test",), ""),
        (False, True, ("test",), "sudo "),
        (False, False, ("test", "--yes"), None),
        (False, False, ("setup", "--yes"), "sudo "),
        (True, False, ("setup",), None),
        (True, False, ("test",), None),
    ],
)
def test_when_packages_are_installed_unasked(
    bootstrap: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    root: bool,
    ci: bool,
    arguments: tuple[str, ...],
    prefix: str | None,
) -> None:
    calls = lacks_libraries(bootstrap, monkeypatch, tmp_path, root=root, tools=("apt-get", "sudo"))
    if ci:
        monkeypatch.setenv("CI", "true")
    set_up_recorder(bootstrap, monkeypatch, *arguments)
    assert calls.lines == ([] if prefix is None else [prefix + "apt-get update -qq", prefix + INSTALL])


@LINUX_ONLY
def test_a_library_that_cannot_be_loaded_is_missing(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "QT_LIBRARIES", {"libc.so.6": "libc6", "libnot-there.so.9": "libnot-there9"})
    assert bootstrap.missing_libraries() == {"libnot-there.so.9": "libnot-there9"}


# --- the display -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "started"),
    [
        ([], ["demo"]),
        (["--demo"], ["demo"]),
        (["--data-dir", "somewhere"], ["demo"]),
        (["--data-dir=somewhere", "-v"], ["demo", "-v"]),
        (["demo", "--seconds", "2"], ["demo", "--seconds", "2"]),
        (["--data-dir", "demo", "demo"], ["--data-dir", "demo", "demo"]),
    ],
)
def test_without_a_display_the_demo_runs_off_screen(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    started: list[str],
) -> None:
    monkeypatch.setattr(bootstrap, "has_display", lambda: False)
    assert bootstrap.for_this_display(arguments) == started
    assert os.environ["QT_QPA_PLATFORM"] == "offscreen"
    told = capsys.readouterr().err
    assert "There is no display here" in told
    dropped = arguments[-1:] != ["demo"] and any(a.startswith("--data-dir") for a in arguments)
    assert ("--data-dir is left out" in told) == dropped


@pytest.mark.parametrize(
    "arguments",
    [["--version"], ["-h"], ["chat", "hi"], ["--data-dir", "x", "doctor"], ["chat", "--data-dir", "x", "hi"]],
)
def test_commands_in_the_terminal_need_no_display(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.setattr(bootstrap, "has_display", lambda: False)
    assert bootstrap.for_this_display(arguments) == arguments
    assert os.environ["QT_QPA_PLATFORM"] == ""


def test_with_a_display_the_arguments_stay(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "has_display", lambda: True)
    assert bootstrap.for_this_display(["--data-dir", "x"]) == ["--data-dir", "x"]


# --- as a program ------------------------------------------------------------------------------------------------


def test_without_a_word_it_prints_its_help() -> None:
    done = subprocess.run([sys.executable, str(ROOT / "bootstrap.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "python3 bootstrap.py test [ARGS...]" in done.stderr


@POSIX_ONLY
def test_the_exit_code_is_that_of_the_program(bootstrap: ModuleType, clone: Path) -> None:
    script(clone / "program", 'echo "$@"; exit 7')
    line = f"import bootstrap; raise SystemExit(bootstrap.become([{str(clone / 'program')!r}, 'a b', 'c']))"
    done = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=False, cwd=clone)
    assert (done.returncode, done.stdout) == (7, "a b c\n")
