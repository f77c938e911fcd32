"""Configuration: `SICHTFLUG_*` environment variables over an optional `sichtflug.toml`.

The file holds the rules (channels, targets, queues, calendars, idle limits) under `[rules]` and the holidays under
`[spikes]`; every setting below can be given in it by its lower-case name without the prefix. Unknown or invalid
settings stop the start.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from pipeline.credentials import HIDDEN, read_secret, with_credentials, without_credentials
from pipeline.errors import SettingsError
from pipeline.settings_file import KINDS, FileError, closest, converted, parsed
from pipeline.tenant_calendars import SpikesConfig, local_times
from streams.rules import Rules, RulesConfig

PREFIX = "SICHTFLUG_"
FILE_VARIABLE = "SICHTFLUG_CONFIG"
DEFAULT_FILE = "sichtflug.toml"


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The settings of a process. The comment above a field is its description in `docs/reference/settings.md`."""

    #: Bootstrap servers of Kafka.
    kafka_bootstrap: str = "127.0.0.1:9092"
    #: Topic of the interaction events. Rejected records go to the same name with `.dead-letter`.
    kafka_topic: str = "interactions"
    #: Topic of the progress messages, which say how far each partition is. Several logs may share it.
    kafka_panes_topic: str = "progress"
    #: Topic of the alerts, as CloudEvents. Several logs may share it.
    kafka_alerts_topic: str = "alerts"
    #: Partitions of topics that do not exist yet.
    kafka_partitions: int = 4
    #: Replicas of topics that do not exist yet.
    kafka_replication: int = 1
    #: Seconds without a heartbeat after which Kafka assigns a worker's partitions to others.
    kafka_session_seconds: float = 10.0
    #: HTTP or HTTPS address of ClickHouse. It may hold user and password, percent-encoded.
    clickhouse_url: str = "http://127.0.0.1:8123"
    #: User of ClickHouse, instead of the URL's.
    clickhouse_user: str = ""
    #: Password of ClickHouse, instead of the URL's. Never shown.
    clickhouse_password: str = ""
    #: File that holds the password of ClickHouse.
    clickhouse_password_file: str = ""
    #: Database of the tables and views.
    clickhouse_database: str = "sichtflug"
    #: Port of `/metrics`, `/livez` and `/readyz`. 0 takes a free one, -1 serves none.
    metrics_port: int = 9108
    #: Address that the metrics port listens on.
    metrics_host: str = "127.0.0.1"
    #: Address that the page with the dashboards listens on.
    page_host: str = "127.0.0.1"
    #: Port of the page. 0 takes a free one.
    page_port: int = 9109
    #: Prometheus that the page queries for the dashboard Pipeline. Empty: the page scrapes the worker at the metrics
    #: port itself and keeps an hour.
    prometheus_url: str = ""
    #: User of Prometheus, instead of the URL's.
    prometheus_user: str = ""
    #: Password of Prometheus, instead of the URL's. Never shown.
    prometheus_password: str = ""
    #: File that holds the password of Prometheus.
    prometheus_password_file: str = ""
    #: Key of the pseudonyms of customers and agents, up to 64 bytes; `none` for no key. With the key, or without any,
    #: guesses of an id can be tested. Keep it for as long as the database.
    pseudonym_key: str = ""
    #: File that holds the key of the pseudonyms.
    pseudonym_key_file: str = ""
    #: Share of the last thousand records that may be rejected before the worker stops.
    dead_letter_limit: float = 0.5
    #: Seconds between flushes of a partition; extended automatically with many partitions, or while one is behind.
    flush_seconds: float = 0.75
    #: Budget of false episodes a week, shared by all watched series.
    false_episodes_per_week: float = 1.0
    #: Channels, targets, queues, calendars and limits. In the file only.
    rules: RulesConfig = RulesConfig()
    #: Holidays and calendars of tenants. In the file only.
    spikes: SpikesConfig = SpikesConfig()

    @property
    def key(self) -> bytes:
        """The key of the pseudonyms, empty if it is `none`. Raises SettingsError if it is not set."""
        if not self.pseudonym_key:
            raise SettingsError(
                "SICHTFLUG_PSEUDONYM_KEY is not set: with a random text of up to 64 bytes nobody else can test a guess "
                f"of a customer's name; keep it for as long as the ledger, or say {NO_KEY} to go without"
            )
        return b"" if self.pseudonym_key == NO_KEY else self.pseudonym_key.encode()

    @property
    def dead_letter_topic(self) -> str:
        """The topic of dead letters."""
        return f"{self.kafka_topic}.dead-letter"

    @property
    def customer_facts_topic(self) -> str:
        """The topic of customer facts, from the interactions stage to the customers stage."""
        return f"{self.kafka_topic}.customer-facts"

    @property
    def group(self) -> str:
        """The consumer group of the interactions stage."""
        return f"sichtflug-{self.kafka_topic}"

    @property
    def customers_group(self) -> str:
        """The consumer group of the customers stage."""
        return f"{self.group}-customers"

    @property
    def rolling_group(self) -> str:
        """The consumer group of the rolling stage."""
        return f"{self.group}-rolling"


