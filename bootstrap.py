"""Sets groqdesk up from a clone and starts it. Standard library only; parses on any Python 3.

    python3 bootstrap.py run [ARGS...]     the window (or any groqdesk command)
    python3 bootstrap.py test [ARGS...]    the tests
    python3 bootstrap.py setup [--test]    set-up alone; the command is then .venv/bin/groqdesk

Options before or after the word: --yes installs missing system packages without asking (CI=true does too);
--lite leaves the offline engines out once there are any.
"""

import ctypes.util
import hashlib
import os
import platform
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(HERE, ".venv")
LOWEST, HIGHEST = (3, 11), (3, 13)
WINDOWS = os.name == "nt"
BIN = os.path.join(VENV, "Scripts" if WINDOWS else "bin")
PYTHON = os.path.join(BIN, "python.exe" if WINDOWS else "python")
# Library -> Debian package. The first block is needed to import Qt, the second to open a window on an X server.
QT_LIBRARIES = {
    "libglib-2.0.so.0": "libglib2.0-0",
    "libEGL.so.1": "libegl1",
    "libGL.so.1": "libgl1",
    "libdbus-1.so.3": "libdbus-1-3",
    "libfontconfig.so.1": "libfontconfig1",
    "libxkbcommon.so.0": "libxkbcommon0",
    "libbrotlidec.so.1": "libbrotli1",
    "libgssapi_krb5.so.2": "libgssapi-krb5-2",
}
XCB_LIBRARIES = {
    "libxcb-cursor.so.0": "libxcb-cursor0",
    "libxcb-icccm.so.4": "libxcb-icccm4",
    "libxcb-image.so.0": "libxcb-image0",
    "libxcb-keysyms.so.1": "libxcb-keysyms1",
    "libxcb-randr.so.0": "libxcb-randr0",
    "libxcb-render-util.so.0": "libxcb-render-util0",
    "libxcb-shape.so.0": "libxcb-shape0",
    "libxcb-shm.so.0": "libxcb-shm0",
    "libxcb-sync.so.1": "libxcb-sync1",
    "libxcb-xfixes.so.0": "libxcb-xfixes0",
    "libxcb-xkb.so.1": "libxcb-xkb1",
    "libxkbcommon-x11.so.0": "libxkbcommon-x11-0",
    "libX11-xcb.so.1": "libx11-xcb1",
}


def say(text):
    print(text, file=sys.stderr, flush=True)


def stop(text, code=1):
    say(text)
    raise SystemExit(code)


def fits(version):
    return LOWEST <= tuple(version[:2]) <= HIGHEST


