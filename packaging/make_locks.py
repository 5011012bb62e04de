"""Writes the hash-pinned requirement files of this folder from pyproject.toml.

    python packaging/make_locks.py            keep what is locked, add what is new
    python packaging/make_locks.py --upgrade  take the newest releases that are at least seven days old

Each file is a complete universal lock (Linux, macOS, Windows; Python 3.11 to 3.13) with names, versions, markers and
hashes only: no index host, so that it can be installed with `pip install --no-deps --require-hashes` from any mirror.
"""

from __future__ import annotations

import argparse
import datetime as dt
import pathlib
import re
import shutil
import subprocess
import sys
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
COOLING_DAYS = 7
# Security fixes younger than the cooling period: "name": "why". Empty when there is none.
FRESH: dict[str, str] = {}


def groups() -> dict[str, list[str]]:
    """Requirement file -> top-level requirements."""
    project = tomllib.loads((HERE.parent / "pyproject.toml").read_text("utf-8"))
    app = project["project"]["dependencies"]
    dev = project["dependency-groups"]
    return {
        "requirements.txt": app,
        "requirements-test.txt": app + dev["test"],
        "requirements-build.txt": dev["build"],
    }


def compile_lock(name: str, requirements: list[str], upgrade: bool) -> None:
    uv = shutil.which("uv") or str(pathlib.Path(sys.executable).with_name("uv"))
    newest = dt.datetime.now(dt.UTC) - dt.timedelta(days=COOLING_DAYS)
    command = [uv, "pip", "compile", "-", "--universal", "--generate-hashes", "--no-header", "--quiet"]
    command += ["--python-version", "3.11", "--no-emit-index-url", "--no-annotate"]
    command += ["--exclude-newer", newest.strftime("%Y-%m-%dT00:00:00Z"), "--output-file", str(HERE / name)]
    for package in FRESH:
        command += ["--exclude-newer-package", f"{package}={dt.date.today().isoformat()}"]
    if upgrade:
        command.append("--upgrade")
    if name == "requirements-test.txt" and not upgrade:
        command += ["--constraints", str(HERE / "requirements.txt")]
    subprocess.run(command, input="\n".join(requirements), text=True, check=True)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--upgrade", action="store_true", help="take newer releases")
    upgrade = arguments.parse_args().upgrade
    for name, requirements in groups().items():
        compile_lock(name, requirements, upgrade)
        text = (HERE / name).read_text("utf-8")
        if found := re.search(r"https?://\S+", text):
            raise SystemExit(f"{name} names a host: {found[0]}")
        print(f"{name}: {len(re.findall(r'^[A-Za-z0-9]', text, re.M))} packages")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
