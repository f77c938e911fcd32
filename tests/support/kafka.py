"""Apache Kafka from Maven Central: broker and controller in one JVM (KRaft), on loopback, its log on disk."""

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Self

from pipeline.embedded.child import Child
from pipeline.embedded.servers import EmbeddedKafka, Part, answers
from tests.support.requirement import require

VERSION = "4.3.1"
POM = Path(__file__).parent / "maven" / "pom.xml"
START_SECONDS = 60.0
CLUSTER = "c2ljaHRmbHVnLXRlc3RzLQ"
PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
"""


def class_path() -> str:
    """Return the jars, cached in the user's cache directory. Skips where Java or Maven is missing."""
    for program in ("java", "mvn"):
        require(shutil.which(program) is not None, f"{program} (for Apache Kafka)")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sichtflug" / f"kafka-{VERSION}"
    complete = cache / "complete"
    if not complete.exists():
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={cache}"]
        done = subprocess.run(command, capture_output=True, timeout=600, cwd=POM.parent, check=False)
        require(done.returncode == 0, f"Apache Kafka {VERSION} (mvn could not fetch it)")
        complete.touch()
    return f"{cache}/*"


class ApacheKafka(Part):
    """One broker. After `kill` or `stop` it restarts with the same port and the same log."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        self._class_path = class_path()
        self._properties = directory / "server.properties"
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            other.bind(("127.0.0.1", 0))
            self.port, controller_port = one.getsockname()[1], other.getsockname()[1]
        directory.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(
            PROPERTIES.format(port=self.port, controller_port=controller_port, data=directory / "log")
        )
        format_log = ["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c", str(self._properties)]
        subprocess.run(self._java(*format_log), capture_output=True, check=True, timeout=60)

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.port}"

    def start(self) -> Self:
        child = Child(self._java("kafka.Kafka", str(self._properties)), log=self._directory / "kafka.log")
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.port):
            if child.process.poll() is not None or time.monotonic() > deadline:
                raise self.failed(child, f"does not answer on {self.bootstrap}")
            time.sleep(0.05)
        self._child = child
        return self

    def _java(self, main: str, *arguments: str) -> list[str]:
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-cp", self._class_path, main, *arguments]


#: The brokers that tests run on.
Kafka = EmbeddedKafka | ApacheKafka