def find_interpreter():
    """This interpreter if it fits, else the newest one on this machine that does."""
    if fits(sys.version_info):
        return sys.executable
    names = ["python3.13", "python3.12", "python3.11", "python3", "python"]
    for name in names:
        path = shutil.which(name)
        if path and version_of(path):
            return path
    if WINDOWS and shutil.which("py"):
        for minor in (13, 12, 11):
            found = subprocess.run(
                ["py", "-3.%d" % minor, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True
            )
            if found.returncode == 0:
                return found.stdout.strip()
    stop(
        "groqdesk needs Python 3.11, 3.12 or 3.13; this is %s and no other was found.\n"
        "On Debian 12 and Ubuntu: sudo apt-get install python3 python3-venv; elsewhere install it from python.org."
        % platform.python_version()
    )


def version_of(path):
    found = subprocess.run(
        [path, "-c", "import sys; print(*sys.version_info[:2])"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        universal_newlines=True,
    )
    if found.returncode != 0:
        return False
    return fits([int(part) for part in found.stdout.split()])


def check_platform():
    if not sys.platform.startswith("linux"):
        return
    if platform.machine() not in ("x86_64", "AMD64"):
        say("Note: groqdesk is tried on x86-64 Linux only; this is %s." % platform.machine())
    name, version = platform.libc_ver()
    if name == "glibc" and tuple(int(p) for p in version.split(".")[:2]) < (2, 34):
        stop("groqdesk needs glibc 2.34 or newer (Debian 12, Ubuntu 22.04, RHEL 9); this system has %s." % version)
    if name != "glibc":
        stop("groqdesk needs a Linux with glibc (Debian 12, Ubuntu 22.04, RHEL 9); its window does not run on musl.")


def missing_libraries():
    """Libraries that Qt needs and this Linux lacks, with the Debian package of each."""
    if not sys.platform.startswith("linux"):
        return {}
    wanted = dict(QT_LIBRARIES)
    if os.environ.get("DISPLAY") and not os.environ.get("QT_QPA_PLATFORM"):
        wanted.update(XCB_LIBRARIES)
    missing = {}
    for library, package in wanted.items():
        try:
            ctypes.CDLL(library)
        except OSError:
            missing[library] = package
    return missing


def check_libraries(yes):
    missing = missing_libraries()
    if not missing:
        return
    if not shutil.which("apt-get"):
        stop(
            "These libraries are missing, and the window cannot open without them:\n  "
            + "\n  ".join(sorted(missing))
            + "\nInstall them with your system's package manager, then run this again."
        )
    root = os.geteuid() == 0
    packages = sorted(set(missing.values()))
    if newer_names():
        packages = ["libglib2.0-0t64" if name == "libglib2.0-0" else name for name in packages]
    command = ["apt-get", "install", "-y", "--no-install-recommends"] + packages
    shown = " ".join(([] if root else ["sudo"]) + command)
    say("These system libraries are missing: " + ", ".join(sorted(missing)))
    say("They come with:\n  " + shown)
    if not root and not shutil.which("sudo"):
        stop("Run that line as root, then run this again.")
    if not yes and not (sys.stdin.isatty() and input("Run it now? [Y/n] ").strip().lower() in ("", "y", "yes")):
        stop("Run that line, then run this again.")
    prefix = [] if root else ["sudo"]
    subprocess.call(prefix + ["apt-get", "update", "-qq"])
    environment = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    if subprocess.call(prefix + command, env=environment, stdout=sys.stderr) != 0 or missing_libraries():
        stop("The packages could not be installed; the line above shows which ones are needed.")


def newer_names():
    """Whether this Debian or Ubuntu carries libraries under their t64 names."""
    found = subprocess.run(
        ["apt-cache", "show", "libglib2.0-0t64"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return found.returncode == 0


def make_environment():
    if os.path.exists(PYTHON):
        if version_of(PYTHON):
            return
        say("The old environment does not start any more; making a new one.")
        shutil.rmtree(VENV)
    say("Making the environment in .venv ...")
    interpreter = find_interpreter()
    made = subprocess.run([interpreter, "-m", "venv", VENV], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if made.returncode != 0:
        shutil.rmtree(VENV, ignore_errors=True)
        minor = (
            subprocess.run(
                [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], stdout=subprocess.PIPE
            )
            .stdout.decode()
            .strip()
        )
        if b"ensurepip" in made.stdout or b"python3-venv" in made.stdout:
            line = "apt-get install -y python%s-venv" % minor
            yes = "--yes" in sys.argv or os.environ.get("CI") == "true"
            if yes and shutil.which("apt-get") and os.geteuid() == 0:
                subprocess.call(["apt-get", "update", "-qq"])
                if subprocess.call(line.split(), stdout=sys.stderr) == 0:
                    return make_environment()
            stop("Python's venv module is missing. It comes with:\n  sudo %s\nThen run this again." % line)
        stop("The environment could not be made:\n" + made.stdout.decode(errors="replace"))


def install(test):
    """Installs what the locks say, once; a change of a lock installs again."""
    names = ["requirements.txt", "requirements-build.txt"] + (["requirements-test.txt"] if test else [])
    stamps = ["run", "test"] if test else ["run"]
    if all(is_current(kind) for kind in stamps):
        return
    for number, name in enumerate(names, 1):
        say("Installing %s (%d of %d) ..." % (name, number, len(names) + 1))
        pip(["install", "--no-deps", "--require-hashes", "-r", os.path.join(HERE, "packaging", name)])
    say("Installing groqdesk (%d of %d) ..." % (len(names) + 1, len(names) + 1))
    pip(["install", "--no-deps", "--no-build-isolation", "-e", HERE])
    for kind in stamps:
        with open(stamp_of(kind), "w") as file:
            file.write(fingerprint(kind))


def stamp_of(kind):
    return os.path.join(VENV, "groqdesk-%s.stamp" % kind)


def is_current(kind):
    if not os.path.exists(stamp_of(kind)):
        return False
    with open(stamp_of(kind)) as file:
        return file.read() == fingerprint(kind)


def fingerprint(kind):
    names = ["requirements.txt", "requirements-build.txt"] + (["requirements-test.txt"] if kind == "test" else [])
    digest = hashlib.sha256()
    for name in [os.path.join("packaging", name) for name in names] + ["pyproject.toml"]:
        with open(os.path.join(HERE, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def pip(arguments):
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "-q"] + arguments
    if subprocess.call(command, stdout=sys.stderr) != 0:
        stop("The installation stopped; the lines above say why. Run this again to go on.")


def has_display():
    if WINDOWS or sys.platform == "darwin":
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.environ.get("QT_QPA_PLATFORM"))


def run(arguments):
    opens_window = not [a for a in arguments if not a.startswith("-")] and "--version" not in arguments
    if opens_window and not has_display() and "-h" not in arguments and "--help" not in arguments:
        say("There is no display here, so the demo runs off screen instead.")
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
        arguments = ["demo"]
    return subprocess.call([PYTHON, "-m", "groqdesk"] + arguments)


def main():
    arguments = sys.argv[1:]
    own = {"--yes", "--lite"}
    word = next((a for a in arguments if a not in own), None)
    if word not in ("run", "test", "setup"):
        stop(__doc__.strip(), 0 if word in ("-h", "--help") else 2)
    cut = arguments.index(word)
    rest = arguments[:cut] + arguments[cut + 1 :]
    yes = "--yes" in rest or os.environ.get("CI") == "true"
    test = word == "test" or (word == "setup" and "--test" in rest)
    rest = [a for a in rest if a not in own]
    check_platform()
    check_libraries(yes)
    make_environment()
    install(test)
    if word == "setup":
        command = os.path.join(".venv", "Scripts" if WINDOWS else "bin", "groqdesk")
        say("Ready. The command is %s" % command)
        return 0
    if word == "test":
        return subprocess.call([PYTHON, "-m", "pytest"] + rest, cwd=HERE)
    return run(rest)


if __name__ == "__main__":
    try:
        raise SystemExit(main())
    except KeyboardInterrupt:
        raise SystemExit(130)
