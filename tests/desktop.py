"""Real parts for end-to-end tests: an X server with a window manager, a Secret Service, and Groq's address on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
import select
import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> object:
    """Polls until `condition` holds and gives its value; a test that waits in vain says for what."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"never happened: {what}")


class Desktop:
    """A screen of its own: Xvfb with openbox, driven with xdotool."""

    def __init__(self, width: int = 1400, height: int = 1000) -> None:
        read, write = os.pipe()
        self._server = subprocess.Popen(
            ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{width}x{height}x24", "-nolisten", "tcp", "-noreset"],
            pass_fds=[write],
            stderr=subprocess.DEVNULL,
        )
        os.close(write)
        said = b""
        while not said.endswith(b"\n") and select.select([read], [], [], 20)[0] and (more := os.read(read, 16)):
            said += more  # the server ends if the number's line is not read to its end
        os.close(read)
        number = said.decode().strip()
        if not number:
            self._server.kill()
            raise AssertionError("Xvfb did not start")
        self.environment = {"DISPLAY": f":{number}"}
        self._manager = subprocess.Popen(
            ["openbox"], env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def close(self) -> None:
        for process in (self._manager, self._server):
            process.terminate()
            process.wait(timeout=10)

    def xdotool(self, *arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            ["xdotool", *arguments], env={**os.environ, **self.environment}, capture_output=True, text=True, check=check
        )
        return done.stdout.strip()

    def windows(self, title: str) -> list[str]:
        return self.xdotool("search", "--onlyvisible", "--name", title, check=False).split()

    def window(self, title: str, seconds: float = 60.0) -> str:
        """The id of the visible window with this title, once it is there."""
        found = wait_until(lambda: self.windows(title), f"a window {title}", seconds)
        assert isinstance(found, list)
        return str(found[-1])

    def focus(self, window: str) -> None:
        self.xdotool("windowactivate", "--sync", window)

    def type(self, text: str) -> None:
        self.xdotool("type", "--delay", "15", text)

    def key(self, *names: str) -> None:
        self.xdotool("key", "--delay", "40", *names)

    def click(self, window: str, x: int, y: int) -> None:
        self.xdotool("mousemove", "--window", window, str(x), str(y), "click", "1")

    def picture(self, path: Path) -> Path:
        """A PNG of the whole screen."""
        tool = shutil.which("import")
        if tool:
            subprocess.run([tool, "-window", "root", str(path)], env={**os.environ, **self.environment}, check=False)
        return path


@contextlib.contextmanager
def desktop() -> Iterator[Desktop]:
    screen = Desktop()
    try:
        yield screen
    finally:
        screen.close()


@contextlib.contextmanager
def secret_service(home: Path) -> Iterator[dict[str, str]]:
    """A session bus with an unlocked GNOME Keyring; gives the environment to reach it."""
    home.mkdir(parents=True, exist_ok=True)
    base = {**os.environ, "HOME": str(home), "XDG_DATA_HOME": str(home / "share"), "XDG_RUNTIME_DIR": str(home)}
    base.pop("PYTHON_KEYRING_BACKEND", None)
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address=1"],
        env=base,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert bus.stdout is not None
    address = bus.stdout.readline().strip()
    keyring: subprocess.Popen[str] | None = None
    try:
        environment = {**base, "DBUS_SESSION_BUS_ADDRESS": address}
        keyring = subprocess.Popen(
            ["gnome-keyring-daemon", "--foreground", "--unlock", "--components=secrets"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert keyring.stdin is not None
        keyring.stdin.write("ci")
        keyring.stdin.close()
        names = ["dbus-send", "--session", "--print-reply", "--dest=org.freedesktop.DBus", "/org/freedesktop/DBus"]
        ask = [*names, "org.freedesktop.DBus.NameHasOwner", "string:org.freedesktop.secrets"]
        wait_until(
            lambda: "true" in subprocess.run(ask, env=environment, capture_output=True, text=True).stdout,
            "a Secret Service on the bus",
        )
        yield environment
    finally:
        for process in (keyring, bus):
            if process is not None:
                process.terminate()
                process.wait(timeout=10)
        bus.stdout.close()


class GroqOnLoopback:
    """api.groq.com as a proxy with a certificate of its own shows it: CONNECT, TLS, then the practice server behind.

    The app reaches it the way it reaches any company proxy: HTTPS_PROXY and SSL_CERT_FILE.
    """

    def __init__(self, folder: Path, backend: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._backend = backend.removeprefix("http://").split("/")[0]
        self._context = _certificate(folder)
        self.connects: list[str] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(10)
        self.environment = {
            "HTTPS_PROXY": f"http://127.0.0.1:{self.port}",
            "SSL_CERT_FILE": str(folder / "ca.pem"),
        }

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            target = head.split()[1].decode()
            self.connects.append(target)
            if target != "api.groq.com:443":
                writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                writer.close()
                return
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            await writer.drain()
            await writer.start_tls(self._context)
            host, port = self._backend.split(":")
            back_reader, back_writer = await asyncio.open_connection(host, int(port))
            one = asyncio.ensure_future(_pipe(reader, back_writer))
            two = asyncio.ensure_future(_pipe(back_reader, writer))
            await asyncio.wait({one, two}, return_when=asyncio.FIRST_COMPLETED)
            for end in (back_writer, writer):
                end.close()
            await asyncio.gather(one, two, return_exceptions=True)

    def close(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout=10)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


def _certificate(folder: Path) -> ssl.SSLContext:
    """A new authority and a certificate for api.groq.com, valid for a day."""
    now = dt.datetime.now(dt.UTC)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "groqdesk test authority")])
    root = (
        x509.CertificateBuilder()
        .subject_name(issuer)
        .issuer_name(issuer)
        .public_key(authority.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(authority, hashes.SHA256())
    )
    leaf = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "api.groq.com")]))
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("api.groq.com")]), critical=False)
        .sign(authority, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(root.public_bytes(serialization.Encoding.PEM))
    (folder / "leaf.pem").write_bytes(leaf.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "key.pem")
    return context
