"""Sets groqdesk up from a clone and starts it. Standard library only; parses on any Python 3.

    python3 bootstrap.py run [ARGS...]     the window (or any groqdesk command)
    python3 bootstrap.py test [ARGS...]    the tests
    python3 bootstrap.py setup [--test]    set-up alone; the command is then .venv/bin/groqdesk

Each does the set-up it needs; the second start is instant. Only the window (run without a command, run --demo,
run demo) insists on the system's Qt libraries: everything else names what is missing and goes on.
Options before or after the word: --yes installs missing system packages without asking (CI=true does too;
the tests never use sudo for it unless CI=true); --lite leaves the offline engines out once there are any.
"""

import ctypes
import hashlib
import os
import platform
import shutil
import signal
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


def is_root():
    return not WINDOWS and os.geteuid() == 0


def sudo():
    """What comes before a command that needs root: nothing for root."""
    return [] if is_root() else ["sudo"]


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
                ["py", "-3.%d" % minor, "-c", "import sys; print(sys.executable)"],
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                universal_newlines=True,
            )
            if found.returncode == 0:
                return found.stdout.strip()
    stop(
        "groqdesk needs Python 3.11, 3.12 or 3.13; this is %s and no other was found.\n"
        "On Debian 12 and Ubuntu: %s; elsewhere install it from python.org."
        % (platform.python_version(), " ".join(sudo() + ["apt-get install python3 python3-venv"]))
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


def check_libraries(yes, needed, may_use_sudo=True):
    """Names the missing libraries, and installs them if told to; without them it stops only where `needed`."""
    missing = missing_libraries()
    if not missing:
        return
    give_up = stop if needed else say
    say("These system libraries are missing, and the window cannot open without them:\n  " + ", ".join(sorted(missing)))
    if not shutil.which("apt-get"):
        give_up(
            "Install them with your system's package manager, then run this again."
            if needed
            else "Your system's package manager has them. Going on without."
        )
        return
    packages = sorted(set(missing.values()))
    if newer_names():
        packages = ["libglib2.0-0t64" if name == "libglib2.0-0" else name for name in packages]
    command = ["apt-get", "install", "-y", "--no-install-recommends"] + packages
    say("They come with:\n  " + " ".join(sudo() + command))
    if not is_root() and not shutil.which("sudo"):
        give_up("Run that line as root, then run this again." if needed else "Going on without them.")
        return
    if not needed and not (yes and (is_root() or may_use_sudo)):
        say("Going on without them.")
        return
    if not yes and not agrees("Run it now? [Y/n] "):
        stop("Run that line, then run this again.")
    subprocess.call(sudo() + ["apt-get", "update", "-qq"], stdout=sys.stderr)
    # Through env, because sudo drops the variables of its caller.
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
    if subprocess.call(sudo() + quiet + command, stdout=sys.stderr) != 0 or missing_libraries():
        give_up("The packages could not be installed; the line above shows which ones are needed.")


def agrees(question):
    if not sys.stdin.isatty():
        return False
    sys.stderr.write(question)
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return answer != "" and answer.strip().lower() in ("", "y", "yes")


def newer_names():
    """Whether this Debian or Ubuntu carries libraries under their t64 names."""
    found = subprocess.run(
        ["apt-cache", "show", "libglib2.0-0t64"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return found.returncode == 0


def is_usable():
    """Whether .venv can be used as it is. pip is asked only before it is needed: a second start stays instant."""
    return (
        os.path.exists(PYTHON)
        and version_of(PYTHON)
        and (
            is_current("run")
            or subprocess.call([PYTHON, "-m", "pip", "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            == 0
        )
    )


def make_environment(yes, again=True):
    if is_usable():
        return
    if os.path.lexists(VENV):
        say("The environment in .venv is unfinished or does not start any more; making a new one.")
        remove_environment()
    say("Making the environment in .venv ...")
    interpreter = find_interpreter()
    made = subprocess.run([interpreter, "-m", "venv", VENV], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if made.returncode == 0:
        return
    remove_environment()
    if b"ensurepip" not in made.stdout and b"No module named venv" not in made.stdout:
        stop("The environment could not be made:\n" + made.stdout.decode(errors="replace"))
    asked = [interpreter, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    minor = subprocess.run(asked, stdout=subprocess.PIPE).stdout.decode().strip()
    command = ["apt-get", "install", "-y", "python%s-venv" % minor]
    if again and yes and is_root() and shutil.which("apt-get"):
        subprocess.call(["apt-get", "update", "-qq"], stdout=sys.stderr)
        if subprocess.call(command, stdout=sys.stderr) == 0:
            make_environment(yes, again=False)
            return
    stop("Python's venv module is missing. It comes with:\n  %s\nThen run this again." % " ".join(sudo() + command))


def remove_environment():
    if os.path.islink(VENV):
        os.unlink(VENV)
    else:
        shutil.rmtree(VENV, ignore_errors=True)


def install(test):
    """Installs what the locks say, once; a change of a lock installs again."""
    names = ["requirements.txt", "requirements-build.txt"] + (["requirements-test.txt"] if test else [])
    stamps = ["run", "test"] if test else ["run"]
    if all(is_current(kind) for kind in stamps):
        return
    for kind in stamps:
        if os.path.exists(stamp_of(kind)):
            os.unlink(stamp_of(kind))
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
    """What an environment was made from: the locks, and the folder that the editable install points at."""
    names = ["requirements.txt", "requirements-build.txt"] + (["requirements-test.txt"] if kind == "test" else [])
    digest = hashlib.sha256(os.fsencode(HERE) + b"\0")
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


def without_data_dir(arguments):
    """The arguments without `--data-dir DIR` and `--data-dir=DIR`."""
    kept = []
    is_value = False
    for argument in arguments:
        if is_value:
            is_value = False
        elif argument == "--data-dir":
            is_value = True
        elif not argument.startswith("--data-dir="):
            kept.append(argument)
    return kept


def command_of(arguments):
    """The command word of groqdesk's arguments, or None."""
    return next((a for a in without_data_dir(arguments) if not a.startswith("-")), None)


def opens_window(arguments):
    """Whether groqdesk would open its window with these arguments."""
    only_text = {"-h", "--help", "--version"} & set(arguments)
    return not only_text and command_of(arguments) in (None, "demo")


def for_this_display(arguments):
    """The arguments to start groqdesk with: without a display, the demo off screen in place of the window."""
    if not opens_window(arguments) or has_display():
        return arguments
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    if command_of(arguments) == "demo":
        say("There is no display here, so the demo runs off screen.")
        return arguments
    say("There is no display here, so the demo runs off screen instead.")
    kept = without_data_dir(arguments)
    if kept != arguments:
        say("Its data is thrown away afterwards, so --data-dir is left out.")
    return ["demo"] + [a for a in kept if a != "--demo"]


def become(command):
    """Hands over to the command, so that signals and the exit code are its own.

    As a child it would be killed a quarter of a second after Ctrl-C, before it has stored what it has.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if not WINDOWS:
        os.execv(command[0], command)
    signal.signal(signal.SIGINT, lambda *_: None)
    return subprocess.call(command)


def main():
    arguments = sys.argv[1:]
    own = {"--yes", "--lite"}
    word = next((a for a in arguments if a not in own), None)
    if word not in ("run", "test", "setup"):
        stop(__doc__.strip(), 0 if word in ("-h", "--help") else 2)
    cut = arguments.index(word)
    rest = arguments[:cut] + arguments[cut + 1 :]
    ci = os.environ.get("CI") == "true"
    yes = "--yes" in rest or ci
    test = word == "test" or (word == "setup" and "--test" in rest)
    rest = [a for a in rest if a not in own]
    check_platform()
    check_libraries(yes, needed=word == "run" and opens_window(rest), may_use_sudo=word != "test" or ci)
    make_environment(yes)
    install(test)
    if word == "setup":
        command = os.path.join(".venv", "Scripts" if WINDOWS else "bin", "groqdesk")
        say("Ready. The command is %s" % command)
        return 0
    if word == "test":
        os.chdir(HERE)
        return become([PYTHON, "-m", "pytest"] + rest)
    return become([PYTHON, "-m", "groqdesk"] + for_this_display(rest))


def start():
    try:
        return main()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        say("Stopped. Run this again to go on.")
        return 130


if __name__ == "__main__":
    raise SystemExit(start())
