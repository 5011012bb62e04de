"""Rules of the house that no linter knows."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "groqdesk"
HEADLESS = [
    "groqdesk.core.catalog",
    "groqdesk.core.parameters",
    "groqdesk.core.ports",
    "groqdesk.engine",
    "groqdesk.services.llm",
    "groqdesk.services.catalog",
    "groqdesk.services.functions",
    "groqdesk.providers.factory",
    "groqdesk.providers.cassettes",
    "groqdesk.storage.database",
    "groqdesk.storage.conversations",
    "groqdesk.storage.usage",
    "groqdesk.storage.keys",
    "groqdesk.simulator.server",
    "groqdesk.audio.devices",
    "groqdesk.app",
    "groqdesk.cli",
]


def loaded_by(code: str) -> set[str]:
    """Names of the modules that `code` loads in a fresh interpreter."""
    code += "\nimport sys; print('\\n'.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", HEADLESS)
def test_headless_rooms_load_no_window(module: str) -> None:
    loaded = loaded_by(f"import {module}")
    assert not {name for name in loaded if name.startswith(("PySide6", "qasync", "numpy", "pyqtgraph", "sounddevice"))}


def test_viewmodels_load_no_widgets() -> None:
    loaded = loaded_by("import groqdesk.viewmodels.chat, groqdesk.viewmodels.setup, groqdesk.viewmodels.shell")
    assert "PySide6.QtCore" in loaded
    assert not {"PySide6.QtWidgets", "PySide6.QtGui"} & loaded


def test_the_version_is_told_without_loading_the_house() -> None:
    code = "from groqdesk.cli import main\ntry: main(['--version'])\nexcept SystemExit: pass"
    loaded = loaded_by(code)
    heavy = {"PySide6", "sqlalchemy", "alembic", "httpx", "aiohttp", "keyring", "msgspec", "asyncio.events_never"}
    assert not heavy & loaded


def test_no_socket_is_opened_by_importing_the_app() -> None:
    code = (
        "import sys\n"
        "def hook(event, args):\n"
        "    if event in ('socket.connect', 'socket.bind', 'socket.getaddrinfo'): raise RuntimeError(event)\n"
        "sys.addaudithook(hook)\n"
        "import groqdesk.app, groqdesk.providers.factory, groqdesk.storage.database, groqdesk.simulator.server"
    )
    assert "groqdesk.app" in loaded_by(code)


def test_keys_are_revealed_in_two_places_only() -> None:
    places = set()
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "reveal":
                places.add(file.relative_to(PACKAGE).as_posix())
    assert places == {"providers/transport.py", "storage/keys.py"}


def test_bootstrap_parses_on_any_python_3() -> None:
    source = (ROOT / "bootstrap.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 4))
    assert "f'" not in source
    assert 'f"' not in source


def test_bootstrap_uses_the_standard_library_only() -> None:
    tree = ast.parse((ROOT / "bootstrap.py").read_text("utf-8"))
    names = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert names <= set(sys.stdlib_module_names)


def test_no_file_names_a_package_index_or_this_machine() -> None:
    hosts = ("pypi" + ".org", "files.python" + "hosted", "registry.npm" + "js", "deb.deb" + "ian.org")
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        pytest.skip("git is not installed, or this is not a checkout")
    tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, cwd=ROOT, check=True).stdout.split(b"\0")
    assert tracked[0]
    for name in tracked:
        path = ROOT / os.fsdecode(name)
        if not name or not path.is_file() or path.suffix in {".png", ".ttf", ".otf", ".svg"}:
            continue
        text = path.read_text("utf-8", errors="replace")
        assert not [host for host in hosts if host in text], path
        assert "/work/" + "main" not in text, path


def test_the_wheel_carries_the_resources(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    wheel = next(tmp_path.glob("groqdesk-*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    for path in (p for p in (ROOT / "resources").rglob("*") if p.is_file()):
        assert f"groqdesk/_resources/{path.relative_to(ROOT / 'resources').as_posix()}" in names
    code = "from groqdesk.core.settings import resource; print(resource('catalog.toml'))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(done.stdout.strip()) == tmp_path / "site" / "groqdesk" / "_resources" / "catalog.toml"


def test_an_editable_install_reads_resources_from_the_clone() -> None:
    from groqdesk.core.settings import resource

    assert resource("catalog.toml") == ROOT / "resources" / "catalog.toml"
