"""From the command to the window and back: one window for each folder, problems at the start, the way out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from groqdesk.core.settings import Folders
from groqdesk.ui.main import home_text
from groqdesk.ui.single_instance import server_name

ROOT = Path(__file__).resolve().parents[2]
PRELUDE = """
import asyncio, sys
from contextlib import asynccontextmanager
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication
from groqdesk.app import Options, open_app
from groqdesk.core.errors import DatabaseTooNew, DataInUse
from groqdesk.ui import main as ui

def say(*words):
    print(*words, flush=True)

options = Options(data_dir=sys.argv[1])
"""


def start(script: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-c", PRELUDE + textwrap.dedent(script), str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"QT_QPA_PLATFORM": "offscreen", "TMPDIR": str(folder.parent)},
    )


WINDOW = """
class Desk(ui.Desk):
    def start(self):
        super().start()
        self.window.come_to_front = lambda: say("raised")
        say("open", self.window.isVisible(), self.shell.state.page)
ui.Desk = Desk
sys.exit(ui.run_window(open_app, options))
"""


def test_a_second_start_raises_the_first(tmp_path: Path) -> None:
    first = start(WINDOW, tmp_path / "data")
    assert first.stdout is not None
    assert first.stdout.readline() == "open True setup\n", first.stderr and first.stderr.read()
    second = start(WINDOW, tmp_path / "data")
    out, err = second.communicate(timeout=60)
    assert (second.returncode, out) == (0, "groqdesk is already open.\n"), err
    assert first.stdout.readline() == "raised\n"
    first.send_signal(signal.SIGTERM)
    out, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    assert "Traceback" not in err
    third = start(WINDOW.replace('say("open"', 'self.window.close(); say("open again"'), tmp_path / "data")
    out, err = third.communicate(timeout=60)
    assert third.returncode == 0, err
    assert out.startswith("open again")


def test_what_a_killed_window_left_does_not_keep_the_next_one_out(tmp_path: Path) -> None:
    first = start(WINDOW, tmp_path / "data")
    assert first.stdout is not None
    first.stdout.readline()
    first.kill()
    first.communicate(timeout=60)
    second = start(WINDOW, tmp_path / "data")
    assert second.stdout is not None
    assert second.stdout.readline() == "open True setup\n"
    third = start(WINDOW, tmp_path / "data")
    assert third.communicate(timeout=60)[0] == "groqdesk is already open.\n"
    second.send_signal(signal.SIGTERM)
    assert second.communicate(timeout=60)[0] == "raised\n"


@pytest.mark.parametrize(
    ("problem", "folder_button"),
    [
        ('DatabaseTooNew("The database was made by a newer groqdesk. Nothing was changed.")', "Open backup folder"),
        ('DataInUse("groqdesk is open already with this data.")', ""),
    ],
)
def test_data_that_cannot_be_opened_is_explained(tmp_path: Path, problem: str, folder_button: str) -> None:
    (tmp_path / "data" / "backups").mkdir(parents=True)
    process = start(
        f"""
        @asynccontextmanager
        async def broken(options, engine, window):
            raise {problem}
            yield

        class Explained(ui.StartupProblem):
            def __init__(self, *args):
                super().__init__(*args)
                QTimer.singleShot(50, self.look)

            def look(self):
                say(self.sentence.text(), "|", self.folder_button.text() if self.folder_button.isVisible() else "")
                self.quit_button.click()

        ui.StartupProblem = Explained
        sys.exit(ui.run_window(broken, options))
        """,
        tmp_path / "data",
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 5
    assert out.strip().endswith(f"| {folder_button}".strip())
    assert "Traceback" not in err
    assert problem.split('"')[1] in out


def test_an_error_that_nobody_expected_ends_with_its_traceback_in_the_log_not_on_the_screen(tmp_path: Path) -> None:
    process = start(
        """
        class Desk(ui.Desk):
            def start(self):
                super().start()
                QTimer.singleShot(0, self.fail)
                QTimer.singleShot(300, self.tell)

            def fail(self):
                raise RuntimeError("a slot failed")

            def tell(self):
                say(self.window.toast.isVisible(), self.window.toast.label.text())
                self.window.close()

        ui.Desk = Desk
        sys.exit(ui.run_window(open_app, options))
        """,
        tmp_path / "data",
    )
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert out == "True Something went wrong here. Nothing was lost.\n"
    assert "a slot failed" in (tmp_path / "data" / "logs" / "groqdesk.log").read_text("utf-8")


def test_names_tell_no_path(tmp_path: Path) -> None:
    assert server_name(tmp_path) == server_name(tmp_path / "x" / "..")
    assert server_name(tmp_path) != server_name(tmp_path / "x")
    assert tmp_path.name not in server_name(tmp_path)


def test_home_is_a_tilde() -> None:
    home = Path.home()
    assert home_text(Folders(home / "a" / "b", home)) == "~/a/b"
    assert home_text(Folders(Path("/srv/data"), home)) == "/srv/data"
    assert home_text(Folders(Path(f"{home}x/data"), home)) == f"{home}x/data"
