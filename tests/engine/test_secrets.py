"""Passwords and keys are read from where they are stored, whatever they contain, and never shown."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clickhouse.client import ClickHouse
from pipeline.credentials import with_credentials, without_credentials
from pipeline.embedded.servers import EmbeddedClickHouse
from pipeline.errors import ClickHouseRejectedError, SettingsError
from pipeline.settings import Settings, load
from pipeline.web.prometheus import Prometheus
from pipeline.web.queries import QueryError
from pipeline.web.request import PageRequest

SECRETS = ("S3cretPw", "S3cret", "PSEUDOKEY")
HARD = "a/b@c#d%e:f?g&h i'\"%41ü"


def run(directory: Path, *arguments: str, **variables: str) -> str:
    """Return both outputs of a command. Nothing listens at the addresses it is given."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SICHTFLUG_")}
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", *arguments],
        env=environment | {"SICHTFLUG_KAFKA_BOOTSTRAP": "127.0.0.1:1"} | variables,
        cwd=directory,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SICHTFLUG_CLICKHOUSE_URL", "clickhouse://app:S3cretPw@db:9000"),
        ("SICHTFLUG_CLICKHOUSE_URL", "app:S3cretPw@db:8443"),
        ("SICHTFLUG_CLICKHOUSE_URL", "http://app:S3cret/Pw@127.0.0.1:1"),
        ("SICHTFLUG_CLICKHOUSE_URL", "http://app:S3cret#Pw@127.0.0.1:1"),
        ("SICHTFLUG_CLICKHOUSE_URL", "http://app:S3cret?Pw@127.0.0.1:1"),
        ("SICHTFLUG_CLICKHOUSE_URL", "http://app:S3cretPw@127.0.0.1:port"),
        ("SICHTFLUG_CLICKHOUSE_URL", "http://app:S3cretPw@[::1"),
        ("SICHTFLUG_CLICKHOUSE_URL", "http://app:S3cretPw@127.0.0.1:1"),
        ("SICHTFLUG_CLICKHOUSE_URL", "http://127.0.0.1:1/?user=app&password=S3cretPw"),
        ("SICHTFLUG_PROMETHEUS_URL", "scraper:S3cretPw@prom:9090"),
        ("SICHTFLUG_PROMETHEUS_URL", "https://scraper:S3cret/Pw@prom:9090"),
        ("SICHTFLUG_PSEUDONYM_KEY", "PSEUDOKEY" * 10),
        ("SICHTFLUG_PSEUDONYM_KEYS", "PSEUDOKEY"),
        ("SICHTFLUG_CLICKHOUSE_PASSWORD", "S3cretPw"),
    ],
)
def test_no_setting_reveals_a_secret(tmp_path: Path, variable: str, value: str) -> None:
    output = run(tmp_path, "migrate", **{variable: value})
    assert not [secret for secret in SECRETS if secret in output], output
    assert "Traceback" not in output


