"""Gets the two bundled font families into resources/fonts, once; the files are committed, the app never downloads a font.

Inter comes as static TTF from an npm package, JetBrains Mono from Debian's package (the newest one with static TTF: it has
176 characters more than the npm package, Kazakh and Bashkir among them). Every package and every file is checked
against the SHA-256 below before anything is written. Needs `npm`, `apt-get` and `dpkg-deb`, set up as on the machine that
runs it. Usage: python packaging/get_fonts.py [--check]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

FONTS = Path(__file__).resolve().parent.parent / "resources" / "fonts"


@dataclass(frozen=True)
class Package:
    """A package of an ordinary package manager: how it is asked for and what its file must hash to."""

    manager: str  # "npm" or "apt"
    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class FontFile:
    """One file of a package and the name it gets in resources/fonts."""

    package: Package
    member: str
    target: str
    family: str
    font_version: str
    sha256: str


INTER = Package(
    "npm",
    "@expo-google-fonts/inter",
    "0.4.2",
    "b5c1e5878c07a5637169da9f7b1f370c69709f1f8de55998e2522f7aa9dfe2a9",
)
MONO = Package(
    "apt",
    "fonts-jetbrains-mono",
    "2.242+ds-3",
    "516b8e3bacc9a30cf615543fa1fdaf0c5312284f2c4459b7838fd008fd9936bc",
)
MONO_LICENCE = Package(
    "npm",
    "@expo-google-fonts/jetbrains-mono",
    "0.4.1",
    "aead50085a2d56fffdac882c5945f9fc4e4785ccb5c8d6f1988f21faa1737c9a",
)
_DEB = "./usr/share/fonts/truetype/jetbrains-mono/"

FILES = (
    FontFile(
        INTER,
        "package/400Regular/Inter_400Regular.ttf",
        "Inter-Regular.ttf",
        "Inter",
        "4.001",
        "a414b48aa577ef2c62ebb135341ddeef33ee26a4f5dc9f787f93c1aab08ebb50",
    ),
    FontFile(
        INTER,
        "package/500Medium/Inter_500Medium.ttf",
        "Inter-Medium.ttf",
        "Inter",
        "4.001",
        "f1738576525e86db1d5cf63a6c1b56e0a7e2a2898b499ac93db95f2e7a9f9cd5",
    ),
    FontFile(
        INTER,
        "package/600SemiBold/Inter_600SemiBold.ttf",
        "Inter-SemiBold.ttf",
        "Inter",
        "4.001",
        "f30e9d2574c3bec5144347ff965f9841c8f06857f0b7383000f8c9489a161841",
    ),
    FontFile(
        INTER,
        "package/400Regular_Italic/Inter_400Regular_Italic.ttf",
        "Inter-Italic.ttf",
        "Inter",
        "4.001",
        "c8c09e4bd08de7b901b4561f16ce9bb1ab3ffa420cfaef9f2a40286e14300e75",
    ),
    FontFile(
        INTER,
        "package/LICENSE_FONT",
        "OFL-Inter.txt",
        "Inter",
        "",
        "5b9321a4298cfeb6b34354164a1c3afc3db114569984c502b9b35d988fd58c57",
    ),
    FontFile(
        MONO,
        _DEB + "JetBrainsMono-Regular.ttf",
        "JetBrainsMono-Regular.ttf",
        "JetBrains Mono",
        "2.242",
        "a3014fb90ae8ddfbdfc778de75f95b49a857947fde5335ab3f50b6d56eb517be",
    ),
    FontFile(
        MONO,
        _DEB + "JetBrainsMono-Medium.ttf",
        "JetBrainsMono-Medium.ttf",
        "JetBrains Mono",
        "2.242",
        "9c99efc72a85799cb92f234fdefaad72641f9741b8a00df6c5fbcac7831b6ec8",
    ),
    FontFile(
        MONO_LICENCE,
        "package/LICENSE_FONT",
        "OFL-JetBrainsMono.txt",
        "JetBrains Mono",
        "",
        "b2fe5e8987594e9ffd1d2ca52a2f5d73eb8335243893c5d6254b5ad69269591d",
    ),
)


class MismatchError(Exception):
    """A package or file is not the one this script was written for."""


def verify(what: str, data: bytes, expected: str) -> None:
    """Compares SHA-256; raises MismatchError."""
    found = hashlib.sha256(data).hexdigest()
    if found != expected:
        raise MismatchError(f"{what}: SHA-256 is {found}, expected {expected}")


def download(package: Package, folder: Path) -> bytes:
    """The package file, through its own manager, verified. Raises CalledProcessError or MismatchError."""
    if package.manager == "npm":
        command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
        pattern = "*.tgz"
    else:
        command = ["apt-get", "download", f"{package.name}={package.version}"]
        pattern = "*.deb"
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    data = next(folder.glob(pattern)).read_bytes()
    verify(package.name, data, package.sha256)
    return data


def members(package: Package) -> dict[str, bytes]:
    """Path in the package -> content, for the files named in FILES."""
    wanted = {file.member for file in FILES if file.package == package}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = download(package, folder)
        if package.manager == "apt":
            deb = next(folder.glob("*.deb"))
            data = subprocess.run(["dpkg-deb", "--fsys-tarfile", str(deb)], check=True, stdout=subprocess.PIPE).stdout
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        found = {}
        for entry in archive:
            content = archive.extractfile(entry) if entry.name in wanted else None
            if content is not None:
                found[entry.name] = content.read()
    if missing := wanted - set(found):
        raise MismatchError(f"{package.name} has no {', '.join(sorted(missing))}")
    return found


def table() -> str:
    """The text of FONTS.md."""
    lines = [
        "# Bundled fonts",
        "",
        "Written by `packaging/get_fonts.py`. Unchanged files; both families are under the SIL Open Font License 1.1, whose",
        "texts are `OFL-Inter.txt` and `OFL-JetBrainsMono.txt`.",
        "",
        "| File | Family | Version | Package | SHA-256 |",
        "|---|---|---|---|---|",
    ]
    for file in FILES:
        package = f"{file.package.manager}: {file.package.name} {file.package.version}"
        lines.append(f"| {file.target} | {file.family} | {file.font_version or '–'} | {package} | `{file.sha256}` |")
    return "\n".join(lines) + "\n"


def check() -> None:
    """Verifies the committed files without any download; raises MismatchError or FileNotFoundError."""
    for file in FILES:
        verify(file.target, (FONTS / file.target).read_bytes(), file.sha256)
    if (FONTS / "FONTS.md").read_text(encoding="utf-8") != table():
        raise MismatchError("FONTS.md differs from the list in packaging/get_fonts.py")


def main() -> int:
    """Downloads, or with --check only verifies; the exit code says whether all files are the expected ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="verify the committed files, download nothing")
    try:
        if not parser.parse_args().check:
            contents = {package: members(package) for package in dict.fromkeys(file.package for file in FILES)}
            for file in FILES:
                verify(file.target, contents[file.package][file.member], file.sha256)
            FONTS.mkdir(parents=True, exist_ok=True)
            for file in FILES:
                (FONTS / file.target).write_bytes(contents[file.package][file.member])
            (FONTS / "FONTS.md").write_text(table(), encoding="utf-8")
        check()
    except (MismatchError, OSError, subprocess.CalledProcessError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(FILES)} files in {FONTS} are as listed in FONTS.md")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
