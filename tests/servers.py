"""Real servers from Debian's packages, on loopback: started, frozen, killed and stopped by pid.

A laptop without them skips with a reason; under CI their absence is a failure.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

#: Recovery after a crash waits for the disk, which other tests may keep busy.
START_S = 90.0


def need(program: str, package: str, places: tuple[str, ...] = ()) -> str:
    """Return a program's path; skip without it, or fail where everything must be there."""
    found = shutil.which(program) or next(
        (str(path) for place in places for path in sorted(Path("/").glob(place))), None
    )
    if found is None:
        reason = f"{program} is not here: apt-get install {package}"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Server:
    """One server process that can be stopped and started again on its port and its data."""

    def __init__(
        self,
        command: tuple[str, ...],
        port: int,
        log: Path,
        ready: Callable[[], bool],
        user: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.port = port
        self._command = command
        self._log = log
        self._ready = ready
        self._user = user
        self._env = None if env is None else {**os.environ, **env}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it serves; one that was started already is left alone."""
        if self._process is not None:
            return
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                user=self._user,
                env=self._env,
            )
        until = time.monotonic() + START_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"{self._command[0]} does not serve:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it at once and wait for its end; what it acknowledged is on disk."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                # PostgreSQL's "immediate" shutdown: its children go too, as after a crash.
                self._process.send_signal(signal.SIGQUIT if self._user else signal.SIGKILL)
            self._process.wait(START_S)
            self._process = None

    @contextmanager
    def away(self) -> Iterator[None]:
        """Stopped inside, started again after."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Holding its connections and answering nothing, as a machine that swaps does."""
        pids = [self._process.pid, *_children(self._process.pid)] if self._process else []
        for pid in pids:
            with suppress(ProcessLookupError):  # a child of the database's may end by itself
                os.kill(pid, signal.SIGSTOP)
        until = time.monotonic() + START_S
        # The signal is only sent: on a busy machine a thread can answer once more before it stops.
        while not all(_is_stopped(pid) for pid in pids) and time.monotonic() < until:
            time.sleep(0.005)
        try:
            yield
        finally:
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)


def _is_stopped(pid: int) -> bool:
    with suppress(FileNotFoundError, ProcessLookupError):
        stats = [each.read_text() for each in Path(f"/proc/{pid}/task").glob("*/stat")]
        return all(stat.rpartition(")")[2].split()[0] in "TZX" for stat in stats)
    return False  # a thread ended in between: look again


def _children(pid: int) -> list[int]:
    import psutil

    return [child.pid for child in psutil.Process(pid).children(recursive=True)]


def answers(port: int) -> bool:
    """True where somebody accepts connections on a loopback port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


class Postgres(Server):
    """PostgreSQL with a fresh cluster; `url(...)` makes and names an empty database."""

    def __init__(self, folder: Path) -> None:
        bins = ("usr/lib/postgresql/*/bin/postgres",)
        self._bin = Path(need("postgres", "postgresql", bins)).resolve().parent
        user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
        if user:
            shutil.chown(folder, user)
        port, data = free_port(), folder / "data"
        subprocess.run(
            (self._bin / "initdb", "-D", data, "-U", "tripflag", "-A", "trust", "-N", "-E", "UTF8"),
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
            timeout=60,
        )
        command = (
            str(self._bin / "postgres"),
            *("-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder)),
        )
        super().__init__(command, port, folder / "log", self._serves, user)
        self._made = 0

    def _serves(self) -> bool:
        command = (self._bin / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port))
        return subprocess.run(command, check=False, timeout=10).returncode == 0

    def url(self, driver: str = "postgresql") -> str:
        """Make an empty database and return its URL."""
        self._made += 1
        name = f"flags{self._made}"
        address = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "tripflag")
        subprocess.run((self._bin / "createdb", *address, name), check=True, timeout=30)
        return f"{driver}://tripflag@127.0.0.1:{self.port}/{name}"


class Redis(Server):
    """Redis that keeps what it acknowledged; `url` names its first database."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        command = (
            need("redis-server", "redis-server"),
            *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
            *("--save", "", "--appendonly", "yes", "--appendfsync", "always"),
        )
        super().__init__(command, port, folder / "log", lambda: _pongs(port))
        self.url = f"redis://127.0.0.1:{port}/0"


class Prometheus(Server):
    """Prometheus that scrapes itself every second; it serves before it has any data.

    `scrapes`: another address that it scrapes, `host:port`, and the path there.
    """

    def __init__(self, folder: Path, scrapes: tuple[str, str] | None = None) -> None:
        port = free_port()
        config = folder / "prometheus.yaml"
        config.write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
            "scrape_configs:\n"
            "  - job_name: itself\n"
            f"    static_configs: [{{targets: ['127.0.0.1:{port}']}}]\n"
        )
        if scrapes is not None:
            with config.open("a") as more:
                more.write(
                    f"  - job_name: other\n    metrics_path: {scrapes[1]}\n"
                    f"    static_configs: [{{targets: ['{scrapes[0]}']}}]\n"
                )
        command = (
            need("prometheus", "prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
        )
        super().__init__(command, port, folder / "log", lambda: _is_ready(port))
        self.url = f"http://127.0.0.1:{port}"


def _is_ready(port: int) -> bool:
    with (
        suppress(OSError, HTTPException),
        closing(HTTPConnection("127.0.0.1", port, timeout=1)) as line,
    ):
        line.request("GET", "/-/ready")
        return line.getresponse().status == 200
    return False


def _pongs(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as line:
        line.sendall(b"PING\r\n")
        return line.recv(16).startswith(b"+PONG")  # -LOADING while it reads its files
    return False


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """One PostgreSQL for the whole session; a test that stops it must start it again."""
    folder = _folder_for_anyone("tripflag-postgres-")
    server = Postgres(folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    """One Redis for the whole session; a test that stops it must start it again."""
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def prometheus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """One Prometheus for the whole session; a test that stops it must start it again."""
    server = Prometheus(tmp_path_factory.mktemp("prometheus"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def postgres_url(postgres_server: Postgres) -> str:
    """An empty database of the test's own, for psycopg."""
    return postgres_server.url()


@pytest.fixture
def redis_url(redis_server: Redis) -> str:
    """An emptied Redis."""
    with socket.create_connection(("127.0.0.1", redis_server.port), timeout=5) as line:
        line.sendall(b"FLUSHALL\r\n")
        assert line.recv(16).startswith(b"+OK")
    return redis_server.url


def _folder_for_anyone(prefix: str) -> Path:
    # pytest's own folders are closed to PostgreSQL's user.
    import tempfile

    return Path(tempfile.mkdtemp(prefix=prefix))
