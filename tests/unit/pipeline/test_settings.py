"""Settings from the environment and the file: errors name the setting."""

import re
from pathlib import Path

import pytest

from pipeline.errors import SettingsError
from pipeline.settings import load


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        (
            "SICHTFLUG_KAFKA_TOPICS",
            "x",
            "SICHTFLUG_KAFKA_TOPICS is not a setting; did you mean SICHTFLUG_KAFKA_TOPIC? ",
        ),
        ("SICHTFLUG_METRICS_PORT", "many", "SICHTFLUG_METRICS_PORT='many': expected a whole number"),
        ("SICHTFLUG_METRICS_PORT", "99999", "expected -1 to 65535"),
        ("SICHTFLUG_CLICKHOUSE_URL", "ftp://x", "expected http or https"),
        ("SICHTFLUG_DEAD_LETTER_LIMIT", "0", "expected a share above 0"),
        ("SICHTFLUG_CONFIG", "/nowhere.toml", "expected a file, found none"),
    ],
)
def test_an_invalid_setting_is_named_with_its_value_and_the_expected_one(
    variable: str, value: str, message: str
) -> None:
    with pytest.raises(SettingsError, match=re.escape(message)):
        load({variable: value})


RULE_NAMES = (
    "channels, targets, queues, calendars, idle_limit_seconds, allowed_lateness_seconds, reporting_zone, cell_limit"
)
TARGET_NAMES = "first_response_seconds, next_response_seconds, resolution_seconds"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            'kafka_topics = "x"',
            "kafka_topics is not a setting; did you mean kafka_topic? expected one of kafka_bootstrap, ",
        ),
        ("[rules]\nzone = 1", f"rules.zone is not a setting; expected one of {RULE_NAMES}"),
        ("[rules.targets]\nfirst = 1", f"rules.targets.first is not a setting; expected one of {TARGET_NAMES}"),
        ("[rules.queues.a]\nhours = 1", "rules.queues.*.hours is not a setting; expected one of calendar, targets"),
        (
            "[rules.queues.a.targets]\nfirst = 1",
            f"rules.queues.*.targets.first is not a setting; expected one of {TARGET_NAMES}",
        ),
        ("[rules.channels.fax]\nway = 1", "rules.channels.*.way is not a setting; expected one of mode, visibility"),
        ('flush_seconds = "1 s"', "flush_seconds: expected a number, found a text"),
        ("kafka_partitions = 1.5", "kafka_partitions: expected a whole number, found a number"),
        (
            '[rules.targets]\nresolution_seconds = "1h"',
            "rules.targets.resolution_seconds: expected a whole number or nothing, found a text",
        ),
        (
            '[rules.queues.a]\ncalendar = "office"',
            "rules: queues.a.calendar: expected one of rules.calendars (there are none), got 'office'",
        ),
        ("rules = 5", "rules: expected a table, found a whole number"),
        ('[rules.idle_limit_seconds]\nfax = "x"', "rules.idle_limit_seconds.*: expected a whole number, found a text"),
        ("kafka_topic = [1,\n", "expected TOML: Invalid value (at end of document)"),
        ("kafka_topic = {a = 1\n", "expected TOML: Unclosed inline table (at line 1, column 21)"),
        ('kafka_topic = """x', "expected TOML: Unterminated string (at end of document)"),
        ("metrics_port = " + "9" * 5_000, "expected TOML: a number of thousands of digits"),
        ("kafka_topic = " + "[" * 5_000, "expected TOML: a number of thousands of digits, or thousands of brackets"),
        ('kafka_topic = "x\n', "expected TOML: Error (at line 1, column 17)"),
    ],
)
def test_an_error_in_the_file_is_reported_in_plain_words(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(content)
    with pytest.raises(SettingsError) as found:
        load({"SICHTFLUG_CONFIG": str(file)})
    assert str(found.value).startswith(f"{file}: {message}")


def test_a_secret_setting_is_never_shown() -> None:
    with pytest.raises(SettingsError) as caught:
        load({"SICHTFLUG_PSEUDONYM_KEY": "s3cret" * 20})
    assert "s3cret" not in str(caught.value)


def test_rules_come_from_the_file_and_the_environment_wins(tmp_path: Path) -> None:
    file = tmp_path / "sichtflug.toml"
    file.write_text(
        """
        kafka_topic = "from_file"
        metrics_port = 1
        [rules.targets]
        first_response_seconds = 600
        [rules.channels.fax]
        mode = "async"
        """
    )
    settings = load({"SICHTFLUG_CONFIG": str(file), "SICHTFLUG_METRICS_PORT": "2"})
    assert (settings.kafka_topic, settings.metrics_port) == ("from_file", 2)
    assert settings.rules.targets.first_response_seconds == 600


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "/etc/localtime", "", "Europe"])
def test_an_unknown_zone_stops_the_start_and_is_named(tmp_path: Path, zone: str) -> None:
    file = tmp_path / "sichtflug.toml"
    file.write_text(f"[rules]\nreporting_zone = '{zone}'")
    with pytest.raises(
        SettingsError, match=f"reporting_zone: expected a time zone such as Europe/Berlin, got '{zone}'"
    ):
        load({"SICHTFLUG_CONFIG": str(file)})


def test_an_empty_setting_counts_as_unset() -> None:
    assert load({"SICHTFLUG_CLICKHOUSE_PASSWORD": "", "SICHTFLUG_PSEUDONYM_KEY_FILE": ""}).pseudonym_key == ""