@pytest.mark.parametrize(
    "content",
    [
        b'pseudonym_key = "PSEUDOKEY\n',
        b'pseudonym_key = "PSEUDOKEY" S3cret\n',
        b'pseudonym_key = ["PSEUDOKEY"]\n',
        b"clickhouse_password = {S3cretPw = 1}\n",
        b'clickhouse_password = "S3cretPw"\npseudonym_key = "' + b"PSEUDOKEY" * 10 + b'"\n',
        b'clickhouse_url = "app:S3cretPw@db"\n',
        b"S3cretPw\n",
        b'pseudonym_key = "PSEUDOKEY\xff"\n',
    ],
)
def test_no_configuration_error_reveals_a_secret(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mine.toml").write_bytes(content)
    output = run(tmp_path, "migrate", SICHTFLUG_CONFIG=str(tmp_path / "mine.toml"))
    assert not [secret for secret in SECRETS if secret in output], output
    assert "Traceback" not in output
    assert "mine.toml" in output.replace("\n", "") or "SICHTFLUG_" in output


def test_secrets_can_be_read_from_files(tmp_path: Path) -> None:
    for name in ("one", "two", "three"):
        (tmp_path / name).write_text(f"{HARD}{name}\n")
    found = load(
        {
            "SICHTFLUG_CLICKHOUSE_URL": "http://127.0.0.1:8123",
            "SICHTFLUG_CLICKHOUSE_USER": "app@home",
            "SICHTFLUG_CLICKHOUSE_PASSWORD_FILE": str(tmp_path / "one"),
            "SICHTFLUG_PROMETHEUS_URL": "http://127.0.0.1:9090/prefix",
            "SICHTFLUG_PROMETHEUS_PASSWORD_FILE": str(tmp_path / "two"),
            "SICHTFLUG_PSEUDONYM_KEY_FILE": str(tmp_path / "three"),
        }
    )
    assert found.key == f"{HARD}three".encode()
    assert found.clickhouse_url == with_credentials("http://127.0.0.1:8123", "app@home", f"{HARD}one")
    assert found.prometheus_url == with_credentials("http://127.0.0.1:9090/prefix", "", f"{HARD}two")


@pytest.mark.parametrize("name", ["CLICKHOUSE_PASSWORD", "PROMETHEUS_PASSWORD", "PSEUDONYM_KEY"])
def test_an_unreadable_secret_is_reported(tmp_path: Path, name: str) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for variables, message in (
        ({f"SICHTFLUG_{name}_FILE": str(tmp_path / "nothing")}, "No such file"),
        ({f"SICHTFLUG_{name}_FILE": str(empty)}, "it is empty"),
        ({f"SICHTFLUG_{name}_FILE": str(empty), f"SICHTFLUG_{name}": "S3cret"}, "found both"),
    ):
        with pytest.raises(SettingsError, match=message) as refused:
            load(variables)
        assert "S3cret" not in str(refused.value)


def test_a_worker_without_a_key_starts_only_if_explicitly_allowed(tmp_path: Path) -> None:
    output = run(tmp_path, "worker", SICHTFLUG_METRICS_PORT="-1")
    assert "SICHTFLUG_PSEUDONYM_KEY is not set" in output
    assert "Traceback" not in output
    assert Settings(pseudonym_key="none").key == b""
    assert Settings(pseudonym_key="None").key == b"None"
    with pytest.raises(SettingsError):
        assert Settings().key


@given(user=st.text(min_size=1), password=st.text(min_size=1))
def test_any_password_is_sent_unchanged_and_never_shown(user: str, password: str) -> None:
    """Text that no encoding can represent is excluded: nobody could type it."""
    try:
        (user + password).encode()
    except UnicodeEncodeError:
        return
    url = with_credentials("http://db.example:8123", user, password)
    assert without_credentials(url) == "http://db.example:8123"
    from urllib.parse import unquote, urlsplit

    parts = urlsplit(url)
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (user, password)
    assert (parts.hostname, parts.port) == ("db.example", 8123)


def test_a_password_with_every_punctuation_mark_opens_the_embedded_clickhouse(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with EmbeddedClickHouse(tmp_path / "data", password=HARD, log_directory=tmp_path) as clickhouse:
        client = ClickHouse(clickhouse.url, "")
        assert client.rows("SELECT 1") == [(1,)]
        with pytest.raises(Exception, match="SYNTAX_ERROR") as refused:
            client.execute("SELECT FROM (")
        client.close()
        assert HARD not in str(refused.value) + caplog.text
    assert HARD not in (tmp_path / "clickhouse.log").read_text()


def test_the_error_for_a_wrong_password_names_the_settings(clickhouse: EmbeddedClickHouse) -> None:
    client = ClickHouse(clickhouse.url.replace(clickhouse.password, "wrong"), "default")
    with pytest.raises(ClickHouseRejectedError, match="SICHTFLUG_CLICKHOUSE_USER and SICHTFLUG_CLICKHOUSE_PASSWORD"):
        client.rows("SELECT 1")


def test_a_stored_password_survives_a_restart_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    with EmbeddedClickHouse(tmp_path / "data") as clickhouse:
        first = clickhouse.password
    with EmbeddedClickHouse(tmp_path / "data") as clickhouse:
        assert clickhouse.password == first
    assert (tmp_path / "data" / "password").stat().st_mode & 0o777 == 0o600
    assert EmbeddedClickHouse(tmp_path / "other").password != first


def test_the_page_does_not_reveal_the_password_of_prometheus() -> None:
    request = PageRequest(0, 3_600_000, 800, {})
    with pytest.raises(QueryError, match=r"Prometheus at http://127\.0\.0\.1:1 does not answer") as refused:
        Prometheus("http://scraper:S3cretPw@127.0.0.1:1").frame({"expr": "up"}, request, "15s")
    assert "S3cretPw" not in str(refused.value)
