"""Names in directories are read again where a directory has changed, and only there."""

import os
import time
from pathlib import Path

import pytest

from pipeline.embedded.chdb_server.listings import Listings

HOUR_NS = 3_600_000_000_000


def names(listings: Listings, directory: Path) -> set[str]:
    listings.begin()
    return set(listings.names(str(directory)))


def change_at(directory: Path, at_ns: int) -> None:
    os.utime(directory, ns=(at_ns, at_ns))


def test_a_name_added_or_removed_is_seen_at_the_next_look(tmp_path: Path) -> None:
    listings = Listings()
    change_at(tmp_path, time.time_ns() - HOUR_NS)
    assert names(listings, tmp_path) == set()
    (tmp_path / "a").mkdir()
    assert names(listings, tmp_path) == {"a"}
    (tmp_path / "a").rmdir()
    assert names(listings, tmp_path) == set()


def test_a_change_in_the_same_step_of_the_file_systems_clock_is_seen(tmp_path: Path) -> None:
    listings = Listings()
    now = time.time_ns()
    change_at(tmp_path, now)
    assert names(listings, tmp_path) == set()
    (tmp_path / "a").mkdir()
    change_at(tmp_path, now)
    assert names(listings, tmp_path) == {"a"}


def test_a_directory_of_the_future_is_read_each_time(tmp_path: Path) -> None:
    listings = Listings()
    later = time.time_ns() + HOUR_NS
    change_at(tmp_path, later)
    assert names(listings, tmp_path) == set()
    (tmp_path / "a").mkdir()
    change_at(tmp_path, later)
    assert names(listings, tmp_path) == {"a"}


def test_a_directory_that_has_not_changed_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listings = Listings()
    (tmp_path / "a").mkdir()
    change_at(tmp_path, time.time_ns() - HOUR_NS)
    assert names(listings, tmp_path) == {"a"}

    def refuse(path: str) -> None:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(os, "scandir", refuse)
    assert names(listings, tmp_path) == {"a"}
    assert names(listings, tmp_path) == {"a"}


def test_a_directory_that_is_missing_or_a_file_has_no_names(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert names(Listings(), tmp_path / "none") == set()
    assert names(Listings(), tmp_path / "file" / "none") == set()
