"""Checks the requirement files: every package pinned and hashed, no index host, licences on the list, no surprise `.pth`.

python packaging/check_locks.py     in the environment that was installed from them
"""

from __future__ import annotations

import pathlib
import re
import sys
from importlib import metadata

HERE = pathlib.Path(__file__).resolve().parent
ALLOWED = re.compile(r"apache|mit|bsd|psf|python software|mpl|mozilla|isc|lgpl|unlicense|0bsd|zlib|public domain", re.I)
# What the metadata does not say in a word that the pattern knows, with what its own files say.
KNOWN = {
    "httpx-aiohttp": "BSD-3-Clause",
    "pywin32-ctypes": "BSD-3-Clause",
    "httpx2-jsfetch": "BSD-3-Clause",
    "lazy-importer": "MIT",
}
# Files that run code at every start of Python; only these may be there.
PTH = re.compile(r"^(_?_editable_impl_groqdesk|groqdesk|_?groqdesk|distutils-precedence|a1_coverage)[\w.-]*\.pth$")


def pins(text: str) -> dict[str, bool]:
    """Package -> whether it has a hash."""
    found: dict[str, bool] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", "\n" + text):
        if match := re.match(r"\s*([A-Za-z0-9_.-]+)==", block):
            found[match[1].lower()] = "--hash=sha256:" in block
        elif block.strip() and not block.strip().startswith("#"):
            found[block.strip().split()[0]] = False
    return found


def licence(name: str) -> str:
    try:
        data = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return KNOWN.get(name, "not installed here")
    classifiers = [c.split("::")[-1] for c in data.get_all("Classifier") or [] if c.startswith("License")]
    return (
        KNOWN.get(name) or data.get("License-Expression") or " ".join(classifiers) or (data.get("License") or "")[:60]
    )


def main() -> int:
    problems = []
    names: set[str] = set()
    for file in sorted(HERE.glob("requirements*.txt")):
        text = file.read_text("utf-8")
        if host := re.search(r"https?://\S+", text):
            problems.append(f"{file.name} names a host: {host[0]}")
        packages = pins(text)
        names |= packages.keys()
        problems += [f"{file.name}: {name} has no hash" for name, hashed in packages.items() if not hashed]
    for name in sorted(names):
        words = licence(name)
        if words != "not installed here" and not ALLOWED.search(words):
            problems.append(f"{name}: licence {words!r} is not on the list")
    site = pathlib.Path(metadata.distribution("pip").locate_file(""))
    problems += [f"unexpected {pth.name}" for pth in site.glob("*.pth") if not PTH.match(pth.name)]
    for problem in problems:
        print(problem)
    print(f"locks: {len(names)} packages, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
