"""Logging of a worker and its client libraries to standard error."""

import logging
import sys


def log_to_stderr() -> None:
    """Log this package at INFO, and the client libraries only as far as an operator needs it."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("pipeline").setLevel(logging.INFO)
    logging.getLogger().handlers[0].addFilter(_OncePerWhile())
    for name in ("aiokafka", "faust", "mode"):
        logging.getLogger(name).setLevel(logging.ERROR)
    # Faust's services log their starts and stops under the name of the module that defines them.
    logging.getLogger("pipeline.kafka.transport").setLevel(logging.WARNING)


def quieten_clients() -> None:
    """Silence client libraries whose errors are also raised as exceptions, which are reported in more detail."""
    for name in ("kafka", "clickhouse_connect"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _OncePerWhile(logging.Filter):
    """A filter that passes one aiokafka message per ten seconds: while a broker is down, it logs ten a second."""

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