#: Tables of the file, which no variable can hold.
TABLES = frozenset({"rules", "spikes"})
SECRETS = frozenset({"clickhouse_password", "prometheus_password", "pseudonym_key"})
#: Shown without any credentials in them.
URLS = frozenset({"clickhouse_url", "prometheus_url"})
NO_KEY = "none"
URL_EXPECTED = (
    "http or https, a host and a port, without a query; a password in it percent-encoded, or better in "
    "SICHTFLUG_{}_PASSWORD or ..._PASSWORD_FILE"
)
FIELDS = {field.name: field for field in msgspec.structs.fields(Settings)}


def load(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of this process. Raises SettingsError."""
    variables = os.environ if environment is None else environment
    values, path = _from_file(variables)
    for name, text in variables.items():
        if not name.startswith(PREFIX) or name == FILE_VARIABLE:
            continue
        field = name.removeprefix(PREFIX).lower()
        if field not in FIELDS or field in TABLES:
            known = [PREFIX + known.upper() for known in FIELDS if known not in TABLES]
            raise SettingsError(f"{name} is not a setting; {closest(name, known)}expected one of {', '.join(known)}")
        values[field] = _converted(name, text, FIELDS[field].type, field)
    try:
        settings = _with_secrets(converted(values, Settings))
    except FileError as error:
        # Values from the environment are already converted, so the error is in the file.
        raise SettingsError(f"{path}: {error}") from None
    _check(settings, path)
    return _with_credentials(settings)


def _with_secrets(settings: Settings) -> Settings:
    """Return the settings with secrets read from the files named in their place. Raises SettingsError."""
    for name in SECRETS:
        file = getattr(settings, f"{name}_file")
        if not file:
            continue
        setting = f"{PREFIX}{name.upper()}"
        if getattr(settings, name):
            raise SettingsError(f"expected {setting} or {setting}_FILE, found both")
        try:
            settings = msgspec.structs.replace(settings, **{name: read_secret(Path(file))})
        except (OSError, ValueError) as error:
            raise SettingsError(f"{setting}_FILE={file}: expected a file with the secret: {error}") from None
    return settings


def _with_credentials(settings: Settings) -> Settings:
    for part in ("clickhouse", "prometheus"):
        user, password = getattr(settings, f"{part}_user"), getattr(settings, f"{part}_password")
        url = getattr(settings, f"{part}_url")
        if url and (user or password):
            changed = {f"{part}_url": with_credentials(url, user, password)}
            settings = msgspec.structs.replace(settings, **changed)
    return settings


def _from_file(variables: Mapping[str, str]) -> tuple[dict[str, Any], Path]:
    named = variables.get(FILE_VARIABLE)
    path = Path(named or DEFAULT_FILE)
    if not path.exists():
        if named:
            raise SettingsError(f"{FILE_VARIABLE}={named}: expected a file, found none")
        return {}, path
    try:
        return parsed(path), path
    except FileError as error:
        raise SettingsError(f"{path}: {error}") from None


def _converted(name: str, text: str, kind: Any, field: str) -> Any:
    try:
        return msgspec.convert(text, kind, strict=False)
    except msgspec.ValidationError:
        raise SettingsError(f"{name}={shown(field, text)}: expected {KINDS[kind.__name__]}") from None


def shown(name: str, value: Any) -> str:
    """Return a setting's value for a message, without secrets."""
    if name in SECRETS:
        return HIDDEN
    return without_credentials(value) if name in URLS and value else repr(value)


def _is_url(url: str) -> bool:
    """Return whether a text is an http or https URL with a host, and without query and fragment."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  (raises if invalid)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment


def _check(settings: Settings, path: Path) -> None:
    expectations = (
        ("kafka_partitions", 1 <= settings.kafka_partitions <= 1024, "1 to 1024"),
        ("kafka_replication", 1 <= settings.kafka_replication <= 16, "1 to 16"),
        ("kafka_session_seconds", 3 <= settings.kafka_session_seconds <= 300, "3 to 300"),
        ("metrics_port", -1 <= settings.metrics_port <= 65535, "-1 to 65535"),
        ("page_port", 0 <= settings.page_port <= 65535, "0 to 65535"),
        (
            "prometheus_url",
            not settings.prometheus_url or _is_url(settings.prometheus_url),
            f"nothing, or {URL_EXPECTED.format('PROMETHEUS')}",
        ),
        ("dead_letter_limit", 0 < settings.dead_letter_limit <= 1, "a share above 0 and up to 1"),
        ("false_episodes_per_week", 0 < settings.false_episodes_per_week <= 100, "above 0 and up to 100"),
        ("flush_seconds", 0.05 <= settings.flush_seconds <= 60, "0.05 to 60"),
        ("clickhouse_url", _is_url(settings.clickhouse_url), URL_EXPECTED.format("CLICKHOUSE")),
        ("pseudonym_key", len(settings.pseudonym_key.encode()) <= 64, "at most 64 bytes"),
        ("clickhouse_database", settings.clickhouse_database.isidentifier(), "letters, digits and underscores"),
    )
    for name, holds, expected in expectations:
        if not holds:
            value = shown(name, getattr(settings, name))
            raise SettingsError(f"{PREFIX}{name.upper()}={value}: expected {expected}")
    try:
        Rules(settings.rules)
    except (ValueError, OSError, KeyError) as error:
        raise SettingsError(f"{path}: rules: {error}") from None
    try:
        local_times(settings.spikes, settings.rules.reporting_zone)
    except ValueError as error:
        raise SettingsError(f"{path}: spikes: {error}") from None
