"""Configuration: `SICHTFLUG_*` environment variables over an optional `sichtflug.toml`.

The file holds the rules (channels, targets, queues, calendars, idle limits) under `[rules]`; every setting below can be
given in it by its lower-case name without the prefix. Unknown or invalid settings stop the start.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from streams.rules import RuleBook, Rules

PREFIX = "SICHTFLUG_"
FILE_VARIABLE = "SICHTFLUG_CONFIG"
DEFAULT_FILE = "sichtflug.toml"


class SettingsError(Exception):
    """A setting is unknown or invalid. The message names it, its value and what is expected."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a process needs to know beside the rules."""

    kafka_bootstrap: str = "127.0.0.1:9092"
    kafka_topic: str = "interactions"
    #: Where workers tell each other how far the panes are, and where alerts go. Several logs may share them.
    kafka_panes_topic: str = "panes"
    kafka_alerts_topic: str = "alerts"
    #: Partitions of topics that do not exist yet.
    kafka_partitions: int = 4
    kafka_replication: int = 1
    #: After this long without a sign of life a worker's partitions go to others.
    kafka_session_seconds: float = 10.0
    clickhouse_url: str = "http://127.0.0.1:8123"
    clickhouse_database: str = "sichtflug"
    #: Port of /metrics, /livez and /readyz; 0 takes a free one, -1 serves none.
    metrics_port: int = 9108
    metrics_host: str = "127.0.0.1"
    #: Of the page with the dashboards; port 0 takes a free one.
    page_host: str = "127.0.0.1"
    page_port: int = 9109
    #: Whom the page asks for what workers say of themselves; '' is the worker at the metrics port, for the last hour.
    prometheus_url: str = ""
    #: Keys the pseudonyms of customers and agents; up to 64 bytes. Whoever has it can test a guess of a name.
    pseudonym_key: str = ""
    #: The worker stops when more than this share of the last thousand records had to be rejected.
    dead_letter_limit: float = 0.5
    flush_seconds: float = 0.75
    #: The budget of all series together: episodes a week that are none.
    false_episodes_per_week: float = 1.0
    rules: Rules = Rules()

    @property
    def dead_letter_topic(self) -> str:
        """Where rejected records go."""
        return f"{self.kafka_topic}.dead-letter"

    @property
    def contacts_topic(self) -> str:
        """Where stage 1 tells the stage of customers what it has to know."""
        return f"{self.kafka_topic}.contacts"

    @property
    def group(self) -> str:
        """The consumer group of stage 1."""
        return f"sichtflug-{self.kafka_topic}"

    @property
    def customers_group(self) -> str:
        """The consumer group of the stage of customers."""
        return f"{self.group}-customers"

    @property
    def rolling_group(self) -> str:
        """The consumer group of stage 2."""
        return f"{self.group}-rolling"


FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of this process. Raises SettingsError."""
    variables = os.environ if environment is None else environment
    values = _from_file(variables)
    for name, text in variables.items():
        if not name.startswith(PREFIX) or name == FILE_VARIABLE:
            continue
        field = name.removeprefix(PREFIX).lower()
        if field == "clickhouse_password":
            continue
        if field not in FIELDS or field == "rules":
            known = ", ".join(PREFIX + known.upper() for known in FIELDS if known != "rules")
            raise SettingsError(f"{name} is not a setting; expected one of {known}")
        values[field] = _converted(name, text, FIELDS[field].type, secret=field == "pseudonym_key")
    settings = _settings(values)
    _check(settings)
    return settings


def _from_file(variables: Mapping[str, str]) -> dict[str, Any]:
    named = variables.get(FILE_VARIABLE)
    path = Path(named or DEFAULT_FILE)
    if not path.exists():
        if named:
            raise SettingsError(f"{FILE_VARIABLE}={named}: expected a file, found none")
        return {}
    try:
        return tomllib.loads(path.read_text())
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: expected TOML: {error}") from None


def _converted(name: str, text: str, kind: Any, *, secret: bool) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        shown = "(hidden)" if secret else repr(text)
        raise SettingsError(f"{name}={shown}: expected {kind.__name__}") from None


def _settings(values: dict[str, Any]) -> Settings:
    try:
        return msgspec.convert(values, Settings)
    except msgspec.ValidationError as error:
        raise SettingsError(f"configuration: {error}") from None


def _check(settings: Settings) -> None:
    expectations = (
        ("kafka_partitions", 1 <= settings.kafka_partitions <= 1024, "1 to 1024"),
        ("kafka_replication", 1 <= settings.kafka_replication <= 16, "1 to 16"),
        ("kafka_session_seconds", 3 <= settings.kafka_session_seconds <= 300, "3 to 300"),
        ("metrics_port", -1 <= settings.metrics_port <= 65535, "-1 to 65535"),
        ("page_port", 0 <= settings.page_port <= 65535, "0 to 65535"),
        (
            "prometheus_url",
            not settings.prometheus_url or settings.prometheus_url.startswith(("http://", "https://")),
            "an http or https URL, or nothing",
        ),
        ("dead_letter_limit", 0 < settings.dead_letter_limit <= 1, "a share above 0 and up to 1"),
        ("false_episodes_per_week", 0 < settings.false_episodes_per_week <= 100, "above 0 and up to 100"),
        ("flush_seconds", 0.05 <= settings.flush_seconds <= 60, "0.05 to 60"),
        ("clickhouse_url", settings.clickhouse_url.startswith(("http://", "https://")), "an http or https URL"),
        ("pseudonym_key", len(settings.pseudonym_key.encode()) <= 64, "at most 64 bytes"),
        ("clickhouse_database", settings.clickhouse_database.isidentifier(), "letters, digits and underscores"),
    )
    for name, holds, expected in expectations:
        if not holds:
            shown = "(hidden)" if name == "pseudonym_key" else repr(getattr(settings, name))
            raise SettingsError(f"{PREFIX}{name.upper()}={shown}: expected {expected}")
    try:
        RuleBook(settings.rules)
    except (ValueError, OSError, KeyError) as error:
        raise SettingsError(f"rules: {error}") from None
