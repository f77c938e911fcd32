"""What a worker says on standard error, and what its client libraries may say there."""

import logging
import sys


def log_to_stderr() -> None:
    """Our own log, and of the client libraries what an operator needs."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("pipeline").setLevel(logging.INFO)
    logging.getLogger().handlers[0].addFilter(_OncePerWhile())
    for name in ("aiokafka", "faust", "mode"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Faust's services log their starts and stops under the name of the module that defines them.
    logging.getLogger("pipeline.kafka.transport").setLevel(logging.WARNING)


def quieten_clients() -> None:
    """Keep client libraries from printing errors that come back as exceptions: we say more of them than they do."""
    for name in ("kafka", "clickhouse_connect"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _OncePerWhile(logging.Filter):
    """Lets one message of the client library through every ten seconds: while a broker is away it logs ten a second."""

    def __init__(self) -> None:
        super().__init__()
        self._next_at = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.name.startswith("aiokafka"):
            return True
        if record.created < self._next_at:
            return False
        self._next_at = record.created + 10
        return True
